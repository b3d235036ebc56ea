"""The canvas: shapes from a browser, undo steps, pixels."""

import base64
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmnist.data.labels import IMAGE_SIZE
from fmnist.sketchpad import canvas, examples
from fmnist.sketchpad.canvas import SIDE, Shape
from fmnist.sketchpad.steps import MAX_STEPS, Step, Steps, as_board, from_board


def pen(*points: tuple[float, float], stroke: str = canvas.INK) -> Shape:
    path = [["L" if i else "M", x, y] for i, (x, y) in enumerate(points)]
    return {"type": "Path", "path": path, "stroke": stroke, "strokeWidth": 8, "fill": None}


BOX = pen((80, 80), (250, 80), (250, 250), (80, 250), (80, 80))


# --- Shapes -------------------------------------------------------------------------------------


def test_shapes_of_the_pen_do_not_change() -> None:
    assert canvas.sanitize_shapes({"objects": [BOX], "background": "#ffffff"}) == [BOX]
    assert canvas.sanitize_shapes([BOX]) == [BOX]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        3,
        "objects",
        {},
        {"objects": None},
        {"objects": "Path"},
        [None, 3, "Path", []],
        [{"type": "Image", "src": "https://example.org/a.png"}],
        [{"type": "Textbox", "text": "a"}],
        [{"path": []}],
    ],
)
def test_other_objects_are_dropped(sent: object) -> None:
    assert canvas.sanitize_shapes(sent) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("src", "https://example.org/a.png"),
        ("fill", {"type": "pattern", "source": "https://example.org/a.png"}),
        ("stroke", "x" * 1000),
        ("left", math.nan),
        ("left", math.inf),
        ("left", 10**400),
        ("points", [{"x": 1, "y": "a"}]),
        ("strokeDashArray", [{}]),
        ("clipPath", {"type": "Image"}),
    ],
)
def test_properties_that_are_not_plain_are_dropped(name: str, value: object) -> None:
    (shape,) = canvas.sanitize_shapes([{**BOX, name: value}])
    assert shape.get(name) != value
    canvas.is_started([shape])
    Step([shape]).is_same(Step([BOX]))


@pytest.mark.parametrize(
    "path", [[["M", "a", "b"]], [[{}]], "M 0 0", 5, None, [["M", 1, math.nan]], [["M", 1, 10**400]]]
)
def test_shapes_without_a_path_that_can_be_drawn_are_dropped(path: object) -> None:
    assert canvas.sanitize_shapes([{**BOX, "path": path}, BOX]) == [BOX]


def test_too_many_shapes_are_rejected() -> None:
    with pytest.raises(ValueError, match="at most 500 shapes; clear some"):
        canvas.sanitize_shapes([BOX] * 501)
    with pytest.raises(ValueError, match="too many lines; clear some"):
        canvas.sanitize_shapes([pen(*[(0.0, 0.0)] * 30_000)] * 2)


def test_examples_fit_the_canvas() -> None:
    assert "T-shirt" in examples.examples()
    for drawing in examples.examples().values():
        shapes = canvas.from_strokes(drawing)
        assert canvas.sanitize_shapes(json.loads(json.dumps(shapes))) == shapes
        assert canvas.is_started(shapes)
        numbers = [n for s in shapes for part in s["path"] for n in part[1:]]
        assert min(numbers) > 0.1 * SIDE and max(numbers) < 0.9 * SIDE


def test_rendered_shapes_are_in_their_place() -> None:
    rgba = canvas.pixels(canvas.render_shapes([BOX]))
    dark = rgba[..., 0] < 128
    assert dark[80, 78:252].all() and dark[78:83, 165].all()
    assert not dark[90:240, 90:240].any() and not dark[:74].any()
    assert (rgba[..., 3] == 255).all()


def test_a_raster_draws_only_what_is_new_and_forgets_nothing() -> None:
    raster = canvas.Raster(is_paper=True)
    whole = canvas.Raster(is_paper=True).pixels([BOX, OTHER])
    raster.pixels([BOX])
    assert np.array_equal(raster.pixels([BOX], OTHER), whole)  # still growing
    assert np.array_equal(raster.pixels([BOX, OTHER]), whole)
    assert np.array_equal(raster.pixels([BOX]), canvas.Raster(is_paper=True).pixels([BOX]))
    assert canvas.is_blank(raster.pixels([]))
    erased = raster.pixels([OTHER, {**OTHER, "stroke": canvas.PAPER, "strokeWidth": 20}])
    assert canvas.is_blank(erased)


