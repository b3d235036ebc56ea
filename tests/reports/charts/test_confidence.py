"""Histograms of a measure: counts, shares, colors and axes."""

import numpy as np
import pytest

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports import charts

EDGES = np.array([0.0, 0.5, 1.0])
VALUES = np.array([0.1, 0.2, 0.6, 0.7, 1.0])
CORRECT = np.array([False, True, True, True, True])
LABELS = np.array([0, 0, 0, 9, 9])


def test_counts_are_stacked_by_correctness() -> None:
    figure = charts.measure_histogram(VALUES, CORRECT, edges=EDGES, title="Confidence")
    wrong, correct = figure.data
    assert (wrong.name, correct.name) == ("Misclassified", "Correct")
    assert (list(wrong.y), list(correct.y)) == ([1, 0], [1, 3])  # 1.0 is in the last bin
    assert list(correct.x) == [0.25, 0.75]
    assert wrong.marker.color == charts.MISCLASSIFIED_COLOR
    assert correct.marker.color == charts.CORRECT_COLOR
    assert figure.layout.barmode == "stack"


def test_a_selected_bar_returns_its_bin() -> None:
    figure = charts.measure_histogram(VALUES, CORRECT, edges=EDGES, title="Confidence")
    assert list(map(list, figure.data[1].customdata)) == [[0.0, 0.5, 1], [0.5, 1.0, 3]]


def test_density_is_in_percent_of_each_part() -> None:
    figure = charts.measure_histogram(VALUES, CORRECT, edges=EDGES, title="", density=True)
    assert [list(bar.y) for bar in figure.data] == [[100, 0], [25, 75]]
    assert figure.layout.barmode == "overlay"


def test_density_without_misclassified_images_is_zero() -> None:
    everything = np.ones(5, dtype=bool)
    figure = charts.measure_histogram(VALUES, everything, edges=EDGES, title="", density=True)
    assert [list(bar.y) for bar in figure.data] == [[0, 0], [40, 60]]


def test_a_logarithmic_axis_has_overlaid_bars() -> None:
    figure = charts.measure_histogram(VALUES, CORRECT, edges=EDGES, title="", logarithmic=True)
    assert (figure.layout.yaxis.type, figure.layout.barmode) == ("log", "overlay")


def test_a_range_is_marked() -> None:
    figure = charts.measure_histogram(VALUES, CORRECT, edges=EDGES, title="", chosen=(0.5, 1.0))
    marks = {(shape.x0, shape.x1) for shape in figure.layout.shapes}
    assert marks == {(0.5, 1.0), (0.5, 0.5), (1.0, 1.0)}  # the range and its two edges


def test_each_class_has_a_histogram() -> None:
    figure = charts.class_histograms(VALUES, CORRECT, LABELS, edges=EDGES, title="Confidence")
    bars = {(bar.name, bar.customdata[0][3]): list(bar.y) for bar in figure.data}
    assert len(bars) == 20
    assert bars["Misclassified", 0] == [1, 0]
    assert bars["Correct", 0] == [1, 1]
    assert bars["Correct", 9] == [0, 2]
    assert bars["Correct", 5] == [0, 0]
    assert [title.text for title in figure.layout.annotations] == list(CLASS_NAMES)
    assert sum(bool(bar.showlegend) for bar in figure.data) == 2


@pytest.mark.parametrize(
    ("density", "logarithmic", "top"),
    [(False, False, 1.05 * 2), (True, False, 105.0), (False, True, np.log10(1.3 * 2))],
)
def test_classes_share_an_axis_as_high_as_the_highest_bar(
    density: bool, logarithmic: bool, top: float
) -> None:
    figure = charts.class_histograms(
        VALUES, CORRECT, LABELS, edges=EDGES, title="", density=density, logarithmic=logarithmic
    )
    ranges = {tuple(axis.range) for axis in figure.select_yaxes()}
    (common,) = ranges
    assert common[1] == pytest.approx(top)
