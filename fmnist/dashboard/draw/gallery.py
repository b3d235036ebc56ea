"""The gallery of the Draw page: saved drawings with their predictions and labels."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from fmnist import paths
from fmnist.dashboard import failures, layout, pictures
from fmnist.dashboard.draw import picture_state, saved_picture
from fmnist.dashboard.draw.canvas_state import (
    LABEL,
    CanvasState,
    canvas_state,
    hide_picture,
    show_picture,
    start_sheet,
)
from fmnist.dashboard.draw.prediction import Prediction
from fmnist.dashboard.draw.preparation import preparation
from fmnist.dashboard.layout import moment
from fmnist.reports.text import percent
from fmnist.sketchpad import canvas, gallery
from fmnist.sketchpad.gallery import LABEL_CHOICES, Gallery, GalleryError, SavedDrawing
from fmnist.sketchpad.steps import Step
from fmnist.sketchpad.uploads import PictureError, read_picture
from fmnist.text import plain

_CHANGED: Final = "draw-gallery-changed"
_PROBLEM: Final = "draw-gallery-problem"
_DELETED: Final = "draw-deleted"
_NUM_SHOWN: Final = "draw-gallery-shown"
_PAGE_SIZE: Final = 12
_COUNTS: Final = "draw-own-counts"


@dataclass(frozen=True)
class _Deleted:
    """What was deleted last.

    Attributes
    ----------
    drawing_ids : tuple of str
    shown : tuple of str and Step, or None
        The drawing of the canvas, if it was among them: its id, and what was saved.
    picture : SavedPicture or None
        The same of an uploaded picture.
    """

    drawing_ids: tuple[str, ...]
    shown: tuple[str, Step] | None
    picture: saved_picture.SavedPicture | None


def store() -> Gallery:
    """The gallery of this machine."""
    return Gallery(paths.artifacts_folder() / "drawings")


# --- Beside the canvas --------------------------------------------------------------------------


def show_saving(state: CanvasState, prediction: Prediction | None) -> None:
    """The label of the drawing, and the buttons that save it to the gallery or as a file."""
    is_picture = state.picture is not None
    can_save = state.image is None and prediction is not None
    if saved_picture.is_new(state):
        st.session_state[LABEL] = None
    own: Counter[str] = st.session_state.get(_COUNTS, Counter())
    choices = (*LABEL_CHOICES, *own)
    if saved_id(state) is None or st.session_state.get(LABEL) not in choices:
        st.session_state[LABEL] = None  # a label saves; what is not saved has none
    st.selectbox(
        "What is in the picture?" if is_picture else "What did you draw?",
        choices,
        index=None,
        placeholder="Choose a label",
        key=LABEL,
        disabled=not can_save,
        on_change=_label,
        args=(state,),
        help=f"Saves the {'picture' if is_picture else 'drawing'} to the gallery below, which "
        "counts correct predictions.",
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
            help="Saves the picture with this label, and goes back to the canvas."
            if is_picture
            else "Saves the drawing with this label, and clears the canvas for the next one.",
        )
    is_saved = saved_id(state) is not None
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
        help="Downloads what is on the canvas as a picture.",
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
    if prediction is None or saved_id(state) is not None:  # a double click
        return
    # a polygon may be under way
    step = state.steps.current if state.growing is None else Step(state.shapes)
    drawing = SavedDrawing(
        shapes=step.shapes,
        picture=step.picture or canvas.as_png(state.pixels),
        model=prediction.run.name,
        predicted=prediction.label_choice,
        confidence=prediction.confidence,
        label=label,
    )
    if state.picture is not None:
        small = gallery.small_picture(state.picture)
        drawing = replace(
            drawing,
            shapes=[],
            picture=small,
            model_input=prediction.model_input,
            corrections=picture_state.corrections(state),
            kind=preparation().kind,
        )
    try:
        drawing_id = store().save(drawing)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        if state.picture is not None:
            saved_picture.remember(state, drawing_id, prediction.model_input)
        else:
            state.saved = (drawing_id, step)
    st.session_state[_CHANGED] = True


def saved_id(state: CanvasState) -> str | None:
    """Gallery id of what is shown, if it is saved as it is now."""
    if state.picture is None:
        return state.saved_id
    return saved_picture.saved_id(state, state.answer.model_input) if state.answer else None


def _add_to(state: CanvasState, name: str) -> None:
    saved = saved_id(state)
    try:
        if saved is not None:
            store().set_label(saved, name)
        else:
            _save(state, name)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
    st.session_state[_CHANGED] = True
    if saved_id(state) is None:  # it could not be saved, and stays where it is
        return
    if state.picture is not None:
        hide_picture()
    else:
        start_sheet([])


def _label(state: CanvasState) -> None:
    label: str | None = st.session_state[LABEL]
    saved = saved_id(state)
    if saved is None:
        if label is not None:
            _save(state, label)
        return
    try:
        store().set_label(saved, label)
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
    _show_title(drawings)
    for sentence in (problem, *problems):
        if sentence:
            failures.tell(sentence)
    _show_undo()
    if not drawings:
        st.caption(
            "Save a drawing to see it here, with the prediction and your label. All who use this "
            "app share the gallery."
        )
        return
    _show_score(drawings)
    shown = st.session_state.setdefault(_NUM_SHOWN, _PAGE_SIZE)
    with st.grid("auto", min_column_width=150, gap="small", key="draw-gallery"):
        for drawing in drawings[:shown]:
            _show_card(drawing)
    if shown < len(drawings):
        st.button("Show more", key="draw-more", on_click=_show_more)


def _show_title(drawings: list[SavedDrawing]) -> None:
    count = len(drawings)
    with st.container(horizontal=True, vertical_alignment="center"):
        title = f"Gallery ({count})" if count else "Gallery"
        st.subheader(title, anchor=False, width="content")
        if count > 1:
            st.button(
                "Delete all",
                key="draw-delete-all",
                icon=":material/delete:",
                help=f"Deletes all {count} drawings, also those of others who use this app.",
                type="tertiary",
                on_click=_delete,
                args=tuple(drawing.drawing_id for drawing in drawings),
            )


def _show_more() -> None:
    st.session_state[_NUM_SHOWN] += _PAGE_SIZE


def _show_card(drawing: SavedDrawing) -> None:
    marks = {True: ":green[:material/check:]", False: ":red[:material/close:]", None: ""}
    with st.container(border=True, gap="xsmall", key=f"draw-card-{drawing.drawing_id}"):
        what = "picture" if drawing.is_picture else "drawing"
        alt = f"A {what}, predicted as {plain(drawing.predicted)}"
        st.image(pictures.thumbnail(_pixels(drawing), 110), width=110, alt=alt)
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
    if drawing.model_input is not None:
        show_picture(_pixels(drawing), drawing.kind)
        picture_state.correct(canvas_state(), drawing.corrections)
        saved_picture.remember(canvas_state(), drawing_id, None)
    else:
        start_sheet(drawing.shapes, drawing.picture, saved_id=drawing_id)
    st.session_state[LABEL] = drawing.label


def _pixels(drawing: SavedDrawing) -> NDArray[np.uint8]:
    """What was drawn or uploaded, uint8 (H, W, 4); transparent if it cannot be read."""
    if not drawing.is_picture:
        return canvas.pixels(drawing.picture)
    try:
        return read_picture(drawing.picture)
    except PictureError:
        return canvas.pixels(b"")


def _delete(*drawing_ids: str) -> None:
    try:
        deleted = store().delete(*drawing_ids)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    if not deleted:
        return
    state = canvas_state()
    shown = state.saved if state.saved and state.saved[0] in deleted else None
    if shown:
        state.saved = None
    st.session_state[_DELETED] = _Deleted(deleted, shown, saved_picture.forget(deleted))


def _restore(deleted: _Deleted) -> None:
    st.session_state.pop(_DELETED, None)
    try:
        store().restore(*deleted.drawing_ids)
        state = canvas_state()
        state.saved = state.saved or deleted.shown
        saved_picture.bring_back(deleted.picture)
        saved = saved_id(state)
        if saved in deleted.drawing_ids:
            st.session_state[LABEL] = store().get(saved).label
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)


def _show_undo() -> None:
    deleted: _Deleted | None = st.session_state.get(_DELETED)
    if deleted:
        count = len(deleted.drawing_ids)
        told = "The drawing was deleted." if count == 1 else f"{count} drawings were deleted."
        layout.offer_undo(told, key="draw-restore", on_click=_restore, args=(deleted,))


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
