"""Learning curves: accuracy against the number of training images."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from fmnist.evaluation.learning_curve import WAY_TITLES, Measured, Way
from fmnist.evaluation.power_law import PowerLaw
from fmnist.reports.charts.theme import BEST_COLOR, OTHER_COLOR, TRAIN_COLOR, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

_COLORS: Final[dict[Way, str]] = {"random": "#4E79A7", "margin": TRAIN_COLOR, "entropy": BEST_COLOR}


def learning_curves(
    curves: Mapping[Way, Sequence[Measured]], law: PowerLaw | None = None
) -> "go.Figure":
    """Draw learning curves with 95% intervals, on a logarithmic axis.

    Parameters
    ----------
    curves : mapping of str to sequence of Measured
    law : PowerLaw, optional
        Of the random images; a dashed line with an interval at its end.
    """
    figure = new_figure(380)
    sizes = sorted({each.size for points in curves.values() for each in points})
    for way, points in curves.items():
        # a gap where a size is missing: a line across it would look measured
        known = {each.size: each for each in points}
        rows = [_row(known.get(size)) for size in sizes]
        figure.add_scatter(
            x=sizes,
            y=[row[0] for row in rows],
            name=WAY_TITLES[way],
            mode="lines+markers",
            line={"color": _COLORS[way]},
            marker={"size": 8},
            error_y={
                "array": [row[2] - row[0] for row in rows],
                "arrayminus": [row[0] - row[1] for row in rows],
                "thickness": 1.5,
            },
            customdata=[row[1:] for row in rows],
            hovertemplate=f"{WAY_TITLES[way]}<br>%{{y:.2f}}% (%{{customdata[0]:.1f}} to "
            "%{customdata[1]:.1f})<extra></extra>",
        )
    random = curves.get("random")
    if law and random:
        size = np.geomspace(random[0].size, law.size, 60)
        figure.add_scatter(
            x=size,
            y=100 * (1 - law.floor - law.scale * size**-law.exponent),
            name="Power law",
            mode="lines",
            line={"color": OTHER_COLOR, "dash": "dot"},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=[law.size],
            y=[100 * law.accuracy],
            name="Extrapolated",
            showlegend=False,
            mode="markers",
            marker={"size": 9, "color": OTHER_COLOR, "symbol": "circle-open"},
            error_y={
                "array": [100 * (law.high - law.accuracy)],
                "arrayminus": [100 * (law.accuracy - law.low)],
                "color": OTHER_COLOR,
            },
            hovertemplate="Extrapolated<br>%{y:.1f}%<extra></extra>",
        )
    ticks = [*sizes, law.size] if law else sizes
    figure.update_layout(dragmode=False, hovermode="closest")
    figure.update_xaxes(
        title="Training images", type="log", fixedrange=True, tickangle=0,
        tickvals=ticks, ticktext=[_short(size) for size in ticks],
    )  # fmt: skip
    figure.update_yaxes(title="Test accuracy (%)", fixedrange=True)
    return figure


def _row(point: Measured | None) -> tuple[float, float, float]:
    """Accuracy and the ends of its interval in percent; nan without a point."""
    if point is None:
        return math.nan, math.nan, math.nan
    low, high = point.interval
    return 100 * point.accuracy, 100 * low, 100 * high


def _short(size: int) -> str:
    """500, 1k, 55k."""
    return f"{size / 1000:.3g}k" if size >= 1000 else f"{size}"
