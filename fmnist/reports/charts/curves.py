"""Loss and accuracy of one training or of several over time."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Final, Literal

from fmnist.evaluation.leaderboard import Axis, Curve
from fmnist.reports.charts.theme import BEST_COLOR, MONITORED_COLOR, TRAIN_COLOR
from fmnist.runs.history import EpochEntry, History, StepEntry

Band = Literal["deviation", "range"]
"""Around the mean of several seeds: one standard deviation, or from the lowest to the highest."""


def loss_curves(
    history: History,
    *,
    monitored: str,
    epochs_after: Callable[[int], float],
    shown: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Draw the loss of steps and epochs, as ECharts options.

    Streamlit updates an ECharts chart in place. It builds a Plotly chart again whenever the data
    change, which flickers.

    Parameters
    ----------
    history : History
    monitored : str
        Title of the monitored split.
    epochs_after : callable
        Epochs done after a step; places the steps on the axis of epochs.
    shown : tuple of int, optional
        First and last epoch to show; all by default.
    """
    epochs = history.epochs
    onset = history.overfitting_onset
    series = [
        _line(
            "Training, logged steps",
            [(epochs_after(entry.step), entry.loss) for entry in history.steps],
            TRAIN_COLOR,
            faint=True,
        ),
        _line("Training, epoch", [(e.epoch, e.train_loss) for e in epochs], TRAIN_COLOR),
        _line(monitored, [(e.epoch, e.loss) for e in epochs], MONITORED_COLOR),
    ]
    if onset:
        series[-1]["markLine"] = {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": MONITORED_COLOR, "type": "dotted"},
            "label": {"formatter": f"lowest: epoch {onset.epoch}", "color": MONITORED_COLOR},
            "data": [{"xAxis": onset.epoch}],
        }
    return _curves(series, decimals="%.3f", shown=shown, from_zero=True)


