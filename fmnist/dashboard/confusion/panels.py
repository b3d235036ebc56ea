"""The panels beside the matrix: pairs, classes, two runs, two cells."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import pictures, session
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.selection import GROUP_TITLES
from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation import significance
from fmnist.evaluation.metrics import class_scores, most_confused_pairs
from fmnist.reports import charts, glossary
from fmnist.reports.sentences import mcnemar_in_words
from fmnist.reports.text import counted, percent
from fmnist.text import plain

BANDS: Final = (
    (0.975, "Excellent"),
    (0.91, "Good"),
    (0.85, "Fair"),
    (0.0, "Needs improvement"),
)
"""Lowest accuracy of each band: a reading aid of this project, not a standard."""


def band(accuracy: float) -> str:
    """Band of an accuracy; "–" for NaN."""
    return next((name for lowest, name in BANDS if accuracy >= lowest), "–")


def choose_row(table: str, cells: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    """Filter by the row selected in a table; without one, remove the filter."""
    rows = st.session_state[table].selection.rows
    if rows:
        true, predicted = cells[rows[0]]
        session.set_filters(true=true, predicted=predicted, correctness="all")
    else:
        session.clear_filters("true", "predicted")


def _table(
    frame: pd.DataFrame,
    cells: Sequence[tuple[tuple[int, ...], tuple[int, ...]]],
    *,
    key: str,
    alt: str,
    column_config: dict[str, Any],
) -> None:
    """A table whose rows filter by cells of the matrix."""
    chosen = session.selection()
    cell = (chosen.true, chosen.predicted)
    rows = [cells.index(cell)] if cell in cells else []
    # the selection may have been changed elsewhere
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=lambda: choose_row(key, cells),
        selection_mode="single-row",
        column_config=column_config,
        height=38 + 35 * max(len(frame), 1),
        alt=alt,
    )


def show_pairs(context: PageContext, confusion: NDArray[np.int64]) -> None:
    """The most confused pairs, and select boxes to choose a cell."""
    chosen = context.selection
    first, second = st.columns(2)
    names = context.class_names
    options = [None, *range(len(names))]

    def name(label: int | None) -> str:
        return "All" if label is None else names[label]

    for column, field, title in (
        (first, "true", "True class"),
        (second, "predicted", "Predicted class"),
    ):
        labels = getattr(chosen, field)
        key = f"cell-{field}"
        session.sync_widget(key, labels[0] if len(labels) == 1 and labels[0] in options else None)
        column.selectbox(
            title,
            options,
            key=key,
            format_func=name,
            placeholder="All",
            on_change=lambda field=field, key=key: session.set_filters(
                **{field: () if st.session_state[key] is None else (st.session_state[key],)},
                correctness="all",
            ),
        )
    pairs = most_confused_pairs(confusion, 12)
    if not pairs:
        st.caption("None of these images is misclassified.")
        return
    frame = pd.DataFrame(
        {
            "True": [names[pair.true_label] for pair in pairs],
            "Predicted as": [names[pair.predicted_label] for pair in pairs],
            "Images": [pair.count for pair in pairs],
            "Share of class": [100 * pair.share for pair in pairs],
        }
    )
    _table(
        frame,
        [((pair.true_label,), (pair.predicted_label,)) for pair in pairs],
        key="pairs",
        alt="Most confused pairs; select a row to see its images",
        column_config={"Share of class": st.column_config.NumberColumn(format="%.1f%%")},
    )


def show_classes(context: PageContext, confusion: NDArray[np.int64]) -> None:
    """Accuracy, precision, recall and F1 of each class."""
    scores = class_scores(confusion)
    frame = pd.DataFrame(
        {
            "Class": [context.class_names[score.label] for score in scores],
            "Accuracy": [100 * score.accuracy for score in scores],
            "Precision": [100 * score.precision for score in scores],
            "F1": [100 * score.f1 for score in scores],
            "Correct": [f"{score.correct:,} / {score.total:,}" for score in scores],
            "Misclassified": [score.total - score.correct for score in scores],
            "Recall": [100 * score.accuracy for score in scores],
            "Band": [band(score.accuracy) for score in scores],
        }
    )

    def percent(name: str) -> Any:
        return st.column_config.NumberColumn(
            format="%.1f%%", width=72, help=glossary.short(name.lower())
        )

    _table(
        frame,
        [((score.label,), ()) for score in scores],
        key="classes",
        alt="Accuracy, precision, recall and F1 of each class; select a row to see its images",
        column_config={
            **{name: percent(name) for name in ("Accuracy", "Precision", "Recall", "F1")},
            "Class": st.column_config.Column(width=82),
            "Band": st.column_config.Column(width=132),
            "Correct": st.column_config.Column(width=82),
            "Misclassified": st.column_config.Column(width=98),
        },
    )
    st.caption(
        "Click a column name to sort, a row to see its images. Scroll right for counts, recall "
        "(the accuracy of a class) and bands: Excellent from 97.5%, Good from 91%, Fair from 85%."
    )


def choose_group(group: str) -> None:
    """Filter by one of the four groups; a second click removes the filter."""
    if session.selection().group == group:
        session.clear_filters("group")
    else:
        session.set_filters(group=group, correctness="all", true=(), predicted=())


def show_two_runs(context: PageContext, _confusion: NDArray[np.int64]) -> None:
    """Where two runs agree, and whether one is significantly better."""
    if context.other_run is None:
        st.info(
            "Select a second run under *Compare with* to see where the two differ. The matrix can "
            "then show their difference.",
            icon=":material/compare_arrows:",
        )
        return
    if context.other is None or context.groups is None:
        return  # the warning at the top of the page says why
    counts = np.bincount(context.groups, minlength=len(significance.GROUPS))
    with st.container(horizontal=True, key="groups"):
        for group, count in zip(significance.GROUPS, counts, strict=True):
            st.button(
                f"{GROUP_TITLES[group]}: **{count:,}**",
                key=f"group-{group}",
                type="primary" if context.selection.group == group else "secondary",
                on_click=choose_group,
                args=(group,),
            )
    evaluation, other = context.snapshot.evaluation, context.other.evaluation
    test = significance.mcnemar(evaluation.correct, other.correct)
    st.markdown(mcnemar_in_words(test, *(f"**{plain(name)}**" for name in context.names)))
    st.caption(
        f"Accuracy {percent(evaluation.accuracy)} versus {percent(other.accuracy)} on the same "
        f"{len(evaluation.labels):,} {context.split} images. McNemar's exact test compares the "
        "images that only one of the two runs classifies correctly. This compares these two runs "
        "only; other seeds may differ."
    )


def cell_choice(name: str, class_names: Sequence[str]) -> tuple[int, int]:
    """Select boxes for a cell: true and predicted class."""
    found = []
    for field, labels in (("true", range(NUM_CLASSES)), ("predicted", range(len(class_names)))):
        key = f"{name}-{field}"
        if st.session_state.get(key) not in labels:  # another run has other classes
            st.session_state[key] = 0
        title = f"{field.capitalize()} class"
        found.append(st.selectbox(title, labels, key=key, format_func=class_names.__getitem__))
    return found[0], found[1]


def preset_cells(context: PageContext, confusion: NDArray[np.int64]) -> None:
    """Set the select boxes to the filtered or most confused cell, and to its class's diagonal."""
    selection, worst = context.selection, most_confused_pairs(confusion, 1)
    pair = (worst[0].true_label, worst[0].predicted_label) if worst else (6, 0)
    if len(selection.true) == len(selection.predicted) == 1:
        pair = (selection.true[0], selection.predicted[0])
    if st.session_state.get("two-cells-of") == pair:
        return  # the person may have chosen other cells since
    st.session_state["two-cells-of"] = pair
    st.session_state["cell-a-true"], st.session_state["cell-a-predicted"] = pair
    other = (pair[0], pair[0]) if pair[0] != pair[1] else (pair[0], (pair[0] + 1) % NUM_CLASSES)
    st.session_state["cell-b-true"], st.session_state["cell-b-predicted"] = other


