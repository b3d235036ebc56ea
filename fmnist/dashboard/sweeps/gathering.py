"""What the Sweeps page shows of a sweep, gathered once; the workers of this server."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import streamlit as st

from fmnist import paths
from fmnist.dashboard import ending, run_catalog
from fmnist.dashboard.webhooks import webhooks
from fmnist.runs import store
from fmnist.sweeps.budget import is_done
from fmnist.sweeps.measuring_job import MeasuringProcess
from fmnist.sweeps.sweep import Plan, Sweep
from fmnist.sweeps.worker import SweepWorker, WorkerState

if TYPE_CHECKING:
    from fmnist.sweeps.trials import Trial, Trials
    from fmnist.training.worker import Trainer

SweepState = Literal["running", "stopping", "stopped", "finished"]

_CLOSE_SECONDS: Final = 1.0


class Workers:
    """The workers of this server, one a sweep; they share the trainer's queue."""

    def __init__(self, trainer: "Trainer") -> None:
        self._trainer = trainer
        self._workers: dict[Path, SweepWorker] = {}

    def start(self, sweep: Sweep) -> None:
        """Begin to work on a sweep, or go on.

        Raises
        ------
        SweepError
            If it cannot be read.
        """
        sweep.go_on()
        if sweep.folder not in self._workers:
            self._workers[sweep.folder] = SweepWorker(
                sweep, self._trainer, on_leave=partial(webhooks().sweep_ended, sweep)
            )
        self._workers[sweep.folder].start()

    def state(self, sweep: Sweep) -> WorkerState:
        """What this server does for a sweep."""
        worker = self._workers.get(sweep.folder)
        return worker.state() if worker else WorkerState()

    def is_at_work(self, sweep_id: str) -> bool:
        """Whether this server works on a sweep."""
        worker = self._workers.get(paths.sweeps_folder() / sweep_id)
        return worker is not None and worker.state().running

    def leave(self) -> None:
        """End all of them with the server; their runs go on with the next worker."""
        for worker in self._workers.values():
            worker.leave()

    def close(self) -> None:
        """The same, once the trainer has saved the run: so the webhooks are told before they close.

        It waits a second a sweep, at most, besides the trainer.
        """
        self.leave()
        self._trainer.close()
        for worker in self._workers.values():
            worker.wait(_CLOSE_SECONDS)


@st.cache_resource(show_spinner=False)
def workers() -> Workers:
    """Shared by all sessions."""
    made = Workers(run_catalog.trainer())  # the webhooks are registered first, and so closed last
    ending.register(made.close)
    return made


@st.cache_resource(show_spinner=False)
def measuring() -> MeasuringProcess:
    """What measures a run on the test images, shared by all sessions."""
    made = MeasuringProcess()
    ending.register(made.cancel)
    return made


@st.cache_resource(show_spinner=False, max_entries=16)
def _trials(folder: Path, _sweep: Sweep) -> "Trials":  # noqa: ARG001 - part of the key
    from fmnist.sweeps.trials import Trials

    return Trials(_sweep)  # reads what is new in the journal, whenever it is asked


@dataclass(frozen=True)
class ShownSweep:
    """A sweep as the page shows it.

    Attributes
    ----------
    sweep : Sweep
    plan : Plan
    trials : list of Trial
    state : {"running", "stopping", "stopped", "finished"}
    workers : int
        Processes and threads that work on it, here and elsewhere.
    limit : int or None
        The most runs; None if only time ends it.
    error : str or None
        Why the worker of this server has ended early.
    importance : mapping of str to float
        Shares by the names of settings; empty while too few runs have finished.
    deleted : frozenset of int
        Numbers of the trials whose runs are gone.
    """

    sweep: Sweep
    plan: Plan
    trials: "list[Trial]"
    state: SweepState
    workers: int
    limit: int | None
    error: str | None
    importance: dict[str, float]
    deleted: frozenset[int]

    @property
    def best(self) -> "Trial | None":
        """The finished one with the highest validation accuracy."""
        from fmnist.sweeps.trials import best_trial

        return best_trial(self.trials)

    @property
    def best_kept(self) -> "Trial | None":
        """The same of those whose runs are there."""
        from fmnist.sweeps.trials import best_trial

        return best_trial([trial for trial in self.trials if trial.number not in self.deleted])

    def trial_of_run(self, run_id: str | None) -> "Trial | None":
        """The trial whose run it is, if it is one of these."""
        return next((t for t in self.trials if run_id and t.run_id == run_id), None)

    @property
    def ended(self) -> int:
        """Runs that count and have ended."""
        return sum(trial.state in ("finished", "pruned") for trial in self.trials)

    @property
    def is_exhausted(self) -> bool:
        """Whether all that lists of values allow has been tried."""
        combinations = replace(self.plan, runs=None).limit()
        return combinations is not None and self.ended >= combinations

    @property
    def seconds(self) -> float:
        """How long the runs that have ended were trained together."""
        return sum(trial.seconds for trial in self.trials)


def gather(sweep: Sweep) -> ShownSweep:
    """Read a sweep and its trials.

    Raises
    ------
    SweepError
        If its files are damaged.
    """
    here = workers().state(sweep)
    trials: Trials = _trials(sweep.folder, sweep)
    plan, found = trials.reread(), trials.all()
    kept = set(store.run_ids(paths.runs_folder()))
    working = max(sweep.workers(), int(here.running))
    state: SweepState = "stopped"
    if working:
        state = "stopping" if sweep.is_stopped() else "running"
    elif is_done(trials):
        state = "finished"
    return ShownSweep(
        sweep, plan, found, state, working, plan.limit(), here.error, trials.importance(),
        frozenset(t.number for t in found if t.run_id is not None and t.run_id not in kept),
    )  # fmt: skip
