"""The training images nearest to the drawing in the feature space of the model."""

from typing import Final

import streamlit as st

from fmnist.dashboard import cache, failures, layout, nearest_images
from fmnist.dashboard.draw.prediction import Prediction
from fmnist.data.labels import CLASS_NAMES

NEIGHBORS: Final = 8
_SECTION: Final = "draw-neighbors"


def is_open() -> bool:
    """Whether the section is open."""
    return bool(st.session_state.get(_SECTION))


def show(prediction: Prediction | None) -> None:
    """The nearest training images, in a section that can be opened."""
    section = st.expander(
        "Nearest training images (feature space)",
        icon=":material/hub:",
        on_change="rerun",
        key=_SECTION,
    )
    if not section.open:
        return
    with section:
        if prediction is None:
            st.caption("Draw something to see them.")
            return
        with failures.shown("The features cannot be computed"):
            _show(prediction)


def _show(prediction: Prediction) -> None:
    dataset = layout.load_dataset()
    index = (
        nearest_images.training_index(prediction.run, dataset, key="draw-find") if dataset else None
    )
    if dataset is None or index is None:
        return
    features = cache.classifier(prediction.run).features(prediction.model_input[None])[0]
    found = index.nearest(features, k=NEIGHBORS)
    nearest_images.wall(found, dataset, key="draw-nearest", label="Nearest training images")
    label = prediction.predicted_garment
    same_label = sum(neighbor.label == label for neighbor in found)
    what = "predicted label"
    if label != prediction.predicted_label:  # no training image is of a person's own class
        what = "most similar of the ten labels"
    st.caption(
        f"{same_label} of {len(found)} have the {what}, {CLASS_NAMES[label]}. "
        "Similarity is the cosine similarity of the inputs of the last layer."
    )
