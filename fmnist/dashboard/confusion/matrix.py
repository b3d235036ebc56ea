"""The Confusion page's matrix: what its cells say, its controls, its epochs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, session, snapshots
from fmnist.dashboard.components import clickable
from fmnist.dashboard.components.clickable import Cells
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.selection import Selection
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.evaluation import significance
from fmnist.evaluation.metrics import confusion_matrix
from fmnist.reports import charts
from fmnist.reports import images as exports

Scale = Literal["Counts", "Row %", "Column %", "Share %", "Difference"]
SCALES: Final[Mapping[Scale, str]] = {
    "Counts": "images",
    "Row %": "percent of the true class",
    "Column %": "percent of what was given this label",
    "Share %": "percent of all images",
    "Difference": "images, this run less the compared one",
}
PLAY_SECONDS: Final = 0.7
CLASS_FILTERS: Final = ("true", "predicted", "correctness")


@dataclass(frozen=True)
class Look:
    """How the matrix is drawn; remembered while the session lasts.

    Attributes
    ----------
    scale : str
        Key of `SCALES`.
    errors_only : bool
        Whether the diagonal is hidden.
    grouped : bool
        Whether confused classes stand together.
    """

    scale: Scale
    errors_only: bool
    grouped: bool

    def order(self, confusion: NDArray[np.integer]) -> tuple[int, ...]:
        """Classes from top to bottom."""
        return (
            significance.confusion_order(confusion) if self.grouped else tuple(range(NUM_CLASSES))
        )


def look_controls(context: PageContext) -> Look:
    """Scale, diagonal and order of the matrix."""
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
            help="Counts; percent of the true class (row), of the predicted class (column), of "
            "all images; or the difference to the compared run.",
        )
        errors_only = st.toggle(
            "Errors only", key="matrix-errors", persist_state="session", help="Hide the diagonal."
        )
        grouped = st.toggle(
            "Group confused classes",
            key="matrix-grouped",
            persist_state="session",
            help="Order the classes by hierarchical clustering of their confusions (average "
            "linkage, optimal leaf order), so that classes taken for each other are neighbors.",
        )
    return Look(cast(Scale, st.session_state["matrix-scale"]), errors_only, grouped)


def shown_values(
    scale: Scale, confusion: NDArray[np.int64], other: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Numbers in the cells, float64 (10, 10); nan where a percentage has no base."""
    values = confusion.astype(np.float64)
    if scale == "Difference":
        return values if other is None else values - other
    if scale == "Counts":
        return values
    axis = {"Row %": 1, "Column %": 0}.get(scale)
    with np.errstate(invalid="ignore"):  # no image of a class: nan, shown as nothing
        shares: NDArray[np.float64] = 100 * values / values.sum(axis=axis, keepdims=True)
    return shares


def texts_of(look: Look, values: NDArray[np.float64]) -> list[list[str]]:
    """What the cells say, str (10, 10)."""

    def text(i: int, j: int) -> str:
        value = values[i, j]
        if (look.errors_only and i == j) or np.isnan(value):
            return ""
        if look.scale == "Counts":
            return f"{value:.0f}" if value else "·"
        if look.scale == "Difference":
            return f"{value:+.0f}" if value else "·"
        return f"{value:.1f}" if value else "·"

    return [[text(i, j) for j in range(NUM_CLASSES)] for i in range(NUM_CLASSES)]


