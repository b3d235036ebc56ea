"""The Errors page's view of one image: what the run says of it, and why."""

import math
from typing import Final

import numpy as np
import streamlit as st

from fmnist.dashboard import cache, layout, nearest_images, pictures, selection, session, snapshots
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.errors import verdicts as verdict_panels
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation import misclassifications
from fmnist.evaluation.filters import rank_by_confidence
from fmnist.reports import charts
from fmnist.runs.run import RunError

NEIGHBORS: Final = 10


def show(context: PageContext, image: int) -> None:
    """All about one image."""
    position = context.snapshot.position(image)
    if position is None:
        session.change(image=None)
        st.rerun()
    steps(context, image)
    left, middle, right = st.columns([3, 4, 3], gap="medium")
    with left:
        show_image(context, image, position)
    with middle:
        show_probabilities(context, position)
    with right:
        show_figures(context, position)
    with st.container(border=True):
        verdict_panels.ask(context, image)
    below, beside = st.columns([5, 5], gap="medium")
    with below:
        show_learning(context, image)
    with beside:
        show_neighbors(context, image)


def steps(context: PageContext, image: int) -> None:
    """Back to the wall, to the image before and after."""
    among = context.snapshot.evaluation.indices[context.positions]
    found = np.flatnonzero(among == image)
    at = int(found[0]) if len(found) else None
    with st.container(horizontal=True, vertical_alignment="center", key="detail-steps"):
        st.button(
            "All images",
            key="detail-back",
            icon=":material/grid_view:",
            shortcut="Esc",
            on_click=lambda: session.change(image=None),
        )
        st.button(
            "Previous",
            key="detail-previous",
            icon=":material/chevron_left:",
            shortcut="Left",
            disabled=not at,
            on_click=lambda: session.change(image=int(among[(at or 1) - 1])),
        )
        st.button(
            "Next",
            key="detail-next",
            icon=":material/chevron_right:",
            shortcut="Right",
            disabled=at is None or at + 1 >= len(among),
            on_click=lambda: session.change(image=int(among[(at or 0) + 1])),
        )
        st.markdown(
            f"**{at + 1:,}** of {len(among):,} chosen"
            if at is not None
            else "not among the images that the selection chooses",
            width="content",
        )
    chosen = [
        selection.in_words(name, getattr(context.selection, name))
        for name in selection.FILTERS
        if getattr(context.selection, name) not in ((), None, "all")
    ]
    if chosen:
        st.caption(f"Chosen: {' · '.join(chosen)}")


def show_image(context: PageContext, image: int, position: int) -> None:
    """The image, large, and what it was taken for."""
    tile = context.tile(position)
    pixels = context.images(np.array([position]))
    if pixels is None:
        st.image(pictures.placeholder_tile(280), width=280, alt=tile.alt)
    else:
        st.image(pictures.enlarge(pixels[0], 280), width=280, alt=tile.alt)
    evaluation = context.snapshot.evaluation
    true = CLASS_NAMES[evaluation.labels[position]]
    predicted = CLASS_NAMES[evaluation.predicted_labels[position]]
    if evaluation.correct[position]:
        st.markdown(f"**{true}**, recognized")
    else:
        st.markdown(f"**{true}**, taken for **:red[{predicted}]**")
    st.caption(f"Image {image:,} of the {context.split} split")


def show_probabilities(context: PageContext, position: int) -> None:
    """Probabilities of all classes as bars."""
    evaluation = context.snapshot.evaluation
    other = context.other.evaluation.probabilities[position] if context.other else None
    st.markdown("**Probabilities** (%)")
    st.echarts_chart(
        charts.probability_bars(
            evaluation.probabilities[position],
            true_label=int(evaluation.labels[position]),
            names=(context.run.name, context.other_run.name if context.other_run else ""),
            other=other,
        ),
        key="probabilities",
        height=330,
        renderer="svg",
        alt="Probability of each class; true class " + CLASS_NAMES[evaluation.labels[position]],
    )


def show_figures(context: PageContext, position: int) -> None:
    """How sure, how close, what kind of mistake, what the other run says."""
    evaluation = context.snapshot.evaluation
    rows = {
        "Confidence": f"{evaluation.confidence[position]:.2%}",
        "Margin": f"{100 * evaluation.margin[position]:.2f} points",
        "Entropy": f"{evaluation.entropy[position]:.3f} of {math.log(10):.3f} nats",
        "Loss": f"{evaluation.losses[position]:.3f} nats",
    }
    rank = rank_by_confidence(evaluation, position)
    if rank:
        rows["Rank among mistakes"] = f"{rank[0]:,} of {rank[1]:,} by confidence"
        rows["Kind"] = misclassifications.ERROR_TYPES[
            context.snapshot.error_types[position]
        ].capitalize()
    if context.other is not None and context.other_run is not None:
        other = context.other.evaluation
        rows[context.other_run.name] = (
            f"{CLASS_NAMES[other.predicted_labels[position]]}, {other.confidence[position]:.2%}"
        )
    st.table(rows, border="horizontal")


def show_learning(context: PageContext, image: int) -> None:
    """What the run said of the image after every epoch."""
    st.markdown("**Epoch by epoch**")
    epochs = cache.epoch_evaluations(context.run)
    history = snapshots.training_dynamics(context.run)
    if epochs is None or history is None or epochs.split != context.split:
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


def show_neighbors(context: PageContext, image: int) -> None:
    """The training images nearest in the network's own feature space."""
    st.markdown("**Nearest training images**, to the network's eye")
    run = context.run
    if context.source is None:
        st.caption("They appear once the data set is on this machine.")
        return
    if not run.weights_path.exists():
        st.caption("This run was kept without its weights; its features cannot be computed.")
        return
    try:
        dataset = layout.load_dataset()
        index = (
            nearest_images.training_index(run, dataset, key="find-neighbors") if dataset else None
        )
        if dataset is None or index is None:
            return
        features = cache.image_features(run, context.part, image, context.source[image])
    except (RunError, ValueError, OSError) as error:
        st.error(f"The features cannot be computed: {error}", icon=":material/error:")
        return
    # an image of the validation split is no training image; one of "train" would find itself
    found = index.nearest(features, k=NEIGHBORS, exclude=None if context.split == "test" else image)
    predicted = context.snapshot.evaluation.predicted_labels[context.snapshot.position(image)]
    nearest_images.wall(found, dataset, key="neighbors", label="Nearest training images")
    agreeing = sum(neighbor.label == predicted for neighbor in found)
    st.caption(
        f"{agreeing} of {len(found)} are labeled {CLASS_NAMES[predicted]}, as it was taken for. "
        "Cosine similarity of the inputs of the last layer"
        + ("." if context.snapshot.is_kept else ", of the weights that the run keeps.")
    )
