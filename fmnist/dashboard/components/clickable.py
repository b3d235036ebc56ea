"""Components that Streamlit lacks: a grid of images and a matrix whose parts can be clicked.

Both are updated in place, without flicker, and consist of buttons for keyboards, screen readers
and tests.
"""

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE

_WEB: Final = Path(__file__).parent / "web"


def register(name: str, html: str) -> Any:
    """Register a component with style and script in `web/<name>.css` and `.js`.

    Give it data whose values are no lists and no dicts, but tuples of them: Streamlit takes those
    for possible tables, and imports pandas to find out.
    """
    return st.components.v2.component(
        f"fmnist_{name}",
        html=html,
        css=(_WEB / f"{name}.css").read_text(encoding="utf-8"),
        js=(_WEB / f"{name}.js").read_text(encoding="utf-8"),
    )


_GRID: Final = register("grid", '<div class="wall" role="group"></div>')
_MATRIX: Final = register(
    "matrix",
    '<div class="matrix"><div class="frame"><span></span>'
    '<span class="axis">Predicted class</span>'
    '<span class="axis rows">True class</span><table></table></div></div>',
)


def encoded(values: NDArray[Any]) -> str:
    """The bytes of an array in base64, as the components take them."""
    return base64.b64encode(np.ascontiguousarray(values).data).decode()


@dataclass(frozen=True)
class Tile:
    """One image of a grid.

    Attributes
    ----------
    image : int
        Argument of `on_pick`.
    lines : sequence of str
        Text below the image.
    alt : str
        Description for screen readers, and tooltip.
    is_wrong : bool
        Whether the first line is written in red.
    """

    image: int
    lines: Sequence[str]
    alt: str
    is_wrong: bool = False


def image_wall(
    tiles: Sequence[Tile],
    images: NDArray[np.uint8] | None,
    *,
    key: str,
    label: str,
    on_pick: Callable[[int], None],
    marked: int | None = None,
    selected: Collection[int] | None = None,
    width: int = 84,
) -> None:
    """A grid of small images that can be clicked, wrapped to the width of the page.

    Parameters
    ----------
    tiles : sequence of Tile (N,)
    images : uint8 (N, H, W) or (N, H, W, 3), or None
        Gray, or red, green and blue. None if the data set is absent: tiles show the numbers of the
        images.
    key : str
    label : str
        What the grid shows, for screen readers.
    on_pick : callable
        Called with `Tile.image` before the page reruns.
    marked : int, optional
        The highlighted image.
    selected : collection of int, optional
        Images that are drawn as selected; None if the grid's tiles cannot be.
    width : int
        Least width of a tile on screen, in pixels.
    """

    def picked() -> None:
        value = st.session_state[key].get("picked")
        if value is not None:
            on_pick(int(value))

    pixels, shape = None, (IMAGE_SIZE, IMAGE_SIZE)
    if images is not None:
        pixels, shape = encoded(images), images.shape[1:]
    _GRID(
        key=key,
        data={
            "tiles": tuple(
                {
                    "id": tile.image,
                    "lines": list(tile.lines),
                    "alt": tile.alt,
                    "tone": "wrong" if tile.is_wrong else "",
                    "selected": None if selected is None else tile.image in selected,
                }
                for tile in tiles
            ),
            "pixels": pixels,
            "shape": (*shape, 1)[:3],
            "width": width,
            "label": label,
            "marked": marked,
        },
        on_picked_change=picked,
    )


@dataclass(frozen=True)
class Cells:
    """Contents of a matrix.

    Attributes
    ----------
    texts : sequence of sequence of str (C, C)
        Row = true, column = predicted.
    colors : sequence of sequence of str (C, C)
        CSS colors.
    alts : sequence of sequence of str (C, C)
        Descriptions for screen readers, and tooltips.
    """

    texts: Sequence[Sequence[str]]
    colors: Sequence[Sequence[str]]
    alts: Sequence[Sequence[str]]


def confusion_matrix(
    cells: Cells,
    *,
    key: str,
    label: str,
    order: Sequence[int],
    true: Sequence[int],
    predicted: Sequence[int],
    on_pick: Callable[[int | None, int | None], None] | None,
    names: Sequence[str] = CLASS_NAMES,
) -> None:
    """A confusion matrix whose cells and class names can be clicked.

    Parameters
    ----------
    cells : Cells
    key : str
    label : str
        What the matrix shows, for screen readers.
    order : sequence of int (C,)
        Classes from top to bottom and from left to right.
    true, predicted : sequence of int
        The highlighted classes; empty for all.
    on_pick : callable or None
        Called with true and predicted class before the page reruns; None for all. Without it,
        nothing can be clicked.
    names : sequence of str
        Of the classes, by their labels.
    """

    def picked() -> None:
        value: Mapping[str, int] | None = st.session_state[key].get("picked")
        if value is not None and on_pick is not None:
            on_pick(value.get("true"), value.get("predicted"))

    _MATRIX(
        key=key,
        data={
            "classes": tuple({"label": label, "name": names[label]} for label in order),
            "cells": tuple(
                [
                    {
                        "text": cells.texts[i][j],
                        "color": cells.colors[i][j],
                        "alt": cells.alts[i][j],
                    }
                    for j in order
                ]
                for i in order
            ),
            "markedTrue": tuple(true),
            "markedPredicted": tuple(predicted),
            "still": on_pick is None,
            "label": label,
        },
        on_picked_change=picked,
    )
