"""A run's folder: settings, history, checkpoint, weights, evaluations.

Whoever trains a run holds a lock on its folder, which the operating system takes back when the
process dies: a run that says "running" while nobody holds its lock was interrupted.
"""

import datetime
import logging
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fmnist import checksums, paths
from fmnist.data.corrections import CorrectionsError
from fmnist.errors import DamagedFileError, reason, sentence
from fmnist.files import PartlyDoneError, do_all, json_bytes, read_json, write_atomic, write_json
from fmnist.runs import annotations, corrections
from fmnist.runs.annotations import Annotations
from fmnist.runs.config import RunConfig, TrainConfig
from fmnist.runs.history import History, Progress
from fmnist.runs.making import making
from fmnist.runs.migration import migrate_document
from fmnist.runs.names import partly
from fmnist.runs.run import ACTIVE_STATES, LOCK_FILE, Run, RunError, State
from fmnist.text import NAME_LENGTH, one_line

if TYPE_CHECKING:
    import filelock

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_TRASH = ".trash"
_log = logging.getLogger(__name__)
_NAME_RULE: Final = f"Give the run a name of 1 to {NAME_LENGTH} characters."
_FILES = ("config.json", "status.json", "history.jsonl", "checkpoint.pt", "model.safetensors")

# Looking takes a run's lock for a moment; two threads at once would each find the other's.
_LOOKING = threading.Lock()


def create_run(
    root: Path,
    config: TrainConfig,
    *,
    name: str = "",
    annotated: Annotations | None = None,
    fill: Callable[[Path], None] = lambda _: None,
    run_id: str = "",
) -> Run:
    """Make the folder of a new run, in state "queued"; it appears as a whole.

    Parameters
    ----------
    root : Path
        Folder of the runs; made where it is absent.
    config : TrainConfig
    name : str
        What people call it; by default model and number of epochs.
    annotated : Annotations, optional
        Its tags, notes and group from the beginning on.
    fill : callable
        Called with the folder, before it appears, to write more into it.
    run_id : str, optional
        Name of its folder, which must not be there yet; by default from time and model.

    Raises
    ------
    RunError
        If the name is longer than 80 characters, or the id is none or taken.
    CorrectionsError
        If the settings name corrections that are not on this machine, or of another data set.
    """
    # before there is a run: whoever asked is still there to be told
    changes = corrections.load(config.corrections) if config.corrections else None
    if changes is not None and changes.dataset != config.dataset:
        raise CorrectionsError("The corrections are of another data set.")
    with making_run(root, config, name=name, run_id=run_id) as run:
        if changes is not None:
            write_atomic(run.folder / corrections.FILE, changes.to_bytes())
        if annotated:
            annotations.write(run.folder, annotated)
            run = replace(run, annotations=annotated)
        fill(run.folder)
    return replace(run, folder=root / run.run_id)


@contextmanager
def making_run(root: Path, config: RunConfig, name: str = "", run_id: str = "") -> Iterator[Run]:
    """Make a run with all that the block adds to it, or none at all.

    Parameters
    ----------
    root, config, name, run_id
        As for `create_run`.

    Yields
    ------
    Run
        In state "queued", in a hidden folder, which becomes a run when the block ends.

    Raises
    ------
    RunError
    """
    named = one_line(name, NAME_LENGTH + 1)
    if len(named) > NAME_LENGTH:
        raise RunError(_NAME_RULE)
    now = datetime.datetime.now(datetime.UTC)
    model = config.models[0] if len(config.models) == 1 else "ensemble"
    run_id = run_id or f"{now:%Y%m%d-%H%M%S}-{model}-{secrets.token_hex(2)}"
    if not _RUN_ID.fullmatch(run_id) or (root / run_id).exists():
        raise RunError("Choose an id that no run has, of letters, digits, dots, hyphens, and _.")
    name = named or model
    if not named and isinstance(config, TrainConfig):
        name += f", {config.epochs} epoch{'s' * (config.epochs > 1)}"
    with making(root / run_id) as folder:
        run = Run(folder, name, "queued", config=config, created=now.timestamp())
        run.epochs_path.parent.mkdir()
        write_json(run.config_path, {"created": now.timestamp(), "config": config.to_json()})
        write_json(run.name_path, {"name": name})
        run.write_status("queued", Progress())
        run.log_event("Created", time=now.timestamp())
        yield run


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
    return as_owned(read_files(root, run_id))


