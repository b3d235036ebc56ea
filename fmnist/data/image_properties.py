"""Simple properties of images, measured from their pixels alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import IMAGE_SIZE

INK: Final = 26
"""Lowest value of a pixel that belongs to the garment, of 255: a tenth of the range."""

Images = NDArray[np.uint8]
Values = NDArray[np.float32]

_CENTER: Final = (IMAGE_SIZE - 1) / 2


@dataclass(frozen=True)
class Property:
    """A number for each image.

    Attributes
    ----------
    title : str
    low, high : str
        What an image with a low and with a high value is called.
    explanation : str
        How it is measured, with its unit and range.
    """

    title: str
    low: str
    high: str
    explanation: str
    _measure: Callable[[Images], Values]

    def __call__(self, images: Images) -> Values:
        """Measure images.

        Parameters
        ----------
        images : uint8 (N, 28, 28)
            White garment on black.

        Returns
        -------
        float32 (N,)
            Finite; 0 for an image without a garment.
        """
        return self._measure(images)


def _ink(images: Images) -> NDArray[np.bool_]:
    return images >= INK


def _share(some: NDArray[Any], whole: NDArray[Any] | float) -> Values:
    """Quotient, 0 where the whole is 0."""
    whole = np.broadcast_to(np.asarray(whole, np.float64), some.shape)
    out = np.zeros(some.shape, np.float64)
    return np.asarray(np.divide(some, whole, out=out, where=whole > 0), np.float32)


def _area(images: Images) -> Values:
    return _share(_ink(images).sum(axis=(1, 2)), float(IMAGE_SIZE**2))


def _brightness(images: Images) -> Values:
    ink = _ink(images)
    return _share((images * ink).sum(axis=(1, 2)), 255.0 * ink.sum(axis=(1, 2)))


def _contrast(images: Images) -> Values:
    """Standard deviation within the garment."""
    ink = _ink(images)
    values = images / np.float32(255)
    mean = _brightness(images)[:, None, None]
    squares = (np.square(values - mean) * ink).sum(axis=(1, 2))
    return np.sqrt(_share(squares, ink.sum(axis=(1, 2))))


def _extent(images: Images, axis: Literal[1, 2]) -> NDArray[np.int64]:
    """Rows (axis 2) or columns (axis 1) from the first to the last with ink, int64 (N,)."""
    lines = _ink(images).max(axis=axis)
    first, last = lines.argmax(axis=1), lines[:, ::-1].argmax(axis=1)
    return np.where(lines.max(axis=1), lines.shape[1] - first - last, 0)


def _aspect(images: Images) -> Values:
    return _share(_extent(images, 1), _extent(images, 2).astype(np.float64))


def _asymmetry(images: Images) -> Values:
    """Difference from the mirror image about the middle, as a share of the garment's light."""
    values = images.astype(np.float32)
    difference = np.abs(values - values[:, :, ::-1]).sum(axis=(1, 2))
    return _share(difference, 2.0 * values.sum(axis=(1, 2)))


def _lean(images: Images) -> Values:
    """Where the light's upper half lies, against its lower half: an ankle boot's shaft."""
    values = images.astype(np.float32)
    columns = np.arange(IMAGE_SIZE) - _CENTER

    def center(part: NDArray[np.float32]) -> Values:
        return _share((part * columns).sum(axis=(1, 2)), part.sum(axis=(1, 2)))

    half = IMAGE_SIZE // 2
    return center(values[:, :half]) - center(values[:, half:])


def _edges(images: Images) -> Values:
    """Mean absolute difference of neighboring pixels within the garment."""
    values = images / np.float32(255)
    ink = _ink(images)
    within = ink[:, :, 1:] & ink[:, :, :-1], ink[:, 1:] & ink[:, :-1]
    steps = np.abs(np.diff(values, axis=2)), np.abs(np.diff(values, axis=1))
    total = sum((step * mask).sum(axis=(1, 2)) for step, mask in zip(steps, within, strict=True))
    pairs = sum(mask.sum(axis=(1, 2)) for mask in within)
    return _share(np.asarray(total), np.asarray(pairs))


def _parts(images: Images) -> Values:
    """Connected parts of at least three pixels, which touch at a side or a corner."""
    from scipy import ndimage  # here, since importing it takes a while

    touching = np.zeros((3, 3, 3), dtype=np.int8)
    touching[1] = 1  # within an image, not from one to the next
    labels, count = ndimage.label(_ink(images), structure=touching)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    first = np.zeros(count + 1, dtype=np.int64)  # the image that a part lies in
    image_of = np.broadcast_to(np.arange(len(images))[:, None, None], labels.shape)
    first[labels.ravel()] = image_of.ravel()
    large = np.flatnonzero(sizes >= 3)
    large = large[large > 0]
    return np.bincount(first[large], minlength=len(images)).astype(np.float32)


def _border(images: Images) -> Values:
    """Share of the border pixels with ink."""
    edge = np.ones((IMAGE_SIZE, IMAGE_SIZE), dtype=np.bool_)
    edge[1:-1, 1:-1] = False
    return np.asarray(_ink(images)[:, edge].mean(axis=1), np.float32)


PROPERTIES: Final[Mapping[str, Property]] = {
    "area": Property(
        "Area", "small", "large", "Share of the pixels that belong to the garment, 0 to 1.", _area
    ),
    "brightness": Property(
        "Brightness", "dark", "bright", "Mean value of the garment's pixels, 0 to 1.", _brightness
    ),
    "contrast": Property(
        "Contrast", "even", "contrasting",
        "Standard deviation of the garment's pixels, 0 to 0.5.", _contrast,
    ),
    "aspect": Property(
        "Aspect", "narrow", "wide", "Width of the garment by its height, above 0.", _aspect
    ),
    "asymmetry": Property(
        "Asymmetry", "symmetric", "asymmetric",
        "Difference between the image and its mirror image, as a share of its light, 0 to 1.",
        _asymmetry,
    ),
    "lean": Property(
        "Lean", "leaning left", "leaning right",
        "How far the upper half lies to the right of the lower half, in pixels.", _lean,
    ),
    "edges": Property(
        "Edge density", "plain", "patterned",
        "Mean difference of neighboring pixels within the garment, 0 to 1.", _edges,
    ),
    "parts": Property(
        "Parts", "in one part", "in several parts",
        "Number of connected parts of three pixels or more.", _parts,
    ),
    "border": Property(
        "Border", "inside the frame", "cut off at the border",
        "Share of the border's pixels that belong to the garment, 0 to 1.", _border,
    ),
}  # fmt: skip
"""The properties by key, in the order of tables."""


def measure_all(images: Images) -> dict[str, Values]:
    """All properties of images uint8 (N, 28, 28), float32 (N,) each."""
    return {name: measure(images) for name, measure in PROPERTIES.items()}
