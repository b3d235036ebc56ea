"""A map of up to 10,000 images: points that pan, zoom and can be lassoed."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard.components.clickable import register
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES

_SPRITES: Final = register("image_sprites", "")
_MAP: Final = register(
    "image_map",
    '<div class="map"><div class="bar" role="toolbar" aria-label="Map tools"></div>'
    '<div class="stage" tabindex="0" role="application"><canvas class="points"></canvas>'
    '<div class="tip" role="tooltip"><canvas></canvas><div><div class="names"></div>'
    '<div class="facts"></div><button type="button">Open this image</button></div></div></div>'
    '<div class="legend"></div><div class="status" role="status"></div></div>',
)

TILE: Final = 32
"""Side of a thumbnail's place in the sheet, in pixels: whole blocks of a JPEG."""


_STOPS: Final = ("#482878", "#3E4A89", "#31688E", "#26828E", "#1F9E89", "#6DCD59", "#FDE725")
"""Of viridis, without its darkest end, which a dark page swallows."""
STEPS: Final = 64
"""Colors of `color_scale`."""


def color_scale() -> list[str]:
    """Colors of a scale, from its low end to its high one."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in _STOPS])
    at = np.linspace(0, len(stops) - 1, STEPS)
    mixed = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return [f"#{round(r):02X}{round(g):02X}{round(b):02X}" for r, g, b in zip(*mixed, strict=True)]


def color_steps(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Shares in [0, 1] as colors of the scale."""
    steps: NDArray[np.uint8] = np.rint(shares.clip(0, 1) * (STEPS - 1)).astype(np.uint8)
    return steps


@dataclass(frozen=True)
class Coloring:
    """Colors of points.

    Attributes
    ----------
    values : uint8 (N,)
        Which color of the palette each point has.
    palette : sequence of str
        CSS colors, #rrggbb.
    keys : sequence of (str, str)
        Text and color of each entry of the legend; empty for a scale.
    scale : (str, str) or None
        What the first and the last color of the palette stand for.
    frames : uint8 (E, N) or None
        The values after every epoch, where they change.
    """

    values: NDArray[np.uint8]
    palette: Sequence[str]
    keys: Sequence[tuple[str, str]] = ()
    scale: tuple[str, str] | None = None
    frames: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Points:
    """The images of a map.

    Attributes
    ----------
    positions : float32 (N, 2)
        In [-1, 1].
    true_labels, predicted_labels : int (N,)
    confidence : float (N,)
        In [0, 1].
    indices : int32 (N,)
    medoids : int (10,)
        Positions in these arrays; -1 for none.
    """

    positions: NDArray[np.floating]
    true_labels: NDArray[np.integer]
    predicted_labels: NDArray[np.integer]
    confidence: NDArray[np.floating]
    indices: NDArray[np.integer]
    medoids: NDArray[np.integer] = field(
        default_factory=lambda: np.full(NUM_CLASSES, -1, dtype=np.int32)
    )


@dataclass(frozen=True)
class Axis:
    """One of two axes of a map whose places have a meaning.

    Attributes
    ----------
    title : str
    low, high : float
        What -1 and 1 of the positions stand for.
    ticks : sequence of float
    """

    title: str
    low: float
    high: float
    ticks: Sequence[float]

    def place(self, values: NDArray[np.floating] | float) -> NDArray[np.float32]:
        """Positions in [-1, 1] of values."""
        placed = (np.asarray(values) - self.low) / (self.high - self.low) * 2 - 1
        return placed.astype(np.float32)


@dataclass(frozen=True)
class Axes:
    """Axes, and regions that have names.

    Attributes
    ----------
    x, y : Axis
    lines : sequence of (float, float, float, float)
        From one place to another, in the axes' own units: x, y, x, y.
    names : sequence of (float, float, str, str)
        A place in the axes' own units, a name, and "left", "center" or "right" of it.
    """

    x: Axis
    y: Axis
    lines: Sequence[tuple[float, float, float, float]] = ()
    names: Sequence[tuple[float, float, str, str]] = ()


@dataclass(frozen=True, eq=False)
class Placed:
    """A drawing among the images.

    Attributes
    ----------
    position : float32 (2,)
    nearest : int (K,)
        Positions of the nearest images in the arrays.
    image : uint8 (28, 28)
    """

    position: NDArray[np.floating]
    nearest: NDArray[np.integer]
    image: NDArray[np.uint8]


def sprites(name: str, sheet: bytes, columns: int) -> None:
    """Send the thumbnails of all points to the browser, once.

    Parameters
    ----------
    name : str
        As `image_map` is told.
    sheet : bytes
        A JPEG of squares of `TILE` pixels, row by row.
    columns : int
    """
    _SPRITES(
        key="image-sprites",
        height=1,
        data={
            "name": name,
            "sheet": base64.b64encode(sheet).decode(),
            "tile": TILE,
            "columns": columns,
        },
    )


