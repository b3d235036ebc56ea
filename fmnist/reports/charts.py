"""Charts from arrays, in colors that work on light and on dark backgrounds."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.calibration import Reliability, RiskCoverage
from fmnist.evaluation.leaderboard import Axis, Curve
from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.runs.store import EpochEntry, History

CLASS_COLORS: Final = (
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
"""One color a class, in the order of the labels."""

TRAIN_COLOR: Final = "#F28E2B"
MEASURED_COLOR: Final = "#4E79A7"
BEST_COLOR: Final = "#2A9D8F"
CORRECT_COLOR: Final = MEASURED_COLOR
WRONG_COLOR: Final = "#E15759"
OTHER_COLOR: Final = "#7F8A94"


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
            TRAIN_COLOR,
            faint=True,
        ),
        _line("Training, epoch", [(e.epoch, e.train_loss) for e in epochs], TRAIN_COLOR),
        _line(measured, [(e.epoch, e.loss) for e in epochs], MEASURED_COLOR),
    ]
    if turned:
        series[-1]["markLine"] = {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": MEASURED_COLOR, "type": "dotted"},
            "label": {"formatter": f"lowest: epoch {turned.epoch}", "color": MEASURED_COLOR},
            "data": [{"xAxis": turned.epoch}],
        }
    return _curves(series, decimals="%.3f", shown=shown, from_zero=True)


def accuracy_curves(
    history: History, *, measured: str, shown: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Accuracy of training and of the measured split per epoch; the epoch kept is marked.

    Parameters and result as of `loss_curves`.
    """
    epochs = history.epochs
    series = [
        _line("Training", [(e.epoch, 100 * e.train_accuracy) for e in epochs], TRAIN_COLOR),
        _line(measured, [(e.epoch, 100 * e.accuracy) for e in epochs], MEASURED_COLOR),
    ]
    kept = history.kept
    if kept:
        series.append(
            {
                "type": "scatter",
                "name": f"{'Last' if history.keep == 'last' else 'Best'}: epoch {kept.epoch}",
                "data": [(kept.epoch, 100 * kept.accuracy)],
                "symbol": "diamond",
                "symbolSize": 16,
                "itemStyle": {"color": BEST_COLOR},
            }
        )
    return _curves(series, decimals="%.2f", shown=shown, from_zero=False)


def _line(
    name: str, points: list[tuple[float, float]], color: str, *, faint: bool = False
) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "data": points,
        "showSymbol": not faint,
        "itemStyle": {"color": color, "opacity": 0.5 if faint else 1},
        "lineStyle": {
            "color": color,
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
    along: str = "Epoch",
    with_legend: bool = True,
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
        "grid": {"top": 56 if with_legend else 12, "left": 8, "right": 24, "bottom": 26,
                 "containLabel": True},
        "legend": {"top": 0, "left": 0, "itemGap": 14, "show": with_legend},
        "tooltip": {"trigger": "axis", "valueFormatter": decimals},
        "xAxis": {"type": "value", "name": along, "nameLocation": "middle", "nameGap": 28,
                  "min": shown[0] if shown else 0, **({"max": shown[1]} if shown else {})},
        "yAxis": {"type": "value", "scale": not from_zero},
        "dataZoom": [zoom],
        "series": series,
    }  # fmt: skip


RUN_COLORS: Final = CLASS_COLORS
"""As many runs are told apart."""


