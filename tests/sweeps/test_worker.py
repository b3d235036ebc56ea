"""Workers of a sweep: budget, pruning, stop and resume, crashes, failures, several of them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import pytest

from fmnist import paths
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.sweeps.budget import is_spent, set_budget
from fmnist.sweeps.measuring import choose_run
from fmnist.sweeps.space import Options, Range, SweepError
from fmnist.sweeps.sweep import Plan, Sweep, make_sweep, open_sweep, trial_of
from fmnist.sweeps.trials import Trial, Trials, best_trial
from fmnist.sweeps.worker import SweepWorker, WorkerState
from fmnist.training.errors import TrainingError
from fmnist.training.worker import Trainer
from tests.sweeps.fake import BASE, SOON, Fake, write_epoch

PLAN = Plan(BASE, {"learning_rate": Range(1e-4, 0.1, True)}, runs=4, pruner="none")
LISTED = replace(PLAN, space={"learning_rate": Options((0.01, 0.011, 0.012, 0.5))}, sampler="grid")
Hook = Callable[[Fake, int], None]
Start = Callable[[Hook], Trainer]


@pytest.fixture
def trainer_of() -> Iterator[Start]:
    made: list[Trainer] = []

    def start(hook: Hook = lambda _fake, _epoch: None) -> Trainer:
        made.append(Trainer(start=lambda run: Fake(run, hook)))  # type: ignore[arg-type,return-value]
        return made[-1]

    yield start
    for trainer in made:
        trainer.close()


def nothing(_fake: Fake, _epoch: int) -> None: ...


def work(sweep: Sweep, trainer: Trainer) -> WorkerState:
    """Work on a sweep to its end."""
    worker = SweepWorker(sweep, trainer)
    worker.start()
    state = worker.wait(SOON)
    assert not state.running
    return state


def runs() -> list[Run]:
    return store.list_runs(paths.runs_folder())


def states(sweep: Sweep) -> list[str]:
    return [trial.state for trial in Trials(sweep).all()]


def test_a_sweep_trains_ordinary_runs_that_know_it(trainer_of: Start) -> None:
    sweep = make_sweep(PLAN, name="Rates")
    assert work(sweep, trainer_of(nothing)).error is None
    trials = Trials(sweep)
    found = trials.all()
    assert [trial.state for trial in found] == ["finished"] * 4 and is_spent(trials)
    for trial in found:
        run = store.open_run(paths.runs_folder(), str(trial.run_id))
        assert trial_of(run) == (sweep.sweep_id, trial.number)
        assert run.name == f"Run {trial.number + 1}, Rates" and run.training is not None
        assert run.training.measure_test == "later"
        assert run.training.learning_rate == trial.params["learning_rate"]
        assert trial.accuracies == {e.epoch: e.accuracy for e in run.history.epochs}
        assert run.history.best and trial.value == run.history.best.accuracy
        assert trial.seconds == 40
    assert work(sweep, trainer_of(nothing)).error is None and len(runs()) == 4  # nothing is left
    assert trial_of(store.create_run(paths.runs_folder(), BASE)) is None


def test_a_worse_run_is_pruned(trainer_of: Start) -> None:
    def wait_if_bad(fake: Fake, epoch: int) -> None:
        if fake.config.learning_rate == 0.5 and epoch == 2:
            fake.wait_for("prune")

    sweep = make_sweep(replace(LISTED, pruner="median"))
    work(sweep, trainer_of(wait_if_bad))
    assert states(sweep) == ["finished"] * 3 + ["pruned"]
    pruned = store.open_run(paths.runs_folder(), str(Trials(sweep).all()[3].run_id))
    assert pruned.state == "pruned" and len(pruned.history.epochs) == 2


def test_a_larger_budget_lets_it_go_on(trainer_of: Start) -> None:
    sweep = make_sweep(replace(PLAN, runs=2))
    work(sweep, trainer_of(nothing))
    before = Trials(sweep).all()
    with pytest.raises(SweepError, match="has had 2 runs and 1 min 20 s of training already"):
        set_budget(sweep, runs=2)
    with pytest.raises(SweepError, match="give it more"):
        set_budget(sweep, minutes=1.0)
    with pytest.raises(SweepError, match="budget"):
        set_budget(sweep)
    assert open_sweep(sweep.sweep_id) == sweep
    assert set_budget(sweep, runs=3) == open_sweep(sweep.sweep_id)
    work(sweep, trainer_of(nothing))  # by a worker that knew the old one
    assert [trial.params for trial in Trials(sweep).all()[:2]] == [t.params for t in before]
    assert states(sweep) == ["finished"] * 3
    set_budget(sweep, minutes=2.5)  # of runs that take 40 s
    work(sweep, trainer_of(nothing))
    assert states(sweep) == ["finished"] * 4


def test_workers_take_over_a_larger_budget_while_they_run(trainer_of: Start) -> None:
    def widen(_fake: Fake, epoch: int) -> None:
        if len(runs()) == 1 and epoch == 1:
            set_budget(sweep, runs=3)

    sweep = make_sweep(replace(PLAN, runs=1))
    work(sweep, trainer_of(widen))
    assert states(sweep) == ["finished"] * 3


def test_no_budget_adds_what_cannot_be_tried_or_measured(trainer_of: Start) -> None:
    sweep = make_sweep(LISTED)
    work(sweep, trainer_of(nothing))
    with pytest.raises(SweepError, match="All combinations of .* have been tried"):
        set_budget(sweep, runs=10)
    sweep = make_sweep(replace(PLAN, runs=1))
    work(sweep, trainer_of(nothing))
    choose_run(sweep)
    with pytest.raises(SweepError, match="measured on the test images; a better one could not be"):
        set_budget(sweep, runs=10)


def test_minutes_end_it(trainer_of: Start) -> None:
    sweep = make_sweep(replace(PLAN, runs=None, minutes=1.0))  # of runs that take 40 s
    work(sweep, trainer_of(nothing))
    assert states(sweep) == ["finished"] * 2


def test_a_stopped_sweep_goes_on_with_the_same_run(trainer_of: Start) -> None:
    sweep = make_sweep(PLAN)

    def stop_at_second_run(fake: Fake, epoch: int) -> None:
        if len(runs()) == 2 and epoch == 2:
            sweep.stop()
            fake.wait_for("stop")

    worker = SweepWorker(sweep, trainer_of(stop_at_second_run))
    worker.start()
    assert worker.wait(SOON).error is None
    assert states(sweep) == ["finished", "running"]
    second = runs()[0]
    assert second.state == "stopped" and len(second.history.epochs) == 2
    assert work(sweep, trainer_of(nothing)).error is None and len(runs()) == 2  # it is stopped
    sweep.go_on()
    work(sweep, trainer_of(nothing))
    assert states(sweep) == ["finished"] * 4 and len(runs()) == 4
    again = store.open_run(paths.runs_folder(), second.run_id)
    assert [e.epoch for e in again.history.epochs] == [1, 2, 3, 4]


def test_a_run_that_a_person_stops_is_not_gone_on_with(trainer_of: Start) -> None:
    trainers: list[Trainer] = []

    def stop_first(fake: Fake, epoch: int) -> None:
        if len(runs()) == 1 and epoch == 1:
            trainers[0].stop(fake.run.run_id)

    trainers.append(trainer_of(stop_first))
    sweep = make_sweep(PLAN)
    work(sweep, trainers[0])
    assert states(sweep) == ["pruned"] + ["finished"] * 3
    assert Trials(sweep).all()[0].reason == "Stopped by hand."


def begun(sweep: Sweep, trainer: Trainer) -> tuple[Trial, Run]:
    """A trial and its run, as a worker leaves them that was killed after two epochs."""
    trials = Trials(sweep)
    trial = trials.begin()
    run = SweepWorker(sweep, trainer)._make_run(trials, trial)
    for epoch in (1, 2):
        write_epoch(run, epoch, 0.5)
    return trial, run


def test_what_a_killed_worker_leaves_is_gone_on_with(trainer_of: Start) -> None:
    sweep, trainer = make_sweep(PLAN), trainer_of(nothing)
    _, run = begun(sweep, trainer)
    assert store.open_run(run.folder.parent, run.run_id).state == "interrupted"
    work(sweep, trainer)
    first = Trials(sweep).all()[0]
    assert (first.run_id, first.state, [*first.accuracies]) == (
        run.run_id, "finished", [1, 2, 3, 4],
    )  # fmt: skip
    assert len(runs()) == 4


def test_a_run_that_had_ended_before_it_was_told_is_told(trainer_of: Start) -> None:
    sweep, trainer = make_sweep(PLAN), trainer_of(nothing)
    _, run = begun(sweep, trainer)
    for epoch in (3, 4):
        write_epoch(run, epoch, 0.6)
    run.write_status("finished", run.progress)
    work(sweep, trainer)
    first = Trials(sweep).all()[0]
    assert (first.state, first.value) == ("finished", 0.6) and len(runs()) == 4


@pytest.mark.parametrize("is_made", [False, True])
def test_a_kill_between_trial_and_run_loses_nothing(
    trainer_of: Start, is_made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, trainer = make_sweep(PLAN), trainer_of(nothing)
    trials = Trials(sweep)
    trial = trials.begin()
    if is_made:  # the journal does not name it yet
        monkeypatch.setattr(trials, "note", lambda *_a, **_n: None)
        SweepWorker(sweep, trainer)._make_run(trials, trial)
    work(sweep, trainer)
    first, *_ = found = Trials(sweep).all()
    assert first.params == trial.params and first.run_id is not None
    assert [each.state for each in found] == ["finished"] * 4 and len(runs()) == 4


def test_a_deleted_run_is_told_as_failed_and_replaced(trainer_of: Start) -> None:
    sweep, trainer = make_sweep(PLAN), trainer_of(nothing)
    _, run = begun(sweep, trainer)
    store.delete_run(run)
    work(sweep, trainer)
    assert states(sweep) == ["failed"] + ["finished"] * 4
    assert Trials(sweep).all()[0].reason == "The run was deleted."


def test_a_failed_run_is_tried_twice(trainer_of: Start) -> None:
    failed: list[str] = []

    def fail_once(fake: Fake, epoch: int) -> None:
        if epoch == 2 and fake.run.run_id not in failed:
            failed.append(fake.run.run_id)
            raise TrainingError("The memory was full.")

    sweep = make_sweep(PLAN)
    work(sweep, trainer_of(fail_once))
    assert states(sweep) == ["finished"] * 4 and len(failed) == 4
    assert {trial.retries for trial in Trials(sweep).all()} == {1}


def test_three_failures_in_a_row_end_it(trainer_of: Start) -> None:
    def fail(_fake: Fake, _epoch: int) -> None:
        raise TrainingError("The disk is full.")

    sweep = make_sweep(PLAN)
    error = work(sweep, trainer_of(fail)).error
    assert error == "3 runs in a row have failed. The last: The disk is full."
    assert states(sweep) == ["failed"] * 3
    assert {trial.reason for trial in Trials(sweep).all()} == {"The disk is full."}


def test_two_workers_share_a_sweep(trainer_of: Start) -> None:
    sweep = make_sweep(replace(PLAN, runs=6))
    together: list[int] = []

    def note(fake: Fake, _epoch: int) -> None:
        together.append(sum(run.state == "running" for run in runs()))
        if len(together) == 1:  # until the other has begun, too
            other.start()
            while len({*runs_begun()}) < 2:
                pass

    def runs_begun() -> list[str]:
        return [run.run_id for run in runs() if run.history.epochs]

    other = SweepWorker(open_sweep(sweep.sweep_id), trainer_of(nothing))
    work(sweep, trainer_of(note))
    assert other.wait(SOON).error is None
    assert states(sweep) == ["finished"] * 6 and len(runs()) == 6
    assert len({trial.run_id for trial in Trials(sweep).all()}) == 6


KILLED: Final = """
import sys
from fmnist.sweeps.sweep import open_sweep
from fmnist.sweeps.worker import SweepWorker
from fmnist.training.worker import Trainer
from tests.sweeps.fake import Fake
import threading

