"""Lines of a drawing: found, and drawn again in one width."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fmnist.data.labels import IMAGE_SIZE

_MAX_LINE_WIDTH: Final = 0.14  # of the drawing's longest side; anything wider is an area


def mean_width(mask: NDArray[np.bool_]) -> float:
    """Mean width of the lines in a mask, in pixels: twice the area by the length of the edge."""
    padded = np.pad(mask, 1)
    # pixels next to the background: per unit of length √½ on a diagonal edge, about 1 on average
    edge = padded & ~ndimage.binary_erosion(padded)
    return float(2 * mask.sum() / max(int(edge.sum()), 1)) if edge.any() else 0.0


def are_lines(width: float, size: int) -> bool:
    """Whether a drawing of this size and mean width, in pixels, consists of lines."""
    return width <= max(_MAX_LINE_WIDTH * size, 2.0)


def redraw(
    mask: NDArray[np.bool_],
    width: float,
    size: int,
    *,
    line_width: float | None,
    fill: float,
    crop: bool,
) -> NDArray[np.float32]:
    """Draw lines in another width, and fill the areas they enclose.

    Parameters
    ----------
    mask : bool (H, W)
        The lines.
    width : float
        Their mean width in pixels.
    size : int
        Longest side of the mask before it was cropped or padded.
    line_width : float or None
        Width of the new lines, in pixels of the model input; None keeps them.
    fill : float
        Tone of the enclosed areas, in [0, 1].
    crop : bool
        Whether the mask ends where the lines end, and may grow.

    Returns
    -------
    float32 (H', W') in [0, 1]
        Tones, light on black.
    """
    inside = ndimage.binary_fill_holes(mask) if fill > 0 else mask
    drawn = mask
    if line_width is not None:
        # wider lines make the drawing larger, and letterbox() then shrinks it again
        target = line_width * size / max(IMAGE_SIZE - line_width, 1)
        grow = 0.5 * (target - width)
        if grow > 0:
            margin = int(np.ceil(grow)) if crop else 0
            drawn, inside = np.pad(drawn, margin), np.pad(inside, margin)
            drawn = ndimage.distance_transform_edt(~drawn) <= grow
        else:
            # keep the middle of every line, however uneven the pen
            distance = ndimage.distance_transform_edt(drawn)
            drawn = (distance > min(-grow, 0.45 * width)) | (
                drawn & (distance >= ndimage.maximum_filter(distance, 3))
            )
    tones: NDArray[np.float32] = np.where(inside, np.float32(fill), np.float32(0))
    tones[drawn] = 1
    return tones
