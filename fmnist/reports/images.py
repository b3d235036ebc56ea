"""Pictures and tables for people to take along."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE
from fmnist.files import png

SHEET_LIMIT: Final = 500
"""Images a contact sheet holds."""

_SCALE: Final = 3
_CAPTION: Final = 30  # pixels below an image
_GAP: Final = 8
_TITLE: Final = 34


def confusion_figure(
    texts: Sequence[Sequence[str]],
    colors: NDArray[np.floating],
    *,
    order: Sequence[int],
    title: str,
    subtitle: str,
    format: Literal["png", "svg"],
) -> bytes:
    """Draw a confusion matrix for a file, with the texts and colors that the page shows.

    Parameters
    ----------
    texts : sequence of sequence of str (10, 10)
        Text of each cell. Row = true, column = predicted.
    colors : float (10, 10, 4)
        Red, green, blue and opacity of each cell, in [0, 1].
    order : sequence of int (10,)
        Labels from top to bottom and from left to right.
    title, subtitle : str
    format : {"png", "svg"}

    Returns
    -------
    bytes
        The file; equal input gives equal bytes.
    """
    from matplotlib.figure import Figure  # here, since the import takes a while

    figure = Figure(figsize=(8.4, 7.6), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(colors[np.ix_(order, order)])
    for i, true in enumerate(order):
        for j, predicted in enumerate(order):
            axes.text(j, i, texts[true][predicted], ha="center", va="center", fontsize=9)
    names = [CLASS_NAMES[label] for label in order]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class")
    axes.set_title(subtitle, fontsize=10)
    figure.suptitle(title, fontsize=13)
    buffer = io.BytesIO()
    # without a date, so that the same matrix gives the same file
    figure.savefig(
        buffer, format=format, dpi=200, metadata={"Date": None} if format == "svg" else {}
    )
    return buffer.getvalue()


def confusion_csv(values: NDArray[np.floating], order: Sequence[int]) -> str:
    """A confusion matrix as CSV, names of the classes first.

    Parameters
    ----------
    values : float (10, 10)
        Row = true, column = predicted.
    order : sequence of int (10,)
        Classes from top to bottom and from left to right.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["true \\ predicted", *(CLASS_NAMES[label] for label in order)])
    for label in order:
        writer.writerow([CLASS_NAMES[label], *(f"{v:.6g}" for v in values[label, list(order)])])
    return buffer.getvalue()


def table_csv(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    """Rows of a table as CSV, the names of the columns first; None is written as nothing."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def contact_sheet(
    images: NDArray[np.uint8], captions: Sequence[str], *, columns: int = 10, title: str = ""
) -> bytes:
    """Images with captions as one PNG.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
        At most 500.
    captions : sequence of str (N,)
        At most two lines each.
    columns : int
    title : str

    Raises
    ------
    ValueError
        If there are no images, or too many.
    """
    if not 0 < len(images) <= SHEET_LIMIT:
        raise ValueError(f"A contact sheet holds 1 to {SHEET_LIMIT} images, not {len(images)}.")
    side = IMAGE_SIZE * _SCALE
    width, height = side + 5 * _GAP, side + _CAPTION + _GAP
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (width * columns + _GAP, height * rows + _TITLE), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), title, fill="black", font=ImageFont.load_default(16))
    font = ImageFont.load_default(10)
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = _GAP // 2 + width * (number % columns)
        top = _TITLE + height * (number // columns)
        picture = Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(picture, (left + (width - side) // 2, top))
        middle = (left + width / 2, top + side + 2)
        draw.multiline_text(
            middle, caption, fill="black", font=font, anchor="ma", align="center", spacing=1
        )
    return png(sheet)
