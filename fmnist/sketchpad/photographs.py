"""Photographs: the tones of the garment, without the ground."""

from functools import cached_property

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


class Picture:
    """A picture whose garment is found, and its tones; put on white and searched for a frame once.

    Parameters
    ----------
    rgba : uint8 (H, W, 4)
    """

    def __init__(self, rgba: NDArray[np.uint8]) -> None:
        self.rgba = rgba

    @cached_property
    def _on_white(self) -> Image.Image:
        return on_white(self.rgba)

    @cached_property
    def _inside(self) -> Region:
        return inside_frame(np.asarray(self._on_white))

    def find_mask(self, box: Region | None = None) -> NDArray[np.bool_]:
        """Find the garment.

        Parameters
        ----------
        box : Region, optional
            Where it is; default: inside the picture's frame, if it has one.

        Returns
        -------
        bool (H, W)
            True where the picture is opaque if some of it is not, else where it differs from the
            ground; False outside the box.
        """
        height, width = self.rgba.shape[:2]
        mask = np.zeros((height, width), np.bool_)
        opaque = self.rgba[..., 3] >= 128
        if (~opaque).mean() > 0.02:
            left, top, right, bottom = box or (0, 0, width, height)
            mask[top:bottom, left:right] = opaque[top:bottom, left:right]
            return mask
        left, top, right, bottom = self._inside
        if box:
            box = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
        mask[top:bottom, left:right] = garment_mask(self._on_white.crop(self._inside), box)
        return mask

    def tones(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Tones of the garment, float32 (H, W) in [0, 1], on 0.

        Inverted, as the photographs of Fashion-MNIST were [1]_: a dark garment is bright. White is
        what is brightest in the picture without its frame, however it was lit.

        .. [1] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017, arXiv:1708.07747.
        """
        gray = np.asarray(self._on_white.convert("L"), np.float32)
        left, top, right, bottom = self._inside
        white = max(float(np.quantile(gray[top:bottom, left:right], 0.99)), 1.0)
        # a white garment is still seen: black is the ground
        tones = np.clip(1 - gray / white, 0.02, 1)
        return np.where(mask, tones, 0).astype(np.float32)
