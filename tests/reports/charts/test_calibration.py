"""Reliability diagram and risk-coverage curve: values in percent, marked points."""

import numpy as np
import pytest

from fmnist.evaluation.calibration import reliability, risk_coverage
from fmnist.reports import charts

CONFIDENCE = np.array([0.9, 0.9, 0.9, 0.9, 0.3])
CORRECT = np.array([True, True, True, False, False])


def test_bars_are_the_accuracy_and_the_number_of_images_per_bin() -> None:
    now = reliability(CONFIDENCE, CORRECT, bins=2)
    figure = charts.reliability_diagram(now, None, names=("This run", ""))
    accuracy, diagonal, images = figure.data
    assert list(accuracy.x) == [25, 75]
    assert list(accuracy.y) == [0, 75]
    assert list(images.y) == [1, 4]
    assert list(images.text) == ["1", "4"]
    assert list(diagonal.x) == list(diagonal.y) == [0, 100]
    assert list(accuracy.customdata[1]) == pytest.approx([0.5, 1.0, 4, 90])
    assert accuracy.name == "This run"


def test_the_other_run_is_a_line_over_bins_with_images() -> None:
    now = reliability(CONFIDENCE, CORRECT, bins=2)
    other = reliability(CONFIDENCE[:4], CORRECT[:4], bins=2)
    figure = charts.reliability_diagram(now, other, names=("This run", "Other run"))
    (line,) = (trace for trace in figure.data if trace.name == "Other run")
    assert (list(line.x), list(line.y)) == ([pytest.approx(90)], [75])


def test_a_bin_is_marked_in_percent() -> None:
    now = reliability(CONFIDENCE, CORRECT, bins=2)
    figure = charts.reliability_diagram(now, None, names=("", ""), chosen=(0.5, 1.0))
    assert (50, 100) in {(shape.x0, shape.x1) for shape in figure.layout.shapes}


def test_risk_is_drawn_against_coverage_in_percent() -> None:
    curve = risk_coverage(CONFIDENCE, CORRECT)
    figure = charts.risk_coverage_curve(curve, threshold=0.5)
    line, point = figure.data
    assert list(line.x) == pytest.approx(100 * curve.coverages)
    assert list(line.y) == pytest.approx(100 * curve.risks)
    assert (point.x[0], point.y[0], point.name) == (80, 25, "Threshold 50%")


def test_a_threshold_that_accepts_nothing_has_no_point() -> None:
    figure = charts.risk_coverage_curve(risk_coverage(CONFIDENCE, CORRECT), threshold=0.99)
    assert len(figure.data) == 1


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    confidence = np.linspace(0.1, 0.9, 5000)
    curve = risk_coverage(confidence, confidence > 0.5)
    line = charts.risk_coverage_curve(curve, threshold=0.5).data[0]
    assert len(line.x) <= 600
    assert (line.x[0], line.x[-1]) == (100 * curve.coverages[0], 100 * curve.coverages[-1])


def test_set_sizes_are_stacked_and_told_above_the_bars() -> None:
    sizes = np.array([1, 1, 1, 2, 0, 4])
    covered = np.array([True, True, False, True, False, True])
    holds, misses = charts.set_sizes(sizes, covered).data
    assert list(holds.x) == [0, 1, 2, 3, 4]
    assert list(holds.y) == [0, 2, 1, 0, 1]
    assert list(misses.y) == [1, 1, 0, 0, 0]
    assert list(misses.text) == ["1", "3", "1", "", "1"]
    assert [list(row) for row in misses.customdata][1] == [1, 1, 1]
