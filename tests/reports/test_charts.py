"""Charts of several runs: what is drawn where, and in which color."""

import numpy as np
import pytest

from fmnist.evaluation.leaderboard import Axis, Curve
from fmnist.reports import charts
from fmnist.reports.charts import RUN_COLORS, RunCurve, RunPoint
from fmnist.runs.history import EpochEntry, History

HISTORY = History(
    epochs=(
        EpochEntry(1, 430, 0.5, 0.8, "validation", 0.4, 0.85, 60.0, 100.0),
        EpochEntry(2, 860, 0.3, 0.9, "validation", 0.35, 0.88, 150.0, 100.0),
    )
)
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


@pytest.mark.parametrize(
    ("curve", "axis", "points"),
    [
        ("loss", "epoch", [(1, 0.4), (2, 0.35)]),
        ("accuracy", "step", [(430, 85.0), (860, 88.0)]),
        ("accuracy", "minutes", [(1.0, 85.0), (2.5, 88.0)]),
    ],
)
def test_curves_along_an_axis(curve: Curve, axis: Axis, points: list[tuple[float, float]]) -> None:
    runs = [RunCurve("One", "#123456", HISTORY), RunCurve("Not begun", "#654321", History())]
    drawn = charts.run_curves(runs, curve=curve, axis=axis, with_training=False, close_up=False)
    (series,) = drawn["series"]
    assert series["name"] == "One, validation"
    assert series["data"] == points
    assert series["lineStyle"]["color"] == "#123456"


@pytest.mark.parametrize(
    ("curve", "close_up", "low", "high"),
    [
        ("accuracy", False, None, None),
        ("accuracy", True, 87.0, 89.0),  # around 88 %, the later half of two epochs
        ("loss", True, 0.346, 0.354),
    ],
)
def test_a_close_up_leaves_out_the_beginning(
    curve: Curve, close_up: bool, low: float | None, high: float | None
) -> None:
    runs = [RunCurve("One", "#123456", HISTORY), RunCurve("Not begun", "#654321", History())]
    drawn = charts.run_curves(
        runs, curve=curve, axis="epoch", with_training=True, close_up=close_up
    )
    assert (drawn["yAxis"].get("min"), drawn["yAxis"].get("max")) == (low, high)


def test_training_is_dotted_in_the_same_color() -> None:
    runs = [RunCurve("One", "#123456", HISTORY)]
    drawn = charts.run_curves(runs, curve="loss", axis="epoch", with_training=True, close_up=False)
    _, training = drawn["series"]
    assert training["data"] == [(1, 0.5), (2, 0.3)]
    assert (training["lineStyle"]["type"], training["lineStyle"]["color"]) == ("dotted", "#123456")


def test_a_point_tells_its_run_and_its_protocol() -> None:
    points = [
        RunPoint("a", "<b>A", 7_850, 0.92, 0.003, "held-out", "#123456"),
        RunPoint("b", "B", 1e6, 0.93, None, "notebook", None),
        RunPoint("c", "C", 1e5, 0.94, None, "full", None),
    ]
    figure = charts.accuracy_against(points, title="Parameters", unit="parameters")
    b, c, a, *legend = figure.data  # those in color above the others
    assert (list(a.customdata[0]), list(b.customdata[0])) == (["a"], ["b"])
    assert [dot.marker.symbol for dot in (a, b, c)] == ["circle", "diamond", "square"]
    assert (a.marker.color, b.marker.color) == ("#123456", charts.OTHER_COLOR)
    assert a.error_y.array[0] == pytest.approx(0.3)
    assert "&lt;b&gt;A" in a.hovertemplate and "± 0.30" in a.hovertemplate
    assert [trace.name for trace in legend] == ["Held-out", "Full", "Notebook"]
    assert figure.layout.xaxis.type == "log"


def test_a_dot_for_every_class_of_a_run() -> None:
    accuracies = np.linspace(0, 1, 20).reshape(2, 10)
    figure = charts.class_accuracies(accuracies, ["A", "B"], ["#123456", "#654321"])
    assert [trace.marker.color for trace in figure.data] == ["#123456", "#654321"]
    assert list(figure.data[1].x) == pytest.approx(100 * accuracies[1])
