"""The Errors page's view of one image: the prediction, the history, the nearest training images."""

import math
from collections.abc import Callable, Sequence

import streamlit as st

from fmnist.dashboard import failures, filter_bar, nearest_images, pictures, session
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.errors import verdicts
from fmnist.dashboard.errors.image_detail import (
    ImageDetail,
    NearestTrainingImages,
    gather_detail,
    gather_neighbors,
)
from fmnist.dashboard.selection import in_words
from fmnist.data.labels import CLASS_NAMES
from fmnist.reports import charts
from fmnist.reports.text import counted, percent, points
from fmnist.text import plain


def show(context: PageContext, image: int) -> None:
    """Everything about one image."""
    detail = gather_detail(context, image)
    if detail is None:
        session.change(image=None)
        st.rerun()
    show_navigation(context, detail)
    filter_bar.tell_corrected_labels(context)
    left, middle, right = st.columns([3, 4, 3], gap="medium")
    with left:
        show_image(context, detail)
    with middle:
        show_probabilities(context, detail)
    with right:
        show_figures(context, detail)
    with st.container(border=True):
        verdicts.ask(context, image)
    below, beside = st.columns(2, gap="medium")
    with below:
        show_history(detail)
    with beside:
        show_neighbors(context, detail, gather_neighbors(context, detail))


def show_navigation(context: PageContext, detail: ImageDetail) -> None:
    """Buttons back to all images, to the previous and to the next one."""
    previous, following = detail.neighbor_in_sequence(-1), detail.neighbor_in_sequence(1)
    with st.container(horizontal=True, vertical_alignment="center", key="detail-steps"):
        st.button(
            "All images",
            key="detail-back",
            icon=":material/grid_view:",
            shortcut="Esc",
            on_click=_opener(None),
        )
        st.button(
            "Previous",
            key="detail-previous",
            icon=":material/chevron_left:",
            shortcut="Left",
            disabled=previous is None,
            on_click=_opener(previous),
        )
        st.button(
            "Next",
            key="detail-next",
            icon=":material/chevron_right:",
            shortcut="Right",
            disabled=following is None,
            on_click=_opener(following),
        )
        st.button(
            "Explain",
            key="detail-explain",
            icon=":material/frame_inspect:",
            help="See where the model looks in this image.",
            on_click=_explain,
        )
        st.markdown(
            "Not among the filtered images"
            if detail.place is None
            else f"**{detail.place + 1:,}** of {counted(len(detail.sequence), 'filtered image')}",
            width="content",
        )
    active = context.selection.active_filters()
    if active:
        st.caption(
            "Filters: "
            + " · ".join(in_words(*each, context.class_names) for each in active.items())
        )


def _opener(image: int | None) -> Callable[[], None]:
    return lambda: session.change(image=image)


def _explain() -> None:
    session.change(subject="image")
    session.go_to("explain")


def show_image(context: PageContext, detail: ImageDetail) -> None:
    """The image, enlarged, with its true and predicted class."""
    picture = (
        pictures.placeholder_tile(280)
        if detail.pixels is None
        else pictures.enlarge(detail.pixels, 280)
    )
    st.image(picture, width=280, alt=detail.description)
    true = CLASS_NAMES[detail.true_label]
    if detail.is_correct:
        st.markdown(f"**{true}**, correct")
    else:
        predicted = plain(context.run.class_names[detail.prediction.label])
        st.markdown(f"**{true}**, predicted as **:red[{predicted}]**")
    st.caption(f"Image {detail.image:,} of the {context.split} split")


def show_probabilities(context: PageContext, detail: ImageDetail) -> None:
    """Bars of the probabilities of all classes."""
    st.markdown("**Probabilities** (%)")
    st.echarts_chart(
        charts.probability_bars(
            detail.prediction.probabilities,
            true_label=detail.true_label,
            names=(detail.prediction.run_name, detail.other.run_name if detail.other else ""),
            other=detail.other.probabilities if detail.other else None,
            class_names=context.class_names[: context.num_classes],
        ),
        key="probabilities",
        height=33 * context.num_classes,
        renderer="svg",
        alt=f"Probability of each class; true class {CLASS_NAMES[detail.true_label]}",
    )


def show_figures(context: PageContext, detail: ImageDetail) -> None:
    """Confidence, margin, entropy, loss, error type, and the compared run's prediction."""
    highest = math.log(len(detail.prediction.probabilities))
    rows = {
        "Confidence": percent(detail.prediction.confidence),
        "Margin": points(detail.margin),
        "Entropy": f"{detail.entropy:.3f} of {highest:.3f} nats",
        "Loss": f"{detail.loss:.3f} nats",
    }
    if detail.rank and detail.error_type:
        rows["Rank by confidence"] = f"{detail.rank[0]:,} of {detail.rank[1]:,} misclassified"
        rows["Error type"] = detail.error_type.capitalize()
    if detail.other:
        rows[f"Compared: {plain(detail.other.run_name)}"] = (
            f"{plain(_of_other(context)[detail.other.label])}, {percent(detail.other.confidence)}"
        )
    st.table(rows, border="horizontal")


def _of_other(context: PageContext) -> Sequence[str]:
    assert context.other_run is not None
    return context.other_run.class_names


def show_history(detail: ImageDetail) -> None:
    """The prediction for the image after every epoch."""
    st.markdown("**Prediction after each epoch**")
    history = detail.history
    if history is None:
        st.caption(f"Known for {detail.history_split} images only.")
        return
    if history.first_learned == 0:
        summary = "Never correct."
    else:
        times = {0: "never misclassified since", 1: "misclassified again once"}.get(
            history.forgotten, f"misclassified again {counted(history.forgotten, 'time')}"
        )
        summary = f"First correct after epoch {history.first_learned}, {times}."
    st.caption(summary)
    st.echarts_chart(
        charts.prediction_history(history.predicted, history.confidence, history.correct),
        key="history",
        height=240,
        renderer="svg",
        alt=f"Prediction and confidence after every epoch. {summary}",
    )


def show_neighbors(
    context: PageContext, detail: ImageDetail, nearest: NearestTrainingImages
) -> None:
    """The training images with the most similar features."""
    st.markdown("**Nearest training images** (feature space)")
    if nearest.problem or nearest.dataset is None:
        st.caption(plain(nearest.problem))
        return
    if nearest.found is None:
        with failures.shown("The features cannot be computed"):
            nearest_images.compute_button(context.run, nearest.dataset, key="find-neighbors")
        return
    nearest_images.wall(
        nearest.found, nearest.dataset, key="neighbors", label="Nearest training images"
    )
    predicted = detail.prediction.label
    agreeing = sum(neighbor.label == predicted for neighbor in nearest.found)
    st.caption(
        f"{agreeing} of {len(nearest.found)} are labeled "
        f"{plain(context.run.class_names[predicted])}, the predicted "
        "class. Similarity: cosine of the inputs of the last layer"
        + ("." if context.snapshot.is_selected else ", from the run's saved weights.")
    )
