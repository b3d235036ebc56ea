"""The predictions for a single image."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.charts.theme import (
    BEST_COLOR,
    CLASS_COLORS,
    MISCLASSIFIED_COLOR,
    OTHER_COLOR,
)

_MOST_NAMED: Final = 3
_LEAST_NAMED: Final = 0.05
_LEAST_PEAK: Final = 0.3


def probability_bars(
    probabilities: NDArray[np.floating],
    *,
    true_label: int,
    names: tuple[str, str],
    other: NDArray[np.floating] | None = None,
    class_names: Sequence[str] = CLASS_NAMES,
) -> dict[str, Any]:
    """Draw the probability of each class, as ECharts options.

    The true class is green. If the prediction is wrong, the predicted class is red.

    Parameters
    ----------
    probabilities : float (C,)
        Probabilities by the run.
    true_label : int
    names : tuple of str
        Names of the run and of the compared run.
    other : float (C,), optional
        Probabilities by the compared run.
    class_names : sequence of str
        Of the longer of the two.
    """
    predicted = int(np.argmax(probabilities))

    def color(label: int) -> str:
        if label == true_label:
            return BEST_COLOR
        return MISCLASSIFIED_COLOR if label == predicted else OTHER_COLOR

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
        "yAxis": {"type": "category", "inverse": True, "data": list(class_names)},
        "series": series,
    }


def prediction_history(
    predicted: NDArray[np.integer],
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
) -> dict[str, Any]:
    """Draw what a run predicts for one image after each epoch, as ECharts options.

    Parameters
    ----------
    predicted : int (E,)
        Predicted label after each epoch.
    confidence : float (E,) in [0, 1]
    correct : bool (E,)
    """
    points = [
        {
            "name": CLASS_NAMES[label],
            "value": [epoch, round(100 * float(sure), 1)],
            "itemStyle": {"color": BEST_COLOR if right else MISCLASSIFIED_COLOR},
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


def probability_curves(
    epochs: NDArray[np.integer], probabilities: NDArray[np.floating], *, last: int
) -> dict[str, Any]:
    """Draw the probability of each class for one image over the epochs, as ECharts options.

    The classes that are highest after the newest epoch are named at the end of their lines, others
    that were predicted before at their peaks.

    Parameters
    ----------
    epochs : int (E,)
    probabilities : float (E, 10)
    last : int
        The epoch at which the axis ends.
    """
    newest = probabilities[-1]
    named = [label for label in np.argsort(-newest)[:_MOST_NAMED] if newest[label] >= _LEAST_NAMED]
    leading = set(probabilities.argmax(axis=1).tolist())
    past = [n for n in leading if n not in named and probabilities[:, n].max() >= _LEAST_PEAK]
    series = [
        {
            "type": "line",
            "name": name,
            "data": [
                [int(epoch), round(100 * float(share), 1)]
                for epoch, share in zip(epochs, probabilities[:, label], strict=True)
            ],
            "symbolSize": 6,
            "itemStyle": {"color": CLASS_COLORS[label]},
            "lineStyle": {"color": CLASS_COLORS[label], "width": 3 if label in named else 1.5},
            "endLabel": {
                "show": label in named,
                "formatter": "{a}",
                "color": CLASS_COLORS[label],
                "fontWeight": "bold",
            },
            "labelLayout": {"moveOverlap": "shiftY"},
            "markPoint": _peak(name, epochs, probabilities, label) if label in past else {},
            "z": 3 if label in named else 2,
        }
        for label, name in enumerate(CLASS_NAMES)
    ]
    return {
        "animation": False,
        "grid": {"top": 12, "left": 8, "right": 92, "bottom": 26, "containLabel": True},
        "tooltip": {"trigger": "axis", "order": "valueDesc", "valueFormatter": "%.1f%%"},
        "xAxis": {"type": "value", "name": "Epoch", "nameLocation": "middle", "nameGap": 26,
                  "min": 0, "max": max(1, last), "minInterval": 1},
        "yAxis": {"type": "value", "min": 0, "max": 100},
        "series": series,
    }  # fmt: skip


def _peak(
    name: str, epochs: NDArray[np.integer], probabilities: NDArray[np.floating], label: int
) -> dict[str, Any]:
    """The name of a class where its probability was highest."""
    at = int(probabilities[:, label].argmax())
    return {
        "silent": True,
        "symbol": "circle",
        "symbolSize": 1,
        "data": [{"coord": [int(epochs[at]), round(100 * float(probabilities[at, label]), 1)]}],
        "label": {
            "formatter": name,
            "position": "top",
            "distance": 8,
            "color": CLASS_COLORS[label],
        },
    }
