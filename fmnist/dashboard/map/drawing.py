"""One's own drawing among the images of the map, as it is drawn."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures
from fmnist.dashboard.components.image_map import Placed
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.draw import canvas_panel, prediction
from fmnist.dashboard.draw.canvas_state import canvas_state
from fmnist.dashboard.map.layouts import RunMap
from fmnist.data.labels import CLASS_NAMES
from fmnist.explain import embeddings
from fmnist.reports.text import percent
from fmnist.text import plain

ShowMaps = Callable[[PageContext, Sequence[RunMap], str, Sequence[Placed | None]], None]


@failures.fragment
def show(context: PageContext, shown: Sequence[RunMap], coloring: str, show_maps: ShowMaps) -> None:
    """The canvas beside the map, redrawn with every stroke."""
    state = canvas_state()
    with st.container(horizontal=True, gap="medium", key="map-with-canvas"):
        left = st.container(width=338, key="draw-sheet", gap="xsmall")
        right = st.container(width="stretch", key="map-beside", gap="xsmall")
    with left:
        canvas_panel.show_sheet(state)
    with right:
        image = prediction.prepare(state)
        placed = []
        for each in shown:
            with failures.shown("The drawing cannot be placed"):
                placed.append(_place(image, each))
                continue
            placed.append(None)
        show_maps(context, shown, coloring, placed)


def _place(image: NDArray[np.uint8] | None, shown: RunMap) -> Placed | None:
    """Where the drawing lies on a map; None without one, with the reason on the page."""
    if not shown.run.weights_path.exists():
        st.info(
            f"**{plain(shown.run.name)}** was saved without its weights, so it cannot place a "
            "drawing. Select another run in the sidebar.",
            icon=":material/draw:",
        )
        return None
    predicted = prediction.predict(canvas_state(), image, shown.run)
    if image is None or predicted is None:
        st.caption("Draw something to see where it lies.")
        return None
    classifier = cache.classifier(shown.run)
    values = classifier.logits(image[None]) if shown.of_logits else classifier.features(image[None])
    query = shown.features.projection(values)[0]
    features = shown.features.values.astype(np.float32)
    position, nearest = embeddings.place(query, features, shown.positions, shown.method)
    labels = shown.snapshot.evaluation.labels[nearest]
    label = int(np.bincount(labels).argmax())
    st.caption(
        f"Your drawing: predicted as **{plain(predicted.predicted_class)}** "
        f"({percent(predicted.confidence, 0)}); {int((labels == label).sum())} of its ten nearest "
        f"images are {CLASS_NAMES[label]}. Lines lead to them."
    )
    return Placed(position, nearest, image)
