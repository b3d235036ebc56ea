"""The runs on this machine: shipped models, own runs, benchmark runs; and the trainer."""

import atexit
import sys
from pathlib import Path

import streamlit as st

from fmnist import paths
from fmnist.runs import store
from fmnist.runs.run import ACTIVE_STATES, Run, RunError
from fmnist.training.worker import Trainer


@st.cache_resource(show_spinner=False)
def trainer() -> Trainer:
    """The trainer of this server, shared by all sessions."""
    # A training step acquires Python's global lock about forty times. A busy page releases it
    # after this many seconds; with Python's default of 5 ms training would almost stop.
    sys.setswitchinterval(0.0005)
    made = Trainer()
    # Ctrl-C on the server writes the current run to disk before the process ends
    atexit.register(made.close)
    return made


@st.cache_resource(show_spinner=False, max_entries=512)
def _settled_run(root: Path, run_id: str, modified: tuple[int, ...]) -> Run:  # noqa: ARG001
    return store.open_run(root, run_id)


def _modified(folder: Path) -> tuple[int, ...]:
    return tuple(
        (folder / name).stat().st_mtime_ns
        for name in ("config.json", "status.json", "name.json", "history.jsonl")
        if (folder / name).exists()
    )


def _open(root: Path, run_id: str) -> Run:
    try:
        run = _settled_run(root, run_id, _modified(root / run_id))
    except OSError:
        return store.open_run(root, run_id)
    # no file says whether another process still owns an active run: ask again
    if run.state in (*ACTIVE_STATES, "interrupted"):
        return store.open_run(root, run_id)
    return run


def run_or_none(run_id: str | None) -> Run | None:
    """A shipped model, own run or benchmark run by its id; None if there is none."""
    for root in (paths.pretrained_folder(), paths.runs_folder(), paths.benchmark_folder()):
        try:
            if run_id:
                return _open(root, run_id)
        except RunError:
            continue
    return None


def own_runs() -> list[Run]:
    """The runs trained on this machine, newest first."""
    return _listed(paths.runs_folder())


def shipped_runs() -> list[Run]:
    """The shipped models by id, FashionCNN first: the default run."""
    return sorted(
        _listed(paths.pretrained_folder()),
        key=lambda run: (not run.run_id.startswith("fashion-cnn"), run.run_id),
    )


def benchmark_runs() -> list[Run]:
    """The runs behind the benchmark tables, by id.

    An unfinished one is there only so that its training can go on.
    """
    ended = (run for run in _listed(paths.benchmark_folder()) if run.state != "interrupted")
    return sorted(ended, key=lambda run: run.run_id)


def all_runs() -> list[Run]:
    """Shipped models, own runs, benchmark runs."""
    return [*shipped_runs(), *own_runs(), *benchmark_runs()]


def _listed(root: Path) -> list[Run]:
    found = [_open(root, run_id) for run_id in store.run_ids(root)]
    return sorted(found, key=lambda run: (run.created, run.run_id), reverse=True)
