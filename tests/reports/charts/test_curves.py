"""Curves: values, colors, marks and axes."""

from dataclasses import replace

import numpy as np
import pytest

from fmnist.evaluation.leaderboard import Axis, Curve
from fmnist.reports import charts
from fmnist.reports.charts import RunCurve
from fmnist.reports.charts.curves import envelope, smoothed
from fmnist.runs.history import EpochEntry, History, StepEntry

HISTORY = History(
    epochs=(
        EpochEntry(1, 430, 0.5, 0.8, "validation", 0.4, 0.85, 60.0, 100.0),
        EpochEntry(2, 860, 0.3, 0.9, "validation", 0.35, 0.88, 150.0, 100.0),
    )
)
OVERFITTED = History(
    steps=(StepEntry(1, 215, 0.6, 30.0), StepEntry(1, 430, 0.5, 60.0)),
    epochs=(
        EpochEntry(1, 430, 0.5, 0.8, "validation", 0.4, 0.85, 60.0, 100.0),
        EpochEntry(2, 860, 0.3, 0.9, "validation", 0.45, 0.88, 120.0, 100.0),
        EpochEntry(3, 1290, 0.2, 0.95, "validation", 0.5, 0.87, 180.0, 100.0),
    ),
)


def test_loss_is_drawn_per_step_and_per_epoch() -> None:
    drawn = charts.loss_curves(
        OVERFITTED, monitored="Validation", epochs_after=lambda step: step / 430
    )
    steps, training, validation = drawn["series"]
    assert steps["data"] == [(0.5, 0.6), (1.0, 0.5)]  # half an epoch, an epoch
    assert training["data"] == [(1, 0.5), (2, 0.3), (3, 0.2)]
    assert (validation["name"], validation["data"]) == (
        "Validation",
        [(1, 0.4), (2, 0.45), (3, 0.5)],
    )
    assert training["lineStyle"]["color"] == charts.TRAIN_COLOR
    assert validation["lineStyle"]["color"] == charts.MONITORED_COLOR
    assert drawn["yAxis"]["scale"] is False  # from zero


def test_the_onset_of_overfitting_is_marked() -> None:
    drawn = charts.loss_curves(
        OVERFITTED, monitored="Validation", epochs_after=lambda step: step / 430
    )
    assert drawn["series"][-1]["markLine"]["data"] == [{"xAxis": 1}]
    falling = charts.loss_curves(
        HISTORY, monitored="Validation", epochs_after=lambda step: step / 430
    )
    assert "markLine" not in falling["series"][-1]


def test_accuracy_is_in_percent_and_the_best_epoch_is_marked() -> None:
    drawn = charts.accuracy_curves(OVERFITTED, monitored="Validation")
    training, validation, best = drawn["series"]
    assert training["data"] == [(1, 80), (2, 90), (3, 95)]
    assert validation["data"] == [(1, 85), (2, 88), (3, 87)]
    assert (best["name"], best["data"]) == ("Best: epoch 2", [(2, 88)])


def test_the_last_epoch_is_marked_if_the_run_keeps_it() -> None:
    history = History(epochs=OVERFITTED.epochs, checkpoint="last")
    *_, last = charts.accuracy_curves(history, monitored="Validation")["series"]
    assert (last["name"], last["data"]) == ("Last: epoch 3", [(3, 87)])


def test_a_run_without_an_epoch_has_no_mark() -> None:
    drawn = charts.accuracy_curves(History(), monitored="Validation")
    assert [series["data"] for series in drawn["series"]] == [[], []]


def test_a_range_of_epochs_limits_the_axis() -> None:
    drawn = charts.accuracy_curves(OVERFITTED, monitored="Validation", shown=(2, 3))
    assert (drawn["xAxis"]["min"], drawn["xAxis"]["max"]) == (2, 3)
    (zoom,) = drawn["dataZoom"]
    assert (zoom["startValue"], zoom["endValue"]) == (2, 3)


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


