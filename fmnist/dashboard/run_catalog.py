"""The runs on this machine: shipped models, own runs, benchmark runs; and the trainer."""

import threading
from pathlib import Path
from typing import Final, NamedTuple

import streamlit as st

from fmnist import paths
from fmnist.dashboard import ending
from fmnist.dashboard.webhooks import webhooks
from fmnist.runs import making, store
from fmnist.runs.run import ACTIVE_STATES, Run, RunError
from fmnist.training.worker import Trainer

_CHANGING_STATES: Final = (*ACTIVE_STATES, "broken")
_Stamp = tuple[int, ...]
_MOST_KNOWN: Final = 1024


@st.cache_resource(show_spinner=False)
def sweep() -> None:
    """Remove what killed processes left half-made; once a server, when it starts."""
    for root in (
        paths.runs_folder(),
        paths.sweeps_folder(),
        paths.pretrained_folder(),
        paths.benchmark_folder(),
    ):
        making.sweep(root)


@st.cache_resource(show_spinner=False)
def trainer() -> Trainer:
    """The trainer of this server, shared by all sessions."""
    told = webhooks()  # registered first, and so closed last
    made = Trainer(on_end=told.run_ended)
    # Ctrl-C on the server writes the current run to disk before the process ends
    ending.register(made.close)
    return made


class _Known(NamedTuple):
    """A run as its files said when it was last read."""

    run: Run
    modified: int  # of its folder
    status: _Stamp
    history: _Stamp


class _KnownRuns:
    """Runs as they were last read, shared by all sessions: many that poll read a change once."""

    def __init__(self) -> None:
        self._known: dict[Path, _Known] = {}
        self._reading = threading.Lock()

    def open(self, root: Path, run_id: str) -> Run:
        """As `store.open_run`."""
        folder = root / run_id
        try:
            # files are replaced as a whole, which changes the folder's time: one look for them all
            modified = folder.stat().st_mtime_ns
        except (OSError, ValueError):
            return store.open_run(root, run_id)
        found = self._known.get(folder)
        if not found or found.modified != modified or found.run.state in _CHANGING_STATES:
            with self._reading:
                found = self._newest(folder, modified)
        return store.as_owned(found.run)  # no file says that a process has ended

    def _newest(self, folder: Path, modified: int) -> _Known:
        # A training may replace its status twice within a tick of the disk's clock, and adds to its
        # history without a change of the folder.
        status, history = _stamp(folder / "status.json"), _stamp(folder / "history.jsonl")
        found = self._known.get(folder)
        stays = found is not None and found.run.state in ACTIVE_STATES and found.history == history
        if not (found and stays and (found.modified, found.status) == (modified, status)):
            earlier = found.run.history if found and stays else None
            run = store.read_files(folder.parent, folder.name, history=earlier)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[folder] = _Known(run, modified, status, history)
        return found


def _stamp(path: Path) -> _Stamp:
    """What changes with a file; empty if it cannot be seen."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


@st.cache_resource(show_spinner=False)
def _known_runs() -> _KnownRuns:
    return _KnownRuns()


def run_or_none(run_id: str | None) -> Run | None:
    """A shipped model, own run or benchmark run by its id; None if there is none."""
    known = _known_runs()
    for root in (paths.pretrained_folder(), paths.runs_folder(), paths.benchmark_folder()):
        try:
            if run_id:
                return known.open(root, run_id)
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
        known = _known_runs()
        found = [known.open(root, run_id) for run_id in store.run_ids(root)]
    except RunError:
        return []  # `problems` says why
    return sorted(found, key=lambda run: (run.created, run.run_id), reverse=True)
