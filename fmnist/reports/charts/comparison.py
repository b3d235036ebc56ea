"""Comparison of several runs: their colors, accuracy against size or time, classes, corruption."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.charts.theme import CLASS_COLORS, OTHER_COLOR, hover_name, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

RUN_COLORS: Final = CLASS_COLORS
"""As many runs can be compared."""


def run_colors(chosen: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Choose a color for each selected run; a run keeps its color when others are added.

    Parameters
    ----------
    chosen : sequence of str
        Ids of at most as many runs as there are `RUN_COLORS`.
    known : sequence of str
        Ids of all runs, the oldest first. The position of a run decides its preferred color.

    Returns
    -------
    dict of str to str
        Colors by id.
    """
    free = list(range(len(RUN_COLORS)))
    colors = {}
    for run_id in sorted(chosen, key=list(known).index):
        wish = known.index(run_id) % len(RUN_COLORS)
        number = wish if wish in free else free[0]
        free.remove(number)
        colors[run_id] = RUN_COLORS[number]
    return colors


@dataclass(frozen=True)
class RunPoint:
    """A run in `accuracy_against`.

    Attributes
    ----------
    run_id, name : str
    x : float
        Value on the horizontal axis; above 0.
    accuracy : float
        Test accuracy in [0, 1].
    error : float or None
        Standard error of the accuracy (fraction).
    protocol : {"held-out", "notebook", "full"}
    color : str or None
        None for a run that is not selected.
    """

    run_id: str
    name: str
    x: float
    accuracy: float
    error: float | None
    protocol: str
    color: str | None


_PROTOCOL_SYMBOLS: Final = {"held-out": "circle", "full": "square", "notebook": "diamond"}


def accuracy_against(points: Sequence[RunPoint], *, title: str, unit: str) -> "go.Figure":
    """Draw the test accuracy of runs against another quantity, on a logarithmic axis.

    Parameters
    ----------
    points : sequence of RunPoint
        One per run; its `customdata` in the figure is the id of the run.
    title : str
        Title of the horizontal axis.
    unit : str
        Unit of the quantity, for the tooltip.
    """
    figure = new_figure(360)
    # the selected runs last, so that they lie above the others
    for point in sorted(points, key=lambda point: point.color is not None):
        error = f" ± {100 * point.error:.2f}" if point.error is not None else ""
        figure.add_scatter(
            x=[point.x],
            y=[100 * point.accuracy],
            customdata=[[point.run_id]],
            mode="markers",
            showlegend=False,
            error_y={
                "array": [100 * (point.error or 0)],
                "thickness": 1.5,
                "color": point.color or OTHER_COLOR,
            },
            marker={
                "size": 12 if point.color else 9,
                "color": point.color or OTHER_COLOR,
                "opacity": 1 if point.color else 0.6,
                "symbol": _PROTOCOL_SYMBOLS[point.protocol],
            },
            # a click selects a run; the others need not fade
            unselected={"marker": {"opacity": 1 if point.color else 0.6}},
            hovertemplate=f"{hover_name(point.name)}<br>%{{y:.2f}}%{error}, "
            f"%{{x:,.4~r}} {unit}<extra></extra>",
        )
    for protocol, symbol in _PROTOCOL_SYMBOLS.items():
        if any(point.protocol == protocol for point in points):
            figure.add_scatter(
                x=[None],
                y=[None],
                mode="markers",
                name=protocol.capitalize(),
                marker={"color": OTHER_COLOR, "size": 10, "symbol": symbol},
            )
    figure.update_layout(hovermode="closest", dragmode=False, legend={"itemclick": False})
    values = [point.x for point in points]
    # with several powers of ten on the axis, only these are labeled
    wide = bool(values) and max(values) >= 100 * min(values)
    figure.update_xaxes(
        title=title,
        type="log",
        fixedrange=True,
        dtick=1 if wide else None,
        nticks=5,
        tickangle=0,
    )
    figure.update_yaxes(title="Test accuracy (%)", fixedrange=True)
    return figure


def class_accuracies(
    accuracies: NDArray[np.floating], names: Sequence[str], colors: Sequence[str]
) -> "go.Figure":
    """Draw the accuracy of each class: a row per class, a dot per run.

    Parameters
    ----------
    accuracies : float (R, 10) in [0, 1]
        Row = run, column = class; NaN where a class has no images.
    names, colors : sequence of str (R,)
        Name and color of each run.
    """
    figure = new_figure(460)
    for values, name, color in zip(accuracies, names, colors, strict=True):
        figure.add_scatter(
            x=100 * values,
            y=CLASS_NAMES,
            name=name,
            mode="markers",
            showlegend=False,
            marker={"color": color, "size": 12, "line": {"width": 1, "color": "white"}},
            hovertemplate=f"{hover_name(name)}<br>%{{y}} %{{x:.1f}}%<extra></extra>",
        )
    figure.update_layout(hovermode="closest", dragmode=False, margin={"t": 8})
    figure.update_xaxes(title="Accuracy of the class (%)", fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=True)
    return figure


def severity_curves(
    accuracies: NDArray[np.floating], names: Sequence[str], colors: Sequence[str]
) -> "go.Figure":
    """Draw accuracy against the severity of a corruption: a curve a run.

    Parameters
    ----------
    accuracies : float (R, 6) in [0, 1]
        Row = run; the first column is of clean images, the others of severities 1 to 5.
    names, colors : sequence of str (R,)
        Name and color of each run.
    """
    figure = new_figure(360)
    for values, name, color in zip(accuracies, names, colors, strict=True):
        figure.add_scatter(
            x=["Clean", "1", "2", "3", "4", "5"],
            y=100 * values,
            name=name,
            mode="lines+markers",
            line={"color": color},
            marker={"size": 8},
            hovertemplate=f"{hover_name(name)}<br>%{{y:.1f}}%<extra></extra>",
        )
    figure.update_layout(hovermode="x unified", dragmode=False)
    figure.update_xaxes(title="Severity", type="category", fixedrange=True)
    figure.update_yaxes(title="Accuracy (%)", range=[0, 101], fixedrange=True)
    return figure
