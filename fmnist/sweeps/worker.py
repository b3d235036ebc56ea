"""A worker: makes the next run of a sweep, has it trained, tells the journal what came of it.

Any number of workers share a sweep, in one process or in several, on one host or on several. Under
the sweep's lock, each takes up what another has left behind, or begins a trial. A run that nobody
trains, though its trial has not ended, goes on from its checkpoint.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from fmnist import paths
from fmnist.errors import ToldError, sentence
from fmnist.files import write_json
from fmnist.runs import store
from fmnist.runs.run import Run, RunError
from fmnist.sweeps.budget import is_done, is_spent
from fmnist.sweeps.space import SweepError
from fmnist.sweeps.sweep import RUN_FILE, Sweep, trial_of
from fmnist.sweeps.trials import Trial, Trials
from fmnist.text import one_line
from fmnist.training.worker import Trainer, TrainerSnapshot

LOOK_SECONDS: Final = 0.5
"""How often a worker looks for a new epoch of its run, and whether it is to stop."""

_RETRIES: Final = 1
_FAILURES_IN_A_ROW: Final = 3
_NAME_LENGTH: Final = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerState:
    """What a worker does.

    Attributes
    ----------
    running : bool
    stopping : bool
        Whether it ends as soon as its run is saved.
    run_id : str or None
        Of the run that it has trained.
    error : str or None
        Why it has ended early, in a sentence.
    """

    running: bool = False
    stopping: bool = False
    run_id: str | None = None
    error: str | None = None


class SweepWorker:
    """Works on a sweep in a thread, by a trainer's queue. Every method may be called anywhere.

    Parameters
    ----------
    sweep : Sweep
    trainer : Trainer
        Ordinary runs may be in its queue, too.
    on_end : callable
        Called in the thread with each trial that has ended.
    on_leave : callable
        Called in the thread when it works no longer: with why it has ended early, or None.
    """

    def __init__(
        self,
        sweep: Sweep,
        trainer: Trainer,
        *,
        on_end: Callable[[Trial], None] = lambda _: None,
        on_leave: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self.sweep = sweep
        self._trainer = trainer
        self._on_end = on_end
        self._on_leave = on_leave
        self._leaving = threading.Event()  # the server ends
        self._guard = threading.Lock()  # guards the state
        self._state = WorkerState()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or go on after an end; nothing while it works.

        Raises
        ------
        SweepError
            If the sweep cannot be read.
        """
        self.sweep.planned  # noqa: B018 - raises
        with self._guard:
            if self._state.running:
                return
            self._leaving.clear()
            self._state = WorkerState(running=True)
            self._thread = threading.Thread(target=self._work, name="sweep", daemon=True)
            self._thread.start()

    def state(self) -> WorkerState:
        """The state now."""
        with self._guard:
            return replace(self._state, stopping=self._state.running and self._is_ending())

    def leave(self) -> None:
        """End, whatever other workers do; the run goes on with the next worker that comes."""
        self._leaving.set()

    def wait(self, timeout: float | None = None) -> WorkerState:
        """Wait until it has ended, at most so many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self.state()

    def _is_ending(self) -> bool:
        return self._leaving.is_set() or self.sweep.is_stopped()

    def _change(self, **values: object) -> None:
        with self._guard:
            self._state = replace(self._state, **values)  # type: ignore[arg-type]

    def _work(self) -> None:
        # what is raised besides is a mistake of the code: the thread writes it to the log
        error: str | None = "It has ended unexpectedly; the log of the server says why."
        try:
            with self.sweep.working():
                self._try_all(Trials(self.sweep))
            error = None
        except (OSError, ToldError) as failure:
            error = sentence(failure)
        finally:
            self._change(running=False, error=error)
            self._on_leave(error)

    def _try_all(self, trials: Trials) -> None:
        failures = 0
        while not self._is_ending() and not is_done(trials):
            with self.sweep.lock():
                found = self._take_up(trials) or self._begin(trials)
            if found is None:
                return
            number, run = found
            ended = self._follow(trials, number, run)
            if ended is None:
                continue
            self._on_end(ended)
            failures = failures + 1 if ended.state == "failed" else 0
            if failures == _FAILURES_IN_A_ROW:
                raise SweepError(f"{failures} runs in a row have failed. The last: {ended.reason}")

    def _take_up(self, trials: Trials) -> tuple[int, Run] | None:
        """A run that nobody trains, though its trial has not ended; it is in the queue then."""
        for trial in trials.all():
            if trial.state != "running":
                continue
            run = self._run_of(trials, trial)
            if run is not None and store.is_owned(run.folder):
                continue
            if self._settle(trials, trial.number, run, by="resume") or run is None:
                continue
            with suppress(RunError):  # somebody has just taken it up
                self._trainer.submit(run)
                if run.state == "failed":
                    trials.note(trial.number, retries=trial.retries + 1)
                return trial.number, run
        return None

    def _begin(self, trials: Trials) -> tuple[int, Run] | None:
        """A new run in the queue; None if the budget is spent."""
        if is_spent(trials):
            return None
        trial = trials.begin()
        run = self._make_run(trials, trial)
        self._trainer.submit(run)
        return trial.number, run

    def _run_of(self, trials: Trials, trial: Trial) -> Run | None:
        """The run of a trial, which is made where there was none yet; None if it is gone."""
        if trial.run_id is not None:
            try:
                return store.open_run(paths.runs_folder(), trial.run_id)
            except RunError:
                return None
        run = self._lost_run(trial.number)
        if run is None:
            return self._make_run(trials, trial)
        trials.note(trial.number, run_id=run.run_id)
        return run

    def _make_run(self, trials: Trials, trial: Trial) -> Run:
        whose = {"sweep": self.sweep.sweep_id, "trial": trial.number}
        run = store.create_run(
            paths.runs_folder(),
            trials.config(trial.number),
            # the number first: lists cut long names off
            name=f"Run {trial.number + 1}, {one_line(self.sweep.name, _NAME_LENGTH)}",
            fill=lambda folder: write_json(folder / RUN_FILE, whose),
        )
        trials.note(trial.number, run_id=run.run_id)
        return run

    def _lost_run(self, number: int) -> Run | None:
        """One that was made before its worker was killed, and that the journal does not name."""
        for run in store.list_runs(paths.runs_folder()):
            if run.created < self.sweep.created:
                break
            if trial_of(run) == (self.sweep.sweep_id, number):
                return run
        return None

    def _follow(self, trials: Trials, number: int, run: Run) -> Trial | None:
        """Wait until a run is trained; the trial if it has ended."""
        self._change(run_id=run.run_id)
        said, known = "", -1

        def is_out(seen: TrainerSnapshot) -> bool:
            return run.run_id not in (seen.current, *seen.queue)

        while not self._trainer.wait_for(is_out, LOOK_SECONDS):
            if said == "stop" or self._leaving.is_set():
                continue
            if self.sweep.is_stopped():
                self._stop(run)
                said = "stop"
            elif said != "prune":
                size = _size(run)
                if size != known and self._report(trials, number, run):
                    self._trainer.prune(run.run_id)
                    said = "prune"
                known = size
        with self.sweep.lock():
            return self._settle(trials, number, _reread(run), by=said)

    def _stop(self, run: Run) -> None:
        with suppress(RunError):  # it has just begun
            self._trainer.withdraw(run.run_id)
        self._trainer.stop(run.run_id)

    def _report(self, trials: Trials, number: int, run: Run) -> bool:
        read = _reread(run)
        return read is not None and trials.report(number, read.history.epochs)

    def _settle(self, trials: Trials, number: int, run: Run | None, *, by: str) -> Trial | None:
        """Tell how a run has ended; None if it is to go on.

        Parameters
        ----------
        trials : Trials
        number : int
            Of the trial.
        run : Run or None
            None if its folder is gone.
        by : str
            "stop" if the sweep has stopped it, "resume" if it may have been stopped with the sweep
            before; otherwise a person has stopped it.
        """
        if run is None:
            trials.end(number, "failed", reason="The run was deleted.")
            return trials.all()[number]
        trials.report(number, run.history.epochs)
        seconds, best = run.progress.seconds, run.history.selected
        if run.state == "finished" and best is not None:
            trials.end(number, "finished", value=best.accuracy, seconds=seconds)
        elif run.state == "pruned":
            trials.end(number, "pruned", seconds=seconds)
        elif run.state == "stopped" and by not in ("stop", "resume"):
            trials.end(number, "pruned", seconds=seconds, reason="Stopped by hand.")
        elif run.state in ("failed", "broken"):
            if run.state == "failed" and trials.all()[number].retries < _RETRIES:
                return None
            trials.end(number, "failed", seconds=seconds, reason=run.reason or "It failed.")
        else:
            return None
        return trials.all()[number]


def _size(run: Run) -> int:
    """Bytes of the history, which grow with every line."""
    try:
        return run.history_path.stat().st_size
    except OSError:
        return 0


def _reread(run: Run) -> Run | None:
    try:
        return store.open_run(run.folder.parent, run.run_id)
    except RunError:
        return None
