"""The trials of a sweep: what was tried, what came of it, what to try next. The room's only Optuna.

Optuna's journal is a text file that is only appended to, under a lock: several processes and hosts
share it. Its databases would need SQLAlchemy's drivers, and a server for several hosts.
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from fmnist.errors import reason
from fmnist.files import append_line, flush
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.history import EpochEntry
from fmnist.sweeps.space import SweepError, combinations_of, is_listed, suggest
from fmnist.sweeps.sweep import LOCK_SECONDS, Plan, Sweep, open_sweep

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial

TrialState = Literal["running", "finished", "pruned", "failed"]

INSTALL: Final = 'pip install -e ".[sweep]"'
"""What installs Optuna."""

LEAST_FOR_IMPORTANCE: Final = 5
"""Finished trials; fewer say nothing of what matters."""

_STUDY: Final = "sweep"
_JOURNAL_LOCK: Final = ".lock-journal"
_ATTEMPTS: Final = 50
_TOP: Final = 0.25  # share of the finished trials whose settings are compared with all
_MOST_STARTUP: Final = 10
_PRUNES_FROM_EPOCH: Final = 2
_FINISHED_BEFORE_PRUNING: Final = 3


@dataclass(frozen=True)
class Trial:
    """A run of a sweep, as the journal tells it.

    Attributes
    ----------
    number : int
        From 0.
    state : {"running", "finished", "pruned", "failed"}
        "running" also while it waits to be gone on with.
    params : mapping
        Values of the settings that were tried, as Optuna has them: numbers, or words.
    accuracies : mapping of int to float
        Validation accuracy after each epoch, in [0, 1].
    value : float or None
        That of the epoch whose weights the run saves; of a pruned one, of its last epoch.
    run_id : str or None
        None before there is a run.
    seconds : float
        How long it has trained, once it has ended.
    reason : str
        Why it failed or ended early; empty otherwise.
    retries : int
        How often its run has failed and was begun again.
    """

    number: int
    state: TrialState
    params: Mapping[str, Any]
    accuracies: Mapping[int, float]
    value: float | None = None
    run_id: str | None = None
    seconds: float = 0.0
    reason: str = ""
    retries: int = 0


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The finished one with the highest validation accuracy; the first of equals."""
    finished = [t for t in trials if t.state == "finished" and t.value is not None]
    return max(finished, key=lambda trial: trial.value or 0.0, default=None)


def is_installed() -> bool:
    """Whether Optuna is there."""
    from importlib.util import find_spec

    return find_spec("optuna") is not None


def check_installed() -> None:
    """Refuse a sweep without Optuna.

    Raises
    ------
    SweepError
        If it is not installed.
    """
    _optuna()


