"""The training images nearest to an image in a model's feature space."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from fmnist.dashboard import cache
from fmnist.dashboard.components import clickable
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.errors import DamagedFileError
from fmnist.evaluation import neighbors
from fmnist.evaluation.neighbors import FeatureIndex, Neighbor
from fmnist.runs.run import Run


def training_index(run: Run, dataset: Dataset, *, key: str) -> FeatureIndex | None:
    """Features of all training images; None, with a button to compute them, until they are stored.

    Parameters
    ----------
    run : Run
        A run with weights.
    dataset : Dataset
    key : str
        Key of the button.

    Raises
    ------
    OSError, ValueError
        If weights or features are damaged or cannot be written.
    """
    index = stored_index(run, dataset)
    if index is None:
        compute_button(run, dataset, key=key)
    return index


def stored_index(run: Run, dataset: Dataset) -> FeatureIndex | None:
    """Features of all training images; None where they are damaged or not yet computed.

    Raises
    ------
    OSError, DamagedFileError
        If the weights are damaged, or a file cannot be read.
    """
    path = _stored_path(run, dataset)
    try:
        index = cache.feature_index(path)
    except FileNotFoundError:
        return None
    except DamagedFileError:
        return None  # computed and written anew, at a click
    return index if index.indices.max() < len(dataset.train_images) else None


def compute_button(run: Run, dataset: Dataset, *, key: str) -> None:
    """Compute the features of all training images at a click, and store them.

    Raises
    ------
    OSError, ValueError
        If the weights are damaged or the features cannot be written.
    """
    if run.config is None:
        return
    split = cache.split(dataset, dataset.checksum, run.config.protocol, "train")
    requested = st.button("Find nearest images", key=key, icon=":material/hub:")
    st.caption(f"Searches {len(split):,} training images. Takes up to a minute, once.")
    if requested:
        bar = st.progress(0.0, "Computing features…")

        def show_progress(done: int, total: int) -> None:
            bar.progress(done / total, f"Computing features: {done:,} of {total:,} images")

        index = neighbors.build_index(cache.classifier(run), split, progress=show_progress)
        index.save(_stored_path(run, dataset))
        cache.feature_index.clear()
        st.rerun()  # without the button, with the neighbors


def _stored_path(run: Run, dataset: Dataset) -> Path:
    modified = run.weights_path.stat().st_mtime_ns
    return _path(run.weights_path, modified, dataset.checksum, run)


@st.cache_data(show_spinner=False, max_entries=32)
def _path(weights: Path, modified: int, checksum: str, _run: Run) -> Path:  # noqa: ARG001
    # cached, since it hashes the weights
    return neighbors.index_path(_run, checksum)


def wall(found: Sequence[Neighbor], dataset: Dataset, *, key: str, label: str) -> None:
    """Neighbors side by side, with their classes and similarities."""
    clickable.image_wall(
        [
            clickable.Tile(
                neighbor.index,
                (CLASS_NAMES[neighbor.label], f"{neighbor.similarity:.3f}"),
                f"Training image {neighbor.index}, {CLASS_NAMES[neighbor.label]}, similarity "
                f"{neighbor.similarity:.3f}",
            )
            for neighbor in found
        ],
        dataset.train_images[[neighbor.index for neighbor in found]],
        key=key,
        label=label,
        on_pick=lambda _: None,
        width=76,
    )
