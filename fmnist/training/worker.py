"""Trains queued runs, one after another, each in a process of its own."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

import filelock

from fmnist.errors import sentence
from fmnist.runs import store
from fmnist.runs.run import ACTIVE_STATES, RESUMABLE_STATES, Run, RunError
from fmnist.training.errors import TrainingError
from fmnist.training.process import ProcessEndedError, TrainingProcess

if TYPE_CHECKING:
    from fmnist.training.loop import Outcome, Signal


_log = logging.getLogger(__name__)

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


class Training(Protocol):
    """A training under way: what `TrainingProcess` has."""

    has_begun: bool

    def train(self) -> "Outcome":
        """Wait until it has ended or paused; once more after a pause that is over."""

    def send(self, signal: "Signal") -> None:
        """Tell it what to do after its current step."""

    def kill(self) -> None:
        """End it now."""

    def close(self) -> None:
        """End it, and wait until it has."""


class Trainer:
    """Trains queued runs, one after another. Every method may be called from any thread.

    A thread waits for the process that trains, and makes the next one.

    Parameters
    ----------
    start : callable
        Begins to train a run. Called in the thread.
    on_end : callable
        Called in the thread with a run that has ended or was paused, and why it failed, if it did.
        The next run waits for it.
    """

    def __init__(
        self,
        *,
        start: Callable[[Run], Training] = TrainingProcess,
        on_end: Callable[[Run, str | None], None] = lambda _run, _failure: None,
    ) -> None:
        self._start = start
        self._on_end = on_end
        self._changed = threading.Condition()  # guards everything below
        self._queue: deque[Run] = deque()
        self._locks: dict[str, filelock.BaseFileLock] = {}
        self._current: Run | None = None
        self._training: Training | None = None
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
                if self._signal in ("stop", "prune"):
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

        What counts is what its folder says now: another process may have trained it since `run` was
        read.

        Raises
        ------
        RunError
            If it has finished, is broken, or is being trained already.
        """
        with self._changed:
            if run.run_id in self._locks:
                raise RunError(f"{run.name} is in the queue already.")
            _check_state(run, *RESUMABLE_STATES, "queued")
            lock = store.acquire(run)
            try:
                # nobody else writes it from here on; active by its files alone, it was interrupted
                run = store.read_files(run.folder.parent, run.run_id)
                _check_state(run, *RESUMABLE_STATES, *ACTIVE_STATES)
                run.write_status("queued", run.progress)
            except BaseException:
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

    def prune(self, run_id: str) -> None:
        """The same, for a sweep whose other runs are better: the run's state becomes "pruned"."""
        self._send("prune", run_id)

    def _send(self, signal: "Signal", run_id: str) -> None:
        with self._changed:
            # a stop is final: the run is being evaluated
            is_ending = self._signal in ("stop", "prune")
            if self._current and self._current.run_id == run_id and not is_ending:
                self._signal = signal
                if self._training:
                    self._training.send(signal)
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
                self._send("pause", self._current.run_id)
            if self._training and not self._training.has_begun:
                self._training.kill()  # it loads torch and the images: there is nothing to save
            self._changed.notify_all()
        self._thread.join(timeout)

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
            except Exception as error:  # noqa: BLE001 (logged; the queue must not end)
                # such as a shared folder that cannot be seen for a moment: the others go on
                _log.exception("The training of %s ended unexpectedly", run.run_id)
                with suppress(OSError, RunError):  # it is in the log, and told by `failures`
                    self._fail(run, sentence(error, "The training ended"))
            finally:
                with self._changed:
                    self._current, self._is_paused = None, False
                    self._locks.pop(run.run_id).release()
                    failure = self._failures.get(run.run_id)
                    self._changed.notify_all()
            self._on_end(run, failure)

    def _train(self, run: Run) -> None:
        """Train a run to its end, through any number of pauses."""
        if not run.exists():
            self._fail(run, run.gone)
            return
        try:
            training = self._start(run)
        except OSError as error:  # no memory for another process, for instance
            self._fail(run, sentence(error, "The training cannot be started"))
            return
        with self._changed:
            self._training = training
            if self._closing:
                training.kill()
            elif self._signal != "continue":
                training.send(self._signal)
        try:
            while training.train() == "paused" and self._wait_to_go_on(run):
                pass
        except TrainingError as error:  # its folder says so already
            self._remember(run, str(error))
        except ProcessEndedError as error:
            if not self._closing:
                self._fail(run, str(error))
        finally:
            with self._changed:
                self._training = None
            training.close()

    def _wait_to_go_on(self, run: Run) -> bool:
        """Wait until a paused run is to go on; False if it never will."""
        with self._changed:
            self._is_paused = True
            self._changed.notify_all()
        if not self._closing:
            self._on_end(run, None)
        with self._changed:
            while self._signal == "pause" and not self._closing and run.exists():
                self._changed.wait(FOLDER_SECONDS)
            self._is_paused = False
        if not run.exists():
            self._fail(run, run.gone)
            return False
        return not self._closing

    def _fail(self, run: Run, reason: str) -> None:
        self._remember(run, reason)
        with suppress(RunError):  # it is gone
            run = store.open_run(run.folder.parent, run.run_id)  # with its progress
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


def _check_state(run: Run, *allowed: str) -> None:
    if run.state not in allowed:
        raise RunError(f"{run.name} is {run.state}; it cannot be trained further.")


__all__ = ["Trainer", "TrainerSnapshot"]
