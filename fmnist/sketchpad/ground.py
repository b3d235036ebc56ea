"""Where the garment is in a photograph, and where the ground.

Two models of color, one of the garment and one of the ground, begin with the middle and the border
of the picture, and follow what they found, as in GrabCut [1]_; in place of a graph cut, a random
walker with priors [2]_ smooths the probabilities up to the edges of the picture.

.. [1] C. Rother, V. Kolmogorov, A. Blake, "GrabCut", SIGGRAPH 2004.
.. [2] L. Grady, "Multilabel random walker image segmentation using prior models", CVPR 2005.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fmnist.sketchpad.frames import Region

_SIDE: Final = 80  # longest side of the grid on which colors are told apart
_BINS: Final = (16, 16, 16)  # of the colors Y, Cb, Cr
_PLACE_WEIGHTS: Final = (1, 0.6, 0.3, 0.15, 0.1)  # of the place in the picture, a round each
_PRIOR_WEIGHT: Final = 0.05  # of a pixel's own probability, against those of its neighbors
_RAREST: Final = 1e-4  # probability of a color never met, by that of the most frequent one
_AROUND: Final = 0.25  # of a box's sides: how much ground around it is looked at
_MIN_PIECE: Final = 0.35  # of the largest piece: sleeves and second shoes are kept
_MAX_HOLE: Final = 0.03  # of the garment: larger holes, such as between legs, stay open


def garment_mask(picture: Image.Image, box: Region | None = None) -> NDArray[np.bool_]:
    """Find the garment in a photograph.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of mode RGB.
    box : Region, optional
        Around the garment, as a person has drawn it; may reach beyond the picture.

    Returns
    -------
    bool (H, W)
        True where the garment is; all False in a picture of one color.
    """
    mask = np.zeros((picture.height, picture.width), np.bool_)
    part = _around(box, picture.size) if box else (0, 0, *picture.size)
    left, top, right, bottom = part
    if left >= right or top >= bottom:
        return mask
    within = _inside(box, part) if box else np.ones((bottom - top, right - left), np.bool_)
    small = picture.crop(part).convert("YCbCr")
    size = small.size
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    colors = np.asarray(small, np.float32)
    if not within.any() or np.ptp(colors, axis=(0, 1)).max() < 8:
        return mask
    colors[..., 1:] = np.clip(2 * (colors[..., 1:] - 128), -128, 127) + 128  # hues differ less
    colors = ndimage.gaussian_filter(colors, (0.7, 0.7, 0))
    probabilities = Image.fromarray(_probabilities(colors, _by_place(small.size, within)))
    large = probabilities.resize(size, Image.Resampling.BICUBIC)
    mask[top:bottom, left:right] = _main_pieces((np.asarray(large) > 0.5) & within)
    return mask


def _around(box: Region, size: tuple[int, int]) -> Region:
    """A box with some ground around it, within a picture of this width and height."""
    margins = [max(1, round(_AROUND * (box[i + 2] - box[i]))) for i in (0, 1)]
    left, top = (max(0, box[i] - margins[i]) for i in (0, 1))
    right, bottom = (min(size[i], box[i + 2] + margins[i]) for i in (0, 1))
    return left, top, right, bottom


def _inside(box: Region, part: Region) -> NDArray[np.bool_]:
    """Which pixels of a part of the picture a box contains."""
    within = np.zeros((part[3] - part[1], part[2] - part[0]), np.bool_)
    top, left = max(0, box[1] - part[1]), max(0, box[0] - part[0])
    within[top : max(0, box[3] - part[1]), left : max(0, box[2] - part[0])] = True
    return within


def _probabilities(
    colors: NDArray[np.float32], by_place: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Probability of being garment, float32 (h, w), for colors in [0, 255], (h, w, 3)."""
    height, width = colors.shape[:2]
    bins = np.minimum(colors / 256 * _BINS, np.subtract(_BINS, 1)).astype(int)
    codes = np.ravel_multi_index(tuple(bins.reshape(-1, 3).T), _BINS)
    smooth = _smoother(colors)
    is_outside = np.isneginf(by_place)
    garment = 1 / (1 + np.exp(-by_place))
    for weight in _PLACE_WEIGHTS:
        by_color = np.log(_histogram(codes, garment)[codes])
        by_color -= np.log(_histogram(codes, 1 - garment)[codes])
        logits = weight * by_place + by_color.reshape(height, width)
        own = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        garment = smooth(_PRIOR_WEIGHT * own.ravel()).reshape(height, width)
        garment[is_outside] = 0
    return garment.astype(np.float32)


