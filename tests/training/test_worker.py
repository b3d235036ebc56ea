"""The trainer: queue, pause, resume, stop, failures, several callers."""

import errno
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset, DatasetName
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress, StepEntry
from fmnist.runs.run import Run, RunError
from fmnist.training.recorder import RunRecorder
from fmnist.training.worker import Trainer, TrainerSnapshot
from tests.training.helpers import InThread

SOON = 120  # seconds that an event may take on a busy machine before the test gives up
SHORT = TrainConfig(dataset="synthetic-garments", epochs=1, subset=128, batch_size=64, log_every=1)
LONG = TrainConfig(
    dataset="synthetic-garments", epochs=1000, subset=128, batch_size=64, log_every=1
)


@pytest.fixture
def trainer() -> Iterator[Trainer]:
    trainer = Trainer(start=InThread)
    yield trainer
    trainer.close()


def idle(snapshot: TrainerSnapshot) -> bool:
    return snapshot.state == "idle" and not snapshot.queue


def reread(run: Run) -> Run:
    return store.open_run(run.folder.parent, run.run_id)


class LoggedSteps:
    """The last step that each run has logged, for tests to wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._last: dict[str, int] = {}

    def add(self, run_id: str, step: int) -> None:
        with self._changed:
            self._last[run_id] = step
            self._changed.notify_all()

    def forget(self, run: Run) -> None:
        """Wait from now on for what the run logs from now on."""
        with self._changed:
            self._last.pop(run.run_id, None)

    def wait_for(self, run: Run, step: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._last.get(run.run_id, 0) >= step, SOON)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> LoggedSteps:
    steps = LoggedSteps()
    log_step = RunRecorder.log_step

    def log_and_tell(recorder: RunRecorder, entry: StepEntry) -> None:
        log_step(recorder, entry)
        steps.add(recorder.run.run_id, entry.step)

    monkeypatch.setattr(RunRecorder, "log_step", log_and_tell)
    return steps


def test_trains_queued_runs_in_order(trainer: Trainer, tmp_path: Path) -> None:
    first, second = (store.create_run(tmp_path, SHORT, name=n) for n in ("first", "second"))
    trainer.submit(first)
    trainer.submit(second)
    assert trainer.wait_for(idle, SOON)
    assert [reread(run).state for run in (first, second)] == ["finished", "finished"]
    ended = [reread(run).read_events()[-1].time for run in (first, second)]
    assert ended[0] < ended[1]
    assert not store.is_owned(first.folder)


def test_a_queued_run_is_owned_and_can_be_withdrawn(trainer: Trainer, tmp_path: Path) -> None:
    running, waiting = store.create_run(tmp_path, LONG), store.create_run(tmp_path, SHORT)
    trainer.submit(running)
    trainer.submit(waiting)
    assert trainer.snapshot().queue[-1] == waiting.run_id
    assert reread(waiting).state == "queued"
    with pytest.raises(RunError, match="in the queue already"):
        trainer.submit(waiting)
    trainer.withdraw(waiting.run_id)
    assert reread(waiting).state == "stopped"
    with pytest.raises(RunError, match="no longer in the queue"):
        trainer.withdraw(waiting.run_id)
    # before it is the current one, a stop does nothing
    assert trainer.wait_for(lambda s: s.current == running.run_id, SOON)
    trainer.stop(running.run_id)
    assert trainer.wait_for(idle, SOON)


def test_pause_holds_the_queue_and_resume_goes_on(
    trainer: Trainer, tmp_path: Path, logged: LoggedSteps
) -> None:
    run, next_run = store.create_run(tmp_path, LONG), store.create_run(tmp_path, SHORT)
    trainer.submit(run)
    trainer.submit(next_run)
    logged.wait_for(run, 2)
    trainer.pause(run.run_id)
    assert trainer.wait_for(lambda s: s.state == "paused", SOON)
    paused = reread(run)
    assert paused.state == "paused"
    assert paused.checkpoint_path.exists()
    assert trainer.snapshot().queue == (next_run.run_id,)
    trainer.resume(run.run_id)
    logged.wait_for(run, paused.progress.step + 2)
    trainer.stop(run.run_id)
    assert trainer.wait_for(idle, SOON)
    assert reread(run).state == "stopped"
    assert reread(next_run).state == "finished"


def test_stop_keeps_what_it_has_also_from_a_pause(
    trainer: Trainer, tmp_path: Path, logged: LoggedSteps
) -> None:
    run = store.create_run(tmp_path, LONG)
    trainer.submit(run)
    logged.wait_for(run, 3)
    trainer.pause(run.run_id)
    assert trainer.wait_for(lambda s: s.state == "paused", SOON)
    trainer.stop(run.run_id)
    assert trainer.wait_for(idle, SOON)
    stopped = reread(run)
    assert stopped.state == "stopped"
    assert stopped.weights_path.exists()
    assert stopped.evaluation_path("test").exists()
    trainer.submit(stopped)  # and it can be gone on with
    logged.wait_for(run, stopped.progress.step + 1)
    trainer.stop(run.run_id)
    assert trainer.wait_for(idle, SOON)


def test_signals_for_another_run_do_nothing(
    trainer: Trainer, tmp_path: Path, logged: LoggedSteps
) -> None:
    run = store.create_run(tmp_path, LONG)
    trainer.submit(run)
    logged.wait_for(run, 1)
    trainer.pause("some-other-run")
    trainer.stop("some-other-run")
    assert trainer.snapshot().state == "running"
    trainer.stop(run.run_id)
    assert trainer.wait_for(idle, SOON)


def test_close_leaves_the_run_interrupted_and_resumable(
    tmp_path: Path, logged: LoggedSteps
) -> None:
    trainer = Trainer(start=InThread)
    run = store.create_run(tmp_path, LONG)
    waiting = store.create_run(tmp_path, SHORT)
    trainer.submit(run)
    trainer.submit(waiting)
    logged.wait_for(run, 2)
    trainer.close()
    assert reread(run).state == "interrupted"
    assert reread(run).checkpoint_path.exists()
    assert reread(waiting).state == "interrupted"


def test_a_data_set_that_cannot_be_read_fails_the_run_and_not_the_trainer(tmp_path: Path) -> None:
    def broken(name: DatasetName) -> Dataset:
        raise DatasetError("the disk with the images is gone.")

    trainer = Trainer(start=lambda run: InThread(run, broken))
    run = store.create_run(tmp_path, SHORT)
    trainer.submit(run)
    assert trainer.wait_for(idle, SOON)
    failed = reread(run)
    assert (failed.state, failed.reason) == ("failed", "the disk with the images is gone.")
    assert trainer.snapshot().failures == {run.run_id: "the disk with the images is gone."}
    assert trainer.snapshot().lost == {}
    trainer.close()


def test_a_folder_that_cannot_be_seen_for_a_moment_fails_that_run_alone(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, next_run = store.create_run(tmp_path, SHORT), store.create_run(tmp_path, SHORT)
    exists, hidden = Run.exists, threading.Event()

    def stale(seen: Run) -> bool:
        if seen.run_id == run.run_id and hidden.is_set():
            hidden.clear()
            raise OSError(errno.ESTALE, "Stale file handle")
        return exists(seen)

    monkeypatch.setattr(Run, "exists", stale)
    with trainer._changed:  # it begins only when both wait
        trainer.submit(run)
        trainer.submit(next_run)
        hidden.set()
    assert trainer.wait_for(idle, SOON)
    told = "The training ended: stale file handle."
    assert trainer.snapshot().failures == {run.run_id: told}
    assert (reread(run).state, reread(run).reason) == ("failed", told)
    assert reread(next_run).state == "finished"


def test_a_failure_that_the_disk_cannot_take_is_kept_in_memory(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create_run(tmp_path, SHORT)

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fmnist.training.recorder.append_line", full)
    trainer.submit(run)
    # only now, since submitting writes the status too
    monkeypatch.setattr("fmnist.runs.run.write_json", full)
    assert trainer.wait_for(idle, SOON)
    assert "disk is full" in trainer.snapshot().failures[run.run_id]


def test_finished_runs_and_runs_of_others_are_refused(trainer: Trainer, tmp_path: Path) -> None:
    run = store.create_run(tmp_path, SHORT)
    with store.owning(run), pytest.raises(RunError, match="trained elsewhere"):
        trainer.submit(run)
    trainer.submit(run)
    assert trainer.wait_for(idle, SOON)
    with pytest.raises(RunError, match="is finished"):
        trainer.submit(reread(run))


def test_what_counts_of_a_run_is_what_its_folder_says_now(
    trainer: Trainer, tmp_path: Path, logged: LoggedSteps
) -> None:
    running, stale = store.create_run(tmp_path, LONG), store.create_run(tmp_path, LONG)
    trainer.submit(running)
    moved_on = Progress(epoch=3, step=5, steps=2000, seconds=7.0)
    stale.write_status("stopped", moved_on)  # by another process
    trainer.submit(stale)
    assert reread(stale).progress == moved_on
    trainer.withdraw(stale.run_id)
    assert reread(stale).progress == moved_on
    stale.status_path.write_text("{")  # damaged since
    with pytest.raises(RunError, match="is broken; it cannot be trained further"):
        trainer.submit(stale)
    assert stale.status_path.read_text() == "{"
    assert not store.is_owned(stale.folder)
    logged.wait_for(running, 1)
    trainer.stop(running.run_id)
    assert trainer.wait_for(idle, SOON)


@pytest.mark.parametrize("removed", ["folder", "config.json"])
def test_a_run_whose_folder_is_removed_fails_and_the_queue_goes_on(
    trainer: Trainer, tmp_path: Path, logged: LoggedSteps, removed: str
) -> None:
    run, next_run = store.create_run(tmp_path, LONG), store.create_run(tmp_path, SHORT)
    trainer.submit(run)
    trainer.submit(next_run)
    logged.wait_for(run, 2)
    if removed == "folder":
        run.folder.rename(tmp_path / "moved away")
    else:
        run.config_path.unlink()
    assert trainer.wait_for(idle, SOON)
    assert trainer.snapshot().failures == trainer.snapshot().lost == {run.run_id: run.gone}
    assert "is gone: it was deleted or moved" in run.gone
    assert run.folder.exists() is (removed == "config.json")
    assert reread(next_run).state == "finished"
    trainer.forget(run.run_id)
    assert trainer.snapshot().failures == trainer.snapshot().lost == {}
    if removed == "folder":  # put back, it can be resumed
        (tmp_path / "moved away").rename(run.folder)
        assert reread(run).state == "interrupted"
        logged.forget(run)
        trainer.submit(reread(run))
        logged.wait_for(run, 1)


def test_a_paused_or_queued_run_whose_folder_is_removed_holds_nobody_up(
    trainer: Trainer, tmp_path: Path, logged: LoggedSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist.training.worker.FOLDER_SECONDS", 0.01)
    paused, queued, last = (store.create_run(tmp_path, c) for c in (LONG, SHORT, SHORT))
    for run in (paused, queued, last):
        trainer.submit(run)
    logged.wait_for(paused, 2)
    trainer.pause(paused.run_id)
    assert trainer.wait_for(lambda s: s.state == "paused", SOON)
    for run in (queued, paused):
        shutil.rmtree(run.folder)
    assert trainer.wait_for(idle, SOON)
    assert trainer.snapshot().failures == {run.run_id: run.gone for run in (paused, queued)}
    assert reread(last).state == "finished"
    assert [path.name for path in tmp_path.iterdir()] == [last.run_id]


def test_many_callers_at_once(trainer: Trainer, tmp_path: Path) -> None:
    made = [store.create_run(tmp_path, SHORT) for _ in range(6)]
    gate = threading.Barrier(len(made))

    def submit(run: Run) -> None:
        gate.wait()
        trainer.submit(run)
        trainer.pause(run.run_id)
        trainer.resume(run.run_id)

    callers = [threading.Thread(target=submit, args=(run,)) for run in made]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    # a pause may have met a run that its caller's resume then missed: let every run go on
    while not trainer.wait_for(idle, 1):
        current = trainer.snapshot().current
        if current:
            trainer.resume(current)
    assert {reread(run).state for run in made} == {"finished"}


def test_ends_and_pauses_are_told_when_the_disk_says_so(
    tmp_path: Path, logged: LoggedSteps
) -> None:
    told: list[tuple[str, str, str | None]] = []
    changed = threading.Condition()

    def note(run: Run, failure: str | None) -> None:
        with changed:
            told.append((run.name, reread(run).state, failure))
            changed.notify_all()

    def wait_for(count: int) -> None:
        with changed:
            assert changed.wait_for(lambda: len(told) >= count, SOON)

    trainer = Trainer(start=InThread, on_end=note)
    run, other = (store.create_run(tmp_path, LONG, name=name) for name in ("first", "second"))
    trainer.submit(run)
    logged.wait_for(run, 2)
    trainer.pause(run.run_id)
    wait_for(1)
    trainer.resume(run.run_id)
    logged.wait_for(run, reread(run).progress.step + 1)
    trainer.stop(run.run_id)
    wait_for(2)
    shutil.rmtree(other.folder / "evaluation")
    (other.folder / "evaluation").write_text("a file in its place")
    trainer.submit(other)
    wait_for(3)
    stopped = reread(run)
    trainer.submit(stopped)
    logged.wait_for(stopped, stopped.progress.step + 1)
    trainer.close()
    wait_for(4)
    failure = reread(other).reason
    assert failure
    assert told == [
        ("first", "paused", None),
        ("first", "stopped", None),
        ("second", "failed", failure),
        ("first", "interrupted", None),
    ]
