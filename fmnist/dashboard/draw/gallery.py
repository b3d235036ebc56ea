"""The gallery of the Draw page: saved drawings with their predictions and labels."""

from collections import Counter
from contextlib import suppress
from typing import Final

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import failures
from fmnist.dashboard.draw.canvas_state import LABEL, CanvasState, canvas_state, start_sheet
from fmnist.dashboard.draw.prediction import Prediction
from fmnist.dashboard.layout import moment
from fmnist.reports.text import percent
from fmnist.sketchpad import canvas, gallery
from fmnist.sketchpad.gallery import LABEL_CHOICES, Gallery, GalleryError, SavedDrawing
from fmnist.text import plain

_CHANGED: Final = "draw-gallery-changed"
_PROBLEM: Final = "draw-gallery-problem"
_DELETED: Final = "draw-deleted"
_NUM_SHOWN: Final = "draw-gallery-shown"
_PAGE_SIZE: Final = 12
_COUNTS: Final = "draw-own-counts"


def store() -> Gallery:
    """The gallery of this machine."""
    return Gallery(paths.artifacts_folder() / "drawings")


# --- Beside the canvas --------------------------------------------------------------------------


def show_saving(state: CanvasState, prediction: Prediction | None) -> None:
    """The label of the drawing, and the buttons that save it to the gallery or as a file."""
    can_save = state.is_paper and prediction is not None
    own: Counter[str] = st.session_state.get(_COUNTS, Counter())
    choices = (*LABEL_CHOICES, *own)
    if state.saved_id is None or st.session_state.get(LABEL) not in choices:
        st.session_state[LABEL] = None  # a label saves; what is not saved has none
    st.selectbox(
        "What did you draw?",
        choices,
        index=None,
        placeholder="Choose a label",
        key=LABEL,
        disabled=not can_save,
        on_change=_label,
        args=(state,),
        help="Saves the drawing to the gallery below, which counts correct predictions.",
    )
    for name, count in own.items():
        st.button(
            f"Add to {plain(name)} ({count})",
            key=f"draw-add-to-{name}",
            icon=":material/add:",
            disabled=not can_save,
            width="stretch",
            on_click=_add_to,
            args=(state, name),
            help="Saves the drawing with this label, and clears the canvas for the next one.",
        )
    is_saved = state.saved_id is not None
    st.button(
        "Saved" if is_saved else "Save",
        key="draw-save",
        icon=":material/check:" if is_saved else ":material/bookmark_add:",
        disabled=not can_save or is_saved,
        width="stretch",
        on_click=_save,
        args=(state,),
    )
    st.download_button(
        "PNG",
        data=lambda: as_png(state),  # of the moment of the click
        file_name="drawing.png",
        mime="image/png",
        key="draw-export",
        icon=":material/download:",
        disabled=state.is_empty,
        width="stretch",
        on_click="ignore",
    )
    if st.session_state.pop(_CHANGED, False):
        st.rerun()  # the whole page, for the gallery below


def as_png(state: CanvasState) -> bytes:
    """What is on the canvas as a PNG; empty if nothing is."""
    if state.picture is not None:
        return canvas.as_png(state.picture)
    if state.image is None:
        return canvas.as_png(state.pixels) if state.shapes else b""
    return canvas.enlarge(canvas.composite(state.image.pixels, state.pixels))


def _save(state: CanvasState, label: str | None = None) -> None:
    prediction = state.answer  # of the moment of the click: strokes may have come since
    if prediction is None or state.saved_id is not None:  # a double click
        return
    step = state.steps.current
    try:
        saved_id = store().save(
            SavedDrawing(
                shapes=step.shapes,
                picture=step.picture or canvas.as_png(state.pixels),
                model=prediction.run.name,
                predicted=prediction.label_choice,
                confidence=prediction.confidence,
                label=label,
            )
        )
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        state.saved = (saved_id, step)
    st.session_state[_CHANGED] = True


def _add_to(state: CanvasState, name: str) -> None:
    try:
        if state.saved_id is not None:
            store().set_label(state.saved_id, name)
        else:
            _save(state, name)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
    st.session_state[_CHANGED] = True
    if state.saved_id is not None:  # otherwise it could not be saved, and stays on the canvas
        start_sheet([])


def _label(state: CanvasState) -> None:
    label: str | None = st.session_state[LABEL]
    if state.saved_id is None:
        if label is not None:
            _save(state, label)
        return
    try:
        store().set_label(state.saved_id, label)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
    st.session_state[_CHANGED] = True


# --- The gallery --------------------------------------------------------------------------------


