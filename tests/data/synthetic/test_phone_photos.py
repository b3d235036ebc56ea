"""Imitated phone photos."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.data.synthetic.garments import draw_garments
from fmnist.data.synthetic.phone_photos import NON_GARMENT_SHARE, phone_photos


@pytest.fixture(scope="module")
def garments() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return draw_garments(300, seed=0)


def test_photos_keep_their_labels_but_for_a_share_of_other_things(
    garments: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    seen: list[tuple[int, int]] = []
    images, labels = phone_photos(
        *(np.tile(a, (2, *(1,) * (a.ndim - 1))) for a in garments), seed=1,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert images.shape == (600, 28, 28) and images.dtype == labels.dtype == np.uint8
    is_other = labels == NUM_CLASSES
    assert (labels[~is_other] == np.tile(garments[1], 2)[~is_other]).all()
    assert abs(is_other.mean() - NON_GARMENT_SHARE) < 0.05
    assert seen == [(500, 600)]


def test_a_seed_gives_the_same_photos_and_another_seed_others(
    garments: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    few = garments[0][:40], garments[1][:40]
    first, again, other = (phone_photos(*few, seed=seed)[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any(axis=(1, 2)).mean() > 0.9


def test_photos_are_tones_on_black_as_large_as_the_image(
    garments: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    images, _ = phone_photos(*garments, seed=0)
    lit = images > 0
    sizes = np.stack([lit.any(axis=axis).sum(axis=1) for axis in (1, 2)]).max(axis=0)
    assert (sizes >= 22).mean() > 0.9
    assert np.median([len(np.unique(image)) for image in images]) > 40  # not lines of one tone
    # cloth of all tones, from dark gray to white
    brightness = np.array([np.median(image[image > 0]) for image in images])
    assert np.quantile(brightness, 0.1) < 70 and np.quantile(brightness, 0.9) > 190


def test_some_shoes_are_pairs() -> None:
    # a bar, 28 wide and 8 high, stays longer than high; a pair is nearly square, or upright
    shoe = np.zeros((28, 28), np.uint8)
    shoe[10:18] = 200
    sneaker, trouser = (CLASS_NAMES.index(name) for name in ("Sneaker", "Trouser"))
    high = {}
    for label in (sneaker, trouser):
        images, labels = phone_photos(
            np.tile(shoe, (150, 1, 1)), np.full(150, label, np.uint8), seed=0
        )
        images = images[labels == label]
        high[label] = ((images > 0).any(axis=2).sum(axis=1) > 16).mean()
    assert high[sneaker] > high[trouser] + 0.15


def test_a_black_image_stays_black() -> None:
    black = np.zeros((20, 28, 28), np.uint8)
    images, labels = phone_photos(black, np.zeros(20, np.uint8), seed=0)
    assert not images[labels == 0].any()
