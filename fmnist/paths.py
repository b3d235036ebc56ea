"""Where things are kept: the project, its shipped models, and what a person makes."""

import os
from pathlib import Path
from typing import Final

from fmnist.errors import ToldError, reason

PROJECT: Final = Path(__file__).resolve().parent.parent
"""The folder of the project, with `app.py` and `pages/`."""

BENCHMARK_TABLES: Final = PROJECT / "benchmarks"
"""Where the tables of the benchmarks are written."""

_SHOWN: Final = 200  # characters of a path in a sentence


class PathError(ToldError, ValueError):
    """A path that cannot be used."""


def expand(text: str) -> Path:
    """A path as people write it, with `~` for a home folder; there need be nothing.

    Raises
    ------
    PathError
        If there is no such user, or the path is too long or forbidden.
    """
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    try:
        path = Path(text).expanduser()
        path.exists()
    except RuntimeError as error:
        raise PathError(f"{shown} names a home folder that is unknown; write it out.") from error
    except (OSError, ValueError) as error:
        raise PathError(f"{shown} cannot be used, since {reason(error)}.") from error
    return path


def child_environment() -> dict[str, str]:
    """Environment of a child process that imports this project, wherever it is started."""
    inherited = os.environ.get("PYTHONPATH")
    known = os.pathsep.join([str(PROJECT), *([inherited] if inherited else [])])
    return os.environ | {"PYTHONPATH": known}


def _named_folder(variable: str) -> Path | None:
    """The folder that an environment variable names."""
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        path = expand(text)
    except PathError as error:
        raise PathError(f"{variable}: {error}") from error
    if path.is_file():
        raise PathError(f"{variable}: {path} is a file; name a folder.")
    return path


def artifacts_folder() -> Path:
    """Where runs and shipped models live: `FMNIST_ARTIFACTS`, or the project's `artifacts`.

    Raises
    ------
    PathError
        Here and in the functions below: if the variable names no folder that can be used. The app
        and the command line look before all else, so that nothing else need expect it.
    """
    return _named_folder("FMNIST_ARTIFACTS") or PROJECT / "artifacts"


def runs_folder() -> Path:
    """Where a person's own runs live."""
    return artifacts_folder() / "runs"


def sweeps_folder() -> Path:
    """Where a person's sweeps live; their runs are among the others."""
    return artifacts_folder() / "sweeps"


def pretrained_folder() -> Path:
    """Where the shipped models live; they come with the project wherever the runs are kept."""
    return PROJECT / "artifacts" / "pretrained"


def benchmark_folder() -> Path:
    """Where the runs behind the tables of `benchmarks/` are; they come with the project, too."""
    return pretrained_folder().parent / "benchmarks"


def downloads_folder() -> Path:
    """Where downloads go: the folder in `FMNIST_DOWNLOADS`, or the project's `data`."""
    return _named_folder("FMNIST_DOWNLOADS") or PROJECT / "data"


def check() -> None:
    """Check the environment variables that name folders.

    Raises
    ------
    PathError
        If one names none that can be used.
    """
    artifacts_folder()
    downloads_folder()