def colors_of(
    look: Look, confusion: NDArray[np.int64], other: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Color of each cell, float64 (10, 10, 4), on screen and in exports."""
    if other is not None and look.scale == "Difference":
        return charts.difference_colors(confusion - other)
    return charts.confusion_colors(confusion, hide_diagonal=look.errors_only)


def cells(look: Look, confusion: NDArray[np.int64], other: NDArray[np.int64] | None) -> Cells:
    """The matrix as it is drawn."""
    difference = other is not None and look.scale == "Difference"
    values = shown_values(look.scale, confusion, other)

    def alt(i: int, j: int) -> str:
        true, predicted = CLASS_NAMES[i], CLASS_NAMES[j]
        what = f"{true}, recognized" if i == j else f"{true}, taken for {predicted}"
        if difference and other is not None:
            return f"{what}: {confusion[i, j]:,} here, {other[i, j]:,} in the compared run"
        total = confusion[i].sum()
        share = f" ({confusion[i, j] / total:.1%} of {true})" if total else ""
        return f"{what}: {confusion[i, j]:,}{share}"

    return Cells(
        texts_of(look, values),
        charts.css_colors(colors_of(look, confusion, other)),
        [[alt(i, j) for j in range(NUM_CLASSES)] for i in range(NUM_CLASSES)],
    )


def pick(true: int | None, predicted: int | None) -> None:
    """Select a cell, a row or a column; the same one again selects nothing."""
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
    """Counts of the images that all other filters choose, of this run and of the compared one."""
    mask = context.mask(*CLASS_FILTERS)
    evaluation = context.snapshot.evaluation
    confusion = confusion_matrix(evaluation.labels[mask], evaluation.predicted_labels[mask])
    if context.other is None:
        return confusion, None
    other = context.other.evaluation
    return confusion, confusion_matrix(other.labels[mask], other.predicted_labels[mask])


def draw(
    look: Look,
    confusion: NDArray[np.int64],
    other: NDArray[np.int64] | None,
    *,
    order: Sequence[int],
    title: str,
    on_pick: Callable[[int | None, int | None], None] = pick,
    marked: bool = True,
) -> None:
    """The matrix itself, with the selection marked or not."""
    selection = session.selection() if marked else Selection()
    clickable.confusion_matrix(
        cells(look, confusion, other),
        key="matrix",
        label=f"Confusion matrix, {SCALES[look.scale]}; {title}",
        order=order,
        true=selection.true,
        predicted=selection.predicted,
        on_pick=on_pick,
    )


def show_matrix(context: PageContext, look: Look) -> NDArray[np.int64]:
    """The matrix of the selection, or of one epoch after the other while that is played."""
    confusion, other = filtered_confusion(context)
    if "playing" in st.session_state:
        st.fragment(_matrix_and_epochs, run_every=PLAY_SECONDS)(context, look, confusion, other)
    else:
        _matrix_and_epochs(context, look, confusion, other)
    return confusion


def _matrix_and_epochs(
    context: PageContext,
    look: Look,
    confusion: NDArray[np.int64],
    other: NDArray[np.int64] | None,
) -> None:
    if session.selection() != context.selection:
        st.rerun()  # stopped by a click: the whole page shows another epoch now
    order = look.order(context.snapshot.evaluation.confusion)
    epochs = snapshots.epoch_confusions(context.run)
    played: int | None = st.session_state.get("playing")
    if played is not None and epochs is not None:
        look = Look("Counts" if look.scale == "Difference" else look.scale, look.errors_only, False)
        draw(look, epochs[played - 1], None, order=order, title=f"epoch {played}")
        st.session_state["played"] = played
        if played >= len(epochs):
            stop_playing()
            st.rerun()
        st.session_state["playing"] = played + 1
    else:
        title = f"{len(context.snapshot.evaluation.labels):,} {context.split} images"
        draw(look, confusion, other, order=order, title=title)
        if context.snapshot.epoch:
            session.sync_widget("epoch-scrubber", context.snapshot.epoch)
    if epochs is not None and len(epochs) > 1:
        epoch_controls(context, len(epochs), played)


def epoch_controls(context: PageContext, epochs: int, played: int | None) -> None:
    """The slider over a run's epochs, and play."""
    measured = cache.epoch_evaluations(context.run)
    with st.container(horizontal=True, vertical_alignment="bottom", key="epoch-controls"):
        st.button(
            "Stop" if played else "Play",
            key="epoch-play",
            icon=":material/stop:" if played else ":material/play_arrow:",
            on_click=stop_playing if played else start_playing,
            args=() if played else (epochs,),
            help=None if played else "See the matrix of one epoch after the other.",
        )
        title = f"Epoch ({measured.split if measured else ''} split)"
        if played:
            # not the slider that people move: a slow browser asks for the next epoch before it has
            # heard of this one, and its slider's older value would look like a person's choice
            st.session_state["epoch-playing"] = played
            st.slider(title, 1, epochs, key="epoch-playing", disabled=True, width="stretch")
        else:
            st.slider(title, 1, epochs, key="epoch-scrubber", on_change=scrub, width="stretch")


def scrub() -> None:
    """Look at the epoch that the slider stands at."""
    session.set_filters(epoch=st.session_state["epoch-scrubber"], split=None)


def start_playing(epochs: int) -> None:
    """Begin at the chosen epoch, or at the first where none or the last is chosen."""
    chosen = session.selection().epoch
    first = chosen if chosen and chosen < epochs else 1
    st.session_state["playing"] = st.session_state["played"] = first


def stop_playing() -> None:
    """Stay at the epoch that is shown."""
    st.session_state.pop("playing", None)
    session.set_filters(epoch=st.session_state["played"], split=None)


def export_menu(
    context: PageContext,
    look: Look,
    confusion: NDArray[np.int64],
    other: NDArray[np.int64] | None,
) -> None:
    """The matrix as CSV, PNG or SVG, as it is shown."""
    values = shown_values(look.scale, confusion, other)
    order = look.order(context.snapshot.evaluation.confusion)
    name = f"confusion-{context.run.run_id}-{context.split}"

    def picture(kind: Literal["png", "svg"]) -> bytes:
        return exports.confusion_figure(
            texts_of(look, values),
            colors_of(look, confusion, other),
            order=order,
            title=f"{context.run.name}: {SCALES[look.scale]}",
            subtitle=f"{confusion.sum():,} {context.split} images",
            format=kind,
        )

    files = (
        ("csv", "text/csv", partial(exports.confusion_csv, values, order)),
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
