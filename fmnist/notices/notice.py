"""What is told of a training, several seeds or a sweep that has ended: words and a document."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from fmnist import paths
from fmnist.errors import ToldError, sentence
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.seeds import Spread
from fmnist.models.registry import describe
from fmnist.reports.sentences import spread_in_words
from fmnist.reports.text import counted, duration, percent
from fmnist.runs import store
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.runs.seeds import same_but_for_seed, same_settings
from fmnist.sweeps.sweep import Sweep, is_worked_on, trial_of
from fmnist.text import NAME_LENGTH, one_line

if TYPE_CHECKING:
    from fmnist.sweeps.trials import Trial

Kind = Literal["run", "seeds", "sweep", "test"]
NoticeState = Literal["running", "paused", "finished", "stopped", "interrupted", "failed"]

UNDER_WAY: Final = ("running", "paused")
"""States that are no end; a pause is told all the same."""

_WORST_FIRST: Final[tuple[tuple[str, NoticeState], ...]] = (
    ("failed", "failed"), ("broken", "failed"), ("interrupted", "interrupted"),
    ("stopped", "stopped"), ("pruned", "stopped"),
)  # fmt: skip
_LONGEST_MESSAGE: Final = 400
# A name or a reason must not call everybody of a channel, nor be a link.
_CHAT: Final = str.maketrans({"@": "@\u200b", "<": "‹", ">": "›"})
_LINK: Final = re.compile(r"(?<=:)(?=//)|(?<=\])(?=\()|(?<=www)(?=\.)", re.IGNORECASE)
"""Where an address or a link of Markdown is told as such."""


@dataclass(frozen=True)
class Notice:
    """What is told of an end.

    Attributes
    ----------
    kind : {"run", "seeds", "sweep", "test"}
    id : str
        Of the run or the sweep; of several seeds, the name of their group.
    name : str
    state : {"running", "paused", "finished", "stopped", "interrupted", "failed"}
    facts : str
        Sentences: accuracies, epochs, time.
    message : str
        Why it failed, in a sentence; empty otherwise.
    group, model, protocol : str or None
        Of runs.
    epochs : int or None
        Evaluated ones; of several seeds, all together.
    best_validation_accuracy, test_accuracy : float or None
        In [0, 1]; of several seeds, the mean of those that know it. None where it was not measured.
    seconds : float
        Of training.
    """

    kind: Kind
    id: str
    name: str
    state: NoticeState
    facts: str = ""
    message: str = ""
    group: str | None = None
    model: str | None = None
    protocol: str | None = None
    epochs: int | None = None
    best_validation_accuracy: float | None = None
    test_accuracy: float | None = None
    seconds: float = 0.0

    @property
    def key(self) -> str:
        """What it is about, as one text."""
        return f"{self.kind}:{self.id}"

    @property
    def title(self) -> str:
        """State and name."""
        return f"{self.state.capitalize()}: {one_line(self.name, NAME_LENGTH)}"

    @property
    def body(self) -> str:
        """Why it failed, and the facts."""
        return " ".join(filter(None, (one_line(self.message, _LONGEST_MESSAGE), self.facts)))

    def to_json(self) -> dict[str, Any]:
        """The document that a webhook gets.

        `text` is what Slack, Mattermost and Rocket.Chat show, `content` what Discord shows.
        """
        text = _LINK.sub("\u200b", f"{self.title}. {self.body}".strip().translate(_CHAT))
        return {
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "group": self.group,
            "model": self.model,
            "state": self.state,
            "protocol": self.protocol,
            "epochs": self.epochs,
            "best_validation_accuracy": self.best_validation_accuracy,
            "test_accuracy": self.test_accuracy,
            "seconds": round(self.seconds, 3),
            "message": self.message,
            "text": text,
            "content": text,
            "allowed_mentions": {"parse": []},  # Discord's
        }


def trial_notice() -> Notice:
    """What a person sends to try an address."""
    facts = "This address is told when a training ends."
    return Notice("test", "test", "A test", "finished", facts)


def key_of(run: Run, runs: Sequence[Run]) -> str:
    """The key of what is told when a run ends: its sweep, its group of seeds, or the run itself.

    A run of a sweep that nobody works on is one like others: it may go on by itself.

    Parameters
    ----------
    run : Run
    runs : sequence of Run
        All of a person's runs.
    """
    whose = trial_of(run)
    if whose is not None and is_worked_on(whose[0]):
        return key_of_sweep(whose[0])
    if len(same_but_for_seed(run, runs)) > 1:
        return f"seeds:{run.annotations.group}"
    return f"run:{run.run_id}"


def key_of_sweep(sweep_id: str) -> str:
    """The key of what is told when a sweep ends."""
    return f"sweep:{sweep_id}"


def of_run(run: Run, runs: Sequence[Run]) -> Notice:
    """What there is to tell of a run, or of the group of seeds that it belongs to.

    Parameters
    ----------
    run : Run
        No trial of a sweep that is under way.
    runs : sequence of Run
        All of a person's runs; only those of its group matter.
    """
    seeds = same_but_for_seed(run, runs)
    return _of_seeds(seeds) if len(seeds) > 1 else _of_one(run)


def find(key: str, runs: Sequence[Run]) -> Notice | None:
    """What there is to tell of a run or several seeds by their key; None if they are not there.

    Of several settings in one group, the one under way.
    """
    kind, _, name = key.partition(":")
    if kind == "run":
        run = next((run for run in runs if run.run_id == name), None)
        return None if run is None else of_run(run, runs)
    in_group = [run for run in runs if run.annotations.group == name]
    in_group.sort(key=lambda run: run.state not in ACTIVE_STATES)
    return next((_of_seeds(seeds) for seeds in same_settings(in_group) if len(seeds) > 1), None)


def _of_one(run: Run) -> Notice:
    state, best, done = state_of([run]), run.history.selected, len(run.history.epochs)
    protocol = run.training.protocol if run.training else None
    test = None if state in UNDER_WAY else _test_accuracy(run)
    accuracies = []
    if best is not None and best.split != "train":
        which = "Last" if run.history.checkpoint == "last" else "Best"
        accuracies.append(f"{which} {best.split} accuracy {percent(best.accuracy)}")
    if test is not None and (best is None or best.split != "test"):
        accuracies.append(f"{'t' if accuracies else 'T'}est accuracy {percent(test)}")
    facts = f"{', '.join(accuracies)} ({protocol} protocol)." if accuracies else ""
    of = f" of {run.training.epochs}" if run.training and done < run.training.epochs else ""
    epochs = f"{done}{of} epochs" if of else counted(done, "epoch")
    return Notice(
        kind="run",
        id=run.run_id,
        name=run.name,
        state=state,
        facts=f"{facts} {epochs} in {duration(run.progress.seconds)}.".strip(),
        message=_reason(run),
        group=run.annotations.group,
        model=describe(*run.config.models).title if run.config else None,
        protocol=protocol,
        epochs=done,
        best_validation_accuracy=_validation_accuracy(run),
        test_accuracy=test,
        seconds=run.progress.seconds,
    )


def _of_seeds(runs: Sequence[Run]) -> Notice:
    first, state = runs[0], state_of(runs)
    protocol = first.training.protocol if first.training else None
    finished = [run for run in runs if run.state == "finished"]
    validation = [a for run in finished if (a := _validation_accuracy(run)) is not None]
    measured = [] if state in UNDER_WAY else [_test_accuracy(run) for run in finished]
    test = [accuracy for accuracy in measured if accuracy is not None]
    told = [
        f"{split} accuracy {spread_in_words(Spread.of(values))}"
        for split, values in (("validation", validation), ("test", test))
        if values
    ]
    facts = [f"{protocol} protocol: {', '.join(told)}.".capitalize()] if told else []
    if len(finished) < len(runs):
        facts.insert(0, f"{len(finished)} of {len(runs)} seeds finished.")
    return Notice(
        kind="seeds",
        id=str(first.annotations.group),
        name=str(first.annotations.group),
        state=state,
        facts=" ".join(facts),
        message=next(filter(None, map(_reason, runs)), ""),
        group=first.annotations.group,
        model=describe(*first.config.models).title if first.config else None,
        protocol=protocol,
        epochs=sum(len(run.history.epochs) for run in runs),
        best_validation_accuracy=fmean(validation) if validation else None,
        test_accuracy=fmean(test) if test else None,
        seconds=sum(run.progress.seconds for run in runs),
    )


def of_sweep(sweep: Sweep, error: str | None = None) -> Notice:
    """What there is to tell of a sweep.

    Parameters
    ----------
    sweep : Sweep
    error : str, optional
        Why the worker that knows it has ended early, in a sentence.
    """
    found = Notice("sweep", sweep.sweep_id, sweep.name, "running")
    if sweep.workers():
        return found
    if error is not None:
        return replace(found, state="failed", message=error)
    from fmnist.sweeps.budget import is_done
    from fmnist.sweeps.trials import Trials, best_trial

    try:
        known = Trials(sweep)
        trials, state = known.all(), "finished" if is_done(known) else "stopped"
    except (OSError, ToldError) as problem:
        return replace(found, state="failed", message=sentence(problem))
    best, base = best_trial(trials), known.plan.base
    facts = [
        f"{counted(len(trials), 'run')}: {_counts(trials)}." if trials else "No run has begun."
    ]
    if best is not None and best.value is not None:
        facts.append(
            f"Best validation accuracy {percent(best.value)} by run {best.number + 1} "
            f"({base.protocol} protocol)."
        )
    return Notice(
        kind="sweep",
        id=sweep.sweep_id,
        name=sweep.name,
        state=cast(NoticeState, state),
        facts=" ".join(facts),
        model=describe(base.model).title,
        protocol=base.protocol,
        epochs=sum(len(trial.accuracies) for trial in trials),
        best_validation_accuracy=None if best is None else best.value,
        seconds=sum(trial.seconds for trial in trials),
    )


def state_of(runs: Sequence[Run]) -> NoticeState:
    """The state of a run, or of several together: under way while one is, else the worst."""
    states = {run.state for run in runs}
    if states & set(ACTIVE_STATES):
        return "paused" if "paused" in states else "running"
    return next((told for state, told in _WORST_FIRST if state in states), "finished")


def _counts(trials: "Sequence[Trial]") -> str:
    names = {"finished": "finished", "pruned": "pruned", "failed": "failed", "running": "not done"}
    counts = {name: sum(trial.state == state for trial in trials) for state, name in names.items()}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _reason(run: Run) -> str:
    return run.reason or "" if run.state in ("failed", "broken") else ""


def _validation_accuracy(run: Run) -> float | None:
    best = run.history.selected
    return best.accuracy if best is not None and best.split == "validation" else None


def _test_accuracy(run: Run) -> float | None:
    try:
        return Evaluation.load(run.evaluation_path("test")).accuracy
    except (OSError, ValueError):
        return None  # not measured; the pages tell of a damaged file


def ended_run(run: Run, failure: str | None = None) -> Notice | None:
    """What there is to tell of one's own run that has just ended, as the disk says now.

    Parameters
    ----------
    run : Run
        As it was before.
    failure : str, optional
        Why it failed, which a full disk may not say.

    Returns
    -------
    Notice or None
        None for a trial of a sweep under way, which is told as a whole, and while the run or
        another seed of its group is under way.
    """
    whose = trial_of(run)
    if whose is not None and (_has_been_left_since(run, whose[0]) or is_worked_on(whose[0])):
        return None
    try:
        now = store.open_run(run.folder.parent, run.run_id)
        others = store.list_runs(run.folder.parent) if now.annotations.group is not None else []
    except (OSError, ToldError):  # it is gone
        now, others = run, []
    if failure is not None:
        now = replace(now, state="failed", reason=failure)
    found = of_run(now, [now if each.run_id == now.run_id else each for each in others])
    return None if found.state == "running" else found


def _has_been_left_since(run: Run, sweep_id: str) -> bool:
    """Whether a worker has left a sweep after the end of a run, which may be its last.

    To be asked before `Sweep.workers`, which removes what killed workers left.
    """
    workers = paths.sweeps_folder() / sweep_id / "workers"
    try:
        return workers.stat().st_mtime_ns >= run.status_path.stat().st_mtime_ns
    except OSError:
        return False


def ended_sweep(sweep: Sweep, error: str | None = None) -> Notice | None:
    """What there is to tell of a sweep that a worker has left; None while another works on it.

    Parameters
    ----------
    sweep, error
        As for `of_sweep`.
    """
    found = of_sweep(sweep, error)
    return None if found.state == "running" else found
