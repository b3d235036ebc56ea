"""Corruptions of images in five severities, made on the fly.

The idea and the way of measuring are those of Hendrycks and Dietterich (2019, "Benchmarking Neural
Network Robustness to Common Corruptions and Perturbations"), brought to MNIST by Mu and Gilmer
(2019, MNIST-C) and to Fashion-MNIST by Weiss and Tonella (2022, Fashion-MNIST-C). The strengths
here are this project's own, so that figures cannot be compared with theirs: from hardly noticeable
(1) to where people begin to fail (5).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist.data.labels import IMAGE_SIZE

SEVERITIES: Final = (1, 2, 3, 4, 5)

Images = NDArray[np.uint8]
_Values = NDArray[np.float32]  # (N, 28, 28) in [0, 1]


@dataclass(frozen=True)
class Corruption:
    """A way to corrupt images.

    Attributes
    ----------
    title : str
    strengths : tuple of float
        One for each severity, in the unit that `explanation` names.
    explanation : str
        What it does, with the strengths' meaning.
    """

    title: str
    strengths: tuple[float, float, float, float, float]
    explanation: str
    _apply: Callable[[_Values, float, np.random.Generator], _Values]

    def __call__(self, images: Images, severity: int, *, seed: int = 0) -> Images:
        """Corrupt images.

        Parameters
        ----------
        images : uint8 (N, 28, 28)
            White garment on black; stays as it is.
        severity : int
            From 1 to 5.
        seed : int
            The same seed and images give the same result.

        Returns
        -------
        uint8 (N, 28, 28)

        Raises
        ------
        ValueError
            If there is no such severity.
        """
        if severity not in SEVERITIES:
            raise ValueError(f"Severities go from 1 to 5, not {severity}.")
        if not len(images):
            return images.copy()
        values = images.astype(np.float32) / np.float32(255)
        strength = self.strengths[severity - 1]
        found = self._apply(values, strength, np.random.default_rng(seed))
        return np.rint(255 * np.clip(found, 0, 1)).astype(np.uint8)


def _noise(values: _Values, deviation: float, rng: np.random.Generator) -> _Values:
    return values + deviation * rng.standard_normal(values.shape, dtype=np.float32)


def _impulse(values: _Values, share: float, rng: np.random.Generator) -> _Values:
    hit = rng.random(values.shape, dtype=np.float32) < share
    return np.where(hit, rng.integers(0, 2, values.shape), values).astype(np.float32)


def _blur(values: _Values, deviation: float, _: np.random.Generator) -> _Values:
    from scipy import ndimage  # here, since importing it takes a while

    found: _Values = ndimage.gaussian_filter(values, (0, deviation, deviation), mode="constant")
    return found


def _pixelate(values: _Values, size: float, _: np.random.Generator) -> _Values:
    import torch
    from torch.nn import functional

    small = functional.interpolate(
        torch.from_numpy(values)[:, None], size=(int(size), int(size)), mode="area"
    )
    found: _Values = functional.interpolate(small, size=(IMAGE_SIZE, IMAGE_SIZE))[:, 0].numpy()
    return found


def _signs(images: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Which way each image is turned, sheared or pushed: -1 or 1, float32 (N,)."""
    return (2 * rng.integers(0, 2, images) - 1).astype(np.float32)


def _affine(values: _Values, matrices: NDArray[np.float32]) -> _Values:
    """Read each pixel of the result at matrix · (x, y, 1); x goes right, y down, from -1 to 1.

    Parameters
    ----------
    values : float32 (N, 28, 28)
    matrices : float32 (N, 2, 3)
    """
    import torch
    from torch.nn import functional

    grid = functional.affine_grid(
        torch.from_numpy(matrices), [len(values), 1, IMAGE_SIZE, IMAGE_SIZE], align_corners=False
    )
    read = functional.grid_sample(torch.from_numpy(values)[:, None], grid, align_corners=False)
    found: _Values = read[:, 0].numpy()
    return found


def _matrices(
    images: int, xx: ArrayLike = 1, xy: ArrayLike = 0, x: ArrayLike = 0,
    yx: ArrayLike = 0, yy: ArrayLike = 1, y: ArrayLike = 0,
) -> NDArray[np.float32]:  # fmt: skip
    """Matrices of `_affine`: each entry is a number, or one for each image."""
    entries = [
        np.broadcast_to(np.asarray(each, np.float32), images) for each in (xx, xy, x, yx, yy, y)
    ]
    return np.stack(entries, axis=1).reshape(images, 2, 3)


