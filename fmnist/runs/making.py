"""Folders that appear as a whole or not at all."""

import logging
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fmnist.errors import sentence

_PREFIX: Final = ".making-"
_REPLACED: Final = "replaced-"
_LOCK: Final = ".lock"

_log = logging.getLogger(__name__)


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Fill a hidden folder, which takes its place when the block ends.

    What a process that was killed meanwhile leaves behind is hidden, and `sweep` removes it. A
    folder that was in the place is replaced; if that fails, it is back.

    Parameters
    ----------
    target : Path
        The folder to be made. The one it is in is made where it is absent.

    Yields
    ------
    Path
        The hidden folder, empty, of the same name as `target`.

    Raises
    ------
    OSError
        If it cannot be made or moved; nothing has changed then.
    """
    root = target.parent
    root.mkdir(parents=True, exist_ok=True)
    sweep(root)
    hidden = root / f"{_PREFIX}{secrets.token_hex(4)}"
    with _held(hidden):
        folder, aside = hidden / target.name, hidden / f"{_REPLACED}{target.name}"
        try:
            folder.mkdir(parents=True)
            yield folder
            if target.exists():
                target.rename(aside)
            folder.rename(target)
        except BaseException:
            if aside.exists():
                aside.rename(target)
            raise
        finally:
            # what cannot be removed now is hidden; the next sweep tries again
            shutil.rmtree(hidden, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove what processes that were killed left half-made; what they replaced is back.

    What cannot be removed (a read-only disk) stays, hidden, and is logged.

    Parameters
    ----------
    root : Path
        Folder of runs or of shipped models; it may be absent.
    """
    for path in root.glob(f"{_PREFIX}*{_LOCK}"):
        import filelock  # here and below, since the GPU benchmark runs without it

        try:
            with filelock.FileLock(path, blocking=False):
                _undo(root / path.name.removesuffix(_LOCK))
            path.unlink(missing_ok=True)
        except filelock.Timeout:
            continue  # somebody is making it now
        except OSError:
            _log.exception("What is left of %s cannot be removed", path)


def _undo(hidden: Path) -> None:
    for aside in hidden.glob(f"{_REPLACED}*"):
        target = hidden.parent / aside.name.removeprefix(_REPLACED)
        if not target.exists():
            aside.rename(target)
    if hidden.exists():
        shutil.rmtree(hidden)


@contextmanager
def _held(hidden: Path) -> Iterator[None]:
    """Hold a lock, so that a sweep of another process leaves alone what is being made."""
    try:
        import filelock
    except ImportError:  # a sweep needs the lock's file: without, nothing is swept
        yield
        return
    path = hidden.with_name(f"{hidden.name}{_LOCK}")
    try:
        with filelock.FileLock(path, timeout=5):
            yield
    finally:
        try:
            if not hidden.exists():  # otherwise a sweep has to find it
                path.unlink(missing_ok=True)
        except OSError as error:  # the folder is in its place; the next sweep tries again
            _log.warning(sentence(error, "A lock cannot be removed"))