def test_a_raster_to_lay_over_an_image_is_transparent_where_nothing_is() -> None:
    shapes = [pen((100, 50), (100, 300), stroke=canvas.PAPER), pen((200, 50), (200, 300))]
    rgba = canvas.Raster(is_paper=False).pixels(shapes)
    assert tuple(rgba[150, 100]) == (255, 255, 255, 255) and tuple(rgba[150, 200]) == (0, 0, 0, 255)
    assert not rgba[150, 150].any() and not rgba[..., 3][:, :90].any()
    soft = (rgba[..., 3] > 0) & (rgba[..., 3] < 255)
    assert set(np.unique(rgba[soft][:, 0])) <= {0, 255}  # edges are thin, not gray


def test_pressure_makes_a_line_wider() -> None:
    pressed = pen((50, 100), (150, 100), (280, 100)) | {"widths": [4, 8, 30]}
    assert canvas.sanitize_shapes([pressed]) == [pressed]
    dark = (canvas.Raster(is_paper=True).pixels([pressed])[..., 0] < 128).sum(axis=0)
    assert dark[60] < dark[200]


def test_shapes_of_drawable_canvas_are_placed_as_fabric_places_them() -> None:
    def dark(shape: Shape) -> tuple[int, int, int, int]:
        rows, columns = np.nonzero(canvas.Raster(is_paper=True).pixels([shape])[..., 0] < 128)
        return columns.min(), columns.max() + 1, rows.min(), rows.max() + 1

    whole: Shape = {"stroke": "#000000", "strokeWidth": 8}
    corner: Shape = {"originX": "left", "originY": "top", "left": 50, "top": 60}
    rect = whole | corner | {"type": "Rect", "width": 100, "height": 40}
    assert dark(rect) == pytest.approx((50, 158, 60, 108), abs=1)
    assert dark(rect | {"scaleX": 2, "scaleY": 1}) == pytest.approx((50, 266, 60, 108), abs=6)
    center: Shape = {"originX": "center", "originY": "center", "left": 100, "top": 80}
    line = whole | center | {"type": "Line", "width": 100, "height": 40}
    ends = {"x1": -50, "x2": 50, "y1": -20, "y2": 20}
    assert dark(line | ends) == pytest.approx((46, 154, 56, 104), abs=1)
    curve = {"type": "Path", "path": [["M", 50, 60], ["Q", 50, 60, 100, 80], ["L", 150, 100]]}
    assert dark(whole | center | curve | {"width": 100, "height": 40}) == pytest.approx(
        (46, 154, 56, 104), abs=1
    )
    moved = whole | curve | center | {"left": 200, "width": 100, "height": 40}
    assert dark(moved) == pytest.approx((146, 254, 56, 104), abs=1)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([], False),
        ([pen((100, 100))], False),
        ([pen((100, 100), (100.1, 100))], False),
        ([pen((50, 50), (300, 60))], False),
        ([pen((50, 50), (300, 60)), pen((50, 60), (300, 70))], True),
        ([BOX], True),
        ([pen((10, 10), (20, 10), (20, 20), (10, 20), (10, 10))], False),
        ([pen((80, 80), (250, 80), (250, 250), (80, 250), stroke=canvas.PAPER)], False),
        ([{"type": "Circle", "radius": 60, "left": 30, "top": 30}], True),
        ([{"type": "Rect", "left": 30, "top": 30, "width": 90, "height": 90}], True),
        ([{"type": "Line", "left": 30, "top": 30, "width": 90, "height": 90}], False),
        ([{"type": "Polygon", "points": [{"x": 0, "y": 0}, {"x": 90, "y": 0}, {"x": 0, "y": 90}]}],
         True),
        ([{"type": "Rect"}], False),
        ([{"type": "Path", "path": [["M"], ["z"]]}], False),
        ([{"type": "Rect", "left": float("nan"), "width": float("inf"), "height": 9}], False),
    ],
)  # fmt: skip
def test_one_stroke_is_not_enough_to_classify(shapes: list[Shape], expected: bool) -> None:
    assert canvas.is_started(shapes) is expected


# --- Steps --------------------------------------------------------------------------------------


def drawn(*shapes: Shape, picture: bytes = b"") -> Step:
    return Step(list(shapes), picture)


OTHER = pen((10, 10), (90, 90))


def test_undo_and_redo() -> None:
    steps = Steps()
    assert not steps.can_undo and not steps.can_redo
    steps.receive(drawn(BOX))
    steps.receive(drawn(BOX, OTHER))
    steps.move(-1)
    assert steps.current.shapes == [BOX] and steps.can_undo and steps.can_redo
    steps.move(-5)
    assert steps.current.shapes == [] and not steps.can_undo
    steps.move(5)
    assert steps.current.shapes == [BOX, OTHER] and not steps.can_redo