def _rotate(values: _Values, degrees: float, rng: np.random.Generator) -> _Values:
    angles = np.deg2rad(degrees) * _signs(len(values), rng)
    cos, sin = np.cos(angles), np.sin(angles)
    return _affine(values, _matrices(len(values), xx=cos, xy=sin, yx=-sin, yy=cos))


def _shear(values: _Values, slope: float, rng: np.random.Generator) -> _Values:
    return _affine(values, _matrices(len(values), xy=slope * _signs(len(values), rng)))


def _scale(values: _Values, factor: float, _: np.random.Generator) -> _Values:
    return _affine(values, _matrices(len(values), xx=1 / factor, yy=1 / factor))


def _translate(values: _Values, pixels: float, rng: np.random.Generator) -> _Values:
    step = 2 * pixels / IMAGE_SIZE
    x, y = (step * _signs(len(values), rng) for _ in range(2))
    return _affine(values, _matrices(len(values), x=x, y=y))


def _brightness(values: _Values, added: float, _: np.random.Generator) -> _Values:
    return values + np.float32(added)


def _contrast(values: _Values, factor: float, _: np.random.Generator) -> _Values:
    mean = values.mean(axis=(1, 2), keepdims=True)
    return np.asarray(mean + np.float32(factor) * (values - mean))


def _some(
    change: Callable[[_Values], _Values],
) -> Callable[[_Values, float, np.random.Generator], _Values]:
    """Change a share of the images, wholly."""

    def apply(values: _Values, share: float, rng: np.random.Generator) -> _Values:
        chosen = rng.permutation(len(values)) < round(share * len(values))
        found = values.copy()
        found[chosen] = change(values[chosen])
        return found

    return apply


def _occlude(values: _Values, side: float, rng: np.random.Generator) -> _Values:
    size = int(side)
    top, left = rng.integers(0, IMAGE_SIZE - size + 1, (2, len(values), 1, 1))
    rows, columns = np.ogrid[:IMAGE_SIZE, :IMAGE_SIZE]
    hidden = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + size)
    return np.where(hidden, np.float32(0), values)


CORRUPTIONS: Final[Mapping[str, Corruption]] = {
    "noise": Corruption(
        "Noise", (0.04, 0.08, 0.14, 0.22, 0.32),
        "Gaussian noise on every pixel; the standard deviation as a share of the range.", _noise,
    ),
    "impulse-noise": Corruption(
        "Salt and pepper", (0.01, 0.03, 0.06, 0.12, 0.2),
        "A share of the pixels turns black or white.", _impulse,
    ),
    "blur": Corruption(
        "Blur", (0.5, 0.8, 1.1, 1.5, 2.0), "Gaussian blur; the standard deviation in pixels.", _blur
    ),
    "pixelate": Corruption(
        "Pixelation", (14, 10, 7, 5, 4), "Reduced to so many pixels a side, and back.", _pixelate
    ),
    "rotation": Corruption(
        "Rotation", (5, 10, 20, 30, 45), "Turned by so many degrees, to either side.", _rotate
    ),
    "shear": Corruption(
        "Shear", (0.1, 0.2, 0.3, 0.45, 0.6),
        "Slanted to either side; the sideways shift per height.", _shear,
    ),
    "scale": Corruption(
        "Scale", (0.92, 0.84, 0.74, 0.62, 0.5), "Made smaller by this factor.", _scale
    ),
    "translation": Corruption(
        "Translation", (1, 2, 3, 4, 6), "Moved by so many pixels, sideways and up or down.",
        _translate,
    ),
    "brightness": Corruption(
        "Brightness", (0.08, 0.16, 0.26, 0.38, 0.5),
        "Brighter by this share of the range, the ground too.", _brightness,
    ),
    "contrast": Corruption(
        "Contrast", (0.7, 0.5, 0.35, 0.22, 0.12),
        "Contrast reduced by this factor around the image's mean.", _contrast,
    ),
    "inversion": Corruption(
        "Inversion", (0.2, 0.4, 0.6, 0.8, 1.0), "This share of the images is a negative.",
        _some(lambda values: 1 - values),
    ),
    "mirror": Corruption(
        "Mirror", (0.2, 0.4, 0.6, 0.8, 1.0), "This share of the images is mirrored left to right.",
        _some(lambda values: values[:, :, ::-1]),
    ),
    "upside-down": Corruption(
        "Upside down", (0.2, 0.4, 0.6, 0.8, 1.0), "This share of the images is upside down.",
        _some(lambda values: values[:, ::-1]),
    ),
    "occlusion": Corruption(
        "Occlusion", (5, 8, 11, 14, 17), "A black square of so many pixels a side, anywhere.",
        _occlude,
    ),
}  # fmt: skip
"""The corruptions by key, in the order of tables."""
