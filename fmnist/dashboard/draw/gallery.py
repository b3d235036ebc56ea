"""The Draw page's gallery: drawings kept with what the model said and what was meant."""

from typing import Final

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard.draw import board as draw_board
from fmnist.dashboard.draw.answer import Answer
from fmnist.dashboard.draw.board import MEANT, Board
from fmnist.dashboard.layout import moment
from fmnist.sketchpad import canvas, gallery
from fmnist.sketchpad.gallery import ANSWERS, Gallery, GalleryError, Kept

_CHANGED: Final = "draw-gallery-changed"
_PROBLEM: Final = "draw-gallery-problem"
_DELETED: Final = "draw-deleted"
_SHOWN: Final = "draw-gallery-shown"
_PAGE: Final = 12


def store() -> Gallery:
    """The gallery of this machine."""
    return Gallery(paths.artifacts_folder() / "drawings")


# --- Beside the sheet ---------------------------------------------------------------------------


def show_keeping(sheet: Board, answer: Answer | None) -> None:
    """What was meant, and the ways to keep what is on the sheet."""
    can_keep = sheet.is_paper and answer is not None
    st.selectbox(
        "What did you mean?",
        ANSWERS,
        index=None,
        placeholder="Say it",
        key=MEANT,
        disabled=not can_keep,
        on_change=_say,
        args=(sheet, answer),
        help="Keeps the drawing in the gallery below, where the page keeps score.",
    )
    is_kept = sheet.kept_id is not None
    st.button(
        "Kept" if is_kept else "Keep",
        key="draw-keep",
        icon=":material/check:" if is_kept else ":material/bookmark_add:",
        disabled=not can_keep or is_kept,
        width="stretch",
        on_click=_keep,
        args=(sheet, answer),
    )
    content = as_png(sheet)
    st.download_button(
        "PNG",
        data=content,
        file_name="drawing.png",
        mime="image/png",
        key="draw-export",
        icon=":material/download:",
        disabled=not content,
        width="stretch",
        on_click="ignore",
    )
    if st.session_state.pop(_CHANGED, False):
        st.rerun()  # the whole page: the gallery is below


def as_png(sheet: Board) -> bytes:
    """What is on the sheet as a file; empty where it is empty."""
    if sheet.picture is not None:
        return canvas.as_png(sheet.picture)
    drawn = sheet.steps.now.picture if sheet.steps.now.shapes else b""
    if sheet.image is None:
        return drawn
    return canvas.enlarged(canvas.painted_over(sheet.image.pixels, canvas.pixels(drawn)))


def _keep(sheet: Board, answer: Answer | None, meant: str | None = None) -> None:
    if answer is None:
        return
    step = sheet.steps.now
    try:
        kept_id = store().keep(
            Kept(
                shapes=step.shapes,
                picture=step.picture,
                model=answer.run.name,
                answer=answer.word,
                confidence=answer.confidence,
                meant=meant,
            )
        )
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        sheet.kept = (kept_id, step)
    st.session_state[_CHANGED] = True


def _say(sheet: Board, answer: Answer | None) -> None:
    meant: str | None = st.session_state[MEANT]
    if sheet.kept_id is None:
        if meant is not None:
            _keep(sheet, answer, meant)
        return
    _label(sheet.kept_id, meant)
    st.session_state[_CHANGED] = True


def _label(drawing_id: str, meant: str | None) -> None:
    try:
        store().label(drawing_id, meant)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)


# --- Below it -----------------------------------------------------------------------------------


def show() -> None:
    """The drawings that were kept, and how often the models were right."""
    problem = st.session_state.pop(_PROBLEM, None)
    try:
        drawings, problems = store().all()
    except GalleryError as error:
        drawings, problems = [], [str(error)]
    st.subheader(f"Gallery ({len(drawings)})" if drawings else "Gallery", anchor=False)
    for sentence in (problem, *problems):
        if sentence:
            st.error(sentence, icon=":material/error:")
    _show_undo()
    if not drawings:
        st.caption("Drawings that you keep appear here, with the model's answer and your own.")
        return
    _show_score(drawings)
    shown = st.session_state.setdefault(_SHOWN, _PAGE)
    with st.grid("auto", min_column_width=150, gap="small", key="draw-gallery"):
        for drawing in drawings[:shown]:
            _show_card(drawing)
    if shown < len(drawings):
        st.button("Show more", key="draw-more", on_click=_show_more)


def _show_more() -> None:
    st.session_state[_SHOWN] += _PAGE


def _show_card(drawing: Kept) -> None:
    marks = {True: ":green[:material/check:]", False: ":red[:material/close:]", None: ""}
    with st.container(border=True, gap="xsmall", key=f"draw-card-{drawing.drawing_id}"):
        picture = canvas.as_png(canvas.pixels(drawing.picture))
        st.image(picture, width=110, alt=f"A drawing; the model said {drawing.answer}")
        sure = "" if drawing.answer == gallery.NO_GARMENT else f" {drawing.confidence:.0%}"
        st.markdown(f"**{drawing.answer}**{sure} {marks[drawing.is_right]}")
        meant = f"Meant: {drawing.meant}  \n" if drawing.meant else ""
        st.caption(f"{meant}{drawing.model}  \n{moment(drawing.time)}")
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
        kept = store().get(drawing_id)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    draw_board.begin(kept.shapes, kept.picture, kept_id=drawing_id)
    st.session_state[MEANT] = kept.meant


def _delete(drawing_id: str) -> None:
    try:
        store().delete(drawing_id)
    except GalleryError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[_DELETED] = drawing_id
    sheet = draw_board.board()
    if sheet.kept and sheet.kept[0] == drawing_id:
        sheet.kept = None


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


def _show_score(drawings: list[Kept]) -> None:
    found = gallery.scores(drawings)
    if not found:
        st.caption("Say what you meant by a drawing, and the page keeps score.")
        return
    right, asked = sum(s.right for s in found.values()), sum(s.asked for s in found.values())
    st.markdown(f"**{right} of {asked}** right, of the drawings whose meaning you told.")
    with st.expander("By what you meant", key="draw-score"):
        frame = pd.DataFrame(
            {
                "Right": [score.right for score in found.values()],
                "Asked": [score.asked for score in found.values()],
            },
            index=pd.Index(list(found), name="Meant"),
        )
        st.dataframe(frame, alt="Right answers by what was meant", width=320)
