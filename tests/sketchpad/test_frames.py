"""Frames around pictures, and what is none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fmnist.sketchpad.frames import inside_frame
from fmnist.sketchpad.photographs import Picture
from fmnist.sketchpad.preprocessing import Preparation, to_model_input
from tests.sketchpad.drawn import TROUSERS, canvas, photograph
from tests.sketchpad.test_kinds import as_jpeg

PHOTOGRAPH = Preparation(kind="photograph")


def framed(
    rgba: NDArray[np.uint8], border: tuple[int, int, int, int], color: str
) -> NDArray[np.uint8]:
    """A picture with a border on the left, above, on the right and below."""
    return np.asarray(ImageOps.expand(Image.fromarray(rgba).convert("RGB"), border, color))


@pytest.mark.parametrize("color", ["black", "white", "#b0d0c0"])
@pytest.mark.parametrize(
    "border", [(20, 20, 20, 20), (0, 60, 0, 40), (50, 0, 50, 0), (9, 30, 7, 90)]
)
def test_a_frame_is_found(color: str, border: tuple[int, int, int, int]) -> None:
    left, top, _, _ = border
    assert inside_frame(framed(photograph(), border, color)) == (left, top, left + 400, top + 400)


def test_a_frame_is_found_in_a_jpeg() -> None:
    colors = framed(photograph(), (21, 21, 21, 21), "white")
    opaque = np.dstack([colors, np.full(colors.shape[:2], 255, np.uint8)])
    found = inside_frame(as_jpeg(opaque, 75)[..., :3])
    assert np.abs(np.subtract(found, (21, 21, 421, 421))).max() <= 2


def test_an_even_ground_is_no_frame() -> None:
    for points in (TROUSERS, [(60, 80), (330, 80), (340, 330), (60, 330)]):  # a bag, not quite even
        drawn = canvas(points, pen=1, filled=True)[..., :3]
        assert inside_frame(drawn) == (0, 0, 400, 400)
    assert inside_frame(photograph()[..., :3]) == (0, 0, 400, 400)


def test_one_side_alone_is_no_frame() -> None:
    colors = framed(photograph(), (0, 40, 0, 0), "black")
    assert inside_frame(colors) == (0, 0, 400, 440)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (40, 2), (3, 3), (30, 30)])
@pytest.mark.parametrize("value", [0, 200])
def test_a_picture_of_one_color_has_no_frame(size: tuple[int, int], value: int) -> None:
    colors = np.full((*size, 3), value, np.uint8)
    assert inside_frame(colors) == (0, 0, size[1], size[0])


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255)])
def test_a_frame_is_no_garment_and_no_ground(color: tuple[int, int, int]) -> None:
    picture = photograph(TROUSERS)
    around = np.full((440, 440, 4), 255, np.uint8)
    around[..., :3] = color
    around[20:420, 20:420] = picture
    mask = Picture(around).find_mask()
    assert (mask[20:420, 20:420] == Picture(picture).find_mask()).mean() > 0.99
    assert mask.sum() == mask[20:420, 20:420].sum()
    change = to_model_input(around, PHOTOGRAPH).astype(int) - to_model_input(picture, PHOTOGRAPH)
    assert np.abs(change).mean() < 3  # of 255: made of fewer pixels, of the same tones
