"""The matrix of the Confusion page: cells, controls, export."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import session
from fmnist.dashboard.components import clickable
from fmnist.dashboard.components.clickable import Cells
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.selection import Selection
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation import significance
from fmnist.evaluation.metrics import confusion_matrix
from fmnist.reports import charts
from fmnist.reports import images as exports
from fmnist.reports.csv import confusion_csv
from fmnist.reports.text import counted, percent

Scale = Literal["Counts", "Row %", "Column %", "Share %", "Difference"]
SCALES: Final[Mapping[Scale, str]] = {
    "Counts": "images",
    "Row %": "percent of the true class",
    "Column %": "percent of the predicted class",
    "Share %": "percent of all images",
    "Difference": "images, this run minus the compared run",
}
CLASS_FILTERS: Final = ("true", "predicted", "correctness")


@dataclass(frozen=True)
class MatrixDisplay:
    """How the matrix is drawn; kept during the session.

    Attributes
    ----------
    scale : str
        Key of `SCALES`.
    errors_only : bool
        Whether the diagonal is hidden.
    grouped : bool
        Whether classes that are often confused are neighbors.
    """

    scale: Scale
    errors_only: bool
    grouped: bool

    def order(self, confusion: NDArray[np.integer], classes: int) -> tuple[int, ...]:
        """Classes in the order of the rows and columns.

        Parameters
        ----------
        confusion : int (C, C)
        classes : int
            At least C; those beyond, which only the compared run has, come last.
        """
        known = range(len(confusion))
        order = significance.confusion_order(confusion) if self.grouped else known
        return (*order, *range(len(confusion), classes))


def matrix_controls(context: PageContext) -> MatrixDisplay:
    """Controls for scale, diagonal and order of the matrix."""
    scales = [scale for scale in SCALES if scale != "Difference" or context.other is not None]
    if st.session_state.get("matrix-scale") not in scales:
        st.session_state["matrix-scale"] = "Counts"
    with st.container(horizontal=True, vertical_alignment="bottom", key="matrix-controls"):
        st.segmented_control(
            "Cells",
            scales,
            key="matrix-scale",
            required=True,
            width="content",
            persist_state="session",
            label_visibility="collapsed",
            help="Counts; percent of the true class (row), of the predicted class (column) or of "
            "all images; or the difference from the compared run.",
        )
        errors_only = st.toggle(
            "Misclassified only",
            key="matrix-errors",
            persist_state="session",
            help="Hide the diagonal.",
        )
        grouped = st.toggle(
            "Group confused classes",
            key="matrix-grouped",
            persist_state="session",
            help="Place classes that are often confused next to each other (hierarchical "
            "clustering, average linkage, optimal leaf order).",
        )
    return MatrixDisplay(cast(Scale, st.session_state["matrix-scale"]), errors_only, grouped)


def cell_values(
    scale: Scale, confusion: NDArray[np.int64], other: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Numbers in the cells, float64 (C, C); NaN where a percentage has no base."""
    values = confusion.astype(np.float64)
    if scale == "Difference":
        return values if other is None else values - other
    if scale == "Counts":
        return values
    axis = {"Row %": 1, "Column %": 0}.get(scale)
    with np.errstate(invalid="ignore"):  # no image of a class: NaN, an empty cell
        shares: NDArray[np.float64] = 100 * values / values.sum(axis=axis, keepdims=True)
    return shares


def cell_texts(display: MatrixDisplay, values: NDArray[np.float64]) -> list[list[str]]:
    """Texts of the cells, str (C, C)."""

    def text(i: int, j: int) -> str:
        value = values[i, j]
        if (display.errors_only and i == j) or np.isnan(value):
            return ""
        if display.scale == "Counts":
            return f"{value:.0f}" if value else "·"
        if display.scale == "Difference":
            return f"{value:+.0f}" if value else "·"
        return f"{value:.1f}" if value else "·"

    classes = range(len(values))
    return [[text(i, j) for j in classes] for i in classes]


