"""Reliability diagram, risk-coverage curve of selective prediction, sizes of prediction sets."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist.evaluation.calibration import Reliability, RiskCoverage
from fmnist.reports.charts.theme import (
    CORRECT_COLOR,
    MISCLASSIFIED_COLOR,
    MONITORED_COLOR,
    OTHER_COLOR,
    TRAIN_COLOR,
    custom_rows,
    mark_range,
    new_figure,
)
from fmnist.reports.text import percent

if TYPE_CHECKING:
    import plotly.graph_objects as go


def reliability_diagram(
    now: Reliability,
    other: Reliability | None,
    *,
    names: tuple[str, str],
    chosen: tuple[float, float] | None = None,
) -> "go.Figure":
    """Draw accuracy against confidence, and below it the number of images per bin.

    Parameters
    ----------
    now : Reliability
        Drawn as bars.
    other : Reliability or None
        Drawn as a line over the bars.
    names : tuple of str
        Names of the two.
    chosen : tuple of float, optional
        Edges of the bin to mark, in [0, 1].
    """
    figure = new_figure(
        460, rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.05
    )
    _add_accuracies(figure, now, other, names)
    _add_counts(figure, now)
    if chosen:
        mark_range(figure, (100 * chosen[0], 100 * chosen[1]))
    figure.update_layout(bargap=0, hovermode="closest", dragmode=False)
    figure.update_xaxes(range=[0, 100], fixedrange=True)
    figure.update_xaxes(title="Confidence (%)", row=2, col=1)
    figure.update_yaxes(title="Accuracy (%)", range=[0, 102], fixedrange=True, row=1, col=1)
    highest = max(1, int(now.counts.max()))
    figure.update_yaxes(
        title="Images", range=[0, 1.6 * highest], nticks=3, fixedrange=True, row=2, col=1
    )
    return figure


def _add_accuracies(
    figure: "go.Figure", now: Reliability, other: Reliability | None, names: tuple[str, str]
) -> None:
    """The upper plot: accuracy against confidence."""
    figure.add_bar(
        x=_centers(now),
        y=100 * now.accuracies,
        width=np.diff(100 * now.edges),
        customdata=_bins(now),
        name=names[0],
        marker={"color": CORRECT_COLOR, "opacity": 0.75, "line": {"width": 1, "color": "white"}},
        hovertemplate="%{customdata[2]:,} images, mean confidence %{customdata[3]:.1f}%, "
        "accuracy %{y:.1f}%<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name="Perfectly calibrated",
        line={"dash": "dash", "color": OTHER_COLOR},
        hoverinfo="skip",
        row=1,
        col=1,
    )
    if other is not None:
        filled = other.counts > 0
        figure.add_scatter(
            x=100 * other.confidences[filled],
            y=100 * other.accuracies[filled],
            mode="lines+markers",
            name=names[1],
            line={"color": TRAIN_COLOR},
            hovertemplate="confidence %{x:.1f}%, accuracy %{y:.1f}%<extra></extra>",
            row=1,
            col=1,
        )


def _add_counts(figure: "go.Figure", now: Reliability) -> None:
    """The lower plot: number of images per bin."""
    figure.add_bar(
        x=_centers(now),
        y=now.counts,
        width=np.diff(100 * now.edges),
        customdata=_bins(now),
        showlegend=False,
        marker={"color": CORRECT_COLOR, "line": {"width": 1, "color": "white"}},
        text=[f"{count:,}" for count in now.counts],
        textposition="outside",
        textangle=-90 if len(now.counts) > 12 else 0,
        cliponaxis=False,
        hovertemplate="%{customdata[2]:,} images<extra></extra>",
        row=2,
        col=1,
    )


def _centers(bins: Reliability) -> NDArray[np.float64]:
    """Centers of the bins, in percent."""
    centers: NDArray[np.float64] = 50.0 * (bins.edges[:-1] + bins.edges[1:])
    return centers


def _bins(now: Reliability) -> list[list[float]]:
    """Lower and upper edge, number of images and mean confidence of each bin."""
    return custom_rows(
        now.edges[:-1], now.edges[1:], now.counts, np.nan_to_num(100 * now.confidences)
    )


def risk_coverage_curve(curve: RiskCoverage, *, threshold: float) -> "go.Figure":
    """Draw the error rate of the accepted predictions against their share of all predictions.

    Parameters
    ----------
    curve : RiskCoverage
    threshold : float
        Confidence threshold in [0, 1]; its point is marked.
    """
    figure = new_figure(340)
    # the curve has a point per distinct confidence; a few hundred draw the same line
    sample = np.unique(np.linspace(0, len(curve.coverages) - 1, 600).astype(int))
    figure.add_scatter(
        x=100 * curve.coverages[sample],
        y=100 * curve.risks[sample],
        customdata=curve.thresholds[sample],
        mode="lines",
        fill="tozeroy",
        name=f"Area {curve.area:.4f}",
        line={"color": MONITORED_COLOR},
        hovertemplate="coverage %{x:.1f}%, errors %{y:.2f}%, threshold %{customdata:.1%}"
        "<extra></extra>",
    )
    coverage, risk = curve.at(threshold)
    if coverage > 0:
        figure.add_scatter(
            x=[100 * coverage],
            y=[100 * risk],
            mode="markers",
            name=f"Threshold {percent(threshold, 0)}",
            marker={"color": MISCLASSIFIED_COLOR, "size": 13, "symbol": "diamond"},
            hovertemplate="coverage %{x:.1f}%, errors %{y:.2f}%<extra></extra>",
        )
    figure.update_layout(hovermode="closest", dragmode=False)
    figure.update_xaxes(title="Coverage (% of images accepted)", range=[0, 101], fixedrange=True)
    figure.update_yaxes(
        title="Risk (% of accepted images misclassified)", rangemode="tozero", fixedrange=True
    )
    return figure


def set_sizes(sizes: NDArray[np.integer], covered: NDArray[np.bool_]) -> "go.Figure":
    """Draw how many prediction sets have each size, with and without the true class.

    Parameters
    ----------
    sizes : int (N,)
        Number of classes in each set.
    covered : bool (N,)
        Whether the set holds the true class.
    """
    figure = new_figure(300)
    shown = np.arange(max(3, int(sizes.max(initial=0))) + 1)
    totals = np.bincount(sizes, minlength=len(shown))
    for name, color, chosen in (
        ("Holds the true class", CORRECT_COLOR, covered),
        ("Misses it", MISCLASSIFIED_COLOR, ~covered),
    ):
        counts = np.bincount(sizes[chosen], minlength=len(shown))
        last = chosen is not covered
        figure.add_bar(
            x=shown,
            y=counts,
            customdata=custom_rows(shown, counts, np.full(len(shown), int(last))),
            name=name,
            marker={"color": color, "line": {"width": 0}},
            # the total above the upper bar
            text=[f"{total:,}" if total else "" for total in totals] if last else None,
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{customdata[0]} classes: %{customdata[1]:,} images"
            "<extra>" + name + "</extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.25, dragmode=False, hovermode="closest")
    figure.update_xaxes(title="Classes in the set", dtick=1, fixedrange=True)
    highest = 1.15 * max(1, int(totals.max()))
    figure.update_yaxes(title="Images", range=[0, highest], fixedrange=True)
    return figure
