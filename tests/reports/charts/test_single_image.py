"""Charts of a single image: bars per class, and predictions over the epochs."""

import json

import numpy as np
import pytest

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports import charts

PROBABILITIES = np.array([0.25, 0, 0, 0, 0, 0, 0.7, 0, 0.05, 0])


@pytest.mark.parametrize(
    ("true_label", "colors"),
    [
        (0, {0: charts.BEST_COLOR, 6: charts.MISCLASSIFIED_COLOR, 8: charts.OTHER_COLOR}),
        (6, {0: charts.OTHER_COLOR, 6: charts.BEST_COLOR, 8: charts.OTHER_COLOR}),
    ],
)
def test_bars_show_true_and_misclassified(true_label: int, colors: dict[int, str]) -> None:
    drawn = charts.probability_bars(PROBABILITIES, true_label=true_label, names=("Run", ""))
    (bars,) = drawn["series"]
    assert [bar["value"] for bar in bars["data"]] == [25, 0, 0, 0, 0, 0, 70, 0, 5, 0]
    assert {label: bars["data"][label]["itemStyle"]["color"] for label in colors} == colors
    assert drawn["yAxis"]["data"] == list(CLASS_NAMES)


def test_the_compared_run_has_bars_of_its_own() -> None:
    drawn = charts.probability_bars(
        PROBABILITIES, true_label=0, names=("Run", "Other"), other=PROBABILITIES[::-1]
    )
    _, other = drawn["series"]
    assert (other["name"], other["data"]) == ("Other", [0, 5, 0, 70, 0, 0, 0, 0, 0, 25])


def test_predictions_are_drawn_from_epoch_one() -> None:
    drawn = charts.prediction_history(
        np.array([6, 0, 0]), np.array([0.4, 0.55, 0.987]), np.array([False, True, True])
    )
    points = drawn["series"][0]["data"]
    assert [point["value"] for point in points] == [[1, 40.0], [2, 55.0], [3, 98.7]]
    assert [point["name"] for point in points] == ["Shirt", "T-shirt/top", "T-shirt/top"]
    assert [point["itemStyle"]["color"] for point in points] == [
        charts.MISCLASSIFIED_COLOR,
        charts.BEST_COLOR,
        charts.BEST_COLOR,
    ]
    assert (drawn["xAxis"]["min"], drawn["xAxis"]["max"]) == (1, 3)


def test_each_class_has_a_line_and_the_highest_are_named() -> None:
    later = np.array([0.05, 0, 0, 0, 0, 0, 0.04, 0, 0.91, 0])
    drawn = charts.probability_curves(np.array([0, 1]), np.stack([PROBABILITIES, later]), last=4)
    lines = {line["name"]: line for line in drawn["series"]}
    assert list(lines) == list(CLASS_NAMES)
    assert lines["Bag"]["data"] == [[0, 5.0], [1, 91.0]]
    assert [line["itemStyle"]["color"] for line in lines.values()] == list(charts.CLASS_COLORS)
    named = [name for name, line in lines.items() if line["endLabel"]["show"]]
    assert named == ["T-shirt/top", "Bag"]  # the shirt is below 5%, and named where it was highest
    peaks = {name: line["markPoint"]["data"] for name, line in lines.items() if line["markPoint"]}
    assert peaks == {"Shirt": [{"coord": [0, 70.0]}]}
    assert (drawn["xAxis"]["min"], drawn["xAxis"]["max"]) == (0, 4)
    json.dumps(drawn)  # no NumPy numbers, which ECharts would not get
