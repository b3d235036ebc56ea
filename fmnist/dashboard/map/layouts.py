"""The maps that are kept with the runs, and what stands in for one until it is computed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, ending
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.snapshots import Snapshot
from fmnist.data import fashion_mnist
from fmnist.errors import DamagedFileError
from fmnist.evaluation.training_dynamics import order_of
from fmnist.explain import embeddings, map_sources
from fmnist.explain.embeddings import Agreement, Method, Positions
from fmnist.explain.map_files import EpochLayouts, Features, Layout, Source, digest_of_logits
from fmnist.explain.map_process import MapProcess
from fmnist.runs.run import ACTIVE_STATES, Run


@dataclass(frozen=True, eq=False)
class RunMap:
    """The map of a run; gathered once, then only read.

    Attributes
    ----------
    run : Run
    snapshot : Snapshot
    source : Source
        What a map of it is made from.
    features : Features
        What it shows: the source's features, or the logits until those are computed.
    method : {"pca", "pacmap", "tsne", "umap"}
        How `positions` were found.
    positions : float32 (N, 2)
    medoids : int (10,)
    agreement : Agreement or None
        None until the map is computed.
    is_computed : bool
        Whether it is the map that was asked for.
    """

    run: Run
    snapshot: Snapshot
    source: Source
    features: Features
    method: Method
    positions: Positions
    medoids: NDArray[np.integer]
    agreement: Agreement | None
    is_computed: bool

    @property
    def of_logits(self) -> bool:
        """Whether the map shows the logits, not the features."""
        return self.source.space == "logits" or self.features.digest != self.source.digest


@st.cache_resource(show_spinner=False)
def process() -> MapProcess:
    """The computation of maps of this server, shared by all sessions."""
    made = MapProcess()
    ending.register(made.cancel)
    return made


def source_of(context: PageContext, run: Run, snapshot: Snapshot) -> Source:
    """What a map of a snapshot is made from.

    Raises
    ------
    OSError, ToldError
        If a file cannot be read.
    """
    weights = checksum = None
    path = run.weights_path
    has_features = snapshot.is_selected and run.state not in ACTIVE_STATES and path.exists()
    if has_features and context.source is not None:
        dataset = cache.dataset(fashion_mnist.locate())
        if map_sources.fits(dataset, run, snapshot.evaluation):
            weights = cache.file_digest(path)
            checksum = dataset.checksum
    return map_sources.source(
        run,
        snapshot.evaluation,
        epoch=None if snapshot.is_selected else snapshot.epoch,
        weights=weights,
        checksum=checksum,
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _layout(path: Path, modified: int, digest: str, images: int) -> Layout | None:  # noqa: ARG001
    return Layout.load(path, digest=digest, images=images)


def stored_layout(source: Source, method: Method) -> Layout | None:
    """A kept layout; None where it is absent, damaged or of other weights: it is made anew."""
    path = source.path(method)
    try:
        modified = path.stat().st_mtime_ns
        return _layout(path, modified, source.digest, len(source.evaluation.labels))
    except (FileNotFoundError, DamagedFileError):
        return None


@st.cache_resource(show_spinner=False, max_entries=8)
def _features(path: Path, modified: int, digest: str, images: int) -> Features | None:  # noqa: ARG001
    return Features.load(path, digest=digest, images=images)


@st.cache_resource(show_spinner=False, max_entries=8)
def _logits_as_features(digest: str, _logits: NDArray[np.float16]) -> Features:
    return Features.of(digest, _logits.astype(np.float32))


def stored_features(source: Source) -> Features | None:
    """The kept features; None where they are absent, damaged or of other weights."""
    if source.space == "logits":
        return _logits_as_features(source.digest, source.evaluation.logits)
    path = source.path("features")
    try:
        modified = path.stat().st_mtime_ns
        return _features(path, modified, source.digest, len(source.evaluation.labels))
    except (FileNotFoundError, DamagedFileError):
        return None


@st.cache_data(show_spinner=False, max_entries=32)
def _medoids(
    digest: str,  # noqa: ARG001 - the key
    _features: Features,
    _labels: NDArray[np.integer],
) -> NDArray[np.int32]:
    return embeddings.medoids(_features.values.astype(np.float32), _labels)


def run_map(context: PageContext, run: Run, snapshot: Snapshot, method: Method) -> RunMap:
    """The map of a run, or its principal components until it is computed.

    Raises
    ------
    OSError, ToldError
        If a file cannot be read.
    """
    source = source_of(context, run, snapshot)
    evaluation = snapshot.evaluation
    features = stored_features(source)
    if features is not None:
        candidates: tuple[Method, ...] = (method,) if method == "pca" else (method, "pca")
        for candidate in candidates:
            kept = stored_layout(source, candidate)
            if kept is not None:
                return RunMap(
                    run, snapshot, source, features, candidate, kept.positions, kept.medoids,
                    kept.agreement, is_computed=candidate == method,
                )  # fmt: skip
    else:
        digest = digest_of_logits(evaluation.logits)
        features = _logits_as_features(digest, evaluation.logits)
    plain = embeddings.centered(features.values[:, :2].astype(np.float32))
    medoids = _medoids(features.digest, features, evaluation.labels)
    return RunMap(run, snapshot, source, features, "pca", plain, medoids, None, is_computed=False)


def epoch_order(run: Run, snapshot: Snapshot) -> NDArray[np.intp] | None:
    """Position, in the evaluations of the epochs, of each image; None if they are of others.

    Raises
    ------
    OSError, DamagedFileError
        If the evaluations of the epochs cannot be read.
    """
    epochs = cache.epoch_evaluations(run)
    if epochs is None or epochs.split != snapshot.evaluation.split:
        return None
    return order_of(epochs.indices, snapshot.evaluation.indices)


@st.cache_resource(show_spinner=False, max_entries=4)
def _epochs(path: Path, modified: int, digest: str, images: int) -> EpochLayouts | None:  # noqa: ARG001
    return EpochLayouts.load(path, digest=digest, images=images)


@st.cache_data(show_spinner=False, max_entries=16)
def _epochs_source(
    path: Path,
    modified: int,
    _run: Run,
    weights: tuple[int, ...],  # noqa: ARG001 - part of the key
    checksum: str | None,
) -> Source:
    epochs = cache.epochs_file(path, modified)
    digest = map_sources.epoch_weights_digest(_run, len(epochs.logits)) if checksum else None
    return map_sources.epochs_source(_run, epochs, weights=digest, checksum=checksum)


def epochs_source(context: PageContext, run: Run) -> Source | None:
    """What the maps of all epochs of a run are made from; None before the first has ended.

    Raises
    ------
    OSError, DamagedFileError
        If the evaluations of its epochs, or their weights, cannot be read.
    """
    epochs = cache.epoch_evaluations(run)
    if epochs is None:
        return None
    checksum = None
    weights = tuple(
        run.epoch_weights_path(epoch).stat().st_mtime_ns for epoch in run.epochs_with_weights()
    )
    if weights and context.source is not None:
        dataset = cache.dataset(fashion_mnist.locate())
        if map_sources.fits(dataset, run, epochs.epoch(1)):
            checksum = dataset.checksum
    modified = run.epochs_path.stat().st_mtime_ns
    found: Source = _epochs_source(run.epochs_path, modified, run, weights, checksum)
    return found


def epoch_layouts(source: Source, count: int) -> EpochLayouts | None:
    """The layouts after each of so many epochs; None until they are computed.

    Raises
    ------
    OSError
        If they cannot be read.
    """
    path = source.path("epochs")
    images = len(source.evaluation.labels)
    try:
        found = _epochs(path, path.stat().st_mtime_ns, source.digest, images)
    except (FileNotFoundError, DamagedFileError):
        return None
    return found if found is not None and len(found.positions) == count else None
