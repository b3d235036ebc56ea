"""The Draw page's first part, redrawn with every stroke: sheet, answer, tools, neighbors."""

from typing import Final

import streamlit as st

from fmnist.dashboard.draw import answer as draw_answer
from fmnist.dashboard.draw import board as draw_board
from fmnist.dashboard.draw import gallery as draw_gallery
from fmnist.dashboard.draw import neighbors as draw_neighbors
from fmnist.dashboard.draw.answer import Answer
from fmnist.dashboard.draw.board import Board
from fmnist.runs.run import Run, RunError

# The answer stands beside the sheet where there is room, else below it, never squeezed; what the
# model sees takes a column of its own, or a row on a phone.
_HALF: Final = 225
_STYLE: Final = """<style>
:has(> .st-key-draw-answers) { min-width: min(16.5rem, 100%); }
:has(> .st-key-draw-two-answers) { min-width: min(466px, 100%); }
:has(> .st-key-draw-eye) { flex: 0 0 150px !important; }
@media (max-width: 640px) { :has(> .st-key-draw-eye) { flex: 1 1 100% !important; } }
</style>"""


@st.fragment
def show() -> None:
    """Sheet and answer side by side, one below the other on a phone; below them the tools."""
    sheet = draw_board.board()
    found = draw_answer.models()
    are_two = draw_answer.are_two(found)
    st.html(_STYLE)
    with st.container(horizontal=True, gap="small" if are_two else "medium", key="draw-studio"):
        left = st.container(width=338, key="draw-sheet", gap="xsmall")
        middle = st.container(key="draw-two-answers" if are_two else "draw-answers", gap="xsmall")
        right = st.container(horizontal=True, key="draw-eye-wide" if are_two else "draw-eye")
    with st.container(horizontal=True, vertical_alignment="bottom", key="draw-tools"):
        draw_board.show_tools(sheet)
        if sheet.image is None:
            draw_answer.fill_switch()
    with left:
        draw_board.show_what_lies_below(sheet)
        draw_board.show_canvas(sheet)
        draw_board.show_steps(sheet)
        if sheet.problem:
            st.error(sheet.problem, icon=":material/error:")
    with middle:
        said = st.container(horizontal=True, gap="small", key="draw-said")
        first = draw_answer.choose_model(found)
        second = draw_answer.choose_second(found, first)
    with said:
        answer = show_answers(sheet, [run for run in (first, second) if run])
    with right:
        with st.container(width=150):
            draw_answer.show_eye(answer, key="draw-seen")
        with st.container(width=150, gap="xsmall"):
            draw_gallery.show_keeping(sheet, answer)
    draw_neighbors.show(answer)


def show_answers(sheet: Board, asked: list[Run]) -> Answer | None:
    """What each of the models says; returns the first one's answer."""
    if not asked:
        st.info("No model to ask yet: train one first.", icon=":material/model_training:")
        st.page_link("pages/train.py", label="Train a network", icon=":material/play_arrow:")
        return None
    answers = [
        _show_answer(sheet, run, number, is_one_of_two=len(asked) > 1)
        for number, run in enumerate(asked)
    ]
    return answers[0]


def _show_answer(sheet: Board, run: Run, number: int, *, is_one_of_two: bool) -> Answer | None:
    with st.container(width=_HALF if is_one_of_two else "stretch"):
        try:
            draw_answer.warm(run)
            said = draw_answer.ask(sheet, run)
        except (OSError, ValueError, RunError) as error:
            st.error(draw_answer.explain(error, run), icon=":material/broken_image:")
            return None
        draw_answer.show_answer(
            said,
            sheet,
            key=f"draw-answer-{number}",
            model=run.name if is_one_of_two else "",
            number=sheet.number,
        )
    return said