def cell_colors(
    display: MatrixDisplay, confusion: NDArray[np.int64], other: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Colors of the cells on screen and in exports, float64 (C, C, 4)."""
    if other is not None and display.scale == "Difference":
        return charts.difference_colors(confusion - other)
    return charts.confusion_colors(confusion, hide_diagonal=display.errors_only)


def cells(
    display: MatrixDisplay,
    confusion: NDArray[np.int64],
    other: NDArray[np.int64] | None,
    names: Sequence[str] = CLASS_NAMES,
) -> Cells:
    """Texts, colors and descriptions of the cells."""
    difference = other is not None and display.scale == "Difference"
    values = cell_values(display.scale, confusion, other)
    classes = range(len(confusion))

    def alt(i: int, j: int) -> str:
        true, predicted = names[i], names[j]
        what = f"{true}, correct" if i == j else f"{true}, predicted as {predicted}"
        if difference and other is not None:
            return f"{what}: {confusion[i, j]:,} in this run, {other[i, j]:,} in the compared run"
        total = confusion[i].sum()
        share = f" ({percent(confusion[i, j] / total, 1)} of {true})" if total else ""
        return f"{what}: {confusion[i, j]:,}{share}"

    return Cells(
        cell_texts(display, values),
        charts.css_colors(cell_colors(display, confusion, other)),
        [[alt(i, j) for j in classes] for i in classes],
    )


def pick(true: int | None, predicted: int | None) -> None:
    """Filter by a cell, a row or a column; a second click on it removes the filter."""
    chosen = {
        "true": () if true is None else (true,),
        "predicted": () if predicted is None else (predicted,),
    }
    current = session.selection()
    if (current.true, current.predicted) == (chosen["true"], chosen["predicted"]):
        session.clear_filters("true", "predicted")
    else:
        session.set_filters(**chosen, correctness="all")


def filtered_confusion(context: PageContext) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Confusion matrices of this run and of the compared run, under all the other filters."""
    mask = context.mask(*CLASS_FILTERS)
    evaluation = context.snapshot.evaluation
    classes = context.num_classes
    confusion = confusion_matrix(
        evaluation.labels[mask], evaluation.predicted_labels[mask], classes=classes
    )
    if context.other is None:
        return confusion, None
    other = context.other.evaluation
    return confusion, confusion_matrix(
        other.labels[mask], other.predicted_labels[mask], classes=classes
    )


def draw(
    display: MatrixDisplay,
    confusion: NDArray[np.int64],
    other: NDArray[np.int64] | None,
    *,
    order: Sequence[int],
    title: str,
    on_pick: Callable[[int | None, int | None], None] = pick,
    marked: bool = True,
    names: Sequence[str] = CLASS_NAMES,
) -> None:
    """Draw a matrix; `marked` highlights the filtered cells."""
    selection = session.selection() if marked else Selection()
    clickable.confusion_matrix(
        cells(display, confusion, other, names),
        key="matrix",
        label=f"Confusion matrix, {SCALES[display.scale]}; {title}",
        # an epoch of the run alone has no class that only the compared run has
        order=[label for label in order if label < len(confusion)],
        true=selection.true,
        predicted=selection.predicted,
        on_pick=on_pick,
        names=names,
    )


def export_menu(
    context: PageContext,
    display: MatrixDisplay,
    confusion: NDArray[np.int64],
    other: NDArray[np.int64] | None,
) -> None:
    """Download buttons: the matrix on screen as CSV, PNG or SVG."""
    values = cell_values(display.scale, confusion, other)
    order = display.order(context.snapshot.evaluation.confusion, context.num_classes)
    name = f"confusion-{context.run.run_id}-{context.split}"

    def picture(kind: Literal["png", "svg"]) -> bytes:
        return exports.confusion_figure(
            cell_texts(display, values),
            cell_colors(display, confusion, other),
            order=order,
            title=f"{context.run.name}: {SCALES[display.scale]}",
            subtitle=counted(int(confusion.sum()), f"{context.split} image"),
            format=kind,
            names=context.class_names,
        )

    files = (
        ("csv", "text/csv", partial(confusion_csv, values, order, context.class_names)),
        ("png", "image/png", partial(picture, "png")),
        ("svg", "image/svg+xml", partial(picture, "svg")),
    )
    with st.popover("Export", icon=":material/download:"):
        for kind, mime, data in files:
            st.download_button(
                kind.upper(),
                data=data,
                file_name=f"{name}.{kind}",
                mime=mime,
                on_click="ignore",
                width="stretch",
            )
