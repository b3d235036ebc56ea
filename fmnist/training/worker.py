"""The background thread that trains queued runs, one after another."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import filelock

from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset, DatasetName
from fmnist.errors import sentence
from fmnist.runs import store
from fmnist.runs.run import RESUMABLE_STATES, Run, RunError

if TYPE_CHECKING:
    from fmnist.training.loop import Signal


FOLDER_SECONDS: Final = 2.0
"""How often a paused run looks whether its folder is still there."""


@dataclass(frozen=True)
class TrainerSnapshot:
    """State of the trainer at one moment.

    Attributes
    ----------
    state : {"idle", "running", "pausing", "paused", "stopping"}
        "pausing" and "stopping" last until the current step has ended and the run is saved.
    current : str or None
        Id of the run that trains or is paused.
    queue : tuple of str
        Ids of the runs that wait, the next one first.
    failures : mapping of str to str
        Why runs failed, by run id; also for runs whose folder could not be written.
    lost : mapping of str to str
        Those of them whose folder was gone: they have no page of their own.
    """

    state: Literal["idle", "running", "pausing", "paused", "stopping"] = "idle"
    current: str | None = None
    queue: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)


class Trainer:
    """Trains queued runs in a background thread. Every method may be called from any thread.

    Parameters
    ----------
    load_dataset : callable
        Returns the data set with a given name. Called in the background thread.
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
        self._is_paused = False  # the current run is paused and saved
        self._closing = False
        self._failures: dict[str, str] = {}
        self._lost: dict[str, str] = {}
        self._thread = threading.Thread(target=self._work, name="trainer", daemon=True)
        self._thread.start()

    def snapshot(self) -> TrainerSnapshot:
        """The state of the trainer now."""
        with self._changed:
            state: Literal["idle", "running", "pausing", "paused", "stopping"] = "idle"
            if self._current is not None:
                if self._signal == "stop":
                    state = "stopping"
                elif self._signal == "pause":
                    state = "paused" if self._is_paused else "pausing"
                else:
                    state = "running"
            return TrainerSnapshot(
                state,
                self._current.run_id if self._current else None,
                tuple(run.run_id for run in self._queue),
                dict(self._failures),
                dict(self._lost),
            )

    def submit(self, run: Run) -> None:
        """Queue a new run, or one that was interrupted, stopped or failed.

        Raises
        ------
        RunError
            If it has finished, is broken, or is being trained already.
        """
        with self._changed:
            if run.run_id in self._locks:
                raise RunError(f"{run.name} is in the queue already.")
            if run.state not in (*RESUMABLE_STATES, "queued"):
                raise RunError(f"{run.name} is {run.state}; it cannot be trained further.")
            lock = store.acquire(run)
            try:
                run.write_status("queued", run.progress)
            except OSError:
                lock.release()
                raise
            self._locks[run.run_id] = lock
            self.forget(run.run_id)
            self._queue.append(run)
            self._changed.notify_all()

    def withdraw(self, run_id: str) -> None:
        """Remove a run from the queue. Its state becomes "stopped".

        Raises
        ------
        RunError
            If it is not in the queue.
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

    def forget(self, run_id: str) -> None:
        """Drop the failure of a run, for instance of one that is there no longer."""
        with self._changed:
            self._failures.pop(run_id, None)
            self._lost.pop(run_id, None)

    def pause(self, run_id: str) -> None:
        """Pause the current run after its step, saved to disk, until `resume`.

        Does nothing if another run is the current one by now.
        """
        self._send("pause", run_id)

    def resume(self, run_id: str) -> None:
        """Continue the paused run."""
        self._send("continue", run_id)

    def stop(self, run_id: str) -> None:
        """End the current run; its weights so far are evaluated and saved."""
        self._send("stop", run_id)

    def _send(self, signal: "Signal", run_id: str) -> None:
        with self._changed:
            # a stop is final: the run is being evaluated
            if self._current and self._current.run_id == run_id and self._signal != "stop":
                self._signal = signal
                self._changed.notify_all()

    def wait_for(
        self, condition: Callable[[TrainerSnapshot], bool], timeout: float | None = None
    ) -> bool:
        """Wait until the snapshot meets a condition.

        Returns
        -------
        bool
            False if the time ran out.
        """
        with self._changed:
            return self._changed.wait_for(lambda: condition(self.snapshot()), timeout)

    def close(self, timeout: float | None = 10) -> None:
        """Save the current run and end the thread. The run shows as interrupted."""
        with self._changed:
            self._closing = True
            if self._current and self._signal == "continue":
                self._signal = "pause"
            self._changed.notify_all()
        self._thread.join(timeout)

    def _control(self) -> "Signal":
        return self._signal  # reading an attribute is atomic, so a step needs no lock

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
                    self._current, self._is_paused = None, False
                    self._locks.pop(run.run_id).release()
                    self._changed.notify_all()

    def _train(self, run: Run) -> None:
        """Train a run to its end, through any number of pauses."""
        try:
            dataset = self._load_dataset(run.config.dataset if run.config else "synthetic-garments")
        except (DatasetError, OSError) as error:
            self._fail(run, sentence(error))
            return
        # imported here, so that the page that creates the trainer does not wait for torch
        from fmnist.training.errors import failure_message
        from fmnist.training.loop import TrainingError, train

        while True:
            if not run.exists():
                self._fail(run, run.gone)
                return
            try:
                fresh = store.open_run(run.folder.parent, run.run_id)
                outcome = train(fresh, dataset, control=self._control)
            except TrainingError as error:  # its folder says so already
                self._remember(run, str(error))
                return
            except (RunError, OSError) as error:
                self._fail(run, failure_message(error))
                return
            if outcome != "paused" or not self._wait_to_go_on(run):
                return

    def _wait_to_go_on(self, run: Run) -> bool:
        """Wait until a paused run is to go on; False if it never will."""
        with self._changed:
            self._is_paused = True
            self._changed.notify_all()
            while self._signal == "pause" and not self._closing and run.exists():
                self._changed.wait(FOLDER_SECONDS)
            self._is_paused = False
            return not self._closing

    def _fail(self, run: Run, reason: str) -> None:
        self._remember(run, reason)
        run.write_failure(reason, run.progress)

    def _remember(self, run: Run, reason: str) -> None:
        with self._changed:
            self._failures[run.run_id] = reason
            if not run.exists():
                self._lost[run.run_id] = reason

    def _release_all(self) -> None:
        for run in self._queue:
            self._locks.pop(run.run_id).release()
        self._queue.clear()


__all__ = ["Trainer", "TrainerSnapshot"]
