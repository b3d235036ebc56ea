"""Runs side by side: figures, names, settings that differ."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.evaluation import leaderboard
from fmnist.evaluation.leaderboard import Difference, LeaderboardRow
from fmnist.evaluation.significance import Correctness
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry, History, Progress
from fmnist.runs.run import Run


def epoch(number: int, accuracy: float, split: str = "validation") -> EpochEntry:
    return EpochEntry(number, 10 * number, 0.5, 0.8, split, 0.4, accuracy, 30.0 * number, 100.0)  # type: ignore[arg-type]


def a_run(run_id: str = "20260101-000000-mlp-ab12", **changes: object) -> Run:
    whole = Run(
        Path("runs") / run_id,
        "A run",
        "finished",
        config=TrainConfig(),
        progress=Progress(2, 20, 20, 90.0, 100.0),
        history=History(epochs=(epoch(1, 0.7), epoch(2, 0.9))),
        dataset={"checksum": "0123456789abcdef"},
        environment={"device": "cpu", "threads": "2", "torch": "2.15.0"},
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def some_answers(right: int, of: int) -> Correctness:
    correct = np.arange(of) < right
    return Correctness(correct, np.zeros(of, dtype=np.uint8), np.arange(of, dtype=np.int32))


def test_figures_of_a_held_out_run() -> None:
    entry = LeaderboardRow(a_run(), "A run", some_answers(80, 100))
    assert entry.is_measured
    assert entry.validation_accuracy == 0.9
    assert entry.test_accuracy == 0.8
    assert entry.standard_error == pytest.approx(0.04)
    assert entry.minutes == 1.5


def test_a_held_out_run_that_has_not_ended_has_no_test_accuracy() -> None:
    entry = LeaderboardRow(a_run(), "A run")
    assert (entry.test_accuracy, entry.standard_error) == (None, None)


def test_a_notebook_run_has_a_test_accuracy_from_its_first_epoch_on() -> None:
    history = History(epochs=(epoch(1, 0.7, "test"), epoch(2, 0.6, "test")))
    entry = LeaderboardRow(a_run(history=history), "A run")
    assert (entry.validation_accuracy, entry.test_accuracy) == (None, 0.7)


@pytest.mark.parametrize(
    ("entry", "measured"),
    [
        (LeaderboardRow(a_run(history=History()), "A run"), False),
        (LeaderboardRow(a_run(history=History()), "A run", some_answers(1, 2)), True),
        (LeaderboardRow(a_run(), "A run", problem="Broken."), False),
    ],
)
def test_what_can_be_compared(entry: LeaderboardRow, measured: bool) -> None:
    assert entry.is_measured is measured


def test_only_what_differs_is_told() -> None:
    one = a_run()
    other = a_run(
        config=TrainConfig(model="mlp", learning_rate=0.003, subset=5000),
        environment={"device": "cuda", "threads": "2", "torch": "2.15.0"},
    )
    assert leaderboard.differences([one, other]) == [
        Difference("Model", ("FashionCNN", "MLP")),
        Difference("Learning rate", ("0.001", "0.003")),
        Difference("Training images", ("All", "5,000")),
        Difference("Device", ("cpu", "cuda")),
    ]
    assert leaderboard.differences([one, one]) == []


def test_other_data_of_the_same_name_is_told() -> None:
    other = a_run(dataset={"checksum": "fedcba9876543210"})
    assert leaderboard.differences([a_run(), other]) == [
        Difference("Data checksum", ("01234567", "fedcba98"))
    ]


def test_settings_that_cannot_be_read() -> None:
    rows = leaderboard.differences([a_run(), a_run(config=None)])
    assert Difference("Optimizer", ("Adam", "–")) in rows
