"""Where things are kept: the project, its shipped models, and what a person makes."""

import os
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
"""The folder of the project, with `app.py` and `pages/`."""

BENCHMARK_TABLES: Final = PROJECT / "benchmarks"
"""Where the tables of the benchmarks are written."""


def artifacts_folder() -> Path:
    """Where runs and shipped models live: `FMNIST_ARTIFACTS`, or the project's `artifacts`."""
    named = os.environ.get("FMNIST_ARTIFACTS")
    return Path(named) if named else PROJECT / "artifacts"


def runs_folder() -> Path:
    """Where a person's own runs live."""
    return artifacts_folder() / "runs"


def pretrained_folder() -> Path:
    """Where the shipped models live; they come with the project wherever the runs are kept."""
    return PROJECT / "artifacts" / "pretrained"


def benchmark_folder() -> Path:
    """Where the runs behind the tables of `benchmarks/` are; they come with the project, too."""
    return pretrained_folder().parent / "benchmarks"


def downloads_folder() -> Path:
    """Where downloads go: the folder in `FMNIST_DOWNLOADS`, or the project's `data`."""
    named = os.environ.get("FMNIST_DOWNLOADS")
    return Path(named) if named else PROJECT / "data"