def test_a_stroke_after_undo_drops_the_redo() -> None:
    steps = Steps()
    steps.receive(drawn(BOX))
    steps.move(-1)
    steps.receive(drawn(OTHER))
    assert steps.current.shapes == [OTHER] and not steps.can_redo and steps.can_undo


def test_the_canvas_sends_back_what_it_was_sent() -> None:
    steps = Steps()
    steps.receive(drawn(BOX))
    steps.receive(drawn(BOX, OTHER))
    steps.move(-1)
    as_polygon = {"type": "Polygon", "points": [{"x": 1, "y": 2}], "stroke": "#000000"}
    steps.receive(drawn(as_polygon, picture=b"png"))  # the same box, as another shape
    assert steps.current.picture == b"png"
    assert steps.can_redo and len(steps.history) == 3
    steps.receive(drawn(as_polygon, OTHER))
    assert len(steps.history) == 3 and not steps.can_redo


def test_the_canvas_has_an_undo_of_its_own() -> None:
    steps = Steps()
    steps.receive(drawn(BOX))
    steps.receive(drawn(BOX, OTHER))
    steps.receive(drawn(BOX))
    assert steps.position == 1 and steps.can_redo
    steps.receive(drawn(BOX, OTHER))
    assert steps.position == 2 and len(steps.history) == 3


def test_shapes_in_other_places_are_other_shapes() -> None:
    one: Shape = {"type": "Rect", "left": 10, "top": 10, "width": 50, "height": 50}
    assert drawn(one).is_same(drawn({**one, "left": 10.2}))
    assert not drawn(one).is_same(drawn({**one, "left": 30}))
    assert not drawn(one).is_same(drawn({**one, "angle": 30}))
    assert not drawn(BOX).is_same(drawn(OTHER))


def test_strokes_that_come_together_are_undone_one_by_one() -> None:
    steps = Steps()
    third = pen((20, 80), (70, 10))
    steps.receive(drawn(BOX))
    steps.receive(drawn(BOX, OTHER, third, picture=b"png"))
    assert [len(step.shapes) for step in steps.history] == [0, 1, 2, 3]
    assert steps.current.picture == b"png"
    steps.move(-1)
    assert steps.current.shapes == [BOX, OTHER]
    as_polygon = {"type": "Polygon", "points": [{"x": 1, "y": 2}], "stroke": "#000000"}
    steps.receive(drawn(as_polygon, OTHER, third, BOX))  # sent back with two more
    assert [len(step.shapes) for step in steps.history] == [0, 1, 2, 3, 4]


def test_a_stroke_that_comes_after_its_undo_is_the_one_undone() -> None:
    steps = Steps()
    steps.receive(drawn(BOX))
    steps.move(-1)  # while OTHER was under way
    assert steps.receive_late(drawn(BOX, OTHER), 1)
    assert steps.current.shapes == [BOX]
    steps.move(1)
    assert steps.current.shapes == [BOX, OTHER]


def test_a_stroke_that_comes_after_the_clearing_is_in_its_undo() -> None:
    steps = Steps()
    steps.receive(drawn(BOX))
    steps.add(Step())
    assert not steps.receive_late(drawn(BOX, OTHER), 1)  # the canvas stays empty
    assert steps.current.shapes == []
    steps.move(-1)
    assert steps.current.shapes == [BOX, OTHER]
    assert not steps.receive_late(drawn(OTHER), 1)  # not drawn on what was there


def test_a_late_stroke_does_not_make_the_history_longer() -> None:
    steps = Steps([Step(), *(drawn(*[BOX] * n) for n in range(1, MAX_STEPS))], MAX_STEPS - 1)
    steps.add(Step())
    late = drawn(*[BOX] * (MAX_STEPS - 1), OTHER)
    assert not steps.receive_late(late, MAX_STEPS - 2)
    assert steps.current.shapes == [] and steps.position == MAX_STEPS - 1
    assert len(steps.history) == MAX_STEPS  # more would not be taken back from the board


def test_old_steps_are_dropped() -> None:
    steps = Steps()
    for number in range(200):
        steps.receive(drawn(pen((number, 0), (0, 5))))
    assert len(steps.history) < 100 and steps.current.shapes == [pen((199, 0), (0, 5))]


# --- The board ----------------------------------------------------------------------------------


