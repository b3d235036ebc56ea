"""The training images nearest to an image in a network's own feature space, on a page."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from fmnist.dashboard import cache
from fmnist.dashboard.components import clickable
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.evaluation import neighbors
from fmnist.evaluation.neighbors import FeatureIndex, Neighbor
from fmnist.runs.run import Run


def training_index(run: Run, dataset: Dataset, *, key: str) -> FeatureIndex | None:
    """Features of all training images; computed once, at a click, and kept on disk.

    Parameters
    ----------
    run : Run
        With weights.
    dataset : Dataset
    key : str
        Of the button.

    Returns
    -------
    FeatureIndex or None
        None, with the button on the page, until they are computed.

    Raises
    ------
    OSError, ValueError
        If weights or features are damaged, or cannot be written.
    """
    if run.config is None:
        return None
    path = _path(run.weights_path, run.weights_path.stat().st_mtime_ns, dataset.checksum, run)
    if path.exists():
        return cache.feature_index(path)
    split = cache.split(dataset, dataset.checksum, run.config.protocol, "train")
    asked = st.button("Find them", key=key, icon=":material/hub:")
    st.caption(f"Looks through {len(split):,} training images; about a minute or less, once.")
    if asked:
        bar = st.progress(0.0, "Computing features…")

        def show_progress(done: int, total: int) -> None:
            bar.progress(done / total, f"Computing features: {done:,} of {total:,} images")

        made = neighbors.build_index(cache.classifier(run), split, progress=show_progress)
        made.save(path)
        st.rerun()  # without the button, with the neighbors
    return None


@st.cache_data(show_spinner=False, max_entries=32)
def _path(weights: Path, modified: int, checksum: str, _run: Run) -> Path:  # noqa: ARG001
    # a digest of the weights, which is not to be taken anew with every stroke
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
