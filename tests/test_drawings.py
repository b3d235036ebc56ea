"""Drawings to train on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.drawings import NOT_A_GARMENT, doodles, outlines, sketched_garments
from fmnist.garments import draw_garments


@pytest.fixture(scope="module")
def garments() -> NDArray[np.uint8]:
    return draw_garments(60, seed=0)[0]


def framed(images: NDArray[np.uint8]) -> float:
    """Share of drawings that reach across the image, or nearly so."""
    lit = images > 40
    sizes = np.stack([lit.any(axis=axis).sum(axis=1) for axis in (1, 2)]).max(axis=0)
    return float((sizes >= 22).mean())


def test_sketched_garments_in_turn_and_again() -> None:
    images, labels = sketched_garments(40, seed=5)
    assert images.shape == (40, 28, 28) and images.dtype == np.uint8
    assert labels.tolist() == [*range(10)] * 4
    assert (images == sketched_garments(40, seed=5)[0]).all()
    assert (images != sketched_garments(40, seed=6)[0]).any(axis=(1, 2)).all()
    assert framed(images) == 1.0
    assert 0.03 < (images > 127).mean() < 0.5  # lines, mostly


def test_doodles_are_no_garments() -> None:
    seen: list[tuple[int, int]] = []
    images, labels = doodles(500, seed=0, progress=lambda done, total: seen.append((done, total)))
    assert set(labels.tolist()) == {NOT_A_GARMENT}
    assert (images == doodles(500, seed=0)[0]).all()
    assert framed(images) > 0.98
    assert seen == [(500, 500)]


def test_outlines_are_lines_around_the_garment(garments: NDArray[np.uint8]) -> None:
    drawn = outlines(garments, seed=0)
    assert drawn.shape == garments.shape and drawn.dtype == np.uint8
    assert (drawn == outlines(garments, seed=0)).all()
    assert framed(drawn) == 1.0
    # most are hollow: far fewer lit pixels than the garment has
    share = (drawn > 127).mean(axis=(1, 2)) / (garments > 40).mean(axis=(1, 2))
    assert np.median(share) < 0.7
    assert (share > 0.9).any()  # some are filled


def test_nothing_to_outline_stays() -> None:
    assert not outlines(np.zeros((2, 28, 28), np.uint8), seed=0).any()
