"""A run's folder: settings, history, checkpoint, weights, evaluations.

Whoever trains a run holds a lock on its folder, which the operating system takes back when the
process dies: a run that says "running" while nobody holds its lock was interrupted.
"""

import datetime
import io
import json
import logging
import re
import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import filelock

from fmnist import paths
from fmnist.data.splits import SplitName
from fmnist.files import read_json, write_json
from fmnist.models.registry import members
from fmnist.runs.config import Keep, TrainConfig

State = Literal[
    "queued", "running", "paused", "finished", "stopped", "failed", "interrupted", "broken"
]
ACTIVE_STATES: Final = ("queued", "running", "paused")
"""States that only hold while somebody owns the run."""

RESUMABLE_STATES: Final = ("interrupted", "stopped", "failed")

_log = logging.getLogger(__name__)

# the history calls the running mean over the epoch's steps train_loss and train_accuracy
_MEASURED: Final[Mapping[SplitName, str]] = {
    "train": "measured_train", "validation": "validation", "test": "test",
}  # fmt: skip
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_TRASH = ".trash"
_LOCK_FILE = ".lock"

# Looking whether a run is owned takes its lock for a moment; two threads that look at the same
# moment would each find the other's.
_LOOKING = threading.Lock()


class RunError(Exception):
    """A run that cannot be used; the message is one sentence for the person at the screen."""