def run_colors(chosen: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """A color for each of the chosen runs, which it keeps while others come and go.

    Parameters
    ----------
    chosen : sequence of str
        Ids, at most as many as there are `RUN_COLORS`.
    known : sequence of str
        All ids, the oldest first: a run's place among them is its first choice of a color.

    Returns
    -------
    dict of str to str
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
class RunCurve:
    """A run among several.

    Attributes
    ----------
    name : str
    color : str
    history : History
    """

    name: str
    color: str
    history: History


def run_curves(
    curves: Sequence[RunCurve], *, curve: Curve, axis: Axis, with_training: bool, close_up: bool
) -> dict[str, Any]:
    """Loss or accuracy of several runs over each other, as ECharts options.

    Parameters
    ----------
    curves : sequence of RunCurve
    curve : {"accuracy", "loss"}
        Of the split that the run's protocol measures; accuracy in percent.
    axis : {"epoch", "step", "minutes"}
    with_training : bool
        Also that of training, thin and dotted.
    close_up : bool
        Leave out what lies beyond the values of the later halves, where steep beginnings would
        press all curves into one.
    """

    def along(entry: EpochEntry) -> float:
        return entry.seconds / 60 if axis == "minutes" else getattr(entry, axis)

    factor = 100 if curve == "accuracy" else 1
    series = []
    late: list[float] = []
    for run in curves:
        epochs = run.history.epochs
        if not epochs:
            continue
        late += [factor * getattr(entry, curve) for entry in epochs[len(epochs) // 2 :]]
        split = epochs[0].split
        name = f"{run.name}, {'images trained on' if split == 'train' else split}"
        points = [(along(entry), factor * getattr(entry, curve)) for entry in epochs]
        series.append(_line(name, points, run.color))
        if with_training:
            points = [(along(entry), factor * getattr(entry, f"train_{curve}")) for entry in epochs]
            series.append(_line(f"{run.name}, training", points, run.color, faint=True))
            series[-1]["lineStyle"]["type"] = "dotted"
    options = _curves(
        series,
        decimals="%.2f%%" if curve == "accuracy" else "%.3f",
        shown=None,
        from_zero=curve == "loss" and not close_up,
        along={"epoch": "Epoch", "step": "Step", "minutes": "Minutes of training"}[axis],
        with_legend=False,  # the page's own tells the colors of all its charts
    )
    if close_up and late:
        options["yAxis"] |= _range_around(min(late), max(late))
    return options


def _range_around(low: float, high: float) -> dict[str, float]:
    """An axis a tenth wider than what is on it, from one round number to another."""
    margin = (high - low) / 10 or abs(high) / 100 or 1.0
    step = 10 ** math.floor(math.log10(high - low + 2 * margin))
    # rounded once more: 93 * 0.01 has more decimals than an axis wants
    return {
        "min": round(math.floor((low - margin) / step) * step, 6),
        "max": round(math.ceil((high + margin) / step) * step, 6),
    }


@dataclass(frozen=True)
class RunPoint:
    """A run in a chart of accuracy against something.

    Attributes
    ----------
    run_id, name : str
    x : float
        Above 0.
    accuracy : float
        On the test images, in [0, 1].
    error : float or None
        Standard error of the accuracy, a fraction.
    protocol : {"held-out", "notebook", "full"}
    color : str or None
        None for a run that is not among the chosen.
    """

    run_id: str
    name: str
    x: float
    accuracy: float
    error: float | None
    protocol: str
    color: str | None


_PROTOCOL_SYMBOLS: Final = {"held-out": "circle", "full": "square", "notebook": "diamond"}


def accuracy_against(points: Sequence[RunPoint], *, title: str, unit: str) -> go.Figure:
    """Test accuracy of runs against something, on a logarithmic axis; a point a run.

    Parameters
    ----------
    points : sequence of RunPoint
        `customdata` holds the run's id.
    title : str
        Of the axis.
    unit : str
        After the number, in the hint.
    """
    figure = _figure(360)
    # the chosen last, so that they lie above the others
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
            # a click chooses a run; the others need not fade
            unselected={"marker": {"opacity": 1 if point.color else 0.6}},
            hovertemplate=f"{html.escape(point.name)}<br>%{{y:.2f}}%{error}, "
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
    # powers of ten alone, where there are several
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


def class_dots(
    accuracies: NDArray[np.floating], names: Sequence[str], colors: Sequence[str]
) -> go.Figure:
    """Accuracy of each class, a row a class and a dot a run.

    Parameters
    ----------
    accuracies : float (R, 10) in [0, 1]
        Row = run; nan for nothing.
    names, colors : sequence of str (R,)
        Of the runs.
    """
    figure = _figure(460)
    for values, name, color in zip(accuracies, names, colors, strict=True):
        figure.add_scatter(
            x=100 * values,
            y=CLASS_NAMES,
            name=name,
            mode="markers",
            showlegend=False,
            marker={"color": color, "size": 12, "line": {"width": 1, "color": "white"}},
            hovertemplate=f"{html.escape(name)}<br>%{{y}} %{{x:.1f}}%<extra></extra>",
        )
    figure.update_layout(hovermode="closest", dragmode=False, margin={"t": 8})
    figure.update_xaxes(title="Accuracy of the class (%)", fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=True)
    return figure


def class_distribution(counts: Mapping[str, Sequence[int]]) -> go.Figure:
    """Images of each class, a group of bars a class and a bar a split.

    Parameters
    ----------
    counts : mapping of str to sequence of int (10,)
        Images of each class, by name of the split.
    """
    figure = _figure(320)
    colors = (TRAIN_COLOR, MEASURED_COLOR, BEST_COLOR)
    for (split, values), color in zip(counts.items(), colors, strict=False):
        figure.add_bar(
            x=CLASS_NAMES,
            y=list(values),
            name=split,
            marker={"color": color},
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
        Pixel values, raw or normalized.
    counts : int (V,)
        Pixels of that value.
    """
    figure = _figure(280)
    figure.add_bar(
        x=values,
        y=counts,
        marker={"color": MEASURED_COLOR, "line": {"width": 0}},
        hovertemplate="%{x:.3g}: %{y:,} pixels<extra></extra>",
    )
    figure.update_layout(bargap=0, hovermode="closest", margin={"t": 8})
    figure.update_xaxes(title="Pixel value")
    figure.update_yaxes(title="Pixels (log)", type="log")
    return figure


def confusion_colors(
    confusion: NDArray[np.integer], *, hide_diagonal: bool = False
) -> list[list[str]]:
    """CSS colors for the cells of a confusion matrix: right blue, mistakes red.

    Each to a scale of its own; that of the mistakes goes with the square root, so that rare
    ones show beside frequent ones.

    Parameters
    ----------
    confusion : int (10, 10)
        Row = true, column = predicted.
    hide_diagonal : bool
    """
    diagonal = np.eye(len(confusion), dtype=bool)
    right = confusion / max(1, confusion[diagonal].max())
    wrong = np.sqrt(confusion / max(1, confusion[~diagonal].max()))
    blue, red = _rgb(MEASURED_COLOR), _rgb(WRONG_COLOR)
    return [
        [
            ("transparent" if hide_diagonal else _tint(blue, right[i, j]))
            if i == j
            else _tint(red, wrong[i, j])
            for j in range(len(confusion))
        ]
        for i in range(len(confusion))
    ]


def difference_colors(difference: NDArray[np.integer]) -> list[list[str]]:
    """CSS colors for the cells of a difference, diverging around 0: orange above, blue below.

    Parameters
    ----------
    difference : int (10, 10)
    """
    strength = np.sqrt(np.abs(difference) / max(1, np.abs(difference).max()))
    orange, blue = _rgb(TRAIN_COLOR), _rgb(MEASURED_COLOR)
    return [
        [
            _tint(orange if difference[i, j] > 0 else blue, strength[i, j])
            for j in range(len(difference))
        ]
        for i in range(len(difference))
    ]


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _tint(rgb: tuple[int, int, int], strength: float) -> str:
    # never opaque: the theme's text stays legible on it, dark on light or light on dark
    return f"rgba({rgb[0]}, {rgb[1]}, {rgb[2]}, {0.75 * strength:.3f})"


def two_confidences(confidences: Sequence[NDArray[np.floating]]) -> go.Figure:
    """Distributions of confidence of two sets of images, each as shares of its own.

    Parameters
    ----------
    confidences : two arrays of float (N,) in [0, 1]
    """
    figure = _figure(240)
    edges = np.linspace(0, 1, 21)
    centers = 50 * (edges[:-1] + edges[1:])
    pairs = zip(
        confidences, ("First cell", "Second cell"), (TRAIN_COLOR, MEASURED_COLOR), strict=True
    )
    for values, name, color in pairs:
        counts, _ = np.histogram(values, edges)
        figure.add_bar(
            x=centers,
            y=100 * counts / max(1, len(values)),
            customdata=counts,
            name=name,
            marker={"color": color},
            hovertemplate="%{customdata:,} images (%{y:.1f}%)",
        )
    figure.update_layout(barmode="group", bargap=0.1)
    figure.update_xaxes(title="Confidence (%)", range=[0, 100])
    figure.update_yaxes(title="Images (%)", rangemode="tozero")
    return figure


def measure_histogram(
    values: NDArray[np.floating],
    correct: NDArray[np.bool_],
    *,
    edges: NDArray[np.floating],
    title: str,
    density: bool = False,
    logarithmic: bool = False,
    chosen: tuple[float, float] | None = None,
) -> go.Figure:
    """How a measure is spread over the images recognized and those misclassified.

    Parameters
    ----------
    values : float (N,)
    correct : bool (N,)
    edges : float (B + 1,)
        Of the bins; the last one is closed.
    title : str
        Of the measure, with its unit.
    density : bool
        Each of the two as a share of its own images, instead of counts.
    logarithmic : bool
    chosen : tuple of float, optional
        A range to mark.
    """
    figure = _figure(330)
    for part, name, color, counts in _split_counts(values, correct, edges):
        figure.add_bar(
            x=0.5 * (edges[:-1] + edges[1:]),
            y=100 * counts / max(1, part) if density else counts,
            width=np.diff(edges),
            customdata=_bins(edges[:-1], edges[1:], counts),
            name=name,
            marker={"color": color, "line": {"width": 0}},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.35}},
            hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{customdata[2]:,} images"
            "<extra>" + name + "</extra>",
        )
    if chosen:
        _mark_range(figure, chosen)
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