def read_files(root: Path, run_id: str, *, history: History | None = None) -> Run:
    """Read a run's folder without asking whether somebody trains it; `as_owned` does.

    Parameters
    ----------
    root, run_id
        As for `open_run`, and so are the result and what is raised.
    history : History, optional
        That of an active run as it was read before, if its file has not changed since.
    """
    if not _RUN_ID.fullmatch(run_id) or not _is_run(root / run_id):
        raise RunError(f"There is no run {run_id!r}; it may have been deleted.")
    return _read(root / run_id, history)


def as_owned(run: Run) -> Run:
    """The run as `read_files` gives it; interrupted if it is active by its files alone."""
    if run.state in ACTIVE_STATES and not is_owned(run.folder):
        return replace(run, state="interrupted")
    return run


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run, be it one that has lost its settings."""
    try:
        return any((folder / name).exists() for name in _FILES)
    except OSError:
        return True  # it shows as broken, with the reason


def list_runs(root: Path) -> list[Run]:
    """All runs below a folder, newest first; damaged ones in state "broken"."""
    found = [as_owned(_read(root / run_id)) for run_id in run_ids(root)]
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


def run_ids(root: Path) -> list[str]:
    """Ids of all runs below a folder, in no order.

    Raises
    ------
    RunError
        If the folder cannot be read.
    """
    return [name for name in names_in(root) if _RUN_ID.fullmatch(name) and _is_run(root / name)]


def names_in(root: Path) -> list[str]:
    """Names of all that lies in a folder of runs, runs or not; none where there is no folder.

    Raises
    ------
    RunError
        If the folder cannot be read.
    """
    try:
        return [path.name for path in root.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(sentence(error)) from error


def _read(folder: Path, history: History | None = None) -> Run:
    run = _read_training(folder, history)
    try:
        return replace(run, annotations=annotations.read(folder))
    except (OSError, ValueError) as error:
        return replace(run, annotations_problem=annotations.problem_of(error))


def _read_training(folder: Path, history: History | None) -> Run:
    from fmnist.runs.documents import ConfigDocument, StatusDocument, read_config

    name = _read_name(folder)
    try:
        document = ConfigDocument.parse(migrate_document(read_json(folder / "config.json")))
        config = read_config(document.config)
    except (OSError, ValueError) as error:
        return Run(folder, name, "broken", _cannot_be_read("config.json", error))
    run = Run(
        folder, name, "broken", config=config, created=document.created, dataset=document.dataset,
        environment=document.environment, members=document.members,
    )  # fmt: skip
    try:
        status = StatusDocument.parse(read_json(folder / "status.json"))
    except (OSError, ValueError) as error:
        return replace(run, reason=_cannot_be_read("status.json", error))
    try:
        if history is None or status.state not in ACTIVE_STATES:
            history = _read_history(folder / "history.jsonl", config, status.state)
    except OSError as error:
        return replace(run, reason=_cannot_be_read("history.jsonl", error))
    except ValueError as error:
        return replace(run, reason=one_line(str(error)))
    progress = Progress(**status.model_dump(exclude={"state", "reason"}))
    return replace(
        run, state=status.state, reason=status.reason, progress=progress, history=history
    )


def _read_history(path: Path, config: RunConfig, state: State) -> History:
    """The history of a run; empty where it has none yet.

    Raises
    ------
    OSError
        If it cannot be read, or a finished run has none.
    ValueError
        If it is damaged; the message says what to do.
    """
    text = ""
    try:
        # what follows the checksum, if anything, was logged before the training was cut off
        checksums.verify(path, grows=state != "finished")
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        pass  # a run that has just begun
    except DamagedFileError as error:
        else_do = "delete the run"
        if state != "finished" and path.with_name("checkpoint.pt").exists():
            else_do = "delete it and resume the run, whose checkpoint has the history"
        raise DamagedFileError(f"{reason(error)}, or {else_do}.") from error
    # a line without its line break is being written, or was cut off by a crash
    lines = text[: text.rfind("\n") + 1].splitlines()
    history = History.from_lines(lines, checkpoint=config.checkpoint)
    if state == "finished" and not history.epochs:
        raise FileNotFoundError
    return history


def _cannot_be_read(file: str, error: Exception) -> str:
    problem = "is missing"
    if not isinstance(error, FileNotFoundError):
        problem = f"cannot be read ({one_line(reason(error), 300)})"
    return f"{file} {problem}; restore it from a copy, or delete the run."


def _read_name(folder: Path) -> str:
    from fmnist.runs.documents import NameDocument

    try:
        name = one_line(NameDocument.parse(read_json(folder / "name.json")).name, NAME_LENGTH)
    except (OSError, ValueError):
        name = ""
    return name or folder.name  # a run without a readable name is still a run


def migrate_runs(root: Path) -> list[str]:
    """Rewrite each run's `config.json` of an earlier version in today's form.

    Returns
    -------
    list of str
        Ids of the runs whose file was rewritten. Files that cannot be read stay as they are.
    """
    changed = []
    for run_id in sorted(run_ids(root)):
        path = root / run_id / "config.json"
        try:
            old = read_json(path)
        except (OSError, ValueError):
            continue
        new = migrate_document(old)
        if new != old and not is_owned(path.parent):
            write_json(path, new)
            changed.append(run_id)
    return changed


def is_owned(folder: Path) -> bool:
    """Whether some process, this one too, trains the run or holds it in its queue."""
    path = folder / LOCK_FILE
    if not path.exists():
        return False
    import filelock  # here and below, since the GPU benchmark runs without it

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
        If the name is empty or longer than 80 characters, or the folder is gone.
    """
    name = _checked_name(run, name)
    write_json(run.name_path, {"name": name})


