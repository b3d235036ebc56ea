"""Histograms of confidence, margin and other measures, for correct and misclassified images."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.charts.theme import (
    CORRECT_COLOR,
    MISCLASSIFIED_COLOR,
    custom_rows,
    mark_range,
    new_figure,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go


def measure_histogram(
    values: NDArray[np.floating],
    correct: NDArray[np.bool_],
    *,
    edges: NDArray[np.floating],
    title: str,
    density: bool = False,
    logarithmic: bool = False,
    chosen: tuple[float, float] | None = None,
) -> "go.Figure":
    """Draw the histogram of a measure, for misclassified and for correct images.

    Parameters
    ----------
    values : float (N,)
        The measure of each image.
    correct : bool (N,)
        Whether each image is classified correctly.
    edges : float (B + 1,)
        Edges of the bins; the last bin includes its upper edge.
    title : str
        Name of the measure, with its unit.
    density : bool
        Whether bars are percent of the misclassified and of the correct images, instead of counts.
    logarithmic : bool
        Whether the vertical axis is logarithmic.
    chosen : tuple of float, optional
        Range to mark.
    """
    figure = new_figure(330)
    for part, name, color, counts in _split_counts(values, correct, edges):
        figure.add_bar(
            x=0.5 * (edges[:-1] + edges[1:]),
            y=100 * counts / max(1, part) if density else counts,
            width=np.diff(edges),
            customdata=custom_rows(edges[:-1], edges[1:], counts),
            name=name,
            marker={"color": color, "line": {"width": 0}},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.35}},
            hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{customdata[2]:,} images"
            "<extra>" + name + "</extra>",
        )
    if chosen:
        mark_range(figure, chosen)
    figure.update_layout(
        barmode="overlay" if density or logarithmic else "stack",
        bargap=0,
        dragmode="select",
        selectdirection="h",
        hovermode="closest",
    )
    if density or logarithmic:
        figure.update_traces(opacity=0.65)
    figure.update_xaxes(title=title, range=[edges[0], edges[-1]], fixedrange=True)
    figure.update_yaxes(
        title="Share of each (%)" if density else "Images",
        type="log" if logarithmic else "linear",
        fixedrange=True,
        dtick=1 if logarithmic else None,
    )
    return figure


def class_histograms(
    values: NDArray[np.floating],
    correct: NDArray[np.bool_],
    labels: NDArray[np.integer],
    *,
    edges: NDArray[np.floating],
    title: str,
    density: bool = False,
    logarithmic: bool = False,
) -> "go.Figure":
    """Draw `measure_histogram` for each true class, in small plots that share their axes."""
    columns = 5
    rows = -(-len(CLASS_NAMES) // columns)
    figure = new_figure(
        430,
        rows=rows,
        cols=columns,
        shared_xaxes="all",
        shared_yaxes="all",
        subplot_titles=CLASS_NAMES,
        horizontal_spacing=0.02,
        vertical_spacing=0.16,
    )
    overlaid = density or logarithmic
    highest = 0.0
    for label in range(len(CLASS_NAMES)):
        members = labels == label
        for part, name, color, counts in _split_counts(values[members], correct[members], edges):
            heights = 100 * counts / max(1, part) if density else counts
            # stacked bars are together as high as the number of images in the bin
            whole = heights if overlaid else np.histogram(values[members], edges)[0]
            highest = max(highest, float(whole.max()))
            figure.add_bar(
                x=0.5 * (edges[:-1] + edges[1:]),
                y=heights,
                width=np.diff(edges),
                customdata=custom_rows(edges[:-1], edges[1:], counts, np.full(len(counts), label)),
                name=name,
                legendgroup=name,
                showlegend=label == 0,
                opacity=0.65 if density or logarithmic else 1,
                marker={"color": color, "line": {"width": 0}},
                hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: "
                "%{customdata[2]:,} images<extra>" + name + "</extra>",
                row=label // columns + 1,
                col=label % columns + 1,
            )
    figure.update_layout(
        barmode="overlay" if density or logarithmic else "stack",
        bargap=0,
        hovermode="closest",
        dragmode=False,
        margin={"l": 8, "r": 8, "t": 56, "b": 8},
        legend={"y": 1.09},
    )
    figure.update_annotations(font_size=12)
    figure.update_xaxes(range=[edges[0], edges[-1]], nticks=3, fixedrange=True)
    figure.update_xaxes(title=title, row=rows, col=(columns + 1) // 2)
    _set_height(figure, max(highest, 1), logarithmic=logarithmic)
    figure.update_yaxes(title="Share (%)" if density else "Images", col=1)
    return figure


def _set_height(figure: "go.Figure", highest: float, *, logarithmic: bool) -> None:
    """Set the shared vertical axes; Plotly would take their range from the first plot alone."""
    top = math.log10(highest * 1.3) if logarithmic else 1.05 * highest
    figure.update_yaxes(
        type="log" if logarithmic else "linear",
        range=[math.log10(0.5), top] if logarithmic else [0, top],
        fixedrange=True,
        dtick=1 if logarithmic else None,
    )


def _split_counts(
    values: NDArray[np.floating], correct: NDArray[np.bool_], edges: NDArray[np.floating]
) -> Sequence[tuple[int, str, str, NDArray[np.integer]]]:
    """Total, name, color and counts per bin, of misclassified and of correct images."""
    return [
        (int(part.sum()), name, color, np.histogram(values[part], edges)[0])
        for part, name, color in (
            (~correct, "Misclassified", MISCLASSIFIED_COLOR),
            (correct, "Correct", CORRECT_COLOR),
        )
    ]
