"""From a canvas or a picture to the model input."""

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.sketchpad import canvas as sheet
from fmnist.sketchpad import examples
from fmnist.sketchpad.preprocessing import DRAWING, Preparation, to_model_input
from tests.sketchpad.drawn import TROUSERS, canvas


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean over pixels, as a share of the ink in the first."""
    return float(np.abs(a.astype(float) - b).sum() / a.astype(float).sum())


def box_of(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what is lit."""
    rows, columns = np.flatnonzero(image.max(axis=1) > 60), np.flatnonzero(image.max(axis=0) > 60)
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


KEPT = {
    "T-shirt": "8bce8bd89b71918a",
    "Trousers": "9418dcf9da0a6f6d",
    "Dress": "cbae60fd2ecd3617",
    "Sneaker": "52fd8b2197f9a563",
    "Ankle boot": "22476fd52ed0e023",
    "Bag": "3be3bbbcc8f0cf92",
    "A cat (no garment)": "a3a3f854194a123f",
}
"""SHA-256, shortened, of the model inputs of the examples in five preparations."""


@pytest.mark.parametrize("kind", ["drawing", "auto"])
def test_drawings_are_prepared_as_sketch_was_trained(kind: str) -> None:
    """The figures of shipped models hold for these pixels only."""
    settings: list[dict[str, object]] = [
        {},
        {"line_width": None},
        {"line_width": 3.0, "fill": 0.7},
        {"crop": False},
        {"center": "mass", "ink": "dark"},
    ]
    for name, drawing in examples.examples().items():
        rgba = sheet.pixels(sheet.render_shapes(sheet.from_strokes(drawing)))
        digest = hashlib.sha256()
        for values in settings:
            digest.update(to_model_input(rgba, Preparation(kind=kind, **values)).tobytes())  # type: ignore[arg-type]
        assert digest.hexdigest()[:16] == KEPT[name], name
    assert Preparation(kind="drawing") == DRAWING


def test_an_empty_canvas_is_black() -> None:
    for ground in ("white", "black", "gray", None):
        image = to_model_input(canvas([(0, 0), (0, 0)], pen=0, ground=ground))
        assert image.shape == (28, 28) and image.dtype == np.uint8
        assert not image.any()


@pytest.mark.parametrize(
    ("ink", "ground"),
    [("white", "black"), ("black", None), ("white", None), ("red", "white"), ("navy", "beige")],
)
def test_colors_do_not_matter(ink: str, ground: str | None) -> None:
    expected = to_model_input(canvas(TROUSERS))
    assert difference(expected, to_model_input(canvas(TROUSERS, ink=ink, ground=ground))) < 0.02


@pytest.mark.parametrize("pen", [2, 4, 10, 16])
def test_the_pen_does_not_matter(pen: int) -> None:
    expected = to_model_input(canvas(TROUSERS))
    assert difference(expected, to_model_input(canvas(TROUSERS, pen=pen))) < 0.25
    as_drawn = Preparation(line_width=None)
    thin = to_model_input(canvas(TROUSERS, pen=2), as_drawn)
    assert thin.sum() < 0.6 * to_model_input(canvas(TROUSERS, pen=16), as_drawn).sum()


def test_place_and_size_do_not_matter() -> None:
    expected = to_model_input(canvas(TROUSERS))
    small = [(x // 2 + 150, y // 2 + 20) for x, y in TROUSERS]
    assert difference(expected, to_model_input(canvas(small, pen=3))) < 0.25
    whole = to_model_input(canvas(small, pen=3), Preparation(crop=False))
    top, bottom, left, _ = box_of(whole)
    assert abs(top - 50 * 28 / 400) <= 2  # lines are widened outwards, too
    assert abs(bottom - 190 * 28 / 400) <= 2
    assert left > 12


def test_the_longest_side_fills_the_image_and_the_shape_is_kept() -> None:
    top, bottom, left, right = box_of(to_model_input(canvas(TROUSERS)))
    assert top <= 1 and bottom >= 26
    assert (right - left) / (bottom - top) == pytest.approx(200 / 280, abs=0.1)
    assert abs(left - (27 - right)) <= 1  # in the middle


def test_center_of_mass() -> None:
    lopsided = canvas([(100, 50), (100, 350), (110, 350), (110, 200), (220, 200), (110, 190)])
    box, mass = (to_model_input(lopsided, Preparation(center=c)) for c in ("box", "mass"))

    def middle(image: NDArray[np.uint8]) -> float:
        return float((image.sum(axis=0) * np.arange(28)).sum() / image.sum())

    assert abs(middle(mass) - 13.5) < 0.6 < abs(middle(box) - 13.5)


def test_without_cropping_what_is_left_in_a_mask_keeps_its_place() -> None:
    whole = canvas(TROUSERS)
    kept = np.zeros(whole.shape[:2], np.bool_)
    kept[: len(kept) // 2] = True
    uncropped = Preparation(kind="drawing", crop=False)
    part, all_of_it = (to_model_input(whole, uncropped, mask=m) for m in (kept, kept | True))
    assert box_of(part)[0] == box_of(all_of_it)[0] and not part[15:].any()
    assert difference(all_of_it[:13], part[:13]) < 0.02


def test_orientation() -> None:
    image = to_model_input(canvas([(100, 50), (300, 50), (300, 60), (110, 60), (110, 350)]))
    assert image[:4].astype(int).sum() > 3 * image[-4:].astype(int).sum()  # the bar is above
    assert image[14, :10].any() and not image[14, 18:].any()


def test_closed_shapes_are_filled_on_wish() -> None:
    drawing = canvas([(60, 60), (340, 60), (340, 340), (60, 340)])
    assert to_model_input(drawing)[14, 14] == 0
    filled = to_model_input(drawing, Preparation(fill=0.5))
    assert filled[14, 14] == pytest.approx(128, abs=1)
    assert filled[14, 0] > 200  # the line stays a line


def test_areas_keep_their_width() -> None:
    area = canvas(TROUSERS, filled=True)
    assert difference(to_model_input(area), to_model_input(area, Preparation(line_width=4.0))) == 0


def test_a_photograph_keeps_its_tones() -> None:
    image = Image.new("RGB", (300, 200), (235, 232, 228))
    draw = ImageDraw.Draw(image)
    draw.rectangle((50, 40, 149, 160), fill=(30, 30, 40))
    draw.rectangle((150, 40, 249, 160), fill=(130, 130, 140))
    seen = to_model_input(np.asarray(image.convert("RGBA")))
    assert seen[14, 5] > 240
    assert 80 < seen[14, 22] < 160
    assert seen[0, 0] == 0


def test_dark_ink_and_light_ink_on_demand() -> None:
    half = np.full((100, 100, 4), 255, np.uint8)
    half[:, :50, :3] = 0
    dark = to_model_input(half, Preparation(ink="dark", crop=False))
    light = to_model_input(half, Preparation(ink="light", crop=False))
    assert dark[:, :13].min() == 255 and dark[:, 15:].max() == 0
    assert (dark[:, [3, 24]] == light[:, [24, 3]]).all()


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "icon"},
        {"center": "top"},
        {"ink": "gray"},
        {"line_width": 0.1},
        {"line_width": 20.0},
        {"fill": 1.5},
    ],
)
def test_impossible_preparations(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Preparation(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 3), (0, 10, 4)])
def test_other_arrays(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        to_model_input(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="float64"):
        to_model_input(np.zeros((10, 10, 4)))  # type: ignore[arg-type]
