"""Streamlit's caches around the calls that cost something."""

import atexit
import sys
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist import datasets, runs
from fmnist.classes import NUM_CLASSES
from fmnist.config import Protocol
from fmnist.datasets import SPLITS, Dataset, Location, Split, SplitName
from fmnist.download import DownloadProcess
from fmnist.evaluation import EpochEvaluations, Evaluation
from fmnist.runs import Run, RunError
from fmnist.trainer import Trainer


@st.cache_resource(show_spinner=False)
def trainer() -> Trainer:
    """The one trainer of this server, shared by all sessions."""
    # A training step asks for Python's lock some forty times; a page that computes hands it over
    # after this many seconds at the latest, where Python's own 5 ms would add up to a stop.
    sys.setswitchinterval(0.0005)
    made = Trainer()
    # Ctrl-C on the server writes the run under way to disk before the process ends
    atexit.register(made.close)
    return made


@st.cache_resource(show_spinner=False)
def download_process() -> DownloadProcess:
    """The one download of this server, shared by all sessions."""
    made = DownloadProcess()
    atexit.register(made.cancel)
    return made


@st.cache_resource(show_spinner=False, max_entries=2)
def _dataset(location: Location) -> Dataset:
    if location.folder is not None:
        return datasets.load(location)
    bar = st.progress(0.0, "Drawing garments…")

    def show(done: int, total: int) -> None:
        bar.progress(done / total, "Drawing garments…")

    dataset = datasets.load(location, show)
    bar.empty()
    return dataset


def dataset(location: Location) -> Dataset:
    """The images of a location, kept in memory; drawing them shows a progress bar.

    Raises
    ------
    fmnist.datasets.DatasetError
        If its files are damaged.
    """
    return _dataset(location)


@st.cache_resource(show_spinner=False, max_entries=4)
def split(_dataset: Dataset, checksum: str, protocol: Protocol, name: SplitName) -> Split:  # noqa: ARG001
    """One split of a data set; `checksum` names the data set."""
    return _dataset.split(name, protocol=protocol)


@st.cache_data(show_spinner=False, max_entries=8)
def class_counts(_dataset: Dataset, checksum: str, protocol: Protocol) -> dict[str, list[int]]:
    """Images of each class by the title of the split; `checksum` names the data set."""
    names = [s for s in SPLITS if s != "validation" or protocol == "held-out"]
    parts = {name.capitalize(): split(_dataset, checksum, protocol, name) for name in names}
    return {
        title: np.bincount(part.labels, minlength=NUM_CLASSES).tolist()
        for title, part in parts.items()
    }


@st.cache_data(show_spinner=False, max_entries=8)
def mean_images(_split: Split, key: str) -> NDArray[np.float64]:  # noqa: ARG001
    """Mean image of each class, float64 (10, 28, 28) in 0 … 255; `key` names the split."""
    return np.stack(
        [_split.images[_split.labels == label].mean(axis=0) for label in range(NUM_CLASSES)]
    )


@st.cache_data(show_spinner=False, max_entries=8)
def pixel_counts(_split: Split, key: str) -> NDArray[np.int64]:  # noqa: ARG001
    """Pixels of each value 0 … 255 over all images, int64 (256,); `key` names the split."""
    return np.bincount(_split.images.reshape(-1), minlength=256)


@st.cache_resource(show_spinner=False, max_entries=32)
def _evaluation(path: Path, modified: int) -> Evaluation:  # noqa: ARG001 - part of the key
    return Evaluation.load(path)


def evaluation(run: Run, split: SplitName) -> Evaluation | None:
    """A run's evaluation of a split; None where it has none (yet).

    Raises
    ------
    ValueError
        If its file is damaged.
    """
    path = run.evaluation_path(split)
    try:
        return _evaluation(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@st.cache_resource(show_spinner=False, max_entries=4)
def _epochs(path: Path, modified: int) -> EpochEvaluations:  # noqa: ARG001 - part of the key
    return EpochEvaluations.load(path)


def newest_evaluation(run: Run) -> Evaluation | None:
    """The test evaluation of a run that has ended, else that of its newest epoch.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    test = evaluation(run, "test")
    if test is not None:
        return test
    try:
        epochs = _epochs(run.epochs_path, run.epochs_path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    return epochs.epoch(len(epochs.logits))


@st.cache_resource(show_spinner=False, max_entries=512)
def _settled_run(root: Path, run_id: str, modified: tuple[int, ...]) -> Run:  # noqa: ARG001
    return runs.open_run(root, run_id)


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
        return runs.open_run(root, run_id)
    # whether an active run is still owned shows in no file: ask again
    if run.state in (*runs.ACTIVE_STATES, "interrupted"):
        return runs.open_run(root, run_id)
    return run


def run_or_none(run_id: str | None) -> Run | None:
    """A shipped model or own run by its id; None where there is none."""
    for root in (runs.pretrained_folder(), runs.runs_folder()):
        try:
            if run_id:
                return _open(root, run_id)
        except RunError:
            continue
    return None


def own_runs() -> list[Run]:
    """The person's runs, newest first."""
    return _listed(runs.runs_folder())


def shipped_runs() -> list[Run]:
    """The shipped models, by name."""
    return sorted(_listed(runs.pretrained_folder()), key=lambda run: run.run_id)


def _listed(root: Path) -> list[Run]:
    found = [_open(root, run_id) for run_id in runs.run_ids(root)]
    return sorted(found, key=lambda run: (run.created, run.run_id), reverse=True)


@st.cache_data(show_spinner="Reading the layers of the network…", max_entries=32)
def architecture(model_name: str) -> list[dict[str, object]]:
    """A row for every layer: name, layer, output shape, parameters. Imports torch."""
    from fmnist.models.summary import summarise

    return [vars(row) for row in summarise(model_name)]