def show_two_cells(context: PageContext, confusion: NDArray[np.int64]) -> None:
    """Compare two cells: mean images, their difference, confidence."""
    preset_cells(context, confusion)
    mask = context.mask("true", "predicted", "correctness")
    evaluation = context.snapshot.evaluation
    cells = []
    columns = st.columns(2, gap="small")
    for column, name, title in zip(columns, ("cell-a", "cell-b"), ("First", "Second"), strict=True):
        with column:
            st.markdown(f"**{title} cell**")
            true, predicted = cell_choice(name, context.class_names)
        in_cell = (evaluation.labels == true) & (evaluation.predicted_labels == predicted)
        cells.append(np.flatnonzero(mask & in_cell))
    show_mean_images(context, cells)
    st.plotly_chart(
        charts.confidence_of_two_cells([evaluation.confidence[positions] for positions in cells]),
        key="two-cells-confidence",
        config={"displayModeBar": False},
        alt="Distribution of the confidence in each of the two cells",
    )


def show_mean_images(context: PageContext, cells: Sequence[NDArray[np.intp]]) -> None:
    """The mean images of two cells and their difference, side by side."""
    means = []
    with st.container(horizontal=True, gap="small"):
        for title, positions in zip(("first", "second"), cells, strict=True):
            images = context.images(positions)
            if images is None or len(images) == 0:
                st.caption(
                    f"{title.capitalize()} cell: {counted(len(positions), 'image')}", width=96
                )
                continue
            means.append(images.mean(axis=0))
            st.image(
                pictures.enlarge(np.rint(means[-1]).astype(np.uint8), 96),
                width=96,
                caption=f"Mean of {len(positions):,}",
                alt=f"Mean image of the {title} cell",
            )
        if len(means) == 2:
            st.image(
                pictures.difference_picture(means[0] - means[1], 96),
                width=96,
                caption="Difference",
                alt="Difference of the two mean images",
            )
    if len(means) == 2:
        st.caption("Difference: orange is brighter in the first cell, blue in the second.")


def open_two_runs(run: str, compared: str) -> None:
    """Show the difference of two runs, and the panel that compares them."""
    session.compare(run, compared)
    st.session_state["matrix-scale"] = "Difference"
    st.session_state["panels"] = "Two runs"
    session.go_to("confusion")


PANELS: Final[Mapping[str, Callable[[PageContext, NDArray[np.int64]], None]]] = {
    "Pairs": show_pairs,
    "Classes": show_classes,
    "Two runs": show_two_runs,
    "Two cells": show_two_cells,
}
