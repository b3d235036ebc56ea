"""Plotly figures from arrays. Colours work on light and on dark backgrounds."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from fmnist.classes import CLASS_NAMES, IMAGE_SIZE
from fmnist.runs import History

CLASS_COLOURS: Final = (
    "#4E79A7",
    "#F28E2B",
    "#2A9D8F",
    "#E15759",
    "#8E6BBF",
    "#B07D4F",
    "#D4A72C",
    "#E377A5",
    "#5FB7C9",
    "#7F8A94",
)
"""One colour a class, in the order of the labels."""

TRAIN_COLOUR: Final = "#F28E2B"
MEASURED_COLOUR: Final = "#4E79A7"
BEST_COLOUR: Final = "#2A9D8F"
_FAINT: Final = "rgba(242, 142, 43, 0.45)"

# the counts of a small confusion matrix: transparent for none, so that it suits any background
_COUNTS_SCALE: Final = ((0.0, "rgba(78, 121, 167, 0)"), (1.0, "rgba(78, 121, 167, 1)"))
_ERRORS_SCALE: Final = ((0.0, "rgba(225, 87, 89, 0)"), (1.0, "rgba(225, 87, 89, 1)"))


def _figure(height: int) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
        # with a constant revision the reader's zoom survives an update of the data
        uirevision="constant",
    )
    return figure


def loss_curves(history: History, *, steps_per_epoch: float) -> go.Figure:
    """Loss of training steps, and of training and measured split per epoch.

    Parameters
    ----------
    history : History
    steps_per_epoch : float
        Places the steps on the axis of epochs.
    """
    figure = _figure(320)
    measured = history.epochs[0].split.capitalize() if history.epochs else "Validation"
    epochs = [entry.epoch for entry in history.epochs]
    figure.add_scatter(
        x=[entry.step / steps_per_epoch for entry in history.steps],
        y=[entry.loss for entry in history.steps],
        name="Training, logged steps",
        mode="lines",
        line={"color": _FAINT, "width": 1.5},
        hovertemplate="%{y:.3f}",
    )
    figure.add_scatter(
        x=epochs,
        y=[entry.train_loss for entry in history.epochs],
        name="Training, epoch",
        mode="lines+markers",
        line={"color": TRAIN_COLOUR, "width": 2},
        hovertemplate="%{y:.3f}",
    )
    figure.add_scatter(
        x=epochs,
        y=[entry.loss for entry in history.epochs],
        name=measured,
        mode="lines+markers",
        line={"color": MEASURED_COLOUR, "width": 2},
        hovertemplate="%{y:.3f}",
    )
    turned = history.turned
    if turned:
        figure.add_vline(
            x=turned.epoch, line={"color": MEASURED_COLOUR, "dash": "dot", "width": 1.5}
        )
        figure.add_annotation(
            x=turned.epoch, y=1, yref="paper", text="lowest", showarrow=False, xshift=26, yshift=-8
        )
    figure.update_xaxes(title="Epoch", rangemode="tozero")
    figure.update_yaxes(title="Cross-entropy (nats)", rangemode="tozero")
    return figure


def accuracy_curves(history: History) -> go.Figure:
    """Accuracy of training and of the measured split per epoch, the best epoch marked."""
    figure = _figure(320)
    measured = history.epochs[0].split.capitalize() if history.epochs else "Validation"
    epochs = [entry.epoch for entry in history.epochs]
    figure.add_scatter(
        x=epochs,
        y=[100 * entry.train_accuracy for entry in history.epochs],
        name="Training",
        mode="lines+markers",
        line={"color": TRAIN_COLOUR, "width": 2},
        hovertemplate="%{y:.2f} %",
    )
    figure.add_scatter(
        x=epochs,
        y=[100 * entry.accuracy for entry in history.epochs],
        name=measured,
        mode="lines+markers",
        line={"color": MEASURED_COLOUR, "width": 2},
        hovertemplate="%{y:.2f} %",
    )
    best = history.best
    if best:
        figure.add_scatter(
            x=[best.epoch],
            y=[100 * best.accuracy],
            name=f"Best: epoch {best.epoch}, {best.accuracy:.2%}",
            mode="markers",
            marker={"symbol": "star", "size": 15, "color": BEST_COLOUR},
            hoverinfo="skip",
        )
    figure.update_xaxes(title="Epoch", rangemode="tozero")
    figure.update_yaxes(title="Accuracy (%)")
    return figure


def confusion_overview(confusion: NDArray[np.integer]) -> go.Figure:
    """A small confusion matrix: the right ones blue, the mistakes red, each to its own scale.

    Parameters
    ----------
    confusion : int (10, 10)
        Row = true, column = predicted.
    """
    figure = _figure(330)
    diagonal = np.eye(len(confusion), dtype=bool)
    for cells, scale in ((diagonal, _COUNTS_SCALE), (~diagonal, _ERRORS_SCALE)):
        values = np.where(cells, confusion, np.nan)
        figure.add_heatmap(
            z=values,
            x=CLASS_NAMES,
            y=CLASS_NAMES,
            colorscale=scale,
            zmin=0,
            zmax=max(1, int(np.nanmax(values))),
            showscale=False,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertemplate="%{y}, taken for %{x}: %{z}<extra></extra>",
        )
    figure.update_layout(hovermode="closest", margin={"t": 8})
    figure.update_xaxes(title="Predicted", tickangle=-40, showgrid=False, zeroline=False)
    figure.update_yaxes(title="True", autorange="reversed", showgrid=False, zeroline=False)
    return figure


def class_distribution(counts: Mapping[str, Sequence[int]]) -> go.Figure:
    """Images of each class, a group of bars a class and a bar a split.

    Parameters
    ----------
    counts : mapping of str to sequence of int (10,)
        Images of each class, by name of the split.
    """
    figure = _figure(320)
    colours = (TRAIN_COLOUR, MEASURED_COLOUR, BEST_COLOUR)
    for (split, values), colour in zip(counts.items(), colours, strict=False):
        figure.add_bar(
            x=CLASS_NAMES,
            y=list(values),
            name=split,
            marker={"color": colour},
            hovertemplate="%{y:,}",
        )
    figure.update_layout(barmode="group")
    figure.update_yaxes(title="Images")
    return figure


def pixel_histogram(values: NDArray[np.floating], counts: NDArray[np.integer]) -> go.Figure:
    """How often each pixel value occurs, on a logarithmic axis.

    Parameters
    ----------
    values : float (V,)
        Pixel values, raw or normalised.
    counts : int (V,)
        Pixels of that value.
    """
    figure = _figure(280)
    figure.add_bar(
        x=values,
        y=counts,
        marker={"color": MEASURED_COLOUR, "line": {"width": 0}},
        hovertemplate="%{x:.3g}: %{y:,} pixels<extra></extra>",
    )
    figure.update_layout(bargap=0, hovermode="closest", margin={"t": 8})
    figure.update_xaxes(title="Pixel value")
    figure.update_yaxes(title="Pixels (log)", type="log")
    return figure


def class_intensity(images_mean: NDArray[np.floating], label: int) -> go.Figure:
    """A mean image as a heat map with its values on hover.

    Parameters
    ----------
    images_mean : float (28, 28)
        First row at the top.
    label : int
    """
    figure = _figure(300)
    figure.add_heatmap(z=images_mean, colorscale="Greys_r", showscale=False)
    figure.update_layout(hovermode="closest", title=CLASS_NAMES[label])
    figure.update_xaxes(visible=False, range=[-0.5, IMAGE_SIZE - 0.5])
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
    return figure