def edit_run(run: Run, name: str, edit: Callable[[Annotations], Annotations]) -> None:
    """Change what people call a run, and what they added to it: both, or neither.

    Parameters
    ----------
    run : Run
    name : str
    edit : callable
        As for `annotations.change_all`.

    Raises
    ------
    RunError
        As for `rename_run`.
    AnnotationsError, OSError
        As for `annotations.change_all`.
    """
    name = _checked_name(run, name)
    # a name that nobody has changed stays as it is, also one that cannot be read
    besides = {} if name == run.name else {run.name_path: json_bytes({"name": name})}
    annotations.change_all([run], edit, besides=besides)


def _checked_name(run: Run, name: str) -> str:
    name = one_line(name, NAME_LENGTH + 1)
    if not 1 <= len(name) <= NAME_LENGTH:
        raise RunError(_NAME_RULE)
    if not _is_run(run.folder):
        raise RunError(run.gone)
    return name


class PartlyDeletedError(RunError):
    """Of several runs, some were deleted and some not; the message names both.

    Attributes
    ----------
    deleted : tuple of Run
    """

    def __init__(self, message: str, deleted: tuple[Run, ...]) -> None:
        super().__init__(message)
        self.deleted = deleted


def delete_run(run: Run) -> None:
    """Move a run to the trash; all else as for `delete_runs`."""
    delete_runs([run])


def delete_runs(runs: Sequence[Run]) -> None:
    """Move runs to the trash, from where `restore_runs` brings them back: all of them, or none.

    Runs that were in the trash already are then gone for good: one undo is kept.

    Parameters
    ----------
    runs : sequence of Run
        Of one folder.

    Raises
    ------
    RunError
        If somebody trains one of them, or one is there no longer.
    PartlyDeletedError
        If some were deleted and could not be brought back after a failure.
    OSError
        If one cannot be moved.
    """
    for run in runs:
        if not _is_run(run.folder):  # taking the lock would make the folder again
            raise RunError(f"There is no run {run.run_id!r}; it may have been deleted.")
    with ExitStack() as held:
        for run in runs:
            held.enter_context(_not_training(run))
        try:
            do_all((partial(_to_trash, run), partial(_from_trash, run.folder)) for run in runs)
        except PartlyDoneError as error:
            deleted = tuple(runs[number] for number in error.done)
            left = [run for run in runs if run not in deleted]
            told = partly(deleted, left, "deleted", error.failure)
            raise PartlyDeletedError(told, deleted) from error
    # only now, so that a failure above keeps the undo of before
    for trash in {run.folder.parent / _TRASH for run in runs}:
        _empty(trash, but={run.run_id for run in runs})