@dataclass(frozen=True)
class StepEntry:
    """A line of the history that is written every `TrainConfig.log_every` steps.

    Attributes
    ----------
    epoch : int
        From 1.
    step : int
        Steps since the start of the run, from 1.
    loss : float
        Mean training cross-entropy in nats since the line before (dropout on).
    seconds : float
        Training time so far, pauses left out.
    """

    epoch: int
    step: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class EpochEntry:
    """A line of the history that is written after every epoch.

    Attributes
    ----------
    epoch, step : int
        As in `StepEntry`.
    train_loss, train_accuracy : float
        Means over the epoch's steps, measured while the weights move and with dropout on;
        accuracy in [0, 1].
    split : {"train", "validation", "test"}
        What the epoch was measured on: under the full protocol, some of the images trained on.
    loss, accuracy : float
        On that split; accuracy in [0, 1].
    seconds : float
        Training time so far, pauses left out.
    images_per_second : float
        Training images a second of this epoch, without the evaluation.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    split: SplitName
    loss: float
    accuracy: float
    seconds: float
    images_per_second: float

    def to_json(self) -> dict[str, Any]:
        """The history's line; the split's figures are named after it."""
        return {
            "kind": "epoch",
            "epoch": self.epoch,
            "step": self.step,
            "train_loss": self.train_loss,
            "train_accuracy": self.train_accuracy,
            f"{_MEASURED[self.split]}_loss": self.loss,
            f"{_MEASURED[self.split]}_accuracy": self.accuracy,
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> "EpochEntry":
        """The reverse of `to_json`.

        Raises
        ------
        KeyError, ValueError
            If a figure is absent or no number.
        """
        split: SplitName = next((s for s in _MEASURED if f"{_MEASURED[s]}_loss" in line), "test")
        return cls(
            _whole_number(line["epoch"]),
            _whole_number(line["step"]),
            _number(line["train_loss"]),
            _number(line["train_accuracy"]),
            split,
            _number(line[f"{_MEASURED[split]}_loss"]),
            _number(line[f"{_MEASURED[split]}_accuracy"]),
            _number(line["seconds"]),
            _number(line["images_per_second"]),
        )


@dataclass(frozen=True)
class History:
    """What was logged of a run, oldest first."""

    steps: tuple[StepEntry, ...] = ()
    epochs: tuple[EpochEntry, ...] = ()
    keep: Keep = "best"

    @property
    def kept(self) -> EpochEntry | None:
        """The epoch whose weights are kept: the best, or the last where the settings say so."""
        if self.keep == "last":
            return self.epochs[-1] if self.epochs else None
        return self.best

    @property
    def best(self) -> EpochEntry | None:
        """The epoch of the highest accuracy on the measured split, the first of equals."""
        return max(self.epochs, key=lambda e: e.accuracy, default=None)

    @property
    def turned(self) -> EpochEntry | None:
        """The epoch of the lowest measured loss, if the loss has risen since then.

        One worse epoch may be chance: two since the lowest, both above it, count as a turn.
        """
        lowest = min(self.epochs, key=lambda e: e.loss, default=None)
        return lowest if lowest and self.epochs[-1].epoch - lowest.epoch >= 2 else None

    @classmethod
    def from_lines(cls, lines: Sequence[str], *, keep: Keep = "best") -> "History":
        """Parse the lines of `history.jsonl`.

        Parameters
        ----------
        lines : sequence of str
        keep : {"best", "last"}
            As in the run's settings.

        Raises
        ------
        ValueError
            If a line is not of a known form.
        """
        steps, epochs = [], []
        for number, text in enumerate(lines, 1):
            try:
                line = json.loads(text)
                kind = line["kind"]
                if kind == "epoch":
                    epochs.append(EpochEntry.from_json(line))
                elif kind == "step":
                    whole = (_whole_number(line[k]) for k in ("epoch", "step"))
                    steps.append(
                        StepEntry(*whole, *(_number(line[k]) for k in ("loss", "seconds")))
                    )
                else:
                    raise ValueError(f"unknown kind {kind!r}")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(f"line {number} of history.jsonl is damaged.") from error
        return cls(tuple(steps), tuple(epochs), keep)


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    epoch : int
        The epoch under way or just ended, from 1; 0 before the first step.
    step, steps : int
        Steps done since the start of the run, and steps of the whole run.
    seconds : float
        Training time so far, pauses left out.
    images_per_second : float
        Of the last second or so.
    """

    epoch: int = 0
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0

    @property
    def fraction(self) -> float:
        """In [0, 1]."""
        return min(self.step / self.steps, 1.0) if self.steps else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None before there is a pace."""
        return self.seconds * (self.steps - self.step) / self.step if self.step else None


@dataclass(frozen=True)
class Event:
    """A line of the log of events.

    Attributes
    ----------
    time : float
        Seconds since 1970.
    text : str
    """

    time: float
    text: str


@dataclass(frozen=True)
class Run:
    """A run as its folder says at one moment; immutable.

    Attributes
    ----------
    folder : Path
    name : str
        What people call it.
    state : str
        "broken" where the folder cannot be read.
    reason : str or None
        Why it is broken or failed, in a sentence.
    config : TrainConfig or None
        None where it cannot be read.
    created : float
        Seconds since 1970.
    dataset : mapping
        `name`, `checksum` and `source` of the data set, empty before the first start.
    environment : mapping
        Versions, device and threads, empty before the first start.
    members : tuple of str
        Of an ensemble, the ids of the runs it was made of, which may be gone since.
    """

    folder: Path
    name: str
    state: State
    reason: str | None = None
    config: TrainConfig | None = None
    created: float = 0.0
    dataset: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    progress: Progress = Progress()
    history: History = History()

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def config_path(self) -> Path:
        """Settings, data set and versions."""
        return self.folder / "config.json"

    @property
    def status_path(self) -> Path:
        """State and progress; the trainer's."""
        return self.folder / "status.json"

    @property
    def name_path(self) -> Path:
        """What people call it; the page's."""
        return self.folder / "name.json"

    @property
    def history_path(self) -> Path:
        """A line every `log_every` steps and a line every epoch."""
        return self.folder / "history.jsonl"

    @property
    def events_path(self) -> Path:
        """A line every event."""
        return self.folder / "events.jsonl"

    @property
    def checkpoint_path(self) -> Path:
        """What resuming needs; gone once the run has finished."""
        return self.folder / "checkpoint.pt"

    @property
    def weights_path(self) -> Path:
        """Weights of the best epoch."""
        return self.folder / "model.safetensors"

    @property
    def last_weights_path(self) -> Path:
        """Weights of the last epoch, once the run has ended."""
        return self.folder / "last.safetensors"

    @property
    def epochs_path(self) -> Path:
        """Logits of the measured split after every epoch."""
        return self.folder / "evaluation" / "epochs.npz"

    def evaluation_path(self, split: SplitName) -> Path:
        """Logits of a split from the best epoch's weights."""
        return self.folder / "evaluation" / f"{split}.npz"

    @property
    def views_path(self) -> Path:
        """Logits of the test split, averaged over the views that the settings name."""
        return self.folder / "evaluation" / "test-views.npz"

    def lock(self) -> filelock.BaseFileLock:
        """A new lock of the folder, not yet acquired; usable from any thread."""
        return filelock.FileLock(self.folder / _LOCK_FILE, timeout=5, thread_local=False)

    def log_event(self, text: str, *, time: float) -> None:
        """Append to the log of events."""
        line = json.dumps({"time": time, "text": text}) + "\n"
        with self.events_path.open("a", encoding="utf-8") as stream:
            stream.write(line)

    def read_events(self) -> list[Event]:
        """The log of events, oldest first; a line cut off by a crash is left out."""
        try:
            lines = self.events_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        events = []
        for text in lines:
            try:
                line = json.loads(text)
                events.append(Event(_moment(line["time"]), str(line["text"])))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
        return events

    def write_status(
        self,
        state: State,
        progress: Progress,
        *,
        reason: str | None = None,
        durable: bool = True,
    ) -> None:
        """Record state and progress."""
        values = {
            "state": state,
            "reason": reason,
            "epoch": progress.epoch,
            "step": progress.step,
            "steps": progress.steps,
            "seconds": round(progress.seconds, 3),
            "images_per_second": round(progress.images_per_second, 1),
        }
        write_json(self.status_path, values, durable=durable)

    def write_failure(self, reason: str, progress: Progress) -> None:
        """Record that the run failed, and why, so far as the disk takes it."""
        try:
            self.log_event(f"Failed: {reason}", time=time.time())
            self.write_status("failed", progress, reason=reason)
        except OSError:
            # the disk that could not take the run may not take the reason either
            _log.exception("The failure of run %s could not be recorded", self.run_id)


