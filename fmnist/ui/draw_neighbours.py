"""The training garments nearest to what is on the sheet, to the model's eye."""

from pathlib import Path
from typing import Final

import streamlit as st

from fmnist import neighbours
from fmnist.classes import CLASS_NAMES
from fmnist.datasets import Dataset
from fmnist.neighbours import FeatureIndex
from fmnist.runs import Run, RunError
from fmnist.ui import cache, clickable, components
from fmnist.ui.draw_answer import Answer

NEIGHBOURS: Final = 8


def show(answer: Answer | None) -> None:
    """The nearest training images, once the section is opened."""
    section = st.expander(
        "Nearest training garments, to the model's eye",
        icon=":material/hub:",
        on_change="rerun",
        key="draw-neighbours",
    )
    if not section.open:
        return
    with section:
        if answer is None:
            st.caption("They appear as soon as something is drawn.")
            return
        try:
            _show(answer)
        except (RunError, ValueError, OSError) as error:
            st.error(f"The features cannot be computed: {error}", icon=":material/error:")


def _show(answer: Answer) -> None:
    dataset = components.load_dataset()
    index = _index(answer.run, dataset) if dataset else None
    if dataset is None or index is None:
        return
    features = cache.classifier(answer.run).features(answer.seen[None])[0]
    found = index.nearest(features, k=NEIGHBOURS)
    clickable.image_wall(
        [
            clickable.Tile(
                neighbour.index,
                (CLASS_NAMES[neighbour.label], f"{neighbour.similarity:.3f}"),
                f"Training image {neighbour.index}, {CLASS_NAMES[neighbour.label]}, similarity "
                f"{neighbour.similarity:.3f}",
            )
            for neighbour in found
        ],
        dataset.train_images[[neighbour.index for neighbour in found]],
        key="draw-nearest",
        label="Nearest training garments",
        on_pick=lambda _: None,
        width=76,
    )
    agreeing = sum(neighbour.label == answer.label for neighbour in found)
    st.caption(
        f"{agreeing} of {len(found)} are labelled {CLASS_NAMES[answer.label]}, the likeliest "
        "class. Cosine similarity of the inputs of the last layer."
    )


def _index(run: Run, dataset: Dataset) -> FeatureIndex | None:
    """Features of all training images; computed once, at a click, and kept on disk."""
    if run.config is None:
        return None
    path = _path(run.weights_path, run.weights_path.stat().st_mtime_ns, dataset.checksum, run)
    if path.exists():
        return cache.feature_index(path)
    split = cache.split(dataset, dataset.checksum, run.config.protocol, "train")
    asked = st.button("Find them", key="draw-find", icon=":material/hub:")
    st.caption(f"Looks through {len(split):,} training images; about a minute or less, once.")
    if asked:
        bar = st.progress(0.0, "Computing features…")

        def show_progress(done: int, total: int) -> None:
            bar.progress(done / total, f"Computing features: {done:,} of {total:,} images")

        made = neighbours.build_index(cache.classifier(run), split, progress=show_progress)
        made.save(path)
        st.rerun()  # without the button, with the neighbours
    return None


@st.cache_data(show_spinner=False, max_entries=32)
def _path(weights: Path, modified: int, checksum: str, _run: Run) -> Path:  # noqa: ARG001
    # a digest of the weights, which is not to be taken anew with every stroke
    return neighbours.index_path(_run, checksum)