def _to_trash(run: Run) -> None:
    target = _in_trash(run.folder)
    target.parent.mkdir(exist_ok=True)
    if target.exists():  # somebody has copied the run back by hand
        _hide(target)
    _back_to_trash(run.folder)


def _from_trash(folder: Path) -> None:
    _in_trash(folder).rename(folder)


def _back_to_trash(folder: Path) -> None:
    folder.rename(_in_trash(folder))


def _in_trash(folder: Path) -> Path:
    return folder.parent / _TRASH / folder.name


@contextmanager
def _not_training(run: Run) -> Iterator[None]:
    """Hold the lock of a run that is to be deleted."""
    import filelock

    lock = run.lock()
    try:
        with _LOOKING:
            lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise RunError(f"{run.name} is training; stop it before deleting it.") from error
    try:
        yield
    finally:
        lock.release()


def _empty(trash: Path, *, but: Collection[str]) -> None:
    """Remove all other runs in the trash; what cannot be removed waits for the next time."""
    try:
        for other in trash.iterdir():
            if other.name not in but:
                shutil.rmtree(_hide(other), ignore_errors=True)
    except OSError as error:  # the run is deleted: nothing has failed that people asked for
        _log.warning(sentence(error, "The trash cannot be emptied"))


def _hide(folder: Path) -> Path:
    """Rename a folder in the trash, so that half of it is never brought back."""
    return folder.rename(folder.with_name(f".{secrets.token_hex(4)}"))


def restore_run(root: Path, run_id: str) -> Run:
    """Bring back a run of those deleted last.

    Raises
    ------
    RunError
        If it is no longer in the trash.
    """
    _check_restorable(root, run_id)
    _from_trash(root / run_id)
    return open_run(root, run_id)


def _check_restorable(root: Path, run_id: str) -> None:
    if not can_restore(root, run_id):
        raise RunError(f"The run {run_id!r} is no longer in the trash.")
    if (root / run_id).exists():
        raise RunError(f"There is a folder {run_id!r} already; move it away to undo the deletion.")


def can_restore(root: Path, run_id: str) -> bool:
    """Whether a run is among those deleted last."""
    return bool(_RUN_ID.fullmatch(run_id)) and _in_trash(root / run_id).exists()


def restore_runs(root: Path, run_ids: Iterable[str]) -> list[Run]:
    """Bring back those of several runs that are still in the trash: all of these, or none.

    Returns
    -------
    list of Run
        In the order given.

    Raises
    ------
    RunError
        If one is no longer in the trash, or something has its name; also if some are back and could
        not be moved to the trash again after a failure. The message names those that are back.
    OSError
        If one cannot be moved.
    """
    here: list[str] = []
    problem: RunError | PartlyDoneError | None = None
    wanted = list(run_ids)
    for run_id in wanted:
        try:
            _check_restorable(root, run_id)
            here.append(run_id)
        except RunError as error:
            problem = problem or error
    folders = [root / run_id for run_id in here]
    try:
        do_all(
            (partial(_from_trash, folder), partial(_back_to_trash, folder)) for folder in folders
        )
    except PartlyDoneError as error:
        problem, here = error, [here[number] for number in error.done]
    restored = [open_run(root, run_id) for run_id in here]
    if problem is None:
        return restored
    if not restored:
        raise problem
    left = [_read(_in_trash(root / run_id)) for run_id in wanted if run_id not in here]
    raise RunError(partly(restored, left, "brought back", problem)) from problem


def acquire(run: Run) -> "filelock.BaseFileLock":
    """Take the lock of a run's folder; the caller releases it.

    Raises
    ------
    RunError
        If another process or thread holds it, or the folder is gone.
    """
    import filelock

    if not _is_run(run.folder):  # taking the lock would make the folder again
        raise RunError(run.gone)
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
