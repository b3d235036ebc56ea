"""The runs of a sweep: their curves, the values that were tried, what mattered; as ECharts options.

They change while somebody watches, so they are drawn in place: Plotly would be built again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fmnist.reports.charts.theme import (
    BEST_COLOR,
    MISCLASSIFIED_COLOR,
    MONITORED_COLOR,
    OTHER_COLOR,
    TRAIN_COLOR,
)
from fmnist.reports.text import UNKNOWN

State = Literal["running", "finished", "pruned", "failed"]

_NO_NUMBER: Final = "-"  # to ECharts
_FADED: Final = 0.3
_ABOVE: Final = 10  # the lines
_LOW_COLOR: Final = "#D4A72C"
_WIDEST_LABEL: Final = 84  # pixels
_LINE_HEIGHT: Final = 15  # pixels; the default lets the lines of a name overlap


@dataclass(frozen=True)
class TrialCurve:
    """A run of a sweep.

    Attributes
    ----------
    name : str
    state : {"running", "finished", "pruned", "failed"}
    accuracies : mapping of int to float
        Validation accuracy by epoch, in [0, 1].
    value : float or None
        The accuracy that it is judged by; None before its first epoch.
    values : sequence of float, str or None
        Of the settings that were tried; None where one had no effect.
    """

    name: str
    state: State
    accuracies: Mapping[int, float]
    value: float | None
    values: Sequence[float | str | None]


@dataclass(frozen=True)
class TriedSetting:
    """A setting that a sweep tries: an axis of `tried_settings`.

    Attributes
    ----------
    title : str
    low, high : float or None
        The ends of a range; None for a list of values.
    is_log : bool
    options : sequence of str
        The list.
    """

    title: str
    low: float | None = None
    high: float | None = None
    is_log: bool = False
    options: Sequence[str] = ()


def sweep_curves(
    trials: Sequence[TrialCurve], *, best: int | None, chosen: int | None
) -> dict[str, Any]:
    """Draw validation accuracy by epoch: a curve a run, pruned and failed ones faded.

    Parameters
    ----------
    trials : sequence of TrialCurve
        In the order of their numbers; a series of the chart each, whose number is the trial's.
    best, chosen : int or None
        Numbers of the best run and of the one that was clicked.
    """
    series = []
    for number, trial in enumerate(trials):
        color, opacity, width = _look(trial.state)
        if number == best:
            color, width = BEST_COLOR, 3.0
        if number == chosen:
            opacity, width = 1.0, 4.0
        series.append(
            {
                "type": "line",
                "id": str(number),
                "name": trial.name,
                "data": [(epoch, 100 * value) for epoch, value in trial.accuracies.items()],
                "symbolSize": 9 if number == chosen else 6,
                "triggerLineEvent": True,
                "selectedMode": "single",
                "z": 4 if number == chosen else 3 if number == best else 2,
                "itemStyle": {"color": color, "opacity": opacity},
                "lineStyle": {"color": color, "width": width, "opacity": opacity},
                "select": {"itemStyle": {"borderWidth": 0}},
            }
        )
    return {
        "animation": False,
        "grid": {"top": 12, "left": 8, "right": 24, "bottom": 26, "containLabel": True},
        "tooltip": {"trigger": "item", "valueFormatter": "%.2f%%"},
        "xAxis": {
            "type": "value", "name": "Epoch", "nameLocation": "middle", "nameGap": 28, "min": 0,
            "minInterval": 1,
        },
        "yAxis": {"type": "value", "scale": True},
        "series": series,
    }  # fmt: skip


def _look(state: State) -> tuple[str, float, float]:
    """Color, opacity and width of a run's line."""
    return {
        "running": (TRAIN_COLOR, 1.0, 2.0),
        "finished": (MONITORED_COLOR, 0.9, 2.0),
        "pruned": (OTHER_COLOR, _FADED, 1.5),
        "failed": (MISCLASSIFIED_COLOR, _FADED, 1.5),
    }[state]


