"""Images of 28 × 28 pixels as PNG files for pages."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.files import png
from fmnist.reports import heat_maps


def small_images(
    images: NDArray[np.uint8] | None,
    captions: Sequence[str],
    *,
    alts: Sequence[str],
    width: int = 84,
) -> None:
    """Small images with captions, wrapped to the width of the page.

    Parameters
    ----------
    images : uint8 (N, 28, 28) or None
        None if the data set is absent: placeholders are shown.
    captions : sequence of str (N,)
    alts : sequence of str (N,)
        Descriptions for screen readers.
    width : int
        Width on screen, in pixels.
    """
    if len(captions) == 0:
        return
    if images is None:
        tiles = [placeholder_tile(width)] * len(captions)
    else:
        tiles = [enlarge(image, width) for image in images]
    st.image(list(tiles), caption=list(captions), width=width, alt=list(alts))


def thumbnail(rgba: NDArray[np.uint8], width: int) -> bytes:
    """A PNG of a picture, uint8 (H, W, 4), of twice the width on screen at most."""
    small = Image.fromarray(rgba)
    small.thumbnail((2 * width, 2 * width))
    return png(small)


def difference_picture(difference: NDArray[np.floating], width: int) -> bytes:
    """A PNG of a difference of images: orange above 0, blue below, white at 0.

    Parameters
    ----------
    difference : float (28, 28) in [-255, 255]
    width : int
        Least width of the picture, in pixels.
    """
    return enlarge(signed_colors(difference, max(1.0, np.abs(difference).max())), width)


def signed_colors(values: NDArray[np.floating], limit: float) -> NDArray[np.uint8]:
    """Colors of numbers: orange above 0, blue below, white at 0.

    Parameters
    ----------
    values : float (...)
    limit : float
        Absolute value of the full colors; 0 where all values are 0.

    Returns
    -------
    uint8 (..., 3)
        Red, green and blue.
    """
    white = np.full(values.shape, 255, dtype=np.uint8)
    return heat_maps.overlay(white, values, strength=1.0, limit=limit)


def enlarge(image: NDArray[np.uint8], width: int) -> bytes:
    """A PNG of an image, uint8 (H, W) or (H, W, 3), with sharp pixels, at least `width` wide."""
    height, columns = image.shape[:2]
    factor = -(-width // columns)
    size = (columns * factor, height * factor)
    picture = Image.fromarray(image).resize(size, Image.Resampling.NEAREST)
    return png(_with_gap(picture))


def placeholder_tile(width: int) -> bytes:
    """A PNG in place of an image whose data set is absent."""
    picture = Image.new("L", (width, width), 205)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width - 1, width - 1), outline=170)
    draw.text((width / 2, width / 2), "no pixels", fill=110, anchor="mm")
    return png(_with_gap(picture))


def _with_gap(picture: Image.Image) -> Image.Image:
    """Add a transparent margin, since images in a row touch each other."""
    gap = max(2, picture.width // 32)
    mode = "LA" if picture.mode == "L" else "RGBA"
    framed = Image.new(mode, (picture.width + 2 * gap, picture.height + 2 * gap))
    framed.paste(picture.convert(mode), (gap, gap))
    return framed
