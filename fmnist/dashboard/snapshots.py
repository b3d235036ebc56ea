"""Snapshots: what a run predicts for a split at an epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache
from fmnist.data.splits import SplitName
from fmnist.evaluation import misclassifications
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, check_images
from fmnist.evaluation.training_dynamics import TrainingDynamics, order_of
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.runs.temperature import load_temperature

_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An evaluation, and what is computed from it once.

    Attributes
    ----------
    key : tuple
        Equal for equal contents; a key for other caches.
    evaluation : Evaluation
    epoch : int or None
        None if unknown.
    is_selected : bool
        Whether these are the saved weights of the run, of its selected epoch.
    """

    key: tuple[object, ...]
    evaluation: Evaluation
    epoch: int | None
    is_selected: bool

    @cached_property
    def error_types(self) -> NDArray[np.int8]:
        """As `fmnist.evaluation.misclassifications.error_types`, int8 (N,)."""
        return misclassifications.error_types(self.evaluation)

    def position(self, image: int) -> int | None:
        """Position of an image (`Split.indices`) in the evaluation; None if it is not in it."""
        found = np.flatnonzero(self.evaluation.indices == image)
        return int(found[0]) if len(found) else None


def splits(run: Run) -> tuple[SplitName, ...]:
    """The splits that a run has been evaluated on.

    Raises
    ------
    ValueError
        If the evaluation of its epochs is damaged.
    """
    names: tuple[SplitName, ...] = ("train", "validation", "test")
    epochs = cache.epoch_evaluations(run)
    return tuple(
        name
        for name in names
        if run.evaluation_path(name).exists() or (epochs is not None and epochs.split == name)
    )


def dynamics_splits(run: Run) -> tuple[SplitName, ...]:
    """The splits whose images a run has predicted after two epochs or more.

    Raises
    ------
    ValueError
        If the evaluation of its epochs is damaged.
    """
    known = {name: cache.epoch_evaluations(run, name) for name in splits(run)}
    return tuple(name for name, epochs in known.items() if epochs and len(epochs.logits) > 1)


def epoch_count(run: Run) -> int:
    """Number of epochs that have been evaluated.

    Raises
    ------
    ValueError
        If their evaluation is damaged.
    """
    epochs = cache.epoch_evaluations(run)
    return len(epochs.logits) if epochs else 0


def load_snapshot(run: Run, split: SplitName | None, epoch: int | None) -> Snapshot | None:
    """Load a run's predictions for a split; None before its first epoch has ended.

    Parameters
    ----------
    run : Run
    split : {"train", "validation", "test"} or None
        None for test if there is one, else the split evaluated every epoch.
    epoch : int or None
        None for the saved weights, or the newest ones while the run trains. A single epoch is
        known for one split only, whatever `split` says.

    Raises
    ------
    OSError, DamagedFileError
        If an evaluation cannot be read or is damaged.
    RunError
        If the temperature saved with the run is damaged.
    """
    found = _find_snapshot(run, split, epoch)
    if found is not None:
        shown = found.evaluation
        check_images(run, shown.split, shown.indices, classes=shown.num_classes)
    return found


def _find_snapshot(run: Run, split: SplitName | None, epoch: int | None) -> Snapshot | None:
    selected = run.history.selected
    newest = epoch_count(run) if run.state in ACTIVE_STATES else 0
    epochs = cache.epoch_evaluations(run)
    if epoch is None and newest and epochs and split in (None, epochs.split):
        epoch = newest  # files of an earlier end, if any, are older than what trains now
    if epoch is not None:
        if epochs is None or not 1 <= epoch <= len(epochs.logits):
            return None
        return _snapshot(run.epochs_path, _modified(run.epochs_path), epoch, None)
    saved = load_temperature(run)
    temperature = saved.value if saved else 1.0
    for name in (split,) if split else ("test", "validation"):
        path = run.evaluation_path(name)
        if path.exists():
            return _snapshot(
                path, _modified(path), selected.epoch if selected else None, temperature
            )
    if epochs is not None and split in (None, epochs.split):
        return _snapshot(run.epochs_path, _modified(run.epochs_path), len(epochs.logits), None)
    return None


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns


@st.cache_resource(show_spinner=False, max_entries=64)
def _snapshot(path: Path, modified: int, epoch: int | None, temperature: float | None) -> Snapshot:
    """The snapshot in a file; `temperature` is None for a file of several epochs."""
    key = (str(path), modified, epoch, temperature)
    if temperature is None:
        assert epoch is not None
        epochs = cache.epochs_file(path, modified)
        return Snapshot(key, epochs.epoch(epoch), epoch, is_selected=False)
    stored = Evaluation.load(path)
    measured = Evaluation(
        stored.split, stored.logits, stored.labels, stored.indices, temperature=temperature
    )
    return Snapshot(key, measured, epoch, is_selected=True)


def _from_epochs(compute: Callable[[Path, int], _Result], run: Run) -> _Result | None:
    """Apply a cached function to the evaluations of a run's epochs; None before the first."""
    try:
        return compute(run.epochs_path, _modified(run.epochs_path))
    except FileNotFoundError:
        return None


@st.cache_resource(show_spinner=False, max_entries=8)
def _training_dynamics(
    key: tuple[object, ...],  # noqa: ARG001 - names the epochs and the images
    _epochs: EpochEvaluations,
    _indices: NDArray[np.int32],
) -> TrainingDynamics | None:
    order = order_of(_epochs.indices, _indices)
    return None if order is None else TrainingDynamics.from_epochs(_epochs).take(order)


def dynamics_of(run: Run, snapshot: Snapshot) -> TrainingDynamics | None:
    """Predictions for the images of a snapshot after every epoch; None where they are unknown.

    Raises
    ------
    ValueError
        If the evaluation of the epochs is damaged.
    """
    epochs = cache.epoch_evaluations(run, snapshot.evaluation.split)
    if epochs is None:
        return None
    is_followed = epochs.split == "train" and run.followed_path.exists()
    key = (*snapshot.key, _modified(run.followed_path if is_followed else run.epochs_path))
    return _training_dynamics(key, epochs, snapshot.evaluation.indices)


@st.cache_data(show_spinner=False, max_entries=8)
def _error_type_counts(path: Path, modified: int) -> NDArray[np.integer]:
    return misclassifications.error_type_counts(cache.epochs_file(path, modified))


def error_type_counts(run: Run) -> NDArray[np.integer] | None:
    """Misclassified images of each error type after every epoch, int (E, 3).

    None before the first epoch has ended.

    Raises
    ------
    ValueError
        If its evaluation is damaged.
    """
    return _from_epochs(_error_type_counts, run)


@st.cache_data(show_spinner=False, max_entries=16)
def _epoch_confusions(path: Path, modified: int) -> NDArray[np.int64]:
    epochs = cache.epochs_file(path, modified)
    return np.stack([epochs.epoch(n + 1).confusion for n in range(len(epochs.logits))])


def epoch_confusions(run: Run) -> NDArray[np.int64] | None:
    """Confusion matrix after every epoch, int64 (E, 10, 10); None before the first has ended.

    Raises
    ------
    ValueError
        If its evaluation is damaged.
    """
    return _from_epochs(_epoch_confusions, run)