@dataclass(frozen=True)
class Temperature:
    """A temperature kept with a run (Guo et al. 2017).

    Attributes
    ----------
    value : float
        Above 0; logits are divided by it.
    epoch : int
        The epoch whose weights it was fitted to.
    loss_before, loss_after : float
        Cross-entropy on the validation split at temperature 1 and at `value`, in nats.
    """

    value: float
    epoch: int
    loss_before: float
    loss_after: float


def create_run(root: Path, config: TrainConfig, *, name: str = "") -> Run:
    """Make the folder of a new run, in state "queued".

    Parameters
    ----------
    root : Path
        Folder of the runs; made where it is absent.
    config : TrainConfig
    name : str
        What people call it; by default model and number of epochs.
    """
    now = datetime.datetime.now(datetime.UTC)
    model = config.model if len(members(config.model)) == 1 else "ensemble"
    run_id = f"{now:%Y%m%d-%H%M%S}-{model}-{secrets.token_hex(2)}"
    name = name.strip() or f"{model}, {config.epochs} epoch{'s' * (config.epochs > 1)}"
    folder = root / run_id
    folder.mkdir(parents=True)
    run = Run(folder, name, "queued", config=config, created=now.timestamp())
    write_json(run.name_path, {"name": name})
    run.write_status("queued", Progress())
    # last, since a folder without config.json is not a run yet
    write_json(run.config_path, {"created": now.timestamp(), "config": config.to_json()})
    run.log_event("Created", time=now.timestamp())
    return run


def open_run(root: Path, run_id: str) -> Run:
    """Read a run's folder.

    Parameters
    ----------
    root : Path
        `paths.runs_folder()`, `paths.pretrained_folder()` or `paths.benchmark_folder()`.
    run_id : str

    Returns
    -------
    Run
        In state "broken" with its reason where the folder is damaged.

    Raises
    ------
    RunError
        If there is no such run.
    """
    if not _RUN_ID.fullmatch(run_id) or not (root / run_id / "config.json").exists():
        raise RunError(f"There is no run {run_id!r}; it may have been deleted.")
    return _read(root / run_id)


def list_runs(root: Path) -> list[Run]:
    """All runs below a folder, newest first; damaged ones in state "broken"."""
    found = [_read(root / run_id) for run_id in run_ids(root)]
    return sorted(found, key=lambda run: (run.created, run.run_id), reverse=True)


