"""The Errors page's wall: kinds of error, filters, order, contact sheet."""

from typing import Final

import numpy as np
import streamlit as st

from fmnist.dashboard import session, snapshots
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.selection import VERDICT_FILTERS, in_words
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.evaluation import misclassifications
from fmnist.evaluation.filters import SORTS
from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.reports import charts
from fmnist.reports import images as exports

SHEET_LIMIT: Final = 200


def show_kinds(context: PageContext) -> None:
    """How many mistakes there are of each kind; a click shows them."""
    chosen = context.mask("error_type", "correctness") & ~context.snapshot.evaluation.correct
    counts = np.bincount(context.snapshot.error_types[chosen], minlength=len(ERROR_TYPES))
    total = max(1, int(counts.sum()))
    with st.container(horizontal=True, vertical_alignment="center", key="kinds"):
        for kind, count in zip(ERROR_TYPES, counts, strict=True):
            st.button(
                f"{kind.capitalize()} **{count:,}** ({count / total:.0%})",
                key=f"kind-{kind}",
                type="primary" if context.selection.error_type == kind else "secondary",
                help=f"{kind.capitalize()}: {misclassifications.ERROR_TYPE_EXPLANATIONS[kind]}.",
                on_click=choose_kind,
                args=(kind,),
            )
        with st.popover("What are these?", icon=":material/help:"):
            st.markdown("A mistake is of the first kind that fits:")
            for kind, explanation in misclassifications.ERROR_TYPE_EXPLANATIONS.items():
                st.markdown(f"- **{kind.capitalize()}**: {explanation}.")
            show_systematic_pairs(context)


def choose_kind(kind: str) -> None:
    """Show the mistakes of a kind, or of all where it is chosen already."""
    if session.selection().error_type == kind:
        session.clear_filters("error_type")
    else:
        session.set_filters(error_type=kind, correctness="wrong")


def show_systematic_pairs(context: PageContext) -> None:
    """Which pairs are systematic here."""
    confusion = context.snapshot.evaluation.confusion
    pairs = misclassifications.systematic_pairs(confusion)
    found = sorted(zip(*np.nonzero(pairs), strict=True), key=lambda cell: -confusion[cell])
    if found:
        listed = ", ".join(
            f"{CLASS_NAMES[true]} → {CLASS_NAMES[predicted]} ({confusion[true, predicted]:,})"
            for true, predicted in found
        )
        st.caption(f"Systematic pairs here: {listed}.")
    else:
        st.caption("No pair is systematic here.")


def show_kinds_over_epochs(context: PageContext) -> None:
    """Mistakes of each kind after every epoch."""
    section = st.expander(
        "Kinds of error over the epochs",
        icon=":material/timeline:",
        on_change="rerun",
        key="kinds-epochs",
    )
    if section.open:
        with section:
            draw_kinds_over_epochs(context)


def draw_kinds_over_epochs(context: PageContext) -> None:
    """The chart of `show_kinds_over_epochs`."""
    counts = snapshots.error_type_counts(context.run)
    if counts is None or len(counts) < 2:
        st.caption("It appears after the second epoch.")
        return
    st.echarts_chart(
        charts.error_types_over_epochs(counts),
        key="kinds-chart",
        height=280,
        renderer="svg",
        alt="Systematic, ambiguous and random mistakes after every epoch",
    )


def show_sort_and_filters(context: PageContext) -> None:
    """What is shown, and in what order."""
    selection = context.selection
    with st.container(horizontal=True, vertical_alignment="bottom", key="error-filters"):
        with st.popover("Filters", icon=":material/filter_alt:"):
            show_filters(context)
        session.sync_widget("sort", selection.sort)
        st.selectbox(
            "Sort by",
            SORTS,
            key="sort",
            format_func=lambda sort: f"Sort by {sort}",
            label_visibility="collapsed",
            width=180,
            on_change=lambda: session.set_filters(sort=st.session_state["sort"]),
        )
        down = selection.order == "down"
        st.button(
            "Highest first" if down else "Lowest first",
            key="order",
            icon=":material/arrow_downward:" if down else ":material/arrow_upward:",
            help="Turn the order round.",
            on_click=lambda: session.set_filters(order="up" if down else "down"),
        )


def show_filters(context: PageContext) -> None:
    """Correctness, classes, confidence, verdict."""
    selection = context.selection
    session.sync_widget("filter-correctness", selection.correctness)
    st.segmented_control(
        "Images",
        ("wrong", "correct", "all"),
        key="filter-correctness",
        format_func=lambda value: in_words("correctness", value),
        required=True,
        on_change=lambda: session.set_filters(correctness=st.session_state["filter-correctness"]),
    )
    for field, title in (("true", "True class"), ("predicted", "Predicted class")):
        key = f"filter-{field}"
        session.sync_widget(key, list(getattr(selection, field)))
        st.multiselect(
            title,
            range(NUM_CLASSES),
            key=key,
            format_func=CLASS_NAMES.__getitem__,
            placeholder="All",
            on_change=lambda field=field, key=key: session.set_filters(
                **{field: tuple(sorted(st.session_state[key]))}
            ),
        )
    low, high = selection.confidence or (0.0, 1.0)
    session.sync_widget("filter-confidence", (round(100 * low), round(100 * high)))
    st.slider("Confidence (%)", 0, 100, key="filter-confidence", on_change=choose_confidence)
    session.sync_widget("filter-verdict", selection.verdict)
    st.selectbox(
        "Verdict",
        [None, *VERDICT_FILTERS],
        key="filter-verdict",
        format_func=lambda v: "All" if v is None else VERDICT_FILTERS[v].removeprefix("Verdict: "),
        placeholder="All",
        on_change=lambda: session.set_filters(verdict=st.session_state["filter-verdict"]),
    )


def choose_confidence() -> None:
    """Take the slider's range."""
    low, high = st.session_state["filter-confidence"]
    if low < high:
        session.set_filters(confidence=None if (low, high) == (0, 100) else (low / 100, high / 100))


def contact_sheet_button(context: PageContext) -> None:
    """The selection as one picture."""
    positions = context.positions[:SHEET_LIMIT]
    if context.source is None or len(positions) == 0:
        return

    def sheet() -> bytes:
        images = context.images(positions)
        assert images is not None
        return exports.contact_sheet(
            images,
            ["\n".join(context.tile(int(position)).lines) for position in positions],
            title=f"{context.run.name}, {context.split}: {len(positions):,} of "
            f"{len(context.positions):,} images",
        )

    st.download_button(
        f"Contact sheet ({len(positions):,})",
        data=sheet,
        file_name=f"images-{context.run.run_id}-{context.split}.png",
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
        help=f"The selection as one PNG, at most {SHEET_LIMIT} images.",
    )
