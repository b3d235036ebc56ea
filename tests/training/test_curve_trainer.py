"""Learning curves are trained run by run, through the queue."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from fmnist.data.corrections import Corrections
from fmnist.evaluation import learning_curve
from fmnist.evaluation.learning_curve import chosen_config, point_config
from fmnist.evaluation.learning_curve_job import ChoiceTask
from fmnist.jobs import JobState
from fmnist.runs import corrections, store
from fmnist.runs.history import Progress
from fmnist.runs.run import Run
from fmnist.training.learning_curve import CurvePlan, CurveTrainer
from fmnist.training.worker import Trainer
from tools.made_up_run import made_up_run

NAME: Final = "synthetic-garments"
PLAN = CurvePlan(NAME, 550, ("margin",), (0,))


class AtOnce:
    """Ends a run without training it."""

    has_begun = True

    def __init__(self, run: Run, state: str = "finished") -> None:
        self._run, self._state = run, state

    def train(self) -> str:
        run, config = self._run, self._run.training
        if self._state == "finished" and config:
            elsewhere = run.folder.parent.parent / "elsewhere"
            made = made_up_run(elsewhere, name=run.name, **config.to_json())
            shutil.copytree(made.folder, run.folder, dirs_exist_ok=True)
        else:
            run.write_status("stopped", Progress(1, 1, 1, 1.0))
        return self._state

    def send(self, signal: object) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


class Choice:
    """Chooses the first images; in place of a process."""

    def __init__(self) -> None:
        self.chosen_by: list[str] = []
        self.error: str | None = None

    def start(self, task: ChoiceTask) -> None:
        run = store.open_run(task.run.parent, task.run.name)
        self.chosen_by.append(run.name)
        if self.error is None:
            chosen = Corrections.of(NAME, chosen=range(task.size), chosen_by=task.way)
            corrections.keep(chosen)
            config = chosen_config(point_config(NAME, task.size, 550), chosen)
            store.create_run(task.run.parent, config, name=f"{task.size} by {task.way}")

    def poll(self) -> JobState[ChoiceTask]:
        return JobState(error=self.error)

    def cancel(self) -> None: ...


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(learning_curve, "_SIZES", (20, 40, 80))
    return tmp_path / "runs"


@pytest.fixture
def trainer() -> Iterator[Trainer]:
    made = Trainer(start=lambda run: AtOnce(run))  # type: ignore[arg-type,return-value]
    yield made
    made.close()


def made(trainer: Trainer) -> tuple[CurveTrainer, Choice]:
    found, choice = CurveTrainer(trainer), Choice()
    found._choice = choice  # type: ignore[assignment]
    return found, choice


def test_each_size_is_trained_once_and_chosen_by_the_one_before(
    root: Path, trainer: Trainer
) -> None:
    curve, choice = made(trainer)
    curve.start(PLAN)
    state = curve.wait(60)
    assert (state.running, state.error, state.done) == (False, None, 6)
    runs = sorted(store.list_runs(root), key=lambda run: run.created or 0.0)
    assert [run.name for run in runs] == [
        *(f"Learning curve: {size} at random" for size in (20, 40, 80, 550)),
        "40 by margin", "80 by margin",
    ]  # fmt: skip
    assert {run.state for run in runs} == {"finished"}
    assert choice.chosen_by == ["Learning curve: 20 at random", "40 by margin"]
    curve.start(PLAN)  # nothing is missing
    assert curve.wait(60).done == 6 and len(store.list_runs(root)) == 6
    curve.start(replace(PLAN, ways=("entropy",)))
    assert curve.wait(60).done == 6 and len(store.list_runs(root)) == 8


def test_a_failure_ends_it_and_is_told(root: Path, trainer: Trainer) -> None:
    curve, choice = made(trainer)
    choice.error = "The disk is full."
    curve.start(PLAN)
    assert curve.wait(60).error == "The images could not be chosen: The disk is full."
    assert len(store.list_runs(root)) == 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_the_code_ends_it_and_is_told(
    root: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve, choice = made(trainer)
    monkeypatch.setattr(choice, "start", lambda _task: 1 // 0)
    curve.start(PLAN)
    assert "ended unexpectedly" in str(curve.wait(60).error)


def test_a_run_that_does_not_finish_ends_it(root: Path) -> None:
    stopping = Trainer(start=lambda run: AtOnce(run, "stopped"))  # type: ignore[arg-type,return-value]
    curve, _ = made(stopping)
    curve.start(PLAN)
    assert curve.wait(60).error == "Learning curve: 20 at random is stopped."
    stopping.close()


def test_a_stop_takes_what_waits_out_of_the_queue(root: Path) -> None:
    go_on = threading.Event()

    class Busy(AtOnce):
        def train(self) -> str:
            go_on.wait(60)
            return super().train()

    busy = Trainer(start=lambda run: Busy(run))  # type: ignore[arg-type,return-value]
    first = store.create_run(root, point_config(NAME, 30, 550), name="Another run")
    busy.submit(first)
    curve, _ = made(busy)
    curve.start(PLAN)
    assert busy.wait_for(lambda seen: first.run_id not in seen.queue and bool(seen.queue), 60)
    curve.stop()
    assert curve.state().stopping
    state = curve.wait(60)  # while the other run is still trained
    assert (state.running, state.error, state.done) == (False, None, 0)
    assert busy.snapshot().current == first.run_id and not busy.snapshot().queue
    go_on.set()
    busy.close()
