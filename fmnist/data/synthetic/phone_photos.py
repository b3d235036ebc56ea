"""Imitated phone photos to train on: garments as preprocessing cuts them out of a photograph.

The images of Fashion-MNIST were taken in a studio. A garment on a bed or a carpet is crumpled,
shaded and seen at an angle, and the mask that cuts it out misses parts of it and keeps parts of the
ground. These faults are imitated here on Fashion-MNIST's images, and on drawings of other things
that are filled with tones.
"""

import random
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE, NUM_CLASSES
from fmnist.data.synthetic.non_garments import sketch_non_garment
from fmnist.data.synthetic.strokes import jitter_strokes, letterbox, rasterize

NON_GARMENT_SHARE: Final = 0.1
"""Share of the images that show other things."""

_SHOES: Final = tuple(CLASS_NAMES.index(name) for name in ("Sandal", "Sneaker", "Ankle boot"))
_PAIRS: Final = 0.4  # share of the shoes that stand beside their other one
_ZOOM: Final = 2  # pixels that are worked on to an image pixel
_SIDE: Final = _ZOOM * IMAGE_SIZE
_GARMENT_LEVEL: Final = 8 / 255  # tones below are background
_PROGRESS_STEP: Final = 500
_WIDTHS: Final = (1.0, 1.6, 2.5, 4.0, 6.5, 10.0, 16.0)  # of smooth noise, in pixels
_NOISE_SIDE: Final = 256

_Floats = NDArray[np.float32]


class _Noise:
    """Smooth noise of several widths, made once: each field is cut out of it at random."""

    def __init__(self, rng: np.random.RandomState) -> None:
        self._rng = rng
        self._sheets = []
        for width in _WIDTHS:
            white = rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE))
            smooth = ndimage.gaussian_filter(white, width, mode="wrap")
            self._sheets.append((smooth / smooth.std()).astype(np.float32))

    def field(self, low: float, high: float) -> _Floats:
        """A field (56, 56) of standard deviation about 1, its width in a range of pixels."""
        width = self._rng.uniform(low, high)
        sheet = self._sheets[int(np.argmin(np.abs(np.log(np.array(_WIDTHS) / width))))]
        top, left = self._rng.randint(0, _NOISE_SIDE - _SIDE, 2)
        return np.rot90(sheet[top : top + _SIDE, left : left + _SIDE], self._rng.randint(4))


