"""The mask of a picture, corrected by boxes, strokes and turns."""

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.sketchpad import frames, mask, photographs
from fmnist.sketchpad.frames import Region
from fmnist.sketchpad.mask import Box, Correctable, Step, Stroke, read_steps
from fmnist.sketchpad.photographs import Picture
from fmnist.sketchpad.preprocessing import (
    DEFAULT_PREPARATION,
    Preparation,
    prepare,
    shrink,
    to_model_input,
)
from tests.sketchpad.drawn import T_SHIRT, canvas, photograph

UPPER_LEFT = Box(0, 0, 0.5, 0.25)


def paper(height: int = 40, width: int = 80) -> Correctable:
    return Correctable(np.full((height, width, 4), 255, np.uint8))


def corrected(picture: Correctable, *steps: Step, is_photograph: bool = False) -> NDArray[np.bool_]:
    return picture.corrected(steps, is_photograph=is_photograph).mask


def area(height: int, width: int, rows: slice, columns: slice) -> NDArray[np.bool_]:
    expected = np.zeros((height, width), np.bool_)
    expected[rows, columns] = True
    return expected


# --- What each step does ------------------------------------------------------------------------


def test_a_drawing_begins_with_all_of_it() -> None:
    assert corrected(paper()).all()


def test_a_photograph_begins_with_what_is_found() -> None:
    found = corrected(Correctable(photograph()), is_photograph=True)
    assert (found == Picture(photograph()).find_mask()).all()


def test_a_box_leaves_out_what_lies_outside() -> None:
    expected = area(40, 80, slice(0, 10), slice(0, 40))
    assert (corrected(paper(), UPPER_LEFT) == expected).all()
    assert corrected(paper(), UPPER_LEFT, Box(0, 0, 1, 1)).all()  # the last box counts


def test_a_box_has_one_pixel_at_least() -> None:
    assert corrected(paper(), Box(1, 1, 1, 1)).sum() == 1


def test_a_stroke_has_its_width_and_round_ends() -> None:
    across = Stroke(keeps=False, width=0.25, points=((0.25, 0.5), (0.75, 0.5)))
    removed = ~corrected(paper(), across)
    y, x = np.mgrid[:40, :80] + 0.5
    distance = np.hypot(x - np.clip(x, 20, 60), y - 20)
    assert removed[distance < 9].all() and not removed[distance > 11].any()  # 0.25 × 80 / 2 is 10


def test_a_stroke_of_one_point_is_a_dot() -> None:
    removed = ~corrected(paper(), Stroke(keeps=False, width=0.1, points=((0.5, 0.5),)))
    assert removed.sum() == pytest.approx(np.pi * 4**2, rel=0.2)
    assert removed[20, 40] and not removed[20, 46]


def test_the_last_stroke_counts() -> None:
    place = ((0.5, 0.5),)
    remove, keep = (Stroke(keeps=keeps, width=0.2, points=place) for keeps in (False, True))
    assert not corrected(paper(), keep, remove)[20, 40]
    assert corrected(paper(), remove, keep).all()


def test_what_is_painted_after_a_box_may_lie_outside() -> None:
    keep = Stroke(keeps=True, width=0.1, points=((0.9, 0.9),))
    assert corrected(paper(), UPPER_LEFT, keep)[36, 72]
    assert not corrected(paper(), keep, UPPER_LEFT)[36, 72]


def test_a_box_keeps_what_was_removed_inside() -> None:
    remove = Stroke(keeps=False, width=0.1, points=((0.1, 0.1),))
    found = corrected(paper(), remove, UPPER_LEFT)
    assert not found[4, 8] and found[4, 30] and not found[30, 30]


def test_the_whole_picture() -> None:
    picture = Correctable(photograph())
    remove = Stroke(keeps=False, width=0.1, points=((0.1, 0.1),))
    assert corrected(picture, remove, UPPER_LEFT, "whole", is_photograph=True).all()
    expected = area(400, 400, slice(0, 100), slice(0, 200))
    assert (corrected(picture, "whole", UPPER_LEFT, is_photograph=True) == expected).all()
    assert not corrected(picture, "whole", remove, is_photograph=True)[40, 40]


def test_turns() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (40, 80, 4), np.uint8)
    picture = Correctable(rgba)
    turned = picture.corrected((UPPER_LEFT, "turn"), is_photograph=False)
    assert (turned.picture.rgba == np.rot90(rgba, -1)).all()
    assert (turned.mask == area(80, 40, slice(0, 40), slice(30, 40))).all()  # upper right
    again = picture.corrected(("turn", UPPER_LEFT), is_photograph=False)
    assert (again.mask == area(80, 40, slice(0, 20), slice(0, 20))).all()
    four = picture.corrected(("turn",) * 4, is_photograph=False)
    assert (four.picture.rgba == rgba).all() and four.mask.all()


def test_a_stroke_turns_with_the_picture() -> None:
    remove = Stroke(keeps=False, width=0.1, points=((0.25, 0.25),))
    found = corrected(paper(), remove, "turn")
    assert not found[20, 30] and found[20, 10]


def test_reset_takes_all_back() -> None:
    picture = Correctable(photograph())
    steps: tuple[Step, ...] = ("turn", UPPER_LEFT, "whole", "reset")
    again = picture.corrected(steps, is_photograph=True)
    assert (again.picture.rgba == photograph()).all()
    assert (again.mask == Picture(photograph()).find_mask()).all()


# --- A box in a photograph ----------------------------------------------------------------------


def two_garments() -> NDArray[np.uint8]:
    """A blue garment beside a red one of the same size, on one ground."""
    blue, red = photograph(), photograph(color=(170, 50, 50))
    return np.concatenate([blue, red], axis=1)


