"""Charts that compare runs: positions and colors."""

import numpy as np
import pytest

from fmnist.reports import charts
from fmnist.reports.charts import RUN_COLORS, RunPoint

KNOWN = [f"run-{number}" for number in range(25)]


def test_a_run_keeps_its_color_while_others_come_and_go() -> None:
    alone = charts.run_colors(["run-3"], KNOWN)
    with_others = charts.run_colors(["run-7", "run-3", "run-0"], KNOWN)
    assert alone["run-3"] == with_others["run-3"] == RUN_COLORS[3]


def test_no_two_runs_share_a_color() -> None:
    chosen = ["run-2", "run-12", "run-22", *KNOWN[13:20]]
    colors = charts.run_colors(chosen, KNOWN)
    assert set(colors) == set(chosen)
    assert sorted(colors.values()) == sorted(RUN_COLORS)


def test_a_point_has_the_id_and_the_symbol_of_its_run() -> None:
    points = [
        RunPoint("a", "<b>A %{x} &amp;", 7_850, 0.92, 0.003, "held-out", "#123456"),
        RunPoint("b", "B", 1e6, 0.93, None, "notebook", None),
        RunPoint("c", "C", 1e5, 0.94, None, "full", None),
    ]
    figure = charts.accuracy_against(points, title="Parameters", unit="parameters")
    b, c, a, *legend = figure.data  # those in color above the others
    assert (list(a.customdata[0]), list(b.customdata[0])) == (["a"], ["b"])
    assert [dot.marker.symbol for dot in (a, b, c)] == ["circle", "diamond", "square"]
    assert (a.marker.color, b.marker.color) == ("#123456", charts.OTHER_COLOR)
    assert a.error_y.array[0] == pytest.approx(0.3)
    assert a.hovertemplate.startswith("&lt;b&gt;A %&#123;x} &amp;amp;<br>")
    assert "± 0.30" in a.hovertemplate
    assert [trace.name for trace in legend] == ["Held-out", "Full", "Notebook"]
    assert figure.layout.xaxis.type == "log"


def test_a_run_has_a_dot_per_class() -> None:
    accuracies = np.linspace(0, 1, 20).reshape(2, 10)
    figure = charts.class_accuracies(accuracies, ["A", "B"], ["#123456", "#654321"])
    assert [trace.marker.color for trace in figure.data] == ["#123456", "#654321"]
    assert list(figure.data[1].x) == pytest.approx(100 * accuracies[1])


def test_severity_curves_start_at_the_clean_images() -> None:
    figure = charts.severity_curves(
        np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]]), ["A run"], ["#123456"]
    )
    (curve,) = figure.data
    assert list(curve.x) == ["Clean", "1", "2", "3", "4", "5"]
    assert list(curve.y) == pytest.approx([90, 80, 70, 60, 50, 40])
    assert (curve.name, curve.line.color) == ("A run", "#123456")