def test_the_board_gets_and_sends_all_steps() -> None:
    third = pen((20, 80), (70, 10))
    steps = Steps([Step(), drawn(BOX), drawn(BOX, OTHER), Step(), drawn(third)], position=2)
    sent = json.loads(json.dumps(as_board(steps)))
    assert sent["shapes"] == [BOX, OTHER, third]
    assert sent["steps"] == [[0, 0], [0, 1], [0, 2], [2, 2], [2, 3]]
    received, growing = from_board(sent)
    assert received == steps and growing is None
    _, growing = from_board(sent | {"growing": OTHER})
    assert growing == OTHER


def test_what_is_undone_or_cleared_does_not_fill_the_canvas() -> None:
    full = {"shapes": [BOX] * 501, "steps": [[0, 500], [0, 501], [501, 501]]}
    for position, count in ((0, 500), (2, 0)):
        steps, _ = from_board(full | {"position": position})
        assert steps == Steps([Step([BOX] * count)])
    with pytest.raises(ValueError, match="at most 500 shapes"):
        from_board(full | {"position": 1})


@pytest.mark.parametrize(
    "changed",
    [
        {"shapes": None}, {"shapes": [BOX, {"type": "Image"}]}, {"steps": []}, {"steps": None},
        {"steps": [[0, 3]]}, {"steps": [[2, 1]]}, {"steps": [[0]]}, {"steps": [[0, True]]},
        {"steps": [[0, 1]] * 61}, {"position": 1}, {"position": -1}, {"position": None},
    ],
)  # fmt: skip
def test_a_damaged_message_of_the_board_is_told_in_a_sentence(changed: dict[str, Any]) -> None:
    sent = {"shapes": [BOX, OTHER], "steps": [[0, 2]], "position": 0}
    from_board(sent)
    with pytest.raises(ValueError, match=r"sent a damaged drawing; clear it and draw again\.$"):
        from_board(sent | changed)


# --- Pixels -------------------------------------------------------------------------------------


def png(array: Any, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_pixels_of_what_the_canvas_sends() -> None:
    sheet = np.full((SIDE, SIDE, 4), 255, np.uint8)
    sheet[5, 7] = (0, 0, 0, 255)
    url = "data:image/png;base64," + base64.b64encode(png(sheet)).decode()
    read = canvas.pixels(canvas.from_data_url(url))
    assert np.array_equal(read, sheet)
    assert not canvas.is_blank(read)


@pytest.mark.parametrize(
    "sent",
    [None, 3, "", "data:image/png;base64,", "data:image/png;base64,%%%", "https://example.org/a",
     "data:image/png;base64," + base64.b64encode(b"rubbish").decode(),
     "data:image/png;base64," + base64.b64encode(png(np.zeros((9, 9, 4), np.uint8))).decode()],
)  # fmt: skip
def test_what_is_not_a_picture_of_the_canvas_is_blank(sent: object) -> None:
    read = canvas.pixels(canvas.from_data_url(sent))
    assert read.shape == (SIDE, SIDE, 4) and canvas.is_blank(read)


def image() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE), np.uint8)


def test_an_image_without_strokes_does_not_change() -> None:
    nothing = np.zeros((SIDE, SIDE, 4), np.uint8)
    assert np.array_equal(canvas.composite(image(), nothing), image())


def test_strokes_cover_the_image_where_they_are() -> None:
    strokes = np.zeros((SIDE, SIDE, 4), np.uint8)
    strokes[:12, :24] = (255, 255, 255, 255)  # two image pixels, white
    strokes[12:24, :12] = (0, 0, 0, 255)  # one below, black
    strokes[24:36, :12] = (255, 255, 255, 128)
    seen = canvas.composite(image(), strokes)
    assert seen[0, 0] == seen[0, 1] == 255 and seen[1, 0] == 0
    assert seen[2, 0] == pytest.approx((int(image()[2, 0]) + 255) / 2, abs=2)
    untouched = np.ones((IMAGE_SIZE, IMAGE_SIZE), bool)
    untouched[[0, 0, 1, 2], [0, 1, 0, 0]] = False
    assert np.array_equal(seen[untouched], image()[untouched])


def test_enlarged_has_sharp_pixels() -> None:
    large = np.asarray(Image.open(io.BytesIO(canvas.enlarge(image()))))
    assert large.shape == (SIDE, SIDE)
    assert np.array_equal(large[::12, ::12], image()) and np.array_equal(
        large[11::12, 11::12], image()
    )


@pytest.mark.parametrize("shape", [(10, 400), (400, 10), (1, 1), (336, 336)])
def test_a_picture_is_letterboxed(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 4), 200, np.uint8)
    with Image.open(io.BytesIO(canvas.letterbox(picture))) as square:
        assert square.size == (2 * SIDE, 2 * SIDE)