def test_training_is_dotted_in_the_color_of_its_run() -> None:
    runs = [RunCurve("One", "#123456", HISTORY)]
    drawn = charts.run_curves(runs, curve="loss", axis="epoch", with_training=True, close_up=False)
    _, training = drawn["series"]
    assert training["data"] == [(1, 0.5), (2, 0.3)]
    assert (training["lineStyle"]["type"], training["lineStyle"]["color"]) == ("dotted", "#123456")


def test_several_seeds_are_a_mean_and_a_band() -> None:
    other = History(
        epochs=tuple(replace(e, accuracy=e.accuracy + 0.02) for e in HISTORY.epochs), steps=()
    )
    longer = History(epochs=(*other.epochs, replace(other.epochs[-1], epoch=9, step=900)))
    runs = [RunCurve("Three", "#123456", HISTORY, (other, longer))]
    drawn = charts.run_curves(
        runs, curve="accuracy", axis="epoch", with_training=True, close_up=False
    )
    mean, low, band, training = drawn["series"]
    values = [[100 * h.epochs[n].accuracy for h in (HISTORY, other, longer)] for n in (0, 1)]
    assert [y for _, y in mean["data"]] == pytest.approx([np.mean(each) for each in values])
    assert [y for _, y in low["data"]] == pytest.approx(
        [np.mean(each) - np.std(each, ddof=1) for each in values]
    )
    assert [y for _, y in band["data"]] == pytest.approx([2 * np.std(v, ddof=1) for v in values])
    assert low["stack"] == band["stack"] and band["areaStyle"]["color"] == "#123456"
    assert len(training["data"]) == 2


def test_the_band_of_several_seeds_is_from_the_lowest_to_the_highest_if_wished() -> None:
    seeds = [replace(HISTORY, epochs=tuple(replace(e, loss=e.loss + d) for e in HISTORY.epochs))
             for d in (0.0, 0.5, 0.1)]  # fmt: skip
    runs = [RunCurve("Three", "#123456", seeds[0], tuple(seeds[1:]))]
    mean, low, band = charts.run_curves(
        runs, curve="loss", axis="epoch", with_training=False, close_up=False, band="range"
    )["series"]
    assert low["data"] == [(e.epoch, e.loss) for e in seeds[0].epochs]
    assert [y for _, y in band["data"]] == pytest.approx([0.5, 0.5])
    assert mean["data"][0][1] == pytest.approx(seeds[0].epochs[0].loss + 0.2)
    # nothing can be stacked on a logarithmic axis
    _, lower, upper = charts.run_curves(
        runs, curve="loss", axis="epoch", with_training=False, close_up=False, band="range",
        log_axes=["y"],
    )["series"]  # fmt: skip
    assert (lower["data"], upper["data"]) == (
        low["data"], [(e.epoch, e.loss) for e in seeds[1].epochs],
    )  # fmt: skip
    assert not {"stack", "areaStyle"} & {*lower, *upper}


LOGGED = replace(
    HISTORY,
    steps=tuple(
        StepEntry(1, step, loss, 60.0 * step)
        for step, loss in zip((1, 2, 3, 4), (4.0, 1.0, 2.0, 1.5), strict=True)
    ),
)


def test_training_loss_is_drawn_as_logged_where_the_axis_shows_it() -> None:
    runs = [RunCurve("One", "#123456", LOGGED)]
    axes: tuple[Axis, ...] = ("step", "minutes")
    for axis in axes:
        _, training = charts.run_curves(
            runs, curve="loss", axis=axis, with_training=True, close_up=False
        )["series"]
        assert training["data"] == [(1, 4.0), (2, 1.0), (3, 2.0), (4, 1.5)]
        assert training["lineStyle"]["type"] == "dotted"
    by_epoch: tuple[tuple[Curve, Axis], ...] = (("loss", "epoch"), ("accuracy", "step"))
    for curve, axis in by_epoch:
        _, training = charts.run_curves(
            runs, curve=curve, axis=axis, with_training=True, close_up=False
        )["series"]
        assert len(training["data"]) == 2
    other = replace(LOGGED, steps=tuple(replace(s, loss=s.loss + 1) for s in LOGGED.steps[:3]))
    *_, training = charts.run_curves(
        [RunCurve("Two", "#123456", LOGGED, (other,))],
        curve="loss", axis="step", with_training=True, close_up=False,
    )["series"]  # fmt: skip
    assert training["data"] == [(1, 4.5), (2, 1.5), (3, 2.5)]


