"""The runs on this machine: shipped models, own runs, benchmark runs; and the trainer."""

import atexit
from pathlib import Path
from typing import Final

import streamlit as st

from fmnist import paths
from fmnist.runs import making, store
from fmnist.runs.run import ACTIVE_STATES, Run, RunError
from fmnist.training.worker import Trainer

_CHANGING_STATES: Final = (*ACTIVE_STATES, "interrupted", "broken")
_MOST_KNOWN: Final = 1024


@st.cache_resource(show_spinner=False)
def sweep() -> None:
    """Remove what killed processes left half-made; once a server, when it starts."""
    for root in (paths.runs_folder(), paths.pretrained_folder(), paths.benchmark_folder()):
        making.sweep(root)


@st.cache_resource(show_spinner=False)
def trainer() -> Trainer:
    """The trainer of this server, shared by all sessions."""
    made = Trainer()
    # Ctrl-C on the server writes the current run to disk before the process ends
    atexit.register(made.close)
    return made


@st.cache_resource(show_spinner=False)
def _known_runs() -> dict[Path, tuple[int, Run]]:
    """Runs as last read, with the time of their folder's last change; shared by all sessions."""
    return {}


def _open(root: Path, run_id: str) -> Run:
    folder, known = root / run_id, _known_runs()
    try:
        # files are replaced as a whole, which changes the folder's time: one look for all of them
        modified = folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return store.open_run(root, run_id)
    found = known.get(folder)
    # no file says whether another process still owns an active run, and its history is appended to
    if found and found[0] == modified and found[1].state not in _CHANGING_STATES:
        return found[1]
    if len(known) >= _MOST_KNOWN:
        known.clear()
    run = store.open_run(root, run_id)
    known[folder] = (modified, run)
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
    """Shipped models, own runs, benchmark runs; of two with one id the one that opens."""
    runs: dict[str, Run] = {}
    for run in (*shipped_runs(), *own_runs(), *benchmark_runs()):
        runs.setdefault(run.run_id, run)
    return list(runs.values())


def problems() -> list[str]:
    """Why folders of runs cannot be listed, a sentence each; their runs are missing everywhere."""
    sentences = []
    for root in (paths.pretrained_folder(), paths.runs_folder(), paths.benchmark_folder()):
        try:
            store.names_in(root)
        except RunError as error:
            sentences.append(str(error))
    return sentences


def _listed(root: Path) -> list[Run]:
    try:
        found = [_open(root, run_id) for run_id in store.run_ids(root)]
    except RunError:
        return []  # `problems` says why
    return sorted(found, key=lambda run: (run.created, run.run_id), reverse=True)
