"""Strokes, their jitter and raster; sketched garments and non-garments."""

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE
from fmnist.data.synthetic.non_garments import sketch_non_garment
from fmnist.data.synthetic.sketches import sketch_garment
from fmnist.data.synthetic.strokes import (
    Drawing,
    arc,
    bounds,
    bow,
    box,
    jitter_strokes,
    mirrored,
    rasterize,
    smooth,
    truncate_strokes,
)

SQUARE: Drawing = [box(-1.0, -1.0, 1.0, 1.0)]


def length(drawing: Drawing) -> float:
    return sum(math.dist(a, b) for line in drawing for a, b in pairwise(line))


def test_shapes() -> None:
    ring = arc((2.0, 3.0), 1.0, 1.0)
    assert ring[0] == pytest.approx(ring[-1])
    assert all(math.dist(point, (2.0, 3.0)) == pytest.approx(1.0) for point in ring)
    assert mirrored([(1.0, 0.0), (2.0, 5.0)]) == [(-2.0, 5.0), (-1.0, 0.0)]
    # y grows downwards: to the left of going right is up
    assert bow((0.0, 0.0), (2.0, 0.0), 0.5)[3] == pytest.approx((1.0, -0.5))
    assert bounds([[(1.0, 2.0), (-1.0, 0.0)], [(0.0, 7.0)]]) == (-1.0, 0.0, 1.0, 7.0)
    with pytest.raises(ValueError, match="without a point"):
        bounds([[]])


def test_smoothing_keeps_ends_and_closure() -> None:
    line = smooth([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
    assert line[0] == (0.0, 0.0) and line[-1] == (1.0, 1.0)
    assert (1.0, 0.0) not in line  # the corner is gone
    ring = smooth(SQUARE[0])
    assert ring[0] == ring[-1]
    assert not any(point in ring for point in SQUARE[0])


def test_no_jitter_changes_only_the_units() -> None:
    (drawn,) = jitter_strokes(SQUARE, random.Random(0), jitter=0.0)
    assert bounds([drawn]) == pytest.approx((-0.5, -0.5, 0.5, 0.5))
    assert length([drawn]) == pytest.approx(4.0)


def test_jitter_leaves_gaps() -> None:
    rng = random.Random(0)
    gaps = []
    for _ in range(50):
        (drawn,) = jitter_strokes(SQUARE, rng)
        gaps.append(math.dist(drawn[0], drawn[-1]))
    assert 0.005 < np.median(gaps) < 0.15


def test_truncation_keeps_the_first_part() -> None:
    two = [[(0.0, 0.0), (1.0, 0.0)], [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]]
    assert truncate_strokes(two, 0.5) == two[:1]
    assert truncate_strokes(two, 0.8) == [two[0], two[1][:2]]
    assert truncate_strokes(two, 1.0) == two
    assert truncate_strokes(two, 0.1) == two[:1]  # never nothing


def test_raster_fills_the_image_and_centers() -> None:
    image = rasterize([[(100.0, 50.0), (300.0, 50.0), (300.0, 150.0)]], width=2.0)
    assert image.shape == (IMAGE_SIZE, IMAGE_SIZE) and image.dtype == np.uint8
    rows, columns = np.nonzero(image.max(axis=1))[0], np.nonzero(image.max(axis=0))[0]
    assert columns[0] <= 1 and columns[-1] == IMAGE_SIZE - 1
    assert rows[0] + rows[-1] == pytest.approx(IMAGE_SIZE - 1, abs=1)  # in the middle
    assert rows[-1] - rows[0] == pytest.approx(IMAGE_SIZE / 2, abs=2)  # its shape is kept
    assert image[rows[-1]].argmax() > 20  # the lower end is at the right


def test_raster_fills_what_is_enclosed_only() -> None:
    closed = rasterize(SQUARE, width=2.0, fill=0.5)
    assert closed[14, 14] == round(255 * 0.5)
    assert closed[14, 0] == 255
    gaping = rasterize([SQUARE[0][:-1]], width=2.0, fill=0.5)
    assert gaping[14, 14] == 0
    assert rasterize(SQUARE, width=2.0)[14, 14] == 0


def test_a_single_point_is_a_dot() -> None:
    assert rasterize([[(3.0, 3.0)]], width=4.0).max() == 255


@pytest.mark.parametrize("label", range(10), ids=CLASS_NAMES)
def test_sketched_garments(label: int) -> None:
    first = [sketch_garment(label, random.Random(seed)) for seed in range(200)]
    again = [sketch_garment(label, random.Random(seed)) for seed in range(200)]
    assert first == again
    for drawing in first:
        points = np.array([point for line in drawing for point in line])
        assert np.isfinite(points).all()
        assert all(len(line) > 1 for line in drawing)
        assert np.ptp(points, axis=0).max() < 5
    assert len({len(drawing) for drawing in first}) > 3  # few lines, and many


def test_what_sketches_are_recognized_by() -> None:
    def median_shape(label: int) -> float:
        """Width over height."""
        shapes = []
        for seed in range(300):
            left, top, right, bottom = bounds(sketch_garment(label, random.Random(seed)))
            shapes.append((right - left) / (bottom - top))
        return float(np.median(shapes))

    of = {name: median_shape(label) for label, name in enumerate(CLASS_NAMES)}
    assert of["Sneaker"] > 1.3 > of["Ankle boot"]
    assert of["Trouser"] < 0.9 and of["Dress"] < 0.9
    assert of["Pullover"] > of["Dress"]


def test_an_impossible_label() -> None:
    with pytest.raises(ValueError, match="from 0"):
        sketch_garment(10, random.Random(0))


def test_sketched_non_garments() -> None:
    rng = random.Random(3)
    images = []
    for _ in range(400):
        drawing = sketch_non_garment(rng)
        assert all(len(line) > 1 for line in drawing)
        images.append(rasterize(jitter_strokes(drawing, rng), width=1.5))
    assert len({image.tobytes() for image in images}) > 390
