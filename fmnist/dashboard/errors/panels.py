"""The panels around the images of the Errors page: error types, filters, order, contact sheet."""

from typing import Final

import numpy as np
import streamlit as st

from fmnist.dashboard import session, snapshots
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.selection import VERDICT_FILTERS, in_words
from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation.filters import SORTS
from fmnist.evaluation.misclassifications import (
    ERROR_TYPE_EXPLANATIONS,
    ERROR_TYPES,
    systematic_pairs,
)
from fmnist.reports import charts
from fmnist.reports import images as exports
from fmnist.reports.text import counted, percent
from fmnist.text import plain

SHEET_LIMIT: Final = 200


def show_error_types(context: PageContext) -> None:
    """Number of misclassified images of each error type; a click filters by it."""
    shown = context.mask("error_type", "correctness") & ~context.snapshot.evaluation.correct
    counts = np.bincount(context.snapshot.error_types[shown], minlength=len(ERROR_TYPES))
    total = max(1, int(counts.sum()))
    with st.container(horizontal=True, vertical_alignment="center", key="error-types"):
        for error_type, count in zip(ERROR_TYPES, counts, strict=True):
            title = error_type.capitalize()
            st.button(
                f"{title} **{count:,}** ({percent(count / total, 0)})",
                key=f"error-type-{error_type}",
                type="primary" if context.selection.error_type == error_type else "secondary",
                help=f"{title}: {ERROR_TYPE_EXPLANATIONS[error_type]}.",
                on_click=choose_error_type,
                args=(error_type,),
            )
        with st.popover("What do these mean?", icon=":material/help:"):
            st.markdown("Each misclassified image has the first error type that applies:")
            for error_type, explanation in ERROR_TYPE_EXPLANATIONS.items():
                st.markdown(f"- **{error_type.capitalize()}**: {explanation}.")
            show_systematic_pairs(context)


def choose_error_type(error_type: str) -> None:
    """Filter by an error type; a second click removes the filter."""
    if session.selection().error_type == error_type:
        session.clear_filters("error_type")
    else:
        session.set_filters(error_type=error_type, correctness="wrong")


def show_systematic_pairs(context: PageContext) -> None:
    """The systematic pairs of this split."""
    confusion, names = context.snapshot.evaluation.confusion, context.run.class_names
    pairs = systematic_pairs(confusion)
    found = sorted(zip(*np.nonzero(pairs), strict=True), key=lambda cell: -confusion[cell])
    listed = ", ".join(
        f"{names[true]} → {plain(names[predicted])} ({confusion[true, predicted]:,})"
        for true, predicted in found
    )
    st.caption(f"Systematic pairs in this split: {listed or 'none'}.")


def show_error_types_over_epochs(context: PageContext) -> None:
    """Number of misclassified images of each error type after every epoch."""
    section = st.expander(
        "Error types over the epochs",
        icon=":material/timeline:",
        on_change="rerun",
        key="error-types-over-epochs",
    )
    if not section.open:
        return
    with section:
        counts = snapshots.error_type_counts(context.run)
        if counts is None or len(counts) < 2:
            st.caption("The chart appears after the second epoch.")
            return
        st.echarts_chart(
            charts.error_types_over_epochs(counts),
            key="error-types-chart",
            height=280,
            renderer="svg",
            alt="Systematic, ambiguous and random misclassifications after every epoch",
        )


def show_sort_and_filters(context: PageContext) -> None:
    """Controls for filters and order."""
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
            help="Reverse the order.",
            on_click=lambda: session.set_filters(order="up" if down else "down"),
        )


def show_filters(context: PageContext) -> None:
    """Filters by correctness, classes, confidence and verdict."""
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
    names = context.run.class_names
    for field, title, count in (
        ("true", "True class", NUM_CLASSES), ("predicted", "Predicted class", len(names)),
    ):  # fmt: skip
        key = f"filter-{field}"
        session.sync_widget(key, [label for label in getattr(selection, field) if label < count])
        st.multiselect(
            title,
            range(count),
            key=key,
            format_func=names.__getitem__,
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
    """Filter by the range of the slider."""
    low, high = st.session_state["filter-confidence"]
    if low < high:
        session.set_filters(confidence=None if (low, high) == (0, 100) else (low / 100, high / 100))


def contact_sheet_button(context: PageContext) -> None:
    """Download button: the filtered images as one PNG."""
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
            f"{counted(len(context.positions), 'image')}",
        )

    st.download_button(
        f"Contact sheet ({len(positions):,})",
        data=sheet,
        file_name=f"images-{context.run.run_id}-{context.split}.png",
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
        help=f"The filtered images as one PNG, at most {SHEET_LIMIT}.",
    )