def _by_place(size: tuple[int, int], within: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Logit of being garment by the place in a picture of this width and height.

    High in the middle of the area where a garment may be, low at its border, −∞ outside.
    """
    width, height = size
    rows, columns = np.flatnonzero(within.any(axis=1)), np.flatnonzero(within.any(axis=0))
    top, bottom = np.array([rows[0], rows[-1] + 1]) * height / within.shape[0]
    left, right = np.array([columns[0], columns[-1] + 1]) * width / within.shape[1]
    y, x = (np.arange(n)[:, None] + 0.5 for n in (height, width))
    y, x = (y - top) / (bottom - top), (x.T - left) / (right - left)
    radius = (2 * y - 1) ** 2 + (2 * x - 1) ** 2
    # of the nearest pixel's edge
    to_border = np.minimum(
        np.minimum(y, 1 - y) - 0.5 / (bottom - top), np.minimum(x, 1 - x) - 0.5 / (right - left)
    )
    logits = 1.8 - 2.6 * radius - 3 * np.exp(-np.maximum(to_border, 0) / 0.03)
    is_outside = (np.abs(2 * y - 1) > 1) | (np.abs(2 * x - 1) > 1)
    return np.asarray(np.where(is_outside, -np.inf, logits))


def _histogram(codes: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Density of each color, smoothed over its neighbors."""
    counts = np.bincount(codes, weights=weights.ravel(), minlength=int(np.prod(_BINS)))
    density = ndimage.gaussian_filter(counts.reshape(_BINS), 1.0, mode="constant").ravel()
    density /= max(density.sum(), 1e-9)
    return np.asarray(density + _RAREST * density.max() + 1e-12)


def _smoother(colors: NDArray[np.float32]) -> Any:  # a function of scipy, without a type
    """Solver that averages over neighbors of like color."""
    from scipy import sparse
    from scipy.sparse import linalg

    height, width = colors.shape[:2]
    index = np.arange(height * width).reshape(height, width)
    below = ((colors[1:] - colors[:-1]) ** 2).sum(axis=2).ravel()
    right = ((colors[:, 1:] - colors[:, :-1]) ** 2).sum(axis=2).ravel()
    steps = np.concatenate([below, right]).astype(np.float64)
    likeness = np.exp(-0.5 * steps / max(steps.mean(), 1e-6)) + 1e-3
    first = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel()])
    second = np.concatenate([index[1:].ravel(), index[:, 1:].ravel()])
    graph = sparse.coo_matrix((likeness, (first, second)), shape=(index.size, index.size))
    graph = graph + graph.T
    degree = np.asarray(graph.sum(axis=1)).ravel() + _PRIOR_WEIGHT
    return linalg.factorized((sparse.diags(degree) - graph).tocsc())


def _main_pieces(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece near the middle and others of its size, without small holes."""
    pieces, count = ndimage.label(mask)
    if not count:
        return mask
    height, width = mask.shape
    y, x = (2 * (np.arange(n)[:, None] + 0.5) / n - 1 for n in (height, width))
    nearness = np.exp(-(y**2 + x.T**2))
    sizes = np.bincount(pieces.ravel(), weights=nearness.ravel())[1:]
    kept = np.isin(pieces, np.flatnonzero(sizes >= _MIN_PIECE * sizes.max()) + 1)
    holes, _ = ndimage.label(~kept)
    areas = np.bincount(holes.ravel())
    small = np.flatnonzero(areas < _MAX_HOLE * kept.sum())
    return np.asarray(kept | np.isin(holes, small[small > 0]))