def list_all_runs() -> list[Run]:
    """Shipped models, then runs of the benchmark, then a person's own."""
    roots = (paths.pretrained_folder(), paths.benchmark_folder(), paths.runs_folder())
    return [run for root in roots for run in list_runs(root)]


def find_run(name: str) -> Run:
    """A shipped model, a run of the benchmark or one's own, looked for in this order.

    Raises
    ------
    RunError
        If there is none of this name.
    """
    for root in (paths.pretrained_folder(), paths.benchmark_folder()):
        if name in run_ids(root):
            return open_run(root, name)
    return open_run(paths.runs_folder(), name)


def teachers_of(config: TrainConfig) -> list[Run]:
    """The runs that one of these settings learns from.

    Raises
    ------
    RunError
        If there is none of a name, or if it has seen images that the settings keep apart.
    """
    teachers = []
    for name in config.teachers:
        try:
            teacher = find_run(name)
        except RunError as error:
            raise RunError(f"The teacher {name!r} cannot be asked: {error}") from error
        if teacher.config is None:
            raise RunError(f"The teacher {name!r} cannot be asked: its settings cannot be read.")
        if not config.may_learn_from(teacher.config):
            raise RunError(
                f"The teacher {teacher.name!r} was trained under the {teacher.config.protocol} "
                f"protocol and knows images that the {config.protocol} protocol keeps apart; "
                "choose another teacher, or its protocol."
            )
        teachers.append(teacher)
    return teachers


def run_ids(root: Path) -> list[str]:
    """Ids of all runs below a folder, in no order."""
    try:
        names = [folder.name for folder in root.iterdir()]
    except FileNotFoundError:
        return []
    return [n for n in names if _RUN_ID.fullmatch(n) and (root / n / "config.json").exists()]


