"""What a picture is: a drawing, whose lines may be redrawn, or a photograph with its tones."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fmnist.sketchpad.photographs import on_white

Kind = Literal["auto", "drawing", "photograph"]

_SIDE: Final = 224  # longest side while deciding
_LINE_WIDTH: Final = 0.09  # of the longest side: what is wider than this is no line
_EVEN: Final = 1.5  # levels per pixel; 98% of the paper of a scan changes less, of a photo more
_TONE: Final = 12  # levels of 256 that count as one tone
_NUM_TONES: Final = 4  # of an icon, besides its ground and the edges between its areas
_FLAT: Final = 0.75  # share of the picture besides its ground in these tones (photos < 0.62)


def is_photograph(rgba: NDArray[np.uint8]) -> bool:
    """Whether a picture is a photograph, and neither a line drawing nor an icon.

    A line drawing, scanned or photographed, is thin lines on even paper: without the lines, all
    tones change slowly, as shadows do. An icon has few tones.

    Parameters
    ----------
    rgba : uint8 (H, W, 4)
    """
    picture = on_white(rgba)
    step = max(1, round(max(rgba.shape[:2]) / _SIDE))
    colors = np.asarray(picture)
    return not (_has_few_tones(colors[::step, ::step]) or _is_even(picture.convert("L")))


def _has_few_tones(colors: NDArray[np.uint8]) -> bool:
    """Whether few tones fill most of what is not the ground, the most frequent one."""
    per_channel = 256 // _TONE + 1
    codes = np.ravel_multi_index(
        tuple((colors.reshape(-1, 3) // _TONE).T), (per_channel,) * 3
    )  # as numbers: np.unique sorts rows slowly
    found, counts = np.unique(codes, return_counts=True)
    tones = np.stack(np.unravel_index(found, (per_channel,) * 3), axis=1)
    ground = tones[np.argmax(counts)].astype(int)
    rest = np.sort(counts[np.abs(tones - ground).max(axis=1) > 1])
    return bool(rest[-_NUM_TONES:].sum() >= _FLAT * rest.sum())


def _is_even(gray: Image.Image) -> bool:
    """Whether the tones change slowly once dark lines, or light ones, are taken away."""
    gray.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    tones = ndimage.median_filter(np.asarray(gray, np.float32), 3)
    window = max(3, round(_LINE_WIDTH * max(tones.shape)))
    for without_lines in (ndimage.grey_closing, ndimage.grey_opening):
        steps = ndimage.gaussian_gradient_magnitude(without_lines(tones, window), 3.0)
        if np.quantile(steps, 0.98) < _EVEN:
            return True
    return False
