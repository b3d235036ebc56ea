"""A run's folder: settings, history, checkpoint, weights, evaluations.

Whoever trains a run holds a lock on its folder, which the operating system takes back when the
process dies: a run that says "running" while nobody holds its lock was interrupted.
"""

import datetime
import io
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fmnist import paths
from fmnist.errors import reason, sentence
from fmnist.files import read_json, write_json
from fmnist.models.registry import members
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import History, Progress
from fmnist.runs.migration import migrate_document
from fmnist.runs.run import ACTIVE_STATES, LOCK_FILE, Run, RunError
from fmnist.text import NAME_LENGTH, one_line

if TYPE_CHECKING:
    import filelock

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_TRASH = ".trash"
_NAME_RULE: Final = f"Give the run a name of 1 to {NAME_LENGTH} characters."

# Looking whether a run is owned takes its lock for a moment; two threads that look at the same
# moment would each find the other's.
_LOOKING = threading.Lock()


def create_run(root: Path, config: TrainConfig, *, name: str = "") -> Run:
    """Make the folder of a new run, in state "queued".

    Parameters
    ----------
    root : Path
        Folder of the runs; made where it is absent.
    config : TrainConfig
    name : str
        What people call it; by default model and number of epochs.

    Raises
    ------
    RunError
        If the name is longer than 80 characters.
    """
    named = one_line(name, NAME_LENGTH + 1)
    if len(named) > NAME_LENGTH:
        raise RunError(_NAME_RULE)
    now = datetime.datetime.now(datetime.UTC)
    model = config.model if len(members(config.model)) == 1 else "ensemble"
    run_id = f"{now:%Y%m%d-%H%M%S}-{model}-{secrets.token_hex(2)}"
    name = named or f"{model}, {config.epochs} epoch{'s' * (config.epochs > 1)}"
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
    if not _RUN_ID.fullmatch(run_id) or not _is_run(root / run_id):
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
            raise RunError(f"The teacher {name!r} cannot be used: {error}") from error
        if teacher.config is None:
            raise RunError(f"The teacher {name!r} cannot be used: its settings cannot be read.")
        if not config.may_learn_from(teacher.config):
            raise RunError(
                f"The teacher {teacher.name!r} was trained under the {teacher.config.protocol} "
                f"protocol, with images that the {config.protocol} protocol holds out; choose "
                "another teacher, or its protocol."
            )
        teachers.append(teacher)
    return teachers


def run_ids(root: Path) -> list[str]:
    """Ids of all runs below a folder, in no order.

    Raises
    ------
    RunError
        If the folder cannot be read.
    """
    try:
        names = [folder.name for folder in root.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(sentence(error)) from error
    return [n for n in names if _RUN_ID.fullmatch(n) and _is_run(root / n)]


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").exists()
    except OSError:
        return True  # it shows as broken, with the reason


def _read(folder: Path) -> Run:
    from fmnist.runs.documents import ConfigDocument, StatusDocument

    name = _read_name(folder)
    try:
        document = ConfigDocument.parse(migrate_document(read_json(folder / "config.json")))
        config = TrainConfig.from_json(document.config)
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
        text = (folder / "history.jsonl").read_text(encoding="utf-8", errors="replace")
        # a line without its line break is being written, or was cut off by a crash
        lines = text[: text.rfind("\n") + 1].splitlines()
        history = History.from_lines(lines, checkpoint=config.checkpoint)
    except FileNotFoundError:
        history = History()
    except OSError as error:
        return replace(run, reason=_cannot_be_read("history.jsonl", error))
    except ValueError as error:
        return replace(run, reason=one_line(str(error)))
    state = status.state
    if state in ACTIVE_STATES and not is_owned(folder):
        state = "interrupted"
    progress = Progress(**status.model_dump(exclude={"state", "reason"}))
    return replace(run, state=state, reason=status.reason, progress=progress, history=history)


def _cannot_be_read(file: str, error: Exception) -> str:
    problem = one_line(reason(error), 300)
    return f"{file} cannot be read ({problem}); restore it from a copy, or delete the run."


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
        If the name is empty or longer than 80 characters.
    """
    name = one_line(name, NAME_LENGTH + 1)
    if not 1 <= len(name) <= NAME_LENGTH:
        raise RunError(_NAME_RULE)
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
    import filelock

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


def acquire(run: Run) -> "filelock.BaseFileLock":
    """Take the lock of a run's folder; the caller releases it.

    Raises
    ------
    RunError
        If another process or thread holds it.
    """
    import filelock

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
