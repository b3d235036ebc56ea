"""Corruptions: what each does to a pixel, and that they repeat, grow and leave images alone."""

import itertools

import numpy as np
import pytest

from fmnist.data.corruptions import CORRUPTIONS, SEVERITIES
from tools.small import small_dataset


def garments(count: int = 200) -> np.ndarray:
    return small_dataset().test_images[:count]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_change_more_with_severity_and_alike_with_a_seed(name: str) -> None:
    corrupt, images = CORRUPTIONS[name], garments()
    before = images.copy()
    changes = []
    for severity in SEVERITIES:
        found = corrupt(images, severity, seed=3)
        assert found.dtype == np.uint8 and found.shape == images.shape
        assert np.array_equal(found, corrupt(images, severity, seed=3))
        changes.append(np.abs(found.astype(float) - images).mean())
    assert np.array_equal(images, before)
    assert all(later > earlier for earlier, later in itertools.pairwise(changes)), changes
    assert changes[0] > 0.5  # of 255
    for severity in (0, 6):
        with pytest.raises(ValueError, match="from 1 to 5"):
            corrupt(images, severity)
    assert corrupt(images[:0], 1).shape == (0, 28, 28)


def test_another_seed_gives_other_noise() -> None:
    noise = CORRUPTIONS["noise"]
    assert not np.array_equal(noise(garments(), 3, seed=0), noise(garments(), 3, seed=1))


def test_geometric_corruptions_move_a_pixel_where_they_should() -> None:
    dot = np.zeros((200, 28, 28), dtype=np.uint8)
    dot[:, 8, 13:15] = 255  # near the upper edge, in the middle

    def centers(name: str, severity: int) -> np.ndarray:
        found = CORRUPTIONS[name](dot, severity).astype(float)
        rows, columns = np.indices((28, 28))
        mass = found.sum(axis=(1, 2))
        return np.stack(
            [(found * rows).sum(axis=(1, 2)) / mass, (found * columns).sum(axis=(1, 2)) / mass], 1
        )

    # the center of the image is at 13.5; the dot lies 5.5 above it
    for severity, pixels in zip(SEVERITIES, (1, 2, 3, 4, 6), strict=True):
        moved = centers("translation", severity) - [8, 13.5]
        assert np.allclose(np.abs(moved), pixels, atol=0.02)
    assert {tuple(np.sign(row)) for row in moved} == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    row, column = centers("rotation", 5).T
    assert np.allclose(row, 13.5 - 5.5 * np.cos(np.pi / 4), atol=0.1)
    assert np.allclose(np.abs(column - 13.5), 5.5 * np.sin(np.pi / 4), atol=0.1)
    assert np.allclose(centers("scale", 5)[:, 0], 13.5 - 5.5 / 2, atol=0.3)
    row, column = centers("shear", 5).T
    assert np.allclose(row, 8, atol=0.02)
    assert np.allclose(np.abs(column - 13.5), 0.6 * 5.5, atol=0.05)


def test_values_change_as_told() -> None:
    gray = np.full((10, 28, 28), 100, dtype=np.uint8)
    gray[:, :14] = 200
    brightness = CORRUPTIONS["brightness"](gray, 3)
    assert set(np.unique(brightness)) == {round(100 + 0.26 * 255), 255}
    assert set(np.unique(CORRUPTIONS["contrast"](gray, 2))) == {125, 175}
    assert np.array_equal(CORRUPTIONS["inversion"](gray, 5), 255 - gray)
    assert np.array_equal(CORRUPTIONS["upside-down"](gray, 5), gray[:, ::-1])
    some = CORRUPTIONS["mirror"](np.ascontiguousarray(gray.transpose(0, 2, 1)), 2)
    assert (some[:, 0, 0] == 100).sum() == 4  # 40% of ten
    hidden = CORRUPTIONS["occlusion"](gray, 1) == 0
    assert (hidden.sum(axis=(1, 2)) == 25).all()
    flipped = CORRUPTIONS["impulse-noise"](gray, 5)
    assert np.isin(flipped, (0, 255)).mean() == pytest.approx(0.2, abs=0.02)
    deviations = CORRUPTIONS["noise"](gray, 1).astype(float)[:, 14:] - 100
    assert deviations.std() == pytest.approx(0.04 * 255, rel=0.03)