def _read(folder: Path) -> Run:
    name = _read_name(folder)
    try:
        document = read_json(folder / "config.json")
        config = TrainConfig.from_json(document["config"])
        created = _moment(document.get("created", 0))
        dataset, environment = (_texts(document.get(k, {})) for k in ("dataset", "environment"))
        members = _ids(document.get("members", []))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Run(folder, name, "broken", f"config.json cannot be read ({error}).")
    whole: dict[str, Any] = {
        "config": config,
        "created": created,
        "dataset": dataset,
        "environment": environment,
        "members": members,
    }
    try:
        status = read_json(folder / "status.json")
        state = status["state"]
        if state not in get_args(State):
            raise ValueError(f"unknown state {state!r}")
        reason = status.get("reason")
        if not isinstance(reason, str | None):
            raise ValueError(f"the reason {reason!r} is no text")
        progress = Progress(
            *(_whole_number(status[k]) for k in ("epoch", "step", "steps")),
            *(_number(status[k]) for k in ("seconds", "images_per_second")),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Run(folder, name, "broken", f"status.json cannot be read ({error}).", **whole)
    try:
        text = (folder / "history.jsonl").read_text(encoding="utf-8", errors="replace")
        history = History.from_lines(text.splitlines(), keep=config.keep)
    except FileNotFoundError:
        history = History()
    except OSError as error:
        return Run(folder, name, "broken", f"history.jsonl cannot be read ({error}).", **whole)
    except ValueError as error:
        return Run(folder, name, "broken", str(error), **whole)
    if state in ACTIVE_STATES and not is_owned(folder):
        state = "interrupted"
    return Run(folder, name, state, reason, progress=progress, history=history, **whole)


def _read_name(folder: Path) -> str:
    try:
        name = read_json(folder / "name.json")["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return folder.name  # a run without a readable name is still a run
    return name if isinstance(name, str) and name else folder.name


def _number(value: object) -> float:
    # nan and numbers too long for a float are refused too
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise ValueError(f"{value!r} is no number")
    return value


def _whole_number(value: object) -> int:
    if not isinstance(value, int) or _number(value) < 0:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _moment(value: object) -> float:
    seconds = _number(value)
    if not 0 <= seconds < 1e11:  # the year 5138: dates end at 9999
        raise ValueError(f"{value!r} is no time")
    return float(seconds)


def _texts(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError(f"{value!r} is no object of texts")
    return value


def _ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError(f"{value!r} is no list of runs")
    return tuple(value)


def is_owned(folder: Path) -> bool:
    """Whether some process, this one too, trains the run or holds it in its queue."""
    path = folder / _LOCK_FILE
    if not path.exists():
        return False
    lock = filelock.FileLock(path, blocking=False, thread_local=False)
    with _LOOKING:
        try:
            lock.acquire()
        except filelock.Timeout:
            return True
        except OSError:
            return False  # a lock that cannot be opened is held by nobody
        lock.release()
    return False


def rename_run(run: Run, name: str) -> None:
    """Change what people call a run.

    Raises
    ------
    RunError
        If the name is empty or longer than 80 characters.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80:
        raise RunError("Give the run a name of 1 to 80 characters.")
    write_json(run.name_path, {"name": name})


def delete_run(run: Run) -> None:
    """Move a run to the trash, from where `restore_run` brings it back.

    Runs that were in the trash already are then gone for good: one undo is kept.

    Raises
    ------
    RunError
        If somebody trains it, or it is there no longer.
    """
    if not run.config_path.exists():  # taking the lock would make the folder again
        raise RunError(f"There is no run {run.run_id!r}; it may have been deleted.")
    lock = run.lock()
    try:
        with _LOOKING:
            lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise RunError(f"{run.name} is training; stop it before deleting it.") from error
    try:
        trash = run.folder.parent / _TRASH
        shutil.rmtree(trash, ignore_errors=True)
        trash.mkdir(parents=True, exist_ok=True)
        run.folder.rename(trash / run.run_id)
    finally:
        lock.release()


def restore_run(root: Path, run_id: str) -> Run:
    """Bring back the run that was deleted last.

    Raises
    ------
    RunError
        If it is no longer in the trash.
    """
    source = root / _TRASH / run_id
    if not _RUN_ID.fullmatch(run_id) or not source.exists():
        raise RunError(f"The run {run_id!r} is no longer in the trash.")
    source.rename(root / run_id)
    return open_run(root, run_id)


def zip_run(run: Run) -> bytes:
    """A zip archive of the folder, without the lock and temporary files."""
    buffer = io.BytesIO()
    # weights and logits hardly shrink: storing them is ten times as fast
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(run.folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                archive.write(path, Path(run.run_id) / path.relative_to(run.folder))
    return buffer.getvalue()


def temperature_path(run: Run) -> Path:
    """Where the temperature kept with a run is: the folder of a shipped model stays as it came."""
    if run.folder.parent in (paths.pretrained_folder(), paths.benchmark_folder()):
        return paths.artifacts_folder() / "temperatures" / f"{run.run_id}.json"
    return run.folder / "temperature.json"


def kept_temperature(run: Run) -> Temperature | None:
    """The temperature kept with a run; None where there is none for its present weights.

    Raises
    ------
    RunError
        If its file is damaged.
    """
    path = temperature_path(run)
    try:
        values = read_json(path)
        kept = Temperature(
            _number(values["temperature"]),
            _whole_number(values["epoch"]),
            _number(values["loss_before"]),
            _number(values["loss_after"]),
        )
        if not kept.value > 0:
            raise ValueError(f"the temperature {kept.value} is not above 0")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"The temperature kept with {run.name} cannot be read ({error}); delete {path}."
        ) from error
    chosen = run.history.kept
    return kept if chosen and chosen.epoch == kept.epoch else None


def keep_temperature(run: Run, kept: Temperature | None) -> None:
    """Keep a temperature with a run, or none any more.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = temperature_path(run)
    if kept is None:
        path.unlink(missing_ok=True)
        return
    values = {
        "temperature": kept.value,
        "epoch": kept.epoch,
        "loss_before": kept.loss_before,
        "loss_after": kept.loss_after,
    }
    write_json(path, values)


def acquire(run: Run) -> filelock.BaseFileLock:
    """Take the lock of a run's folder; the caller releases it.

    Raises
    ------
    RunError
        If another process or thread holds it.
    """
    lock = run.lock()
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise RunError(f"{run.name} is already being trained elsewhere.") from error
    return lock


@contextmanager
def owning(run: Run) -> Iterator[None]:
    """Hold the lock of a run's folder for the length of a `with` block.

    Raises
    ------
    RunError
        If another process or thread holds it.
    """
    lock = acquire(run)
    try:
        yield
    finally:
        lock.release()