def hang(fake, epoch):
    if epoch == 2:
        print("here", flush=True)
        threading.Event().wait()

worker = SweepWorker(open_sweep(sys.argv[1]), Trainer(start=lambda run: Fake(run, hang)))
worker.start()
worker.wait()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_worker_that_is_killed_loses_nothing(trainer_of: Start) -> None:
    sweep = make_sweep(PLAN)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, sweep.sweep_id],
        env=paths.child_environment(), stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout and process.stdout.readline() == b"here\n"
        assert sweep.workers() == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
    (run,) = runs()
    assert (run.state, len(run.history.epochs), sweep.workers()) == ("interrupted", 2, 0)
    work(sweep, trainer_of(nothing))
    assert states(sweep) == ["finished"] * 4 and len(runs()) == 4
    assert len(store.open_run(run.folder.parent, run.run_id).history.epochs) == 4


def test_one_run_is_chosen_and_no_second_one(trainer_of: Start) -> None:
    sweep = make_sweep(PLAN)
    with pytest.raises(SweepError, match="has finished"):
        choose_run(sweep)
    work(sweep, trainer_of(nothing))
    best, other = best_trial(Trials(sweep).all()), Trials(sweep).all()
    assert best is not None
    with pytest.raises(SweepError, match="is no run of"):
        choose_run(sweep, "another")
    assert choose_run(sweep).run_id == best.run_id == sweep.measured_run()
    assert choose_run(sweep).run_id == best.run_id  # it was not measured yet
    second = next(t.run_id for t in other if t.run_id != best.run_id)
    with pytest.raises(SweepError, match="was chosen before"):
        choose_run(sweep, second)
    with sweep.working(), pytest.raises(SweepError, match="is running"):
        choose_run(sweep)


def test_of_two_who_choose_at_once_one_waits(
    trainer_of: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(PLAN)
    work(sweep, trainer_of(nothing))
    first, second = (str(trial.run_id) for trial in Trials(sweep).all()[:2])

    def choose_too() -> None:
        with pytest.raises(SweepError, match="was chosen before"):
            choose_run(sweep, second)

    waiting = threading.Thread(target=choose_too)
    written = Sweep.write_measured

    def write_while_another_chooses(chosen: Sweep, run_id: str) -> None:
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive() and chosen.measured_run() is None
        written(chosen, run_id)

    monkeypatch.setattr(Sweep, "write_measured", write_while_another_chooses)
    choose_run(sweep, first)
    waiting.join(SOON)
    assert sweep.measured_run() == first


def test_of_the_runs_that_are_there_the_best_is_chosen(trainer_of: Start) -> None:
    sweep = make_sweep(PLAN)
    work(sweep, trainer_of(nothing))
    best, second = sorted(Trials(sweep).all(), key=lambda t: -(t.value or 0.0))[:2]
    store.delete_run(store.open_run(paths.runs_folder(), str(best.run_id)))
    assert choose_run(sweep).run_id == second.run_id
