"""From the geometry of garments to images."""

import math
import random
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.data.labels import IMAGE_SIZE, NUM_CLASSES, check_label
from fmnist.data.synthetic.garments.bags import bag
from fmnist.data.synthetic.garments.fabric import apply_fabric
from fmnist.data.synthetic.garments.parts import Garment, Line, Part
from fmnist.data.synthetic.garments.shoes import ankle_boot, sandal, sneaker
from fmnist.data.synthetic.garments.tops import coat, dress, pullover, shirt, tshirt
from fmnist.data.synthetic.garments.trousers import trouser
from fmnist.data.synthetic.strokes import Point

SUPERSAMPLING: Final = 3  # canvas pixels to an image pixel; Pillow snaps corners to whole pixels
BATCH_SIZE: Final = 500  # small enough for a batch to stay in the processor's cache
_CUTS: Final[tuple[Callable[[random.Random], Garment], ...]] = (
    tshirt,
    trouser,
    pullover,
    dress,
    coat,
    sandal,
    shirt,
    sneaker,
    bag,
    ankle_boot,
)


def garment_geometry(label: int, rng: random.Random) -> Garment:
    """Choose the cut of a garment.

    Parameters
    ----------
    label
        Index into ``CLASS_NAMES``, 0 to 9.
    rng
        Random source of the cut; advanced by the call.

    Returns
    -------
    Garment
        Parts and lines in the garment's own units, before posing and scaling.

    Raises
    ------
    ValueError
        If the label is outside 0 to 9.
    """
    check_label(label)
    return _CUTS[label](rng)


def _pose(garment: Garment, rng: random.Random, size: float) -> Garment:
    """Turn and shear a little, then scale: the longest side fills ``size`` pixels, centered."""
    angle, shear, aspect = rng.gauss(0.0, 0.025), rng.gauss(0.0, 0.025), rng.uniform(0.93, 1.07)
    shapes = [shape.points for shape in garment.parts]
    ax, bx = aspect * math.cos(angle), shear - math.sin(angle)
    ay, by = aspect * math.sin(angle), math.cos(angle)
    xs = [ax * x + bx * y for points in shapes for x, y in points]
    ys = [ay * x + by * y for points in shapes for x, y in points]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    scale = size * rng.uniform(0.94, 1.0) / max(right - left, bottom - top)
    jitter = 0.015 * size
    cx = 0.5 * (size - scale * (left + right)) + rng.uniform(-jitter, jitter)
    cy = 0.5 * (size - scale * (top + bottom)) + rng.uniform(-jitter, jitter)
    ax, bx, ay, by = scale * ax, scale * bx, scale * ay, scale * by

    def place(points: list[Point]) -> list[Point]:
        return [(ax * x + bx * y + cx, ay * x + by * y + cy) for x, y in points]

    return Garment(
        [Part(name, place(points), tone) for name, points, tone in garment.parts],
        [Line(name, place(points), tone, width) for name, points, tone, width in garment.lines],
    )


def _rasterize(garment: Garment, rng: random.Random) -> bytes:
    """Fill a garment with its tones: ``IMAGE_SIZE`` rows of ``IMAGE_SIZE`` bytes."""
    size = IMAGE_SIZE * SUPERSAMPLING
    posed = _pose(garment, rng, size)
    canvas = Image.new("L", (size, size))
    draw = ImageDraw.Draw(canvas)
    for part in posed.parts:
        draw.polygon(part.points, fill=round(255 * part.tone))
    for line in posed.lines:
        width = max(1, round(SUPERSAMPLING * line.width))
        draw.line(line.points, fill=round(255 * line.tone), width=width)
    return canvas.reduce(SUPERSAMPLING).tobytes()


def draw_garments(
    count: int, *, seed: int, progress: Callable[[int, int], None] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a balanced, shuffled data set; the same seed gives the same bytes in every process.

    Parameters
    ----------
    count
        Number of images, 0 or more. Other counts give other images, not more of the same.
    seed
        Seed of the random source.
    progress
        Called now and then, and at the end, with (images done, images in all).

    Returns
    -------
    images : NDArray[np.uint8]
        Shape (count, 28, 28), 0 (background) to 255.
    labels : NDArray[np.uint8]
        Shape (count,), 0 to 9; the numbers of images in two classes differ by at most 1.

    Raises
    ------
    ValueError
        If count is negative.
    """
    if count < 0:
        raise ValueError(f"The number of garments to draw must be 0 or more, not {count}.")
    rng = random.Random(seed)
    generator = np.random.default_rng(rng.getrandbits(64))
    order = [i % NUM_CLASSES for i in range(count)]
    rng.shuffle(order)
    labels = np.array(order, np.uint8)
    images = np.empty((count, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for start in range(0, count, BATCH_SIZE):
        batch = order[start : start + BATCH_SIZE]
        stop = start + len(batch)
        raster = b"".join(_rasterize(garment_geometry(label, rng), rng) for label in batch)
        tones = np.frombuffer(raster, np.uint8).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        images[start:stop] = apply_fabric(tones, labels[start:stop], generator)
        if progress is not None:
            progress(stop, count)
    return images, labels
