"""Pictures of attributions: a map of numbers laid over an image in orange and blue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.data.labels import IMAGE_SIZE
from fmnist.files import png
from fmnist.reports.images import font

FOR: Final = (242, 142, 43)
"""Orange: values above 0."""
AGAINST: Final = (78, 121, 167)
"""Blue: values below 0."""

_SCALE: Final = 9
_GAP: Final = 16
_LINE: Final = 18
_TITLE: Final = 30


def overlay(
    image: NDArray[np.uint8], map: NDArray[np.floating], strength: float, limit: float | None = None
) -> NDArray[np.uint8]:
    """Lay a map over an image: orange above 0, blue below, nothing at 0.

    Parameters
    ----------
    image : uint8 (...)
    map : float (...)
        Of the same shape.
    strength : float
        Opacity of the strongest color, in [0, 1].
    limit : float, optional
        The value with the strongest color; by default the largest absolute value of the map.

    Returns
    -------
    uint8 (..., 3)
    """
    limit = limit or float(np.abs(map).max()) or 1.0
    opacity = strength * np.minimum(np.abs(map) / limit, 1)[..., None]
    colors = np.where(map[..., None] > 0, FOR, AGAINST)
    mixed = image[..., None] * (1 - opacity) + colors * opacity
    painted: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return painted


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a figure.

    Attributes
    ----------
    picture : uint8 (28, 28) or (28, 28, 3)
    lines : sequence of str
        Text below it.
    """

    picture: NDArray[np.uint8]
    lines: Sequence[str]


def figure(panels: Sequence[Panel], *, title: str, legend: str) -> bytes:
    """Pictures side by side, nine times as large, as a PNG.

    Parameters
    ----------
    panels : sequence of Panel
        At least one.
    title, legend : str
        Lines above and below the pictures.
    """
    side = IMAGE_SIZE * _SCALE
    text_height = _LINE * max(len(panel.lines) for panel in panels)
    width = _GAP + len(panels) * (side + _GAP)
    height = _TITLE + _GAP + side + text_height + _GAP + _LINE + _GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP / 2), title, fill="black", font=font(15))
    small = font(11)
    for number, panel in enumerate(panels):
        left, top = _GAP + number * (side + _GAP), _TITLE + _GAP / 2
        picture = Image.fromarray(panel.picture).convert("RGB")
        sheet.paste(picture.resize((side, side), Image.Resampling.NEAREST), (left, int(top)))
        for row, line in enumerate(panel.lines):
            draw.text((left, top + side + 4 + row * _LINE), line, fill="black", font=small)
    draw.text((_GAP, height - _LINE - _GAP / 2), legend, fill="#505050", font=small)
    return png(sheet)
