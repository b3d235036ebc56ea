"""Charts from arrays, in colours that work on light and on dark backgrounds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from fmnist.classes import CLASS_NAMES
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
    )
    return figure


def loss_curves(
    history: History,
    *,
    measured: str,
    steps_per_epoch: float,
    shown: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Loss of training steps, and of training and measured split per epoch, as ECharts options.

    ECharts, since Streamlit draws it anew in place; a Plotly chart is taken down and built again
    whenever its data change, which flickers.

    Parameters
    ----------
    history : History
    measured : str
        Title of the split measured every epoch.
    steps_per_epoch : float
        Places the steps on the axis of epochs.
    shown : tuple of int, optional
        First and last epoch to show; default all.
    """
    epochs = history.epochs
    turned = history.turned
    series = [
        _line(
            "Training, logged steps",
            [(entry.step / steps_per_epoch, entry.loss) for entry in history.steps],
            TRAIN_COLOUR,
            faint=True,
        ),
        _line("Training, epoch", [(e.epoch, e.train_loss) for e in epochs], TRAIN_COLOUR),
        _line(measured, [(e.epoch, e.loss) for e in epochs], MEASURED_COLOUR),
    ]
    if turned:
        series[-1]["markLine"] = {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": MEASURED_COLOUR, "type": "dotted"},
            "label": {"formatter": f"lowest: epoch {turned.epoch}", "color": MEASURED_COLOUR},
            "data": [{"xAxis": turned.epoch}],
        }
    return _curves(series, decimals="%.3f", shown=shown, from_zero=True)


def accuracy_curves(
    history: History, *, measured: str, shown: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Accuracy of training and of the measured split per epoch, the best epoch marked.

    Parameters and result as of `loss_curves`.
    """
    epochs = history.epochs
    series = [
        _line("Training", [(e.epoch, 100 * e.train_accuracy) for e in epochs], TRAIN_COLOUR),
        _line(measured, [(e.epoch, 100 * e.accuracy) for e in epochs], MEASURED_COLOUR),
    ]
    best = history.best
    if best:
        series.append(
            {
                "type": "scatter",
                "name": f"Best: epoch {best.epoch}",
                "data": [(best.epoch, 100 * best.accuracy)],
                "symbol": "diamond",
                "symbolSize": 16,
                "itemStyle": {"color": BEST_COLOUR},
            }
        )
    return _curves(series, decimals="%.2f", shown=shown, from_zero=False)


def _line(
    name: str, points: list[tuple[float, float]], colour: str, *, faint: bool = False
) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "data": points,
        "showSymbol": not faint,
        "itemStyle": {"color": colour, "opacity": 0.5 if faint else 1},
        "lineStyle": {
            "color": colour,
            "width": 1.5 if faint else 2,
            "opacity": 0.5 if faint else 1,
        },
    }


def _curves(
    series: list[dict[str, Any]],
    *,
    decimals: str,
    shown: tuple[int, int] | None,
    from_zero: bool,
) -> dict[str, Any]:
    zoom: dict[str, Any] = {
        "type": "inside",
        # the range is chosen beside the chart, where it outlives an update
        "zoomOnMouseWheel": False,
        "moveOnMouseMove": False,
        "moveOnMouseWheel": False,
    }
    if shown:
        zoom |= {"startValue": shown[0], "endValue": shown[1]}
    return {
        "animation": False,
        "grid": {"top": 56, "left": 8, "right": 24, "bottom": 26, "containLabel": True},
        "legend": {"top": 0, "left": 0, "itemGap": 14},
        "tooltip": {"trigger": "axis", "valueFormatter": decimals},
        "xAxis": {"type": "value", "name": "Epoch", "nameLocation": "middle", "nameGap": 28,
                  "min": shown[0] if shown else 0, **({"max": shown[1]} if shown else {})},
        "yAxis": {"type": "value", "scale": not from_zero},
        "dataZoom": [zoom],
        "series": series,
    }  # fmt: skip


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
