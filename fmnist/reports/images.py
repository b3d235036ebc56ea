"""Pictures to download: the confusion matrix, a contact sheet."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE
from fmnist.files import png

SHEET_LIMIT: Final = 500
"""Maximum number of images in a contact sheet."""

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
    names: Sequence[str] = CLASS_NAMES,
) -> bytes:
    """Draw a confusion matrix for a file, with the texts and colors that the page shows.

    Parameters
    ----------
    texts : sequence of sequence of str (C, C)
        Text of each cell. Row = true, column = predicted.
    colors : float (C, C, 4)
        Red, green, blue and opacity of each cell, in [0, 1].
    order : sequence of int (C,)
        Labels from top to bottom and from left to right.
    title, subtitle : str
    format : {"png", "svg"}
    names : sequence of str (C,)

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
            axes.text(
                j, i, texts[true][predicted], ha="center", va="center", fontsize=9, parse_math=False
            )
    # a name of an own class may have dollar signs, too
    named: dict[str, Any] = {"labels": [names[label] for label in order], "parse_math": False}
    places = range(len(order))
    axes.set_xticks(places, **named, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, **named)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class")
    # a run's name may have two dollar signs, which would be a formula
    axes.set_title(subtitle, fontsize=10, parse_math=False)
    figure.suptitle(title, fontsize=13, parse_math=False)
    buffer = io.BytesIO()
    # without a date, so that the same matrix gives the same file
    figure.savefig(
        buffer, format=format, dpi=200, metadata={"Date": None} if format == "svg" else {}
    )
    return buffer.getvalue()


def font(size: float) -> ImageFont.FreeTypeFont:
    """The font of pictures, with arrows and most alphabets; Pillow's own has neither."""
    import matplotlib  # here, since the import takes a while

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, size)


def contact_sheet(
    images: NDArray[np.uint8],
    captions: Sequence[str] | None = None,
    *,
    columns: int = 10,
    title: str = "",
) -> bytes:
    """Draw images in rows, three times as large, as one PNG.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
        From 1 to `SHEET_LIMIT`.
    captions : sequence of str (N,), optional
        At most two lines each. Without captions, the images are close together on gray.
    columns : int
        Number of images in a row.
    title : str
        Shown above the images if they have captions.

    Raises
    ------
    ValueError
        If there are no images, or too many.
    """
    if not 0 < len(images) <= SHEET_LIMIT:
        raise ValueError(f"A contact sheet holds 1 to {SHEET_LIMIT} images, not {len(images)}.")
    side = IMAGE_SIZE * _SCALE
    if captions is None:
        width = height = side + 2 * _SCALE
        left, top, background = _SCALE, _SCALE, "#606060"
        size = (width * columns, height * -(-len(images) // columns))
    else:
        width, height = side + 5 * _GAP, side + _CAPTION + _GAP
        left, top, background = 3 * _GAP, _TITLE, "white"
        size = (width * columns + _GAP, height * -(-len(images) // columns) + _TITLE)
    sheet = Image.new("RGB", size, background)
    draw = ImageDraw.Draw(sheet)
    if captions is not None:
        draw.text((_GAP, _GAP), title, fill="black", font=font(15))
    small = font(9) if captions is not None else None
    for number, image in enumerate(images):
        x, y = left + width * (number % columns), top + height * (number // columns)
        picture = Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(picture, (x, y))
        if captions is not None:
            draw.multiline_text(
                (x + side / 2, y + side + 2),
                captions[number],
                fill="black",
                font=small,
                anchor="ma",
                align="center",
                spacing=1,
            )
    return png(sheet)


def sprite_sheet(images: NDArray[np.uint8], *, tile: int, columns: int) -> bytes:
    """Thumbnails side by side, each at the upper left of its place, as one JPEG.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
    tile : int
        Side of a place in pixels, a multiple of 8: then no image spoils the next one's edge.
    columns : int
    """
    rows = -(-len(images) // columns)
    sheet = np.zeros((rows * columns, tile, tile), dtype=np.uint8)
    sheet[: len(images), :IMAGE_SIZE, :IMAGE_SIZE] = images
    joined = sheet.reshape(rows, columns, tile, tile).swapaxes(1, 2)
    buffer = io.BytesIO()
    picture = Image.fromarray(joined.reshape(rows * tile, columns * tile))
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
