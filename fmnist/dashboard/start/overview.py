"""The Start page's overview of a run: accuracy, weak spots, confusion matrix, worst images."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from fmnist.dashboard import image_grid, layout, session
from fmnist.dashboard.components import clickable
from fmnist.dashboard.confusion import matrix
from fmnist.dashboard.context import PageContext, image_source
from fmnist.dashboard.selection import Selection
from fmnist.dashboard.snapshots import Snapshot
from fmnist.evaluation import metrics
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports.text import counted, percent
from fmnist.runs.config import RunConfig
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import plain

IMAGES: Final = 8
"""Misclassified images shown."""


def show(run: Run, snapshot: Snapshot | None) -> None:
    """The whole overview; before the first epoch only name, state and protocol."""
    if snapshot is None:
        with st.container(border=True):
            show_figures(run, None)
            st.caption(
                "The confusion matrix and the misclassified images appear after the first epoch."
            )
        return
    left, right = st.columns([5, 6], gap="small")
    with left, st.container(border=True, height="stretch"):
        show_figures(run, snapshot.evaluation)
        show_weaknesses(snapshot.evaluation, run.class_names)
    with right, st.container(border=True, height="stretch"):
        show_matrix(snapshot.evaluation, run.class_names)
    with st.container(border=True):
        show_worst_images(run, snapshot)


def show_figures(run: Run, evaluation: Evaluation | None) -> None:
    """Name, state, accuracy and protocol of a run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.name), anchor=False, width="content")
        layout.state_badge(run.state)
    if run.config is None or run.state == "broken":
        layout.broken_run(run)
        return
    selected = run.history.selected
    with st.container(horizontal=True, gap="medium"):
        if evaluation is not None and (evaluation.split == "test" or selected is None):
            st.metric("Test accuracy", percent(evaluation.accuracy), width="content")
        if selected is not None:
            if selected.split == "validation":
                st.metric("Validation accuracy", percent(selected.accuracy), width="content")
            if run.members:
                st.metric("Members", len(run.members), width="content")
            else:
                name = "Last epoch" if run.history.checkpoint == "last" else "Best epoch"
                epochs = len(run.history.epochs)
                st.metric(name, f"{selected.epoch} of {epochs}", width="content")
        if run.state in ACTIVE_STATES:
            st.metric("Trained", percent(run.progress.fraction, 0), width="content")
    if run.fine_tuning:
        st.caption(
            f"Fine-tuned from **{plain(run.fine_tuning.base)}** on your drawings; the test images "
            "chose nothing."
        )
    st.caption(explain_protocol(run.config, is_ensemble=bool(run.members)))


def explain_protocol(config: RunConfig, *, is_ensemble: bool) -> str:
    """How the accuracy was measured, and whether it is optimistic."""
    if config.protocol == "held-out":
        epoch = "the epochs of its members are" if is_ensemble else "the epoch is"
        return (
            f"**Held-out protocol**: {epoch} selected on validation images. The test images are "
            "evaluated once, at the end."
        )
    if config.protocol == "full":
        return (
            "**Full protocol**: trained on all training images, with settings that were fixed "
            "beforehand and the last epoch. The test images are evaluated once, at the end."
        )
    return (
        "**Notebook protocol**: the test images are evaluated after every epoch and the best epoch "
        "is selected on them, so the accuracy is optimistic."
    )


def show_weaknesses(evaluation: Evaluation, names: Sequence[str]) -> None:
    """The class with the lowest accuracy, and the pair that is confused most often."""
    scores = [s for s in metrics.class_scores(evaluation.confusion) if s.total]
    weakest = min(scores, key=lambda score: score.accuracy)
    lines = [
        f"Weakest class: **{names[weakest.label]}**, {weakest.correct:,} of "
        f"{weakest.total:,} correct ({percent(weakest.accuracy)})."
    ]
    for pair in metrics.most_confused_pairs(evaluation.confusion, 1):
        lines.append(
            f"Most frequent confusion: **{names[pair.true_label]}** predicted as "
            f"**{plain(names[pair.predicted_label])}**, {counted(pair.count, 'time')}."
        )
    st.markdown("  \n".join(lines))


def show_matrix(evaluation: Evaluation, names: Sequence[str]) -> None:
    """The confusion matrix; a click opens its images."""
    st.markdown("**Confusion matrix**")
    matrix.draw(
        matrix.MatrixDisplay("Counts", errors_only=False, grouped=False),
        evaluation.confusion,
        None,
        order=range(len(evaluation.confusion)),
        title=f"{evaluation.split} images",
        on_pick=_open_cell,
        marked=False,
        names=names,
    )
    st.caption(
        f"{counted(len(evaluation.labels), f'{evaluation.split} image')}. "
        "Misclassified images are red. Click a cell to see its images."
    )


def show_worst_images(run: Run, snapshot: Snapshot) -> None:
    """The most confident misclassified images; a click opens one."""
    st.markdown("**Most confident misclassifications** (true → predicted)")
    source = image_source(run, snapshot.evaluation.split)
    context = PageContext(Selection(run=run.run_id), run, snapshot, source=source)
    shown = context.positions[:IMAGES]
    clickable.image_wall(
        [context.tile(int(position)) for position in shown],
        context.images(shown),
        key="start-images",
        label="The most confident misclassifications",
        on_pick=_open_image,
    )
    if source is None:
        st.caption("Images are unavailable: their data set is not on this machine.")


def _open_image(image: int) -> None:
    _reset_selection()
    image_grid.open_image(image)


def _open_cell(true: int | None, predicted: int | None) -> None:
    _reset_selection()
    matrix.pick(true, predicted)
    session.go_to("confusion")


def _reset_selection() -> None:
    """Select what this page shows, whatever was selected elsewhere."""
    session.clear_filters()
    session.change(split=None, epoch=None)