def accuracy_curves(
    history: History, *, monitored: str, shown: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Draw the accuracy of each epoch, in percent, and mark the selected epoch.

    The parameters and the result are those of `loss_curves`.
    """
    epochs = history.epochs
    series = [
        _line("Training", [(e.epoch, 100 * e.train_accuracy) for e in epochs], TRAIN_COLOR),
        _line(monitored, [(e.epoch, 100 * e.accuracy) for e in epochs], MONITORED_COLOR),
    ]
    kept = history.selected
    if kept:
        series.append(
            {
                "type": "scatter",
                "name": f"{'Last' if history.checkpoint == 'last' else 'Best'}: epoch {kept.epoch}",
                "data": [(kept.epoch, 100 * kept.accuracy)],
                "symbol": "diamond",
                "symbolSize": 16,
                "itemStyle": {"color": BEST_COLOR},
            }
        )
    return _curves(series, decimals="%.2f", shown=shown, from_zero=False)


@dataclass(frozen=True)
class RunCurve:
    """The curves of one run among several.

    Attributes
    ----------
    name : str
    color : str
    history : History
    seeds : tuple of History
        Of other runs that differ in the seed alone: the mean is drawn, with a band.
    """

    name: str
    color: str
    history: History
    seeds: tuple[History, ...] = ()


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Average each value with those before it, which count less and less.

    An exponential moving average without the pull towards 0 at its beginning (Kingma and Ba 2015,
    section 3), as TensorBoard draws it.

    Parameters
    ----------
    values : sequence of float
    weight : float
        Of the average so far, in [0, 1); 0 changes nothing.
    """
    average, found = 0.0, []
    for count, value in enumerate(values, 1):
        average = weight * average + (1 - weight) * value
        found.append(average / (1 - weight**count))
    return found


def envelope(values: Sequence[float], weight: float) -> tuple[list[float], list[float]]:
    """The lowest and the highest of the values that make up each smoothed one.

    Parameters
    ----------
    values, weight
        As for `smoothed`; `weight` is above 0.

    Returns
    -------
    tuple of list of float
        Each is as long as `values`: of the present value and of those before it that count together
        95% of the average.
    """
    reach = max(1, math.ceil(math.log(0.05) / math.log(weight)))
    windows = [values[max(0, end - reach) : end] for end in range(1, len(values) + 1)]
    return [*map(min, windows)], [*map(max, windows)]


MONITORED_NAMES: Final = {"train": "images trained on", "validation": "validation", "test": "test"}
"""What a curve of a monitored split is called."""


def run_curves(
    curves: Sequence[RunCurve],
    *,
    curve: Curve,
    axis: Axis,
    with_training: bool,
    close_up: bool,
    smoothing: float = 0.0,
    log_axes: Collection[str] = (),
    band: Band = "deviation",
) -> dict[str, Any]:
    """Draw the loss or the accuracy of several runs in one chart, as ECharts options.

    Of several seeds it is the mean at each epoch that all have reached, with a band: two thin lines
    on a logarithmic y axis.

    Parameters
    ----------
    curves : sequence of RunCurve
    curve : {"accuracy", "loss"}
        Measured on the monitored split of the run; accuracy in percent.
    axis : {"epoch", "step", "minutes"}
    with_training : bool
        Whether to draw training too, thin and dotted; its loss along steps or minutes as it was
        logged, many times an epoch. Smoothed, that of a single run gets its `envelope`.
    close_up : bool
        Whether to limit the axis to the values of each run's second half. Otherwise the steep
        beginnings press the curves together.
    smoothing : float
        Weight of `smoothed`, in [0, 1); above 0, the measured values are a thin line beside.
    log_axes : collection of {"x", "y"}
        Axes with a logarithmic scale; values of 0 or less have no place on one.
    band : {"deviation", "range"}
        What is drawn around the mean of several seeds.
    """
    filled = "y" not in log_axes
    series: list[dict[str, Any]] = []
    late: list[float] = []
    for run in curves:
        epochs = [*zip(*(h.epochs for h in (run.history, *run.seeds)), strict=False)]
        if not epochs:
            continue
        name = f"{run.name}, {MONITORED_NAMES[epochs[0][0].split]}"
        xs = [fmean(_along(entry, axis) for entry in each) for each in epochs]
        values = _values(epochs, curve, curve)
        late += [value for each in values[len(values) // 2 :] for value in each]
        series += _mean_lines(name, xs, [*map(fmean, values)], run.color, smoothing)
        if run.seeds:
            ends = _spread_around(values) if band == "deviation" else _lowest_and_highest(values)
            series += _band(name, xs, *ends, run.color, filled=filled)
        if with_training:
            series += _training_lines(run, epochs, curve, axis, smoothing, filled=filled)
    options = _curves(
        series,
        decimals="%.2f%%" if curve == "accuracy" else "%.3f",
        shown=None,
        from_zero=curve == "loss" and not close_up,
        along={"epoch": "Epoch", "step": "Step", "minutes": "Minutes of training"}[axis],
        with_legend=False,  # one legend on the page serves all its charts
    )
    if close_up and late:
        limits = _range_around(min(late), max(late))
        if curve == "accuracy":
            limits["max"] = min(limits["max"], 100.0)
        options["yAxis"] |= limits
    return _on_log_axes(options, log_axes)


def _training_lines(
    run: RunCurve, epochs: Sequence[Sequence[EpochEntry]], curve: Curve, axis: Axis,
    smoothing: float, *, filled: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    """Training, dotted: each epoch, or the loss at each logged step where the axis shows them."""
    name = f"{run.name}, training"
    logged = [*zip(*(h.steps for h in (run.history, *run.seeds)), strict=False)]
    if curve != "loss" or axis == "epoch" or not logged:
        xs = [fmean(_along(entry, axis) for entry in each) for each in epochs]
        return [
            _dotted(name, xs, [*map(fmean, _values(epochs, f"train_{curve}", curve))], run.color)
        ]
    xs = [fmean(_along(entry, axis) for entry in each) for each in logged]
    means = [fmean(entry.loss for entry in each) for each in logged]
    if not smoothing:
        return [_dotted(name, xs, means, run.color)]
    lines = [_dotted(name, xs, smoothed(means, smoothing), run.color)]
    if not run.seeds:  # which have a band already
        ends = envelope(means, smoothing)
        lines += _band(name, xs, *ends, run.color, filled=filled, opacity=0.1)
    return lines


def _along(entry: EpochEntry | StepEntry, axis: Axis) -> float:
    """Where an entry stands on the x axis."""
    return entry.seconds / 60 if axis == "minutes" else getattr(entry, axis)


def _values(epochs: Sequence[Sequence[EpochEntry]], field: str, curve: Curve) -> list[list[float]]:
    """A field of each run at each epoch; accuracies in percent."""
    factor = 100 if curve == "accuracy" else 1
    return [[factor * getattr(entry, field) for entry in entries] for entries in epochs]


def _mean_lines(
    name: str, xs: Sequence[float], means: Sequence[float], color: str, smoothing: float
) -> list[dict[str, Any]]:
    """A run's line; with smoothing, the measured values thin, and the smoothed line."""
    points = [*zip(xs, means, strict=True)]
    if not smoothing:
        return [_line(name, points, color)]
    smooth = [*zip(xs, smoothed(means, smoothing), strict=True)]
    return [
        _line(f"{name}, measured", points, color, faint=True),
        _line(f"{name}, smoothed", smooth, color) | {"showSymbol": False},
    ]


def _dotted(name: str, xs: Sequence[float], values: Sequence[float], color: str) -> dict[str, Any]:
    line = _line(name, [*zip(xs, values, strict=True)], color, faint=True)
    line["lineStyle"]["type"] = "dotted"
    return line


def _on_log_axes(options: dict[str, Any], axes: Collection[str]) -> dict[str, Any]:
    """The same chart with logarithmic axes."""
    for number, name in enumerate("xy"):
        if name not in axes:
            continue
        axis = options[f"{name}Axis"]
        axis |= {"type": "log", "minorTick": {"show": True}}
        if axis.get("min", 1) <= 0:  # it begins with the lowest value
            del axis["min"]
        for line in options["series"]:
            line["data"] = [point for point in line["data"] if point[number] > 0]
    return options


def _spread_around(values: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """A standard deviation below each mean, and as much above it."""
    means, spreads = [*map(fmean, values)], [*map(stdev, values)]
    both = [*zip(means, spreads, strict=True)]
    return [mean - spread for mean, spread in both], [mean + spread for mean, spread in both]


def _lowest_and_highest(values: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [*map(min, values)], [*map(max, values)]


def _band(
    name: str, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], color: str,
    *, filled: bool, opacity: float = 0.2,
) -> list[dict[str, Any]]:  # fmt: skip
    """An area: a line along its lower edge that is not seen, and its height stacked on that.

    Without filling, for a logarithmic axis, where ECharts stacks nothing: its two edges, thin.
    """
    if not filled:
        edges = {"lower": lows, "upper": highs}
        return [
            _line(f"{name}, {edge} edge", [*zip(xs, ys, strict=True)], color, faint=True)
            | {"lineStyle": {"color": color, "width": 1, "opacity": 0.4}, "z": 1}
            for edge, ys in edges.items()
        ]
    unseen = {
        "type": "line", "stack": name, "stackStrategy": "all", "symbol": "none", "silent": True,
        "lineStyle": {"opacity": 0}, "tooltip": {"show": False}, "z": 1,
    }  # fmt: skip
    heights = [high - low for low, high in zip(lows, highs, strict=True)]
    return [
        {**unseen, "name": f"{name}, band from", "data": [*zip(xs, lows, strict=True)]},
        {
            **unseen,
            "name": f"{name}, band",
            "data": [*zip(xs, heights, strict=True)],
            "areaStyle": {"color": color, "opacity": opacity},
        },
    ]


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
        # a slider beside the chart sets the range, so that an update keeps it
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
                  "minInterval": int(along == "Epoch"),  # no half epochs
                  "min": shown[0] if shown else 0, **({"max": shown[1]} if shown else {})},
        "yAxis": {"type": "value", "scale": not from_zero},
        "dataZoom": [zoom],
        "series": series,
    }  # fmt: skip


def _range_around(low: float, high: float) -> dict[str, float]:
    """Limits of an axis: a tenth wider than the values, and round."""
    margin = (high - low) / 10 or abs(high) / 100 or 1.0
    step = 10 ** math.floor(math.log10(high - low + 2 * margin))
    # round again: 93 * 0.01 has more decimals than an axis needs
    return {
        "min": round(math.floor((low - margin) / step) * step, 6),
        "max": round(math.ceil((high + margin) / step) * step, 6),
    }