def test_smoothed_training_loss_has_an_envelope() -> None:
    runs = [RunCurve("One", "#123456", LOGGED)]
    *_, training, low, band = charts.run_curves(
        runs, curve="loss", axis="step", with_training=True, close_up=False, smoothing=0.3
    )["series"]
    assert [y for _, y in training["data"]] == pytest.approx(smoothed([4.0, 1.0, 2.0, 1.5], 0.3))
    # 0.3 ** 3 = 0.027: three values make up 95% of the average
    assert low["data"] == [(1, 4.0), (2, 1.0), (3, 1.0), (4, 1.0)]
    assert band["data"] == [(1, 0.0), (2, 3.0), (3, 3.0), (4, 1.0)]
    *_, training = charts.run_curves(  # seeds have a band of their own
        [RunCurve("Two", "#123456", LOGGED, (LOGGED,))],
        curve="loss", axis="step", with_training=True, close_up=False, smoothing=0.3,
    )["series"]  # fmt: skip
    assert training["name"] == "Two, training"
    assert envelope([3.0, 1.0], 0.04) == ([3.0, 1.0], [3.0, 1.0])


def test_smoothing_keeps_the_measured_values_beside_it() -> None:
    runs = [RunCurve("One", "#123456", HISTORY)]
    drawn = charts.run_curves(
        runs, curve="loss", axis="epoch", with_training=False, close_up=False, smoothing=0.5
    )
    measured, line = drawn["series"]
    (_, first), (_, second) = measured["data"]
    assert first != second
    # weights 1/2 and 1/4, which sum to 3/4
    assert line["data"] == [(1, first), (2, pytest.approx((first / 4 + second / 2) / 0.75))]
    assert measured["lineStyle"]["width"] < line["lineStyle"]["width"]
    assert (measured["name"], line["name"]) == (
        "One, validation, measured",
        "One, validation, smoothed",
    )


@pytest.mark.parametrize("value", [3.0, -2.0])
def test_a_constant_stays_as_it_is_when_smoothed(value: float) -> None:
    assert smoothed([value] * 5, 0.9) == pytest.approx([value] * 5)
    assert smoothed([1.0, 5.0, 2.0], 0) == [1.0, 5.0, 2.0]


def test_a_logarithmic_axis_has_no_place_for_0() -> None:
    epochs = [
        replace(entry, loss=loss) for entry, loss in zip(HISTORY.epochs, (0.0, 0.5), strict=True)
    ]
    runs = [RunCurve("One", "#123456", replace(HISTORY, epochs=tuple(epochs)))]
    drawn = charts.run_curves(
        runs, curve="loss", axis="epoch", with_training=False, close_up=False, log_axes=["x", "y"]
    )
    assert (drawn["xAxis"]["type"], drawn["yAxis"]["type"]) == ("log", "log")
    assert "min" not in drawn["xAxis"]
    assert [series["data"] for series in drawn["series"]] == [[(2, 0.5)]]


def test_no_axis_has_accuracies_above_100_or_half_epochs() -> None:
    entry = HISTORY.epochs[0]
    high = History(
        epochs=tuple(replace(entry, epoch=e, accuracy=0.97 + e / 100) for e in (1, 2, 3))
    )
    drawn = charts.run_curves(
        [RunCurve("A", "#000000", high)],
        curve="accuracy", axis="epoch", with_training=False, close_up=True,
    )  # fmt: skip
    assert drawn["yAxis"]["max"] == 100
    assert drawn["xAxis"]["minInterval"] == 1
