"""One background thread that trains runs one after another. Knows nothing of Streamlit."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import filelock

from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset, DatasetName
from fmnist.runs import store
from fmnist.runs.run import RESUMABLE_STATES, Run, RunError

if TYPE_CHECKING:
    from fmnist.training.loop import Signal


@dataclass(frozen=True)
class TrainerSnapshot:
    """What the trainer does at one moment.

    Attributes
    ----------
    state : {"idle", "running", "pausing", "paused", "stopping"}
        "pausing" and "stopping" last until the step under way has ended and the run is written.
    current : str or None
        The run under way or paused.
    queue : tuple of str
        Runs that wait, the next one first.
    failures : mapping of str to str
        Why runs failed, for those whose folder could not take it.
    """

    state: Literal["idle", "running", "pausing", "paused", "stopping"] = "idle"
    current: str | None = None
    queue: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)


class Trainer:
    """Trains queued runs in a thread of its own; every method may be called from any thread.

    Parameters
    ----------
    load_dataset : callable
        Gives the data set of a name; called in the background thread.
    """

    def __init__(
        self, *, load_dataset: Callable[[DatasetName], Dataset] = datasets.load_named
    ) -> None:
        self._load_dataset = load_dataset
        self._changed = threading.Condition()  # guards everything below
        self._queue: deque[Run] = deque()
        self._locks: dict[str, filelock.BaseFileLock] = {}
        self._current: Run | None = None
        self._signal: Signal = "continue"
        self._at_rest = False  # the current run is paused and written
        self._closing = False
        self._failures: dict[str, str] = {}
        self._thread = threading.Thread(target=self._work, name="trainer", daemon=True)
        self._thread.start()

    def snapshot(self) -> TrainerSnapshot:
        """What the trainer does now."""
        with self._changed:
            state: Literal["idle", "running", "pausing", "paused", "stopping"] = "idle"
            if self._current is not None:
                if self._signal == "stop":
                    state = "stopping"
                elif self._signal == "pause":
                    state = "paused" if self._at_rest else "pausing"
                else:
                    state = "running"
            return TrainerSnapshot(
                state,
                self._current.run_id if self._current else None,
                tuple(run.run_id for run in self._queue),
                dict(self._failures),
            )

    def submit(self, run: Run) -> None:
        """Queue a new run, or one that was interrupted, stopped or failed.

        Raises
        ------
        RunError
            If it has finished, is broken, or somebody trains it already.
        """
        with self._changed:
            if run.run_id in self._locks:
                raise RunError(f"{run.name} is in the queue already.")
            if run.state not in (*RESUMABLE_STATES, "queued"):
                raise RunError(f"{run.name} is {run.state}; it cannot be trained on.")
            lock = store.acquire(run)
            try:
                run.write_status("queued", run.progress)
            except OSError:
                lock.release()
                raise
            self._locks[run.run_id] = lock
            self._failures.pop(run.run_id, None)
            self._queue.append(run)
            self._changed.notify_all()

    def withdraw(self, run_id: str) -> None:
        """Take a run that waits out of the queue; it becomes "stopped" where it is.

        Raises
        ------
        RunError
            If it does not wait (any more).
        """
        with self._changed:
            run = next((run for run in self._queue if run.run_id == run_id), None)
            if run is None:
                raise RunError("The run is no longer in the queue.")
            self._queue.remove(run)
            try:
                run.write_status("stopped", run.progress)
            finally:
                self._locks.pop(run_id).release()
            self._changed.notify_all()

    def pause(self, run_id: str) -> None:
        """Let the run under way stop after its step, written to disk, until `resume`.

        Does nothing where that run is no longer under way: the person's click came too late.
        """
        self._send("pause", run_id)

    def resume(self, run_id: str) -> None:
        """Go on with the paused run."""
        self._send("continue", run_id)

    def stop(self, run_id: str) -> None:
        """End the run under way, keeping what it has."""
        self._send("stop", run_id)

    def _send(self, signal: "Signal", run_id: str) -> None:
        with self._changed:
            # a stop is final: the run is being evaluated and closed
            if self._current and self._current.run_id == run_id and self._signal != "stop":
                self._signal = signal
                self._changed.notify_all()

    def wait_for(
        self, condition: Callable[[TrainerSnapshot], bool], timeout: float | None = None
    ) -> bool:
        """Wait until the snapshot fulfils a condition.

        Returns
        -------
        bool
            False where the time ran out.
        """
        with self._changed:
            return self._changed.wait_for(lambda: condition(self.snapshot()), timeout)

    def close(self, timeout: float | None = 10) -> None:
        """Write the run under way to disk and end the thread; the run shows as interrupted."""
        with self._changed:
            self._closing = True
            if self._current and self._signal == "continue":
                self._signal = "pause"
            self._changed.notify_all()
        self._thread.join(timeout)

    def _control(self) -> "Signal":
        return self._signal  # one read of an attribute is atomic: no lock on the way of a step

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if self._closing:
                    self._release_all()
                    return
                run = self._current = self._queue.popleft()
                self._signal = "continue"
                self._changed.notify_all()
            try:
                self._train(run)
            finally:
                with self._changed:
                    self._current, self._at_rest = None, False
                    self._locks.pop(run.run_id).release()
                    self._changed.notify_all()

    def _train(self, run: Run) -> None:
        """Train a run to its end, through any number of pauses."""
        try:
            dataset = self._load_dataset(run.config.dataset if run.config else "synthetic-garments")
        except (DatasetError, OSError) as error:
            self._fail(run, str(error))
            return
        # here and not above: the page that makes the trainer should not wait for torch
        from fmnist.training.loop import TrainingError, train

        while True:
            try:
                fresh = store.open_run(run.folder.parent, run.run_id)
                outcome = train(fresh, dataset, control=self._control)
            except (TrainingError, RunError) as error:
                with self._changed:
                    self._failures[run.run_id] = str(error)
                return
            if outcome != "paused":
                return
            with self._changed:
                self._at_rest = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._signal != "pause" or self._closing)
                self._at_rest = False
                if self._closing:
                    return

    def _fail(self, run: Run, reason: str) -> None:
        with self._changed:
            self._failures[run.run_id] = reason
        run.write_failure(reason, run.progress)

    def _release_all(self) -> None:
        for run in self._queue:
            self._locks.pop(run.run_id).release()
        self._queue.clear()


__all__ = ["Trainer", "TrainerSnapshot"]
