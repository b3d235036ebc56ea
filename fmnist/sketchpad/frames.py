"""Frames: even margins around a picture, such as those of a screenshot or of an old print."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_EVEN: Final = 10  # levels by which the color of a frame may vary
_PLAIN: Final = 0.95  # share of a frame's line that has its color
_OTHER: Final = 0.9  # share of the picture's first line that has another color
_BLUR: Final = 0.02  # of the side: how far the frame's edge is blurred
_MAX_WIDTH: Final = 0.4  # of the side

Region = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels; right and bottom are outside."""


def inside_frame(colors: NDArray[np.uint8]) -> Region:
    """Find what a frame encloses.

    The edge of a frame is straight to the pixel. That of a garment on an even ground is not, and
    so its ground is no frame. A frame has two opposite sides, or four.

    Parameters
    ----------
    colors : uint8 (H, W, 3)

    Returns
    -------
    Region
        The whole picture if there is no frame.
    """
    height, width = colors.shape[:2]
    upright = np.swapaxes(colors, 0, 1)
    # pictures whose first line is the side's outermost one
    sides = (upright, colors, upright[::-1], colors[::-1])
    starts = [_even_lines(side) for side in sides]
    left, top, right, bottom = starts
    within = (slice(top, height - bottom), slice(left, width - right)) * 2
    found = [
        _edge(side[:, part], start) for side, part, start in zip(sides, within, starts, strict=True)
    ]
    if not all(found):  # two sides reach from end to end
        found = [_edge(side, start) for side, start in zip(sides, starts, strict=True)]
        for i in (0, 1):
            if not (found[i] and found[i + 2]):
                found[i] = found[i + 2] = 0
    return found[0], found[1], width - found[2], height - found[3]


def _even_lines(side: NDArray[np.uint8]) -> int:
    """Number of lines, from the first one on, that have its color; 0 if they are too many."""
    most = int(_MAX_WIDTH * len(side))
    color = np.median(side[0], axis=0)
    for number, line in enumerate(side[: most + 1]):
        if _share_of_others(line, color) > 1 - _PLAIN:
            return number
    return 0


def _edge(side: NDArray[np.uint8], start: int) -> int:
    """Width of a frame whose even lines end at `start`; 0 if no picture begins there."""
    if not start or not side.shape[1]:
        return 0
    color = np.median(side[0], axis=0)
    end = start + max(3, round(_BLUR * len(side)))
    for number, line in enumerate(side[start:end], start):
        if _share_of_others(line, color) >= _OTHER:
            return number
    return 0


def _share_of_others(line: NDArray[np.uint8], color: NDArray[np.float64]) -> float:
    return float((np.abs(line - color).max(axis=1) > _EVEN).mean())