def image_map(
    points: Points,
    coloring: Coloring,
    *,
    key: str,
    label: str,
    layout: str,
    noun: str,
    marks: NDArray[np.bool_],
    marked: str,
    chosen: bool,
    on_lasso: Callable[[str, Sequence[int]], None],
    on_open: Callable[[int], None],
    sprite_name: str = "",
    drawing: Placed | None = None,
    frames: NDArray[np.floating] | None = None,
    axes: Axes | None = None,
    class_names: Sequence[str] = CLASS_NAMES,
) -> None:
    """A map of images.

    Parameters
    ----------
    points : Points
    coloring : Coloring
    key : str
    label : str
        What the map shows, for screen readers.
    layout : str
        Name of the layout; a lasso of another one is ignored.
    noun : str
        What an image is called, such as "Test image".
    marks : bool (N,)
        The images of the linked selection.
    marked : str
        What they are called in the legend.
    chosen : bool
        Whether they were chosen one by one: the others are dimmed, and the lasso stays.
    on_lasso : callable
        Called with "replace", "add" or "remove" and positions of points, before the page reruns.
    on_open : callable
        Called with the `indices` of an image, before the page reruns.
    sprite_name : str
        Name of the sheet of thumbnails; empty for none.
    drawing : Placed, optional
    frames : float (E, N, 2), optional
        Positions after every epoch, to be played.
    axes : Axes, optional
        Where the places of the points have a meaning.
    class_names : sequence of str
        Of true and predicted labels.
    """

    def lassoed() -> None:
        value: Mapping[str, Any] | None = st.session_state[key].get("lassoed")
        if value is not None and value.get("layout") == layout:
            on_lasso(*read_lasso(value, len(points.indices)))

    def opened() -> None:
        value = st.session_state[key].get("opened")
        if value is not None:
            on_open(int(value))

    _MAP(
        key=key,
        data={
            "count": len(points.indices),
            "positions": _packed(points.positions),
            "trueLabels": _base64(points.true_labels.astype(np.uint8)),
            "predictedLabels": _base64(points.predicted_labels.astype(np.uint8)),
            "confidences": _base64(np.rint(points.confidence * 10_000).astype(np.uint16)),
            "indices": _base64(points.indices.astype(np.int32)),
            "medoids": tuple(int(i) for i in points.medoids),
            "classes": tuple(class_names),
            "values": _base64(coloring.values),
            "palette": tuple(coloring.palette),
            "legend": _legend(coloring, marked, int(marks.sum())),
            "marks": _base64(marks.astype(np.uint8)),
            "chosen": chosen,
            "layout": layout,
            "label": label,
            "noun": noun,
            "sprites": sprite_name,
            "drawing": _placed(drawing),
            "frames": _frames(frames, coloring),
            "axes": None if axes is None else _axes(axes),
        },
        on_lassoed_change=lassoed,
        on_opened_change=opened,
    )


def read_lasso(value: Mapping[str, Any], count: int) -> tuple[str, list[int]]:
    """What the browser says of a lasso.

    Parameters
    ----------
    value : mapping
    count : int
        Number of points.

    Returns
    -------
    str
        "replace", "add" or "remove".
    list of int
        Positions of points.
    """
    how = value.get("how")
    positions = value.get("positions")
    found = positions if isinstance(positions, list) else []
    return (
        how if how in ("add", "remove") else "replace",
        [i for i in found if isinstance(i, int) and 0 <= i < count],
    )


def _legend(coloring: Coloring, marked: str, count: int) -> dict[str, Any]:
    scale = None
    if coloring.scale:
        scale = {"low": coloring.scale[0], "high": coloring.scale[1]}
    return {
        "keys": [{"text": text, "color": color} for text, color in coloring.keys],
        "scale": scale,
        "marked": marked,
        "markedCount": count,
    }


def _placed(drawing: Placed | None) -> dict[str, Any] | None:
    if drawing is None:
        return None
    return {
        "x": float(drawing.position[0]),
        "y": float(drawing.position[1]),
        "nearest": [int(i) for i in drawing.nearest],
        "pixels": _base64(drawing.image),
    }


def _axes(axes: Axes) -> dict[str, Any]:
    def axis(each: Axis) -> dict[str, Any]:
        ticks = [{"at": float(each.place(tick)), "text": f"{tick:g}"} for tick in each.ticks]
        return {"title": each.title, "ticks": ticks}

    x, y = axes.x, axes.y
    return {
        "x": axis(x),
        "y": axis(y),
        "scale": [(each.high - each.low) / 2 for each in (x, y)],
        "offset": [(each.high + each.low) / 2 for each in (x, y)],
        "lines": [
            [float(axis.place(value)) for axis, value in zip((x, y, x, y), line, strict=True)]
            for line in axes.lines
        ],
        "names": [
            {"x": float(x.place(a)), "y": float(y.place(b)), "text": text, "align": align}
            for a, b, text, align in axes.names
        ],
    }


def _frames(frames: NDArray[np.floating] | None, coloring: Coloring) -> dict[str, Any] | None:
    if frames is None:
        return None
    return {
        "count": len(frames),
        "positions": _packed(frames),
        "values": None if coloring.frames is None else _base64(coloring.frames),
    }


def _packed(positions: NDArray[np.floating]) -> str:
    """Positions in [-1, 1] as uint16, in base64."""
    scaled = (positions.astype(np.float64).clip(-1, 1) + 1) / 2 * 65_535
    return _base64(np.rint(scaled).astype("<u2"))


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