def phone_photos(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    *,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make a photo of each image; of some, a photo of another thing instead.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
        White garment on black.
    labels : uint8 (N,)
    seed : int
    progress : callable, optional
        Called now and then with (photos done, photos in all).

    Returns
    -------
    images : uint8 (N, 28, 28)
        As preprocessing makes them of a photograph: tones on black, as large as the image.
    labels : uint8 (N,)
        Those given; the index after the ten classes where the photo shows another thing.
    """
    rng = np.random.RandomState(seed)  # its stream is frozen for good
    noise = _Noise(rng)
    made, named = np.empty_like(images), labels.copy()
    for i, image in enumerate(images):
        source = image
        if rng.random_sample() < NON_GARMENT_SHARE:
            source, named[i] = _thing(rng), NUM_CLASSES
        elif labels[i] in _SHOES and rng.random_sample() < _PAIRS:
            source = _pair(image, rng)
        made[i] = _photo(source, rng, noise)
        if progress is not None and (i + 1) % _PROGRESS_STEP == 0:
            progress(i + 1, len(images))
    return made, named


def _thing(rng: np.random.RandomState) -> NDArray[np.uint8]:
    """Another thing, its areas filled; drawn again while it is only lines."""
    pick = random.Random(int(rng.randint(2**31)))
    while True:
        drawing = jitter_strokes(sketch_non_garment(pick), pick, jitter=0.8)
        image = rasterize(drawing, width=pick.uniform(0.5, 1.5), fill=pick.uniform(0.3, 0.9))
        if (image > 0).mean() > 0.15:
            return image


def _pair(image: NDArray[np.uint8], rng: np.random.RandomState) -> NDArray[np.uint8]:
    """Two shoes beside each other, standing or lying at any angle."""
    rows = np.flatnonzero(image.any(axis=1))
    shoe = image[rows[0] : rows[-1] + 1] if len(rows) else image
    other = shoe[:, ::-1] if rng.random_sample() < 0.3 else shoe
    gap = rng.randint(0, 5)
    pair = np.vstack([shoe, np.zeros((gap, IMAGE_SIZE), np.uint8), other])
    if rng.random_sample() < 0.3:  # the second a little behind
        pair = np.vstack([shoe, np.roll(other, rng.randint(-6, 7), axis=1)])
    turned = ndimage.rotate(pair, rng.choice((0, 90, 90, rng.uniform(0, 360))), order=1)
    return letterbox(np.asarray(turned, np.uint8))


def _photo(
    image: NDArray[np.uint8], rng: np.random.RandomState, noise: _Noise
) -> NDArray[np.uint8]:
    large = ndimage.zoom(image.astype(np.float32) / 255, _ZOOM, order=1)
    large = _bent(large, rng, noise)
    mask = ndimage.binary_fill_holes(large > _GARMENT_LEVEL)
    if not mask.any():
        return image
    tones = _relit(large, mask, rng, noise)
    tones, mask = _cut_out(tones, mask, rng, noise)
    if rng.random_sample() < 0.5:
        tones = ndimage.gaussian_filter(tones, rng.uniform(0.3, 1.2) * _ZOOM)
    tones = np.where(mask, np.clip(tones, 0.02, 1), 0)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tones = tones[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if rng.random_sample() < 0.25:  # a mask with a faint rim
        tones = np.pad(tones, rng.randint(0, 3 * _ZOOM, (2, 2)))
    small = letterbox(np.round(255 * tones).astype(np.uint8)).astype(np.float32)
    grain = rng.standard_normal(small.shape) * rng.uniform(0, 9)
    return np.where(small > 0, np.clip(small + grain, 1, 255), 0).astype(np.uint8)


def _bent(large: _Floats, rng: np.random.RandomState, noise: _Noise) -> _Floats:
    """Rotated, sheared, seen at an angle, and crumpled."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32) / _SIDE - 0.5
    turn = rng.normal(0, 0.12) if rng.random_sample() < 0.8 else rng.normal(0, 0.35)
    shear, aspect = rng.normal(0, 0.08), np.exp(rng.normal(0, 0.12))
    tilt = rng.normal(0, 0.2, 2)
    depth = np.clip(1 + tilt[0] * x + tilt[1] * y, 0.5, 2)
    u, v = x * depth / aspect, y * depth
    u, v = u * np.cos(turn) - v * np.sin(turn) + shear * v, u * np.sin(turn) + v * np.cos(turn)
    strength = rng.uniform(0, 0.05)
    u, v = (along + strength * noise.field(3.3, 9.3) for along in (u, v))
    zoom = rng.uniform(1.0, 1.15)  # room for what the rotation moves out
    at = [(_SIDE - 1) * (along * zoom + 0.5) for along in (v, u)]
    bent: _Floats = ndimage.map_coordinates(large, at, order=1, mode="constant")
    return bent


def _relit(
    large: _Floats, mask: NDArray[np.bool_], rng: np.random.RandomState, noise: _Noise
) -> _Floats:
    """Another color of cloth, another contrast, shadows and folds."""
    inside = large[mask]
    mean, spread = float(inside.mean()), float(inside.std()) + 0.02
    if rng.random_sample() < 0.7:
        level = rng.uniform(0.12, 0.95)
        contrast = rng.uniform(0.3, 1.4)
        if rng.random_sample() < 0.15:
            contrast = -contrast  # a print that is lighter than the cloth, or darker
        tones = level + contrast * (large - mean) * min(1.0, 0.25 / spread)
    else:
        tones = large.copy()
    if rng.random_sample() < 0.8:
        tones = tones + rng.uniform(0.0, 0.18) * noise.field(6.7, 20)
    if rng.random_sample() < 0.7:  # folds
        tones = tones + rng.uniform(0.0, 0.12) * noise.field(1, 3.3)
    return np.asarray(tones, np.float32)


def _cut_out(
    tones: _Floats, mask: NDArray[np.bool_], rng: np.random.RandomState, noise: _Noise
) -> tuple[_Floats, NDArray[np.bool_]]:
    """Faults of a mask: a ragged edge, parts missing, parts of the ground kept."""
    ground = rng.uniform(0.05, 0.9) + rng.uniform(0.0, 0.15) * noise.field(1, 6.7)
    shape = mask
    if rng.random_sample() < 0.6:  # ragged
        soft = ndimage.gaussian_filter(mask.astype(np.float32), rng.uniform(0.5, 1.5) * _ZOOM)
        level = 0.5 + rng.normal(0, 0.1) + rng.uniform(0, 0.2) * noise.field(2, 5.3)
        shape = soft > np.clip(level, 0.1, 0.9)
    kind = rng.random_sample()
    if kind < 0.25:  # a part is like the ground
        patch = noise.field(3.3, 9.3)
        shape = shape & (patch < np.quantile(patch, rng.uniform(0.75, 0.97)))
    elif kind < 0.5:  # a part of the ground is like the garment
        patch = noise.field(3.3, 9.3) + 2.5 * ndimage.gaussian_filter(
            mask.astype(np.float32), 4 * _ZOOM
        )
        shape = shape | (patch > np.quantile(patch[~mask], rng.uniform(0.7, 0.97)))
    elif kind < 0.58:  # an edge of something
        edge = np.zeros_like(mask)
        width = rng.randint(2, 5 * _ZOOM)
        edge[:width] = True
        shape = shape | np.rot90(edge, rng.randint(4))
    elif kind < 0.66:  # nothing is cut out
        margin = rng.randint(0, 4 * _ZOOM, 4)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        shape = np.zeros_like(mask)
        shape[
            max(rows[0] - margin[0], 0) : rows[-1] + 1 + margin[1],
            max(columns[0] - margin[2], 0) : columns[-1] + 1 + margin[3],
        ] = True
    if not shape.any():
        shape = mask
    return np.where(mask, tones, ground).astype(np.float32), shape
