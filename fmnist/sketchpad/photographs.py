"""Photographs: the tones of the garment, without the ground."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fmnist.sketchpad.ground import garment_mask


def on_white(rgba: NDArray[np.uint8]) -> Image.Image:
    """A picture on white, where it is transparent; mode RGB."""
    picture = Image.new("RGBA", (rgba.shape[1], rgba.shape[0]), "white")
    picture.alpha_composite(Image.fromarray(rgba))
    return picture.convert("RGB")


def find_mask(rgba: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the garment is, bool (H, W): what is opaque, else what differs from the ground."""
    opaque = rgba[..., 3] >= 128
    return opaque if (~opaque).mean() > 0.02 else garment_mask(on_white(rgba))


def garment_tones(rgba: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Tones of the garment, float32 (H, W) in [0, 1], on 0.

    Inverted, as the photographs of Fashion-MNIST were [1]_: a dark garment is bright. White is what
    is brightest in the picture, however it was lit.

    .. [1] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017, arXiv:1708.07747.
    """
    gray = np.asarray(on_white(rgba).convert("L"), np.float32)
    white = max(float(np.quantile(gray, 0.99)), 1.0)
    # a white garment is still seen: black is the ground
    tones = np.clip(1 - gray / white, 0.02, 1)
    return np.where(mask, tones, 0).astype(np.float32)
