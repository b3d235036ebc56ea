"""The training garments nearest to what is on the sheet, to the model's eye."""

from typing import Final

import streamlit as st

from fmnist.dashboard import cache, layout, nearest_images
from fmnist.dashboard.draw.answer import Answer
from fmnist.data.labels import CLASS_NAMES
from fmnist.runs.run import RunError

NEIGHBORS: Final = 8


def show(answer: Answer | None) -> None:
    """The nearest training images, once the section is opened."""
    section = st.expander(
        "Nearest training garments, to the model's eye",
        icon=":material/hub:",
        on_change="rerun",
        key="draw-neighbors",
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
    dataset = layout.load_dataset()
    index = nearest_images.training_index(answer.run, dataset, key="draw-find") if dataset else None
    if dataset is None or index is None:
        return
    features = cache.classifier(answer.run).features(answer.seen[None])[0]
    found = index.nearest(features, k=NEIGHBORS)
    nearest_images.wall(found, dataset, key="draw-nearest", label="Nearest training garments")
    agreeing = sum(neighbor.label == answer.label for neighbor in found)
    st.caption(
        f"{agreeing} of {len(found)} are labeled {CLASS_NAMES[answer.label]}, the likeliest "
        "class. Cosine similarity of the inputs of the last layer."
    )