def _optuna() -> Any:
    """Optuna, quiet.

    Raises
    ------
    SweepError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise SweepError(f"Sweeps need the package optuna: {INSTALL} installs it.") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Trials:
    """The trials of a sweep, in Optuna's journal. Every method may be called from any thread.

    What changes them is called by who holds `Sweep.lock`, but for `report`.

    Parameters
    ----------
    sweep : Sweep

    Raises
    ------
    SweepError
        Here and below, if the journal is damaged, or Optuna is not installed.
    """

    def __init__(self, sweep: Sweep) -> None:
        optuna = _optuna()
        self.sweep, self.plan = sweep, sweep.planned
        self._importance: tuple[int, dict[str, float]] = (0, {})  # of so many finished trials
        with self._told():
            self._storage = optuna.storages.JournalStorage(_journal(sweep.journal_path))
            if not self._storage.get_all_studies():  # who looks at a sweep writes nothing
                optuna.create_study(
                    storage=self._storage, study_name=_STUDY, direction="maximize",
                    load_if_exists=True,
                )  # fmt: skip
            self._study = optuna.load_study(
                storage=self._storage,
                study_name=_STUDY,
                sampler=optuna.samplers.RandomSampler(seed=0),  # `propose` has the real one
                pruner=_pruner(self.plan),
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what is wrong with the journal in a sentence."""
        try:
            yield
        except (ValueError, LookupError, TypeError, AssertionError) as error:
            raise SweepError(
                f"The journal of the sweep {self.sweep.name} cannot be read "
                f"({reason(error)}); restore {self.sweep.journal_path} from a copy, or delete "
                "the sweep."
            ) from error

    def all(self) -> list[Trial]:
        """All trials, the first one first."""
        with self._told():
            return [_trial_of(frozen) for frozen in self._frozen()]

    def _frozen(self) -> "list[FrozenTrial]":
        found: list[FrozenTrial] = self._study.get_trials(deepcopy=False)
        return found

    def config(self, number: int) -> TrainConfig:
        """The settings of a trial."""
        with self._told():
            return suggest(self._frozen()[number], self.plan.base, self.plan.space)

    def reread(self) -> Plan:
        """The plan as the sweep's folder has it now: its budget may have changed."""
        self.plan = open_sweep(self.sweep.sweep_id).planned
        return self.plan

    def begin(self) -> Trial:
        """Add a trial with values that were not tried before.

        Raises
        ------
        SweepError
            If no values are found that go together.
        """
        optuna = _optuna()
        with self._told():
            known = self._frozen()
            params, distributions = propose(self.plan, known)
            made = optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING, params=params, distributions=distributions
            )
            self._study.add_trial(made)
            return _trial_of(self._frozen()[len(known)])

    def note(self, number: int, **values: str | float) -> None:
        """Keep something with a trial: its run_id, seconds, reason or retries."""
        with self._told():
            for name, value in values.items():
                self._storage.set_trial_user_attr(self._id(number), name, value)

    def report(self, number: int, epochs: Sequence[EpochEntry]) -> bool:
        """Tell the accuracies of a run so far.

        Returns
        -------
        bool
            Whether the run is to be pruned.
        """
        with self._told():
            trial_id, prune = self._id(number), False
            for entry in epochs:
                known = self._storage.get_trial(trial_id)
                if known.state.is_finished():
                    return False
                if entry.epoch in known.intermediate_values:
                    continue
                try:
                    self._storage.set_trial_intermediate_value(
                        trial_id, entry.epoch, entry.accuracy
                    )
                except _optuna().exceptions.UpdateFinishedTrialError:
                    return False  # another worker has just told how it ended
                if entry.epoch >= _PRUNES_FROM_EPOCH:
                    newest = self._storage.get_trial(trial_id)
                    prune = prune or bool(self._study.pruner.prune(self._study, newest))
            return prune

    def end(
        self, number: int, state: Literal["finished", "pruned", "failed"],
        *, value: float | None = None, seconds: float = 0.0, reason: str = "",
    ) -> None:  # fmt: skip
        """Record how a trial has ended; nothing if that is known already."""
        states = _optuna().trial.TrialState
        told = {"finished": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
        with self._told():
            if self._frozen()[number].state.is_finished():
                return
            self.note(number, seconds=seconds, **({"reason": reason} if reason else {}))
            self._study.tell(number, value, state=told[state], skip_if_finished=True)

    def importance(self) -> dict[str, float]:
        """How much each setting matters for a place among the best, the most important first.

        By PED-ANOVA (Watanabe, Bansal and Hutter 2023): how much the values of the best quarter of
        the finished trials differ from those of all. The shares add up to 1; empty while fewer than
        five have finished.
        """
        optuna = _optuna()
        with self._told():
            states = (optuna.trial.TrialState.COMPLETE,)
            finished = self._study.get_trials(deepcopy=False, states=states)
            if len(finished) < LEAST_FOR_IMPORTANCE:
                return {}
            known, shares = self._importance
            if known == len(finished):  # which do not change any more; pages ask every second
                return shares
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_TOP)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of few runs: the page says that itself
                found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
            shares = {name: float(share) for name, share in found.items()}
            self._importance = (len(finished), shares)
            return shares

    def _id(self, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(_STUDY)
        return int(self._storage.get_trial_id_from_study_id_trial_number(study_id, number))


def propose(
    plan: Plan, known: "Sequence[FrozenTrial]"
) -> "tuple[dict[str, Any], dict[str, BaseDistribution]]":
    """Values to try next, which depend on the plan and the trials so far alone.

    Whatever process asks gets the same, and two that ask in turn get different ones.

    Parameters
    ----------
    plan : Plan
    known : sequence of FrozenTrial

    Returns
    -------
    params, distributions : dict
        By the names of settings.

    Raises
    ------
    SweepError
        If there are none that go together and were not tried yet.
    """
    optuna = _optuna()
    failed = optuna.trial.TrialState.FAIL
    tried = {suggest(t, plan.base, plan.space) for t in known if t.state != failed}
    if plan.sampler != "grid":
        for attempt in range(_ATTEMPTS):
            # in memory, so that what is not new leaves no trace
            study = optuna.create_study(
                direction="maximize", sampler=_sampler(plan, len(known), attempt)
            )
            study.add_trials(known)
            trial = study.ask()
            try:
                config = suggest(trial, plan.base, plan.space)
            except ConfigError:
                continue  # these values do not go together
            if config not in tried:
                return trial.params, trial.distributions
    if plan.sampler == "grid" or is_listed(plan.space):
        for params in combinations_of(plan.base, plan.space):
            fixed = optuna.trial.FixedTrial(params)
            if suggest(fixed, plan.base, plan.space) not in tried:
                return params, fixed.distributions
    raise SweepError("No further values were found that go together; widen the ranges.")


def _sampler(plan: Plan, *number: int) -> "BaseSampler":
    optuna = _optuna()
    seed = int(np.random.SeedSequence([plan.seed, *number]).generate_state(1)[0])
    if plan.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)  # type: ignore[no-any-return]
    startup = _MOST_STARTUP if plan.runs is None else min(_MOST_STARTUP, max(3, plan.runs // 3))
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)  # type: ignore[no-any-return]


def _pruner(plan: Plan) -> "BasePruner":
    pruners = _optuna().pruners
    if plan.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=_FINISHED_BEFORE_PRUNING)  # type: ignore[no-any-return]
    if plan.pruner == "halving":
        return pruners.SuccessiveHalvingPruner(  # type: ignore[no-any-return]
            min_resource=_PRUNES_FROM_EPOCH, reduction_factor=3, bootstrap_count=0
        )
    return pruners.NopPruner()  # type: ignore[no-any-return]


