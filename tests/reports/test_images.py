"""Pictures and tables to take along."""

import csv
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports import images as exports

VALUES = np.arange(100, dtype=float).reshape(10, 10)
TEXTS = [[f"{value:.0f}" for value in row] for row in VALUES]
ORDER = (6, 0, 1, 2, 3, 4, 5, 7, 8, 9)


def figure(format: str, **changes: object) -> bytes:
    settings: dict[str, object] = {
        "texts": TEXTS, "order": ORDER, "title": "Title", "subtitle": "Subtitle",
        "diverging": False, "hide_diagonal": False,
    }  # fmt: skip
    return exports.confusion_figure(VALUES, format=format, **(settings | changes))  # type: ignore[arg-type]


def test_a_png_is_a_picture_of_its_own() -> None:
    plain = Image.open(io.BytesIO(figure("png")))
    assert plain.width > 1500
    pictures = {figure("png", **change) for change in (  # each choice shows
        {}, {"diverging": True}, {"hide_diagonal": True}, {"order": tuple(range(10))},
    )}  # fmt: skip
    assert len(pictures) == 4


def test_an_svg_is_well_formed_and_holds_a_text_a_cell() -> None:
    root = ElementTree.fromstring(figure("svg"))
    groups = [
        g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("id", "").startswith("text")
    ]
    assert len(groups) >= 100 + 20 + 4  # cells, names, titles and axes


def test_the_same_matrix_gives_the_same_file() -> None:
    assert figure("png") == figure("png")


def test_nothing_to_show_is_shown_as_nothing() -> None:
    empty = np.full((10, 10), np.nan)
    texts = [[""] * 10] * 10
    picture = exports.confusion_figure(
        empty, texts=texts, order=ORDER, title="", subtitle="", diverging=False,
        hide_diagonal=False, format="png",
    )  # fmt: skip
    assert Image.open(io.BytesIO(picture)).width > 1500


def test_csv_has_names_and_numbers_in_order() -> None:
    rows = list(csv.reader(io.StringIO(exports.confusion_csv(VALUES, ORDER))))
    assert rows[0] == ["true \\ predicted", *(CLASS_NAMES[label] for label in ORDER)]
    assert rows[1][0] == "Shirt"
    assert [float(cell) for cell in rows[1][1:]] == [VALUES[6, label] for label in ORDER]
    assert rows[2][1] == "6"


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


def test_a_table_with_some_of_its_columns() -> None:
    rows: list[dict[str, object]] = [
        {"Name": 'He said "a, b"', "Test %": 92.73, "Seed": 0},
        {"Name": "Other", "Test %": None, "Seed": 1},
    ]
    read = list(csv.DictReader(io.StringIO(exports.table_csv(["Name", "Test %"], rows))))
    assert read == [
        {"Name": 'He said "a, b"', "Test %": "92.73"},
        {"Name": "Other", "Test %": ""},
    ]