def tried_settings(
    settings: Sequence[TriedSetting],
    trials: Sequence[TrialCurve],
    *,
    best: int | None,
    chosen: int | None,
) -> dict[str, Any]:
    """Draw parallel coordinates: an axis a setting, accuracy as the last, a line a run.

    Drag along an axis to keep only the runs that pass there.

    Parameters
    ----------
    settings : sequence of TriedSetting
        In the order of `TrialCurve.values`.
    trials, best, chosen
        As for `sweep_curves`.
    """
    axes = []
    for dimension, setting in enumerate(settings):
        gaps = any(trial.values[dimension] is None for trial in trials)  # it had no effect there
        axes.append({"dim": dimension, "z": _ABOVE} | _axis(setting, has_gaps=gaps))
    axes.append(
        {"dim": len(settings), "z": _ABOVE, "name": "Validation\n(%)", "type": "value",
         "scale": True, "nameLocation": "end"}
    )  # fmt: skip
    known = [100 * trial.value for trial in trials if trial.value is not None]
    series = []
    for number, trial in enumerate(trials):
        _, opacity, width = _look(trial.state)
        style: dict[str, Any] = {"opacity": opacity, "width": width}
        if number == best:
            style |= {"color": BEST_COLOR, "width": 3.5}
        if number == chosen:
            style |= {"opacity": 1.0, "width": 4.5}
        accuracy = None if trial.value is None else 100 * trial.value
        row = [
            (UNKNOWN if setting.low is None else _NO_NUMBER) if value is None else value
            for setting, value in zip(settings, trial.values, strict=True)
        ]
        series.append(
            {
                "type": "parallel",
                "id": str(number),
                "name": trial.name,
                "selectedMode": "single",
                "inactiveOpacity": 0.04,
                "lineStyle": style | {"color": style.get("color", _between(accuracy, known))},
                "data": [[*row, accuracy]] if accuracy is not None else [],
            }
        )
    for axis in axes:
        axis["nameTextStyle"] = {"lineHeight": _LINE_HEIGHT}
    return {
        "animation": False,
        "tooltip": {"trigger": "item", "formatter": "{a}"},
        "parallel": {"top": 60, "left": 56, "right": 72, "bottom": 24},
        "parallelAxis": axes,
        "series": series,
    }


def _axis(setting: TriedSetting, *, has_gaps: bool) -> dict[str, Any]:
    # a word a line: axes are near each other on a narrow screen
    axis = {"name": setting.title.replace(" ", "\n"), "nameLocation": "end"}
    if setting.low is None:
        return axis | {
            "type": "category",
            "data": [*setting.options, *([UNKNOWN] if has_gaps else [])],
            "axisLabel": {"width": _WIDEST_LABEL, "overflow": "truncate"},
        }
    kind = "log" if setting.is_log else "value"
    return axis | {"type": kind, "min": setting.low, "max": setting.high}


def _between(value: float | None, known: Sequence[float]) -> str:
    """A color between that of the worst and that of the best run, as "#rrggbb"."""
    if value is None or not known or max(known) == min(known):
        return MONITORED_COLOR
    share = (value - min(known)) / (max(known) - min(known))
    ends = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (_LOW_COLOR, MONITORED_COLOR)]
    mixed = [round(low + share * (high - low)) for low, high in zip(*ends, strict=True)]
    return "#" + "".join(f"{part:02X}" for part in mixed)


def importance_bars(shares: Mapping[str, float]) -> dict[str, Any]:
    """Draw how much each setting matters: a bar each, the most important on top.

    Parameters
    ----------
    shares : mapping of str to float
        By title; they add up to 1.
    """
    ordered = sorted(shares.items(), key=lambda item: item[1])
    return {
        "animation": False,
        "grid": {"top": 8, "left": 8, "right": 56, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "value", "max": 100, "show": False},
        "yAxis": {
            "type": "category",
            "data": [title for title, _ in ordered],
            "axisTick": {"show": False},
        },
        "series": [
            {
                "type": "bar",
                "data": [round(100 * share, 1) for _, share in ordered],
                "barMaxWidth": 22,
                "itemStyle": {"color": MONITORED_COLOR},
                "label": {"show": True, "position": "right", "formatter": "{c}%"},
            }
        ],
    }
