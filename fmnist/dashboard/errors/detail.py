"""The Errors page's view of one image: what the run says of it, and why."""

import math
from typing import Final

import numpy as np
import streamlit as st

from fmnist.dashboard import cache
from fmnist.dashboard import layout as components
from fmnist.dashboard import nearest_images as nearest
from fmnist.dashboard import session as state
from fmnist.dashboard import snapshots as views
from fmnist.dashboard.context import Linked
from fmnist.dashboard.errors import verdicts as verdict_panels
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation import misclassifications
from fmnist.reports import charts
from fmnist.runs.run import RunError

NEIGHBORS: Final = 10


def show(here: Linked, image: int) -> None:
    """All about one image."""
    position = here.view.position(image)
    if position is None:
        state.change(image=None)
        st.rerun()
    steps(here, image)
    left, middle, right = st.columns([3, 4, 3], gap="medium")
    with left:
        show_image(here, image, position)
    with middle:
        show_probabilities(here, position)
    with right:
        show_figures(here, position)
    with st.container(border=True):
        verdict_panels.ask(here, image)
    below, beside = st.columns([5, 5], gap="medium")
    with below:
        show_learning(here, image)
    with beside:
        show_neighbors(here, image)


def steps(here: Linked, image: int) -> None:
    """Back to the wall, to the image before and after."""
    among = here.view.evaluation.indices[here.positions]
    found = np.flatnonzero(among == image)
    at = int(found[0]) if len(found) else None
    with st.container(horizontal=True, vertical_alignment="center", key="detail-steps"):
        st.button(
            "All images",
            key="detail-back",
            icon=":material/grid_view:",
            shortcut="Esc",
            on_click=lambda: state.change(image=None),
        )
        st.button(
            "Previous",
            key="detail-previous",
            icon=":material/chevron_left:",
            shortcut="Left",
            disabled=not at,
            on_click=lambda: state.change(image=int(among[(at or 1) - 1])),
        )
        st.button(
            "Next",
            key="detail-next",
            icon=":material/chevron_right:",
            shortcut="Right",
            disabled=at is None or at + 1 >= len(among),
            on_click=lambda: state.change(image=int(among[(at or 0) + 1])),
        )
        st.markdown(
            f"**{at + 1:,}** of {len(among):,} chosen"
            if at is not None
            else "not among the images that the selection chooses",
            width="content",
        )
    chosen = [
        state.in_words(name, getattr(here.selection, name))
        for name in state.FILTERS
        if getattr(here.selection, name) not in ((), None, "all")
    ]
    if chosen:
        st.caption(f"Chosen: {' · '.join(chosen)}")


def show_image(here: Linked, image: int, position: int) -> None:
    """The image, large, and what it was taken for."""
    tile = here.tile(position)
    pixels = here.images(np.array([position]))
    if pixels is None:
        st.image(components.placeholder_tile(280), width=280, alt=tile.alt)
    else:
        st.image(components.enlarge(pixels[0], 280), width=280, alt=tile.alt)
    evaluation = here.view.evaluation
    true = CLASS_NAMES[evaluation.labels[position]]
    predicted = CLASS_NAMES[evaluation.predicted_labels[position]]
    if evaluation.correct[position]:
        st.markdown(f"**{true}**, recognized")
    else:
        st.markdown(f"**{true}**, taken for **:red[{predicted}]**")
    st.caption(f"Image {image:,} of the {here.split} split")


def show_probabilities(here: Linked, position: int) -> None:
    """Probabilities of all classes as bars."""
    evaluation = here.view.evaluation
    other = here.other.evaluation.probabilities[position] if here.other else None
    st.markdown("**Probabilities** (%)")
    st.echarts_chart(
        charts.probability_bars(
            evaluation.probabilities[position],
            true_label=int(evaluation.labels[position]),
            names=(here.run.name, here.other_run.name if here.other_run else ""),
            other=other,
        ),
        key="probabilities",
        height=330,
        renderer="svg",
        alt="Probability of each class; true class " + CLASS_NAMES[evaluation.labels[position]],
    )


def show_figures(here: Linked, position: int) -> None:
    """How sure, how close, what kind of mistake, what the other run says."""
    evaluation = here.view.evaluation
    rows = {
        "Confidence": f"{evaluation.confidence[position]:.2%}",
        "Margin": f"{100 * evaluation.margin[position]:.2f} points",
        "Entropy": f"{evaluation.entropy[position]:.3f} of {math.log(10):.3f} nats",
        "Loss": f"{evaluation.losses[position]:.3f} nats",
    }
    rank = misclassifications.rank_among_errors(evaluation, position)
    if rank:
        rows["Rank among mistakes"] = f"{rank[0]:,} of {rank[1]:,} by confidence"
        rows["Kind"] = misclassifications.ERROR_TYPES[here.view.kinds[position]].capitalize()
    if here.other is not None and here.other_run is not None:
        other = here.other.evaluation
        rows[here.other_run.name] = (
            f"{CLASS_NAMES[other.predicted_labels[position]]}, {other.confidence[position]:.2%}"
        )
    st.table(rows, border="horizontal")


def show_learning(here: Linked, image: int) -> None:
    """What the run said of the image after every epoch."""
    st.markdown("**Epoch by epoch**")
    epochs = cache.epoch_evaluations(here.run)
    history = views.training_dynamics(here.run)
    if epochs is None or history is None or epochs.split != here.split:
        measured = epochs.split if epochs else "validation"
        st.caption(f"Single epochs of this run are known for {measured} images only.")
        return
    column = int(np.flatnonzero(epochs.indices == image)[0])
    first, forgotten = history.first_learned[column], history.forgotten[column]
    if first == 0:
        told = "Never recognized."
    else:
        times = {0: "never forgotten since", 1: "forgotten once"}.get(
            int(forgotten), f"forgotten {forgotten} times"
        )
        told = f"First recognized after epoch {first}, {times}."
    st.caption(told)
    st.echarts_chart(
        charts.prediction_history(
            history.predicted[:, column], history.confidence[:, column], history.correct[:, column]
        ),
        key="learning",
        height=240,
        renderer="svg",
        alt=f"Prediction and confidence after every epoch. {told}",
    )


def show_neighbors(here: Linked, image: int) -> None:
    """The training images nearest in the network's own feature space."""
    st.markdown("**Nearest training images**, to the network's eye")
    run = here.run
    if here.source is None:
        st.caption("They appear once the data set is on this machine.")
        return
    if not run.weights_path.exists():
        st.caption("This run was kept without its weights; its features cannot be computed.")
        return
    try:
        dataset = components.load_dataset()
        index = nearest.training_index(run, dataset, key="find-neighbors") if dataset else None
        if dataset is None or index is None:
            return
        features = cache.image_features(run, here.part, image, here.source[image])
    except (RunError, ValueError, OSError) as error:
        st.error(f"The features cannot be computed: {error}", icon=":material/error:")
        return
    # an image of the validation split is no training image; one of "train" would find itself
    found = index.nearest(features, k=NEIGHBORS, exclude=None if here.split == "test" else image)
    predicted = here.view.evaluation.predicted_labels[here.view.position(image)]
    nearest.wall(found, dataset, key="neighbors", label="Nearest training images")
    agreeing = sum(neighbor.label == predicted for neighbor in found)
    st.caption(
        f"{agreeing} of {len(found)} are labeled {CLASS_NAMES[predicted]}, as it was taken for. "
        "Cosine similarity of the inputs of the last layer"
        + ("." if here.view.is_kept else ", of the weights that the run keeps.")
    )