def _split_counts(
    values: NDArray[np.floating], correct: NDArray[np.bool_], edges: NDArray[np.floating]
) -> Sequence[tuple[int, str, str, NDArray[np.integer]]]:
    """Total, name, color and counts a bin of the misclassified and of the recognized images."""
    return [
        (int(part.sum()), name, color, np.histogram(values[part], edges)[0])
        for part, name, color in (
            (~correct, "Misclassified", WRONG_COLOR),
            (correct, "Recognized", CORRECT_COLOR),
        )
    ]


def _bins(*columns: NDArray[Any]) -> list[list[float]]:
    """A row for every bin, for `customdata`."""
    # lists: of an array, Streamlit tells the points that were chosen in a form of its own
    rows: list[list[float]] = np.column_stack(columns).tolist()
    return rows


def _mark_range(figure: go.Figure, chosen: tuple[float, float]) -> None:
    figure.add_vrect(
        x0=chosen[0], x1=chosen[1], fillcolor=BEST_COLOR, opacity=0.18, line_width=0, layer="below"
    )
    for edge in chosen:
        figure.add_vline(x=edge, line={"color": BEST_COLOR, "width": 2})


def class_histograms(
    values: NDArray[np.floating],
    correct: NDArray[np.bool_],
    labels: NDArray[np.integer],
    *,
    edges: NDArray[np.floating],
    title: str,
    density: bool = False,
    logarithmic: bool = False,
) -> go.Figure:
    """As `measure_histogram`, a small one for each true class, on common axes."""
    columns = 5
    rows = -(-len(CLASS_NAMES) // columns)
    figure = make_subplots(
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
            # stacked, the bars are as high as all images of the bin
            whole = heights if overlaid else np.histogram(values[members], edges)[0]
            highest = max(highest, float(whole.max()))
            figure.add_bar(
                x=0.5 * (edges[:-1] + edges[1:]),
                y=heights,
                width=np.diff(edges),
                customdata=_bins(edges[:-1], edges[1:], counts, np.full(len(counts), label)),
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
        _figure(430).layout,
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
    # set here: Plotly takes the range of axes that are tied together from the first chart alone
    top = math.log10(max(highest, 1) * 1.3) if logarithmic else 1.05 * max(highest, 1)
    figure.update_yaxes(
        type="log" if logarithmic else "linear",
        range=[math.log10(0.5), top] if logarithmic else [0, top],
        fixedrange=True,
        dtick=1 if logarithmic else None,
    )
    figure.update_yaxes(title="Share (%)" if density else "Images", col=1)
    return figure


def reliability_diagram(
    now: Reliability,
    other: Reliability | None,
    *,
    names: tuple[str, str],
    chosen: tuple[float, float] | None = None,
) -> go.Figure:
    """Accuracy against confidence in bins, with the images in each bin below.

    Parameters
    ----------
    now : Reliability
        Drawn as bars.
    other : Reliability or None
        Drawn as a line over them.
    names : tuple of str
        Of the two.
    chosen : tuple of float, optional
        Edges of the bin to mark.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.05
    )
    edges = 100 * now.edges
    centers = 0.5 * (edges[:-1] + edges[1:])
    bins = _bins(now.edges[:-1], now.edges[1:], now.counts, np.nan_to_num(100 * now.confidences))
    figure.add_bar(
        x=centers,
        y=100 * now.accuracies,
        width=np.diff(edges),
        customdata=bins,
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
    figure.add_bar(
        x=centers,
        y=now.counts,
        width=np.diff(edges),
        customdata=bins,
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
    if chosen:
        _mark_range(figure, (100 * chosen[0], 100 * chosen[1]))
    figure.update_layout(_figure(460).layout, bargap=0, hovermode="closest", dragmode=False)
    figure.update_xaxes(range=[0, 100], fixedrange=True)
    figure.update_xaxes(title="Confidence (%)", row=2, col=1)
    figure.update_yaxes(title="Accuracy (%)", range=[0, 102], fixedrange=True, row=1, col=1)
    highest = max(1, int(now.counts.max()))
    figure.update_yaxes(
        title="Images", range=[0, 1.6 * highest], nticks=3, fixedrange=True, row=2, col=1
    )
    return figure


def risk_coverage_curve(curve: RiskCoverage, *, threshold: float) -> go.Figure:
    """Errors among the answers kept, against the share of answers kept.

    Parameters
    ----------
    curve : RiskCoverage
    threshold : float
        Confidence in [0, 1] of the chosen point.
    """
    figure = _figure(340)
    # the curve has a point for every distinct confidence; some hundred draw the same line
    keep = np.unique(np.linspace(0, len(curve.coverages) - 1, 600).astype(int))
    figure.add_scatter(
        x=100 * curve.coverages[keep],
        y=100 * curve.risks[keep],
        customdata=curve.thresholds[keep],
        mode="lines",
        fill="tozeroy",
        name=f"Area {curve.area:.4f}",
        line={"color": MEASURED_COLOR},
        hovertemplate="coverage %{x:.1f}%, errors %{y:.2f}%, threshold %{customdata:.1%}"
        "<extra></extra>",
    )
    coverage, risk = curve.at(threshold)
    if coverage > 0:
        figure.add_scatter(
            x=[100 * coverage],
            y=[100 * risk],
            mode="markers",
            name=f"Threshold {threshold:.0%}",
            marker={"color": WRONG_COLOR, "size": 13, "symbol": "diamond"},
            hovertemplate="coverage %{x:.1f}%, errors %{y:.2f}%<extra></extra>",
        )
    figure.update_layout(hovermode="closest", dragmode=False)
    figure.update_xaxes(title="Coverage (% of images answered)", range=[0, 101], fixedrange=True)
    figure.update_yaxes(title="Risk (% errors among them)", rangemode="tozero", fixedrange=True)
    return figure


def probability_bars(
    probabilities: NDArray[np.floating],
    *,
    true_label: int,
    names: tuple[str, str],
    other: NDArray[np.floating] | None = None,
) -> dict[str, Any]:
    """Probability of each class, as ECharts options; the true class green, the mistake red.

    Parameters
    ----------
    probabilities : float (10,)
    true_label : int
    names : tuple of str
        Of the run, and of the compared one.
    other : float (10,), optional
        The compared run's.
    """
    predicted = int(np.argmax(probabilities))

    def color(label: int) -> str:
        if label == true_label:
            return BEST_COLOR
        return WRONG_COLOR if label == predicted else OTHER_COLOR

    series: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": names[0],
            "data": [
                {"value": round(100 * float(p), 2), "itemStyle": {"color": color(label)}}
                for label, p in enumerate(probabilities)
            ],
            "label": {"show": True, "position": "right", "formatter": "{c}"},
        }
    ]
    if other is not None:
        series.append(
            {
                "type": "bar",
                "name": names[1],
                "data": [round(100 * float(p), 2) for p in other],
                "itemStyle": {
                    "color": "rgba(0,0,0,0)",
                    "borderColor": OTHER_COLOR,
                    "borderWidth": 1,
                },
            }
        )
    return {
        "animation": False,
        "grid": {"top": 4, "left": 4, "right": 48, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "xAxis": {"type": "value", "min": 0, "max": 100},
        "yAxis": {"type": "category", "inverse": True, "data": list(CLASS_NAMES)},
        "series": series,
    }


def learning_curve(
    predicted: NDArray[np.integer],
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
) -> dict[str, Any]:
    """What a run said of one image after every epoch, as ECharts options.

    Parameters
    ----------
    predicted : int (E,)
    confidence : float (E,) in [0, 1]
    correct : bool (E,)
    """
    points = [
        {
            "name": CLASS_NAMES[label],
            "value": [epoch, round(100 * float(sure), 1)],
            "itemStyle": {"color": BEST_COLOR if right else WRONG_COLOR},
        }
        for epoch, (label, sure, right) in enumerate(
            zip(predicted, confidence, correct, strict=True), 1
        )
    ]
    return {
        "animation": False,
        "grid": {"top": 26, "left": 8, "right": 16, "bottom": 26, "containLabel": True},
        "tooltip": {"trigger": "item", "formatter": "Epoch {@[0]}: {b}, {@[1]}%"},
        "xAxis": {"type": "value", "name": "Epoch", "nameLocation": "middle", "nameGap": 26,
                  "min": 1, "max": max(2, len(points)), "minInterval": 1},
        "yAxis": {"type": "value", "min": 0, "max": 100, "name": "Confidence (%)",
                  "nameTextStyle": {"align": "left"}},
        "series": [
            {
                "type": "line",
                "data": points,
                "symbol": "circle",
                "symbolSize": 10,
                "lineStyle": {"color": OTHER_COLOR, "width": 1},
            }
        ],
    }  # fmt: skip


def kinds_over_epochs(counts: NDArray[np.integer]) -> dict[str, Any]:
    """Mistakes of each kind after every epoch, stacked, as ECharts options.

    Parameters
    ----------
    counts : int (E, 3)
        Columns in the order of `fmnist.evaluation.misclassifications.ERROR_TYPES`.
    """
    colors = (WRONG_COLOR, TRAIN_COLOR, OTHER_COLOR)
    return {
        "animation": False,
        "grid": {"top": 34, "left": 8, "right": 16, "bottom": 26, "containLabel": True},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "name": "Epoch", "nameLocation": "middle", "nameGap": 26,
                  "data": [str(epoch + 1) for epoch in range(len(counts))]},
        "yAxis": {"type": "value"},
        "series": [
            {
                "type": "bar",
                "stack": "kinds",
                "name": kind.capitalize(),
                "data": counts[:, number].tolist(),
                "itemStyle": {"color": colors[number]},
            }
            for number, kind in enumerate(ERROR_TYPES)
        ],
    }  # fmt: skip
