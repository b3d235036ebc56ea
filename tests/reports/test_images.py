"""Pictures and tables to take along."""

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from fmnist.reports import images as exports
from fmnist.reports.charts import confusion_colors

VALUES = np.arange(100, dtype=float).reshape(10, 10)
TEXTS = [[f"{value:.0f}" for value in row] for row in VALUES]
COLORS = confusion_colors(VALUES.astype(int))
ORDER = (6, 0, 1, 2, 3, 4, 5, 7, 8, 9)


def figure(format: Literal["png", "svg"] = "png", *, order: Sequence[int] = ORDER) -> bytes:
    return exports.confusion_figure(
        TEXTS, COLORS, order=order, title="Title", subtitle="Subtitle", format=format
    )


def test_a_png_has_the_colors_of_the_screen() -> None:
    pixels = np.asarray(Image.open(io.BytesIO(figure())).convert("RGB")).astype(int)
    opacity = COLORS[..., 3:]
    shown = np.rint(255 * (COLORS[..., :3] * opacity + 1 - opacity)).astype(int)  # on white
    counts = [
        int((np.abs(pixels - color) <= 1).all(axis=2).sum()) for color in shown.reshape(100, 3)
    ]
    assert min(counts) > 10_000  # a cell is more than 100 pixels wide and high


def test_a_picture_has_the_order_of_the_screen() -> None:
    assert figure() != figure(order=range(10))


def test_an_svg_is_well_formed_and_holds_a_text_per_cell() -> None:
    root = ElementTree.fromstring(figure("svg"))
    groups = [
        g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("id", "").startswith("text")
    ]
    assert len(groups) >= 100 + 20 + 4  # cells, names, titles and axes


def test_dollars_in_a_name_are_no_formula() -> None:
    pictures = [
        exports.confusion_figure(
            [["$x$"] * 10] * 10, COLORS, order=ORDER, title=title, subtitle=title, format="svg"
        ).decode()
        for title in (r"$\\frac{$ is no formula", "$5 and $6")
    ]
    # glyphs of the names' own font, with the dollars: a formula has another, or is an error
    assert all("DejaVuSans-24" in picture for picture in pictures)
    assert all("DejaVuSans-Oblique" not in picture for picture in pictures)


def test_the_same_matrix_gives_the_same_file() -> None:
    assert figure() == figure()


def test_a_contact_sheet_shows_images_and_captions() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (13, 28, 28), dtype=np.uint8)
    sheet = Image.open(io.BytesIO(exports.contact_sheet(images, ["a\nb"] * 13, title="Title")))
    blank = Image.open(io.BytesIO(exports.contact_sheet(images, [""] * 13)))
    assert sheet.size == blank.size
    assert np.asarray(sheet).tobytes() != np.asarray(blank).tobytes()
    pixels = np.asarray(sheet.convert("L"))
    first = images[0].repeat(3, axis=0).repeat(3, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(pixels[:200, :200], first.shape)
    assert (windows == first).all(axis=(2, 3)).any()  # the pixels themselves, three times as large


@pytest.mark.parametrize("number", [0, exports.SHEET_LIMIT + 1])
def test_too_few_or_too_many_images_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="holds 1 to 500"):
        exports.contact_sheet(np.zeros((number, 28, 28), dtype=np.uint8), [""] * number)


def test_a_sheet_without_captions_has_images_alone() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    sheet = Image.open(io.BytesIO(exports.contact_sheet(images, columns=2)))
    assert sheet.size == (180, 180)  # two by two cells of 28 + 2 pixels, three times as large
    pixels = np.asarray(sheet.convert("L"))[1::3, 1::3]
    assert (pixels[1:29, 1:29] == images[0]).all()
    assert (pixels[1:29, 31:59] == images[1]).all()
    assert (pixels[31:59, 1:29] == images[2]).all()
    assert (pixels[31:59, 31:59] == 96).all()  # no image


@pytest.mark.parametrize("text", ["→", "×", "é", "Ж", "λ"])
def test_pictures_have_the_characters_of_captions_and_names(text: str) -> None:
    missing = exports.font(12).getmask("\ue123")
    assert bytes(exports.font(12).getmask(text)) != bytes(missing)
