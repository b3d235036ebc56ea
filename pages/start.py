"""Start: the open run at a glance, what trains now, and the doors to the other pages."""

import streamlit as st

from fmnist.dashboard import image_grid, layout, run_catalog, selection, session, snapshots
from fmnist.dashboard.components import clickable
from fmnist.dashboard.confusion import matrix as matrix_panel
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.snapshots import Snapshot
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.evaluation import metrics
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import ACTIVE_STATES, Run, RunError

MISTAKES = 8


def show_figures(run: Run, evaluation: Evaluation | None) -> None:
    """Name, state, accuracy and protocol of a run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(run.name, anchor=False, width="content")
        layout.state_badge(run.state)
    if run.config is None or run.state == "broken":
        st.error(f"This run cannot be opened: {run.reason}", icon=":material/broken_image:")
        return
    best = run.history.selected
    with st.container(horizontal=True, gap="medium"):
        if evaluation is not None and (evaluation.split == "test" or best is None):
            st.metric("Test accuracy", f"{evaluation.accuracy:.2%}", width="content")
        if best is not None:
            if best.split == "validation":
                st.metric("Validation accuracy", f"{best.accuracy:.2%}", width="content")
            if run.members:
                st.metric("Members", len(run.members), width="content")
            else:
                name = "Epoch kept" if run.history.checkpoint == "last" else "Best epoch"
                st.metric(name, f"{best.epoch} of {len(run.history.epochs)}", width="content")
        if run.state in ACTIVE_STATES:
            st.metric("Trained", f"{run.progress.fraction:.0%}", width="content")
    st.caption(explain_protocol(run.config, is_ensemble=bool(run.members)))


def explain_protocol(config: TrainConfig, *, is_ensemble: bool) -> str:
    """What the accuracy is worth."""
    if config.protocol == "held-out":
        epoch = "the epochs of its members are" if is_ensemble else "the epoch is"
        return (
            f"**Held-out protocol**: {epoch} chosen on validation images; the test images are "
            "measured once, at the end."
        )
    if config.protocol == "full":
        return (
            "**Full protocol**: trained on all training images with settings that were fixed "
            "beforehand, the last epoch kept; the test images are measured once, at the end."
        )
    return (
        "**Notebook protocol**: the test images are measured after every epoch and the best epoch "
        "is chosen on them, which may flatter."
    )


def show_weaknesses(evaluation: Evaluation) -> None:
    """The class it knows least, and the pair it confuses most."""
    scores = [s for s in metrics.class_scores(evaluation.confusion) if s.total]
    weakest = min(scores, key=lambda score: score.accuracy)
    sentences = [
        f"Weakest class: **{CLASS_NAMES[weakest.label]}**, {weakest.correct:,} of "
        f"{weakest.total:,} recognized ({weakest.accuracy:.1%})."
    ]
    for pair in metrics.most_confused_pairs(evaluation.confusion, 1):
        sentences.append(
            f"Most frequent mistake: **{CLASS_NAMES[pair.true_label]}** taken for "
            f"**{CLASS_NAMES[pair.predicted_label]}**, {pair.count:,} times."
        )
    st.markdown("  \n".join(sentences))


def open_mistake(image: int) -> None:
    """Open one of the mistakes shown here, whatever was selected elsewhere."""
    session.clear_filters()
    session.change(split=None, epoch=None)
    image_grid.open_image(image)


def open_cell(true: int | None, predicted: int | None) -> None:
    """Show the images of a cell, on the Confusion page."""
    session.clear_filters()
    session.change(split=None, epoch=None)
    matrix_panel.pick(true, predicted)
    session.go_to("confusion")


def show_mistakes(run: Run, view: Snapshot) -> None:
    """The most confident mistakes; a click opens one."""
    context = PageContext(selection.Selection(run=run.run_id), run, view)
    shown = context.positions[:MISTAKES]
    clickable.image_wall(
        [context.tile(int(position)) for position in shown],
        context.images(shown),
        key="start-mistakes",
        label="The most confident mistakes",
        on_pick=open_mistake,
    )
    if context.source is None:
        st.caption("The pictures appear once the data set they come from is on this machine.")


layout.header()

with st.container(horizontal=True, key="doors"):
    st.page_link("pages/train.py", label="**Train a network**", icon=":material/model_training:")
    st.page_link(
        "pages/confusion.py", label="**What it takes for what**", icon=":material/grid_on:"
    )
    st.page_link("pages/errors.py", label="**Its mistakes**", icon=":material/image_search:")
    st.page_link("pages/confidence.py", label="**How sure it is**", icon=":material/speed:")
    st.page_link(
        "pages/compare.py", label="**Runs side by side**", icon=":material/compare_arrows:"
    )
    st.page_link("pages/draw.py", label="**Draw a garment**", icon=":material/draw:")
    st.page_link("pages/data.py", label="**Look at the images**", icon=":material/photo_library:")

run = run_catalog.run_or_none(session.selection().run)
if run is None:
    with st.container(border=True):
        st.subheader("No model yet", anchor=False)
        st.write("Train one: a quick look takes about a minute.")
        st.page_link("pages/train.py", label="Train a network", icon=":material/play_arrow:")
    st.stop()

try:
    view = snapshots.load_snapshot(run, None, None)
except (ValueError, RunError) as error:
    st.error(f"This run's evaluation cannot be read: {error}", icon=":material/broken_image:")
    st.stop()

if view is None:
    with st.container(border=True):
        show_figures(run, None)
        st.caption("Its confusion matrix and mistakes appear after the first epoch.")
    st.stop()

evaluation = view.evaluation
left, right = st.columns([5, 6], gap="small")
with left, st.container(border=True, height="stretch"):
    show_figures(run, evaluation)
    show_weaknesses(evaluation)
with right, st.container(border=True, height="stretch"):
    st.markdown(
        f"**What it takes for what**: {len(evaluation.labels):,} {evaluation.split} images, "
        "mistakes in red; click one to see it"
    )
    matrix_panel.draw(
        matrix_panel.Look("Counts", errors_only=False, grouped=False),
        evaluation.confusion,
        None,
        order=range(NUM_CLASSES),
        title=f"{evaluation.split} images",
        on_pick=open_cell,
        marked=False,
    )
with st.container(border=True):
    st.markdown("**Its most confident mistakes** (true → predicted)")
    show_mistakes(run, view)