def _journal(path: Path) -> "JournalFileBackend":
    """Optuna's journal, with the lock of all other files of the project.

    The operating system takes it back when a process dies; Optuna's own locks are files or links
    that then stay, and that the next process removes after 30 seconds. A half-written last line, as
    a crash leaves it, is cut off before the next one.
    """
    _optuna()
    import filelock
    from optuna.storages.journal import JournalFileBackend

    class Journal(JournalFileBackend):
        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            lock = filelock.FileLock(
                path.with_name(_JOURNAL_LOCK), timeout=LOCK_SECONDS, poll_interval=0.01
            )
            with lock:
                lines = [json.dumps(log, separators=(",", ":")) for log in logs]
                append_line(path, "\n".join(lines), durable=False)
                flush(path)

    return Journal(str(path))


def _trial_of(frozen: "FrozenTrial") -> Trial:
    states = _optuna().trial.TrialState
    named: dict[Any, TrialState] = {
        states.COMPLETE: "finished", states.PRUNED: "pruned", states.FAIL: "failed",
    }  # fmt: skip
    kept = frozen.user_attrs
    run_id = kept.get("run_id")
    return Trial(
        frozen.number,
        named.get(frozen.state, "running"),
        dict(frozen.params),
        dict(sorted(frozen.intermediate_values.items())),
        frozen.value,
        str(run_id) if run_id else None,
        float(kept.get("seconds", 0.0)),
        str(kept.get("reason", "")),
        int(kept.get("retries", 0)),
    )
