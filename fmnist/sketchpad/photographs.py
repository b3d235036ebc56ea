"""Photographs: the tones of the garment, without the ground."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fmnist.sketchpad.frames import Region, inside_frame
from fmnist.sketchpad.ground import garment_mask


def on_white(rgba: NDArray[np.uint8]) -> Image.Image:
    """A picture on white, where it is transparent; mode RGB."""
    picture = Image.new("RGBA", (rgba.shape[1], rgba.shape[0]), "white")
    picture.alpha_composite(Image.fromarray(rgba))
    return picture.convert("RGB")


def find_mask(rgba: NDArray[np.uint8], box: Region | None = None) -> NDArray[np.bool_]:
    """Find the garment.

    Parameters
    ----------
    rgba : uint8 (H, W, 4)
    box : Region, optional
        Where it is; default: inside the picture's frame, if it has one.

    Returns
    -------
    bool (H, W)
        True where the picture is opaque if some of it is not, else where it differs from the
        ground; False outside the box.
    """
    picture = on_white(rgba)
    mask = np.zeros(rgba.shape[:2], np.bool_)
    opaque = rgba[..., 3] >= 128
    if (~opaque).mean() > 0.02:
        left, top, right, bottom = box or (0, 0, picture.width, picture.height)
        mask[top:bottom, left:right] = opaque[top:bottom, left:right]
        return mask
    left, top, right, bottom = inner = inside_frame(np.asarray(picture))
    if box:
        box = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    mask[top:bottom, left:right] = garment_mask(picture.crop(inner), box)
    return mask


def garment_tones(rgba: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Tones of the garment, float32 (H, W) in [0, 1], on 0.

    Inverted, as the photographs of Fashion-MNIST were [1]_: a dark garment is bright. White is what
    is brightest in the picture without its frame, however it was lit.

    .. [1] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017, arXiv:1708.07747.
    """
    picture = on_white(rgba)
    gray = np.asarray(picture.convert("L"), np.float32)
    left, top, right, bottom = inside_frame(np.asarray(picture))
    white = max(float(np.quantile(gray[top:bottom, left:right], 0.99)), 1.0)
    # a white garment is still seen: black is the ground
    tones = np.clip(1 - gray / white, 0.02, 1)
    return np.where(mask, tones, 0).astype(np.float32)