@pytest.mark.parametrize("left", [0, 400])
def test_a_box_chooses_between_two_garments(left: int) -> None:
    picture = Correctable(two_garments())
    shown = picture.picture.rgba  # 224 × 448
    scale = shown.shape[1] / 800
    box = Box((left + 40) / 800, 60 / 400, (left + 360) / 800, 350 / 400)
    found = corrected(picture, box, is_photograph=True)
    drawn = np.zeros((400, 800), np.bool_)
    drawn[:, left : left + 400] = canvas(T_SHIRT, pen=1, filled=True)[..., 0] < 128
    y, x = (np.arange(n) / scale for n in shown.shape[:2])
    expected = drawn[y.astype(int)][:, x.astype(int)]
    assert (found & expected).sum() / (found | expected).sum() > 0.85


def test_a_mask_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[Region | None] = []

    def find(picture: Picture, box: Region | None = None) -> NDArray[np.bool_]:
        boxes.append(box)
        return np.ones(picture.rgba.shape[:2], np.bool_)

    monkeypatch.setattr(Picture, "find_mask", find)
    picture = Correctable(photograph())
    for steps in ((), (UPPER_LEFT, "turn"), (Box(0, 0, 1, 1), UPPER_LEFT), ("turn", UPPER_LEFT)):
        for _ in range(2):
            picture.corrected(steps, is_photograph=True)
    assert boxes == [None, (0, 0, 200, 100), (0, 0, 200, 100)]


def test_a_picture_is_put_on_white_and_searched_for_a_frame_once_for_each_side_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found_frames = Mock(wraps=frames.inside_frame)
    put_on_white = Mock(wraps=photographs.on_white)
    monkeypatch.setattr(photographs, "inside_frame", found_frames)
    monkeypatch.setattr(photographs, "on_white", put_on_white)
    picture, photo = Correctable(photograph()), Preparation(kind="photograph")
    remove = Stroke(keeps=False, width=0.1, points=((0.5, 0.5),))
    for steps in ((), (remove,), (UPPER_LEFT,), ("whole",), ("turn",), ("turn", UPPER_LEFT)):
        found = picture.corrected(steps, is_photograph=True)
        assert prepare(found.picture, photo, found.mask).any()
    assert (put_on_white.call_count, found_frames.call_count) == (2, 2)
    to_model_input(photograph(), photo)
    assert (put_on_white.call_count, found_frames.call_count) == (3, 3)


# --- The model input ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["auto", "drawing", "photograph"])
@pytest.mark.parametrize("rgba", [photograph(), canvas(T_SHIRT), canvas(T_SHIRT, size=900)])
def test_without_corrections_nothing_changes(rgba: NDArray[np.uint8], kind: Any) -> None:
    picture, preparation = Correctable(rgba), Preparation(kind=kind)
    found = picture.corrected((), is_photograph=picture.is_photograph(kind))
    seen = prepare(found.picture, preparation, found.mask)
    assert (seen == to_model_input(rgba, preparation)).all() and seen.any()


def test_a_box_cuts_a_drawing_out_of_its_surroundings() -> None:
    drawn = canvas(T_SHIRT)
    table = np.full((600, 600, 4), 255, np.uint8)
    table[..., :3] = 60
    table[100:500, 100:500] = drawn
    picture = Correctable(table)
    assert not picture.is_photograph("auto")
    found = picture.corrected((Box(0.2, 0.2, 0.8, 0.8),), is_photograph=False)
    cut = prepare(found.picture, DEFAULT_PREPARATION, found.mask).astype(float)
    alone = to_model_input(drawn).astype(float)
    assert np.abs(cut - alone).sum() < 0.25 * alone.sum()


# --- What a browser sends -----------------------------------------------------------------------


def test_steps_are_read() -> None:
    sent = [
        ["box", 0.5, 0.75, 0.25, 0.25], ["keep", 0.1, 0.2, 0.3], ["remove", 0.1, 0, 0, 1, 1],
        ["whole"], ["turn"], ["reset"],
    ]  # fmt: skip
    assert read_steps(sent) == (
        Box(0.25, 0.25, 0.5, 0.75),
        Stroke(keeps=True, width=0.1, points=((0.2, 0.3),)),
        Stroke(keeps=False, width=0.1, points=((0, 0), (1, 1))),
        "whole", "turn", "reset",
    )  # fmt: skip


def test_what_lies_beside_the_picture_is_moved_to_its_edge() -> None:
    assert read_steps([["box", -1, float("nan"), 7, 10**400]]) == (Box(0, 0, 1, 1),)


@pytest.mark.parametrize(
    "sent",
    [
        None, "box", 7, {}, [[]], ["turn"], [["box"]], [["box", 0, 0, 1]], [["keep", 0.1]],
        [["keep", 0.1, 0.5]], [["turn", 1]], [["erase"]], [[7]], [["box", 0, 0, 1, "1"]],
        [["box", 0, 0, 1, None]], [["turn"]] * (mask.MAX_STEPS + 1),
        [["keep", *[0.5] * (2 * mask.MAX_POINTS)]], [{"box": 1}],
    ],
)  # fmt: skip
def test_all_else_is_refused_in_a_sentence(sent: object) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        read_steps(sent)


def test_a_brush_may_be_as_wide_as_the_picture() -> None:
    points = tuple((float(x), float(y)) for x, y in np.random.default_rng(0).random((50, 2)))
    stroke = Stroke(keeps=False, width=1, points=points)
    found = corrected(Correctable(np.full((900, 700, 4), 255, np.uint8)), stroke)
    assert found.shape == shrink(np.zeros((900, 700, 4), np.uint8)).shape[:2]
    assert not found.any()