def read() -> tuple[list[SavedDrawing], list[str]]:
    """The saved drawings, newest first, and a sentence for each that is damaged.

    It also counts the drawings of own classes, for the buttons beside the canvas: reading all
    drawings with every stroke would take too long.
    """
    st.session_state[_COUNTS] = Counter()
    try:
        drawings, problems = store().all()
    except GalleryError as error:
        return [], [str(error)]
    labels = Counter(drawing.label for drawing in drawings)
    with suppress(GalleryError):  # told where the classes are
        # in this order, also those without a drawing
        own = {name: labels[name] for name in store().own_classes()}
        st.session_state[_COUNTS] = Counter(own)
    return drawings, problems


def show(drawings: list[SavedDrawing], problems: list[str]) -> None:
    """The saved drawings as `read` gives them, and how often the predictions are correct."""
    problem = st.session_state.pop(_PROBLEM, None)
    st.subheader(f"Gallery ({len(drawings)})" if drawings else "Gallery", anchor=False)
    for sentence in (problem, *problems):
        if sentence:
            failures.tell(sentence)
    _show_undo()
    if not drawings:
        st.caption("Save a drawing to see it here, with the prediction and your label.")
        return
    _show_score(drawings)
    shown = st.session_state.setdefault(_NUM_SHOWN, _PAGE_SIZE)
    with st.grid("auto", min_column_width=150, gap="small", key="draw-gallery"):
        for drawing in drawings[:shown]:
            _show_card(drawing)
    if shown < len(drawings):
        st.button("Show more", key="draw-more", on_click=_show_more)


def _show_more() -> None:
    st.session_state[_NUM_SHOWN] += _PAGE_SIZE


def _show_card(drawing: SavedDrawing) -> None:
    marks = {True: ":green[:material/check:]", False: ":red[:material/close:]", None: ""}
    with st.container(border=True, gap="xsmall", key=f"draw-card-{drawing.drawing_id}"):
        picture = canvas.as_png(canvas.pixels(drawing.picture))
        st.image(picture, width=110, alt=f"A drawing, predicted as {plain(drawing.predicted)}")
        confidence = (
            "" if drawing.predicted == gallery.NO_GARMENT else f" {percent(drawing.confidence, 0)}"
        )
        st.markdown(f"**{plain(drawing.predicted)}**{confidence} {marks[drawing.is_correct]}")
        label = f"Label: {plain(drawing.label)}  \n" if drawing.label else ""
        st.caption(f"{label}{plain(drawing.model)}  \n{moment(drawing.time)}")
        with st.container(horizontal=True, gap="xsmall"):
            st.button(
                "Open",
                key=f"draw-open-{drawing.drawing_id}",
                on_click=_open,
                args=(drawing.drawing_id,),
            )
            st.button(
                "",
                key=f"draw-delete-{drawing.drawing_id}",
                icon=":material/delete:",
                help="Delete",
                type="tertiary",
                on_click=_delete,
                args=(drawing.drawing_id,),
            )


def _open(drawing_id: str) -> None:
    try:
        drawing = store().get(drawing_id)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    start_sheet(drawing.shapes, drawing.picture, saved_id=drawing_id)
    st.session_state[LABEL] = drawing.label


def _delete(drawing_id: str) -> None:
    try:
        store().delete(drawing_id)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[_DELETED] = drawing_id
    state = canvas_state()
    if state.saved and state.saved[0] == drawing_id:
        state.saved = None


def _restore(drawing_id: str) -> None:
    st.session_state.pop(_DELETED, None)
    try:
        store().restore(drawing_id)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)


def _show_undo() -> None:
    deleted = st.session_state.get(_DELETED)
    if deleted:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("The drawing was deleted.", width="content")
            st.button(
                "Undo",
                key="draw-restore",
                icon=":material/undo:",
                on_click=_restore,
                args=(deleted,),
            )


def _show_score(drawings: list[SavedDrawing]) -> None:
    found = gallery.scores(drawings)
    if not found:
        st.caption("Label a drawing to count correct predictions.")
        return
    correct = sum(score.correct for score in found.values())
    labeled = sum(score.labeled for score in found.values())
    st.markdown(f"**{correct} of {labeled}** labeled drawings correct.")
    with st.expander("By label", key="draw-score"):
        frame = pd.DataFrame(
            {
                "Correct": [score.correct for score in found.values()],
                "Labeled": [score.labeled for score in found.values()],
            },
            index=pd.Index(list(found), name="Label"),
        )
        st.dataframe(frame, alt="Correct predictions by label", width=320)
