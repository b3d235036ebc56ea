"""A component that shows a layer's numbers as one picture whose units can be clicked."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import pictures
from fmnist.dashboard.components.clickable import encoded, register

_UNITS: Final = register(
    "units",
    '<div class="units"><button class="field"><canvas></canvas><span class="mark"></span></button>'
    '<div class="told" role="status"></div></div>',
)


def unit_picture(
    values: NDArray[np.floating],
    *,
    key: str,
    label: str,
    limit: float,
    marked: int | None = None,
    on_pick: Callable[[int], None] | None = None,
    names: Sequence[str] | None = None,
    frame: tuple[int, int, int, int] | None = None,
    width: int = 280,
) -> None:
    """Numbers as colored squares; hovering tells a number, a click picks its unit.

    Parameters
    ----------
    values : float (H, W) or (F,)
        A map, or a vector, which is laid out in rows.
    key : str
    label : str
        What it shows, for screen readers.
    limit : float
        Absolute value of the full colors.
    marked : int, optional
        The marked unit, counted row by row.
    on_pick : callable, optional
        Called with the clicked unit before the page reruns; without it nothing can be clicked.
    names : sequence of str, optional
        What the units are; by default their row and column, or their number.
    frame : (int, int, int, int), optional
        Top, left, height and width of a part to outline in place of the marked unit.
    width : int
        On screen, in pixels.
    """

    def picked() -> None:
        value = st.session_state[key].get("picked")
        if value is not None and on_pick is not None:
            on_pick(int(value))

    flat = values.ravel().astype("<f4")
    is_map = values.ndim == 2
    columns = values.shape[1] if is_map else columns_of(len(flat))
    _UNITS(
        key=key,
        data={
            "rows": -(-len(flat) // columns),
            "columns": columns,
            "count": len(flat),
            "flat": not is_map,
            "pixels": encoded(pictures.signed_colors(flat, limit)),
            "values": encoded(flat),
            "names": None if names is None else tuple(names),
            "marked": marked if on_pick else None,
            "frame": frame,
            "width": width,
            "label": label,
        },
        on_picked_change=picked,
    )


def columns_of(count: int) -> int:
    """Columns of a vector on screen: one row of up to 16 units, else about a square."""
    return max(count, 1) if count <= 16 else math.ceil(math.sqrt(count))
