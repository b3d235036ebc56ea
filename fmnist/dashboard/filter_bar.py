"""The bars above the images: split and compared run, and the filters as removable chips."""

from typing import Final

import streamlit as st

from fmnist.dashboard import run_catalog, session, snapshots
from fmnist.dashboard.context import PageContext, watch
from fmnist.dashboard.selection import FILTERS, Selection, in_words
from fmnist.data.labels import NUM_CLASSES
from fmnist.reports.text import counted, percent
from fmnist.runs.names import distinct_labels, distinct_names
from fmnist.runs.run import ACTIVE_STATES
from fmnist.text import plain

_NO_OTHER: Final = "No other run"


def show_controls(context: PageContext) -> None:
    """Split and compared run, and a line that says what is shown."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="snapshot-controls"):
        _split_control(context)
        _compared_control(context)
    st.caption(" · ".join(_facts(context)))
    tell_corrected_labels(context)
    tell_own_classes(context)
    if context.other_run is not None and context.other is None:
        st.warning(
            f"**{plain(context.other_run.name)}** was not evaluated on these images and labels. "
            "Select the other split or another run to compare with.",
            icon=":material/compare_arrows:",
        )
    watch(context.run)


def tell_own_classes(context: PageContext) -> None:
    """Where a run has classes of a person's own, a line that says what they mean here."""
    own = context.class_names[NUM_CLASSES : context.num_classes]
    if own:
        named = " or ".join(f"**{plain(name)}**" for name in own)
        st.caption(
            f":material/info: No image of the data set is of {named}: one that is predicted as a "
            "class of your own counts as misclassified."
        )


def tell_corrected_labels(context: PageContext) -> None:
    """Where the labels are not the data set's, a line that says so."""
    if context.has_corrected_labels:
        st.caption(
            ":material/info: The labels are those that the run learned, with its corrections; the "
            "data set's may differ."
        )


def _split_control(context: PageContext) -> None:
    available = snapshots.splits(context.run)
    if len(available) < 2:
        return
    session.sync_widget("split", context.split)
    st.segmented_control(
        "Split",
        available,
        key="split",
        format_func=str.capitalize,
        required=True,
        width="content",
        on_change=lambda: session.set_filters(split=st.session_state["split"], epoch=None),
    )


def _compared_control(context: PageContext) -> None:
    runs = run_catalog.all_runs()
    others = [r.run_id for r in runs if r.run_id != context.run.run_id and r.history.epochs]
    if not others:
        return
    names = distinct_labels({None: _NO_OTHER, **distinct_names(runs)})
    # not by sync_widget: the labels change when a run is renamed
    st.session_state["compared"] = context.selection.compared
    st.selectbox(
        "Compare with",
        [None, *others],
        key="compared",
        format_func=names.__getitem__,
        placeholder=_NO_OTHER,
        width=280,
        on_change=lambda: session.set_filters(compared=st.session_state["compared"], group=None),
    )


def _facts(context: PageContext) -> list[str]:
    evaluation, run = context.snapshot.evaluation, context.run
    kind = "training" if evaluation.split == "train" else evaluation.split
    facts = [
        f"**{plain(run.name)}**",
        counted(len(evaluation.labels), f"{kind} image"),
        f"accuracy {percent(evaluation.accuracy)}",
    ]
    if run.members:
        facts.append(counted(len(run.members), "member"))
    elif context.snapshot.epoch is not None:
        which = "last " if run.history.checkpoint == "last" else "best "
        facts.append(
            f"{which if context.snapshot.is_selected else ''}epoch {context.snapshot.epoch}"
            + (", the newest so far" if run.state in ACTIVE_STATES else "")
        )
    if evaluation.temperature != 1.0:
        facts.append(f"temperature {evaluation.temperature:.2f} (saved with the run)")
    return facts


def show_filters(context: PageContext) -> None:
    """How many images the filters leave, and each filter as a chip that removes it."""
    selection = context.selection
    chips = selection.active_filters()
    if selection.epoch is not None:
        chips["epoch"] = selection.epoch
    defaults = Selection()
    number, images = counted(len(context.positions), "image").split()
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="selection-chips"
    ):
        st.markdown(f"**{number}** {images}", width="content")
        for name, value in chips.items():
            st.button(
                in_words(name, value, context.class_names),
                key=f"chip-{name}",
                icon=":material/close:",
                icon_position="right",
                help=f"Remove filter: {in_words(name, value, context.class_names)}",
                on_click=session.clear_filters,
                args=(name,),
            )
        if any(getattr(selection, name) != getattr(defaults, name) for name in FILTERS):
            st.button(
                "Reset",
                key="chips-reset",
                type="tertiary",
                on_click=session.clear_filters,
                help="Show all misclassified images.",
            )
        undo_button()


def undo_button() -> None:
    """Reverts the last change of the selection; absent where there is none."""
    if session.can_undo():
        st.button(
            "Undo",
            key="chips-undo",
            type="tertiary",
            icon=":material/undo:",
            on_click=session.undo,
            help="Go back to the previous selection.",
        )
