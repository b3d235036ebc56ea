"""The garment of a photograph, and its tones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.sketchpad.photographs import Picture
from fmnist.sketchpad.preprocessing import Preparation, to_model_input
from tests.sketchpad.drawn import T_SHIRT, TROUSERS, canvas, photograph

PHOTOGRAPH = Preparation(kind="photograph")


def overlap(found: NDArray[np.bool_], points: list[tuple[int, int]]) -> float:
    """Intersection over union of a mask and the garment that was drawn."""
    drawn = canvas(points, pen=1, filled=True)[..., 0] < 128
    return float((found & drawn).sum() / (found | drawn).sum())


@pytest.mark.parametrize("points", [T_SHIRT, TROUSERS])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_garment_is_found_on_planks(points: list[tuple[int, int]], seed: int) -> None:
    assert overlap(Picture(photograph(points, seed=seed)).find_mask(), points) > 0.9


def test_the_ground_may_have_several_colors() -> None:
    picture = photograph()
    tiles = ((np.arange(400) // 40)[:, None] + np.arange(400) // 40) % 2 == 1
    drawn = canvas(T_SHIRT, pen=1, filled=True)[..., 0] < 128
    picture[tiles & ~drawn, :3] = (225, 220, 210)
    assert overlap(Picture(picture).find_mask(), T_SHIRT) > 0.9


def test_the_gap_between_legs_stays_open() -> None:
    seen = to_model_input(photograph(TROUSERS), PHOTOGRAPH)
    assert seen[26, 13:15].max() == 0 and seen[26, 5:8].min() > 60


def test_a_transparent_ground_is_no_garment() -> None:
    picture = photograph()
    drawn = canvas(T_SHIRT, pen=1, filled=True)[..., 0] < 128
    picture[~drawn] = 0
    assert (Picture(picture).find_mask() == drawn).all()


def test_tones_are_those_of_the_garment_inverted() -> None:
    dark = to_model_input(photograph(color=(40, 40, 45)), PHOTOGRAPH)
    light = to_model_input(photograph(color=(190, 190, 195), ground=(110, 70, 40)), PHOTOGRAPH)
    assert np.median(dark[dark > 0]) > 180
    assert np.median(light[light > 0]) < 100
    assert light[12:20, 10:18].min() > 0  # seen, though it is light


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_color_is_blank(value: int) -> None:
    picture = np.full((60, 80, 4), 255, np.uint8)
    picture[..., :3] = value
    assert not Picture(picture).find_mask().any()
    assert not to_model_input(picture, PHOTOGRAPH).any()


def test_a_mask_decides_what_is_garment() -> None:
    picture = photograph()
    upper = np.zeros((400, 400), np.bool_)
    upper[100:200, 130:270] = True
    seen = to_model_input(picture, PHOTOGRAPH, mask=upper)
    assert seen[:3].max() == 0 and seen[14].min() > 0  # 140 × 100, in the middle
    assert not to_model_input(picture, PHOTOGRAPH, mask=np.zeros((400, 400), np.bool_)).any()
