"""Drawings that a training follows, on the Train page: how their probabilities change, live."""

from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import failures, followed_drawings, pictures, run_catalog
from fmnist.reports import charts
from fmnist.reports.sentences import drawing_in_words
from fmnist.reports.text import counted
from fmnist.runs import drawings
from fmnist.runs.drawings import FollowedDrawings
from fmnist.runs.run import ACTIVE_STATES, RESUMABLE_STATES, Run
from fmnist.text import plain

_WIDTH: Final = 112


def show_waiting() -> None:
    """The drawings that the next training follows, above the button's form."""
    error = st.session_state.pop(followed_drawings.ERROR, None)
    if error:
        failures.tell(error)
    waiting = followed_drawings.waiting()
    if not waiting:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="waiting"):
        for number, image in enumerate(waiting, 1):
            st.image(pictures.enlarge(image, 56), width=56, alt=f"Drawing {number}")
        st.markdown(
            f"The next training follows {counted(len(waiting), 'drawing')} of yours.",
            width="content",
        )
        st.button("Remove", key="forget-drawings", on_click=followed_drawings.forget)


def show(run_id: str) -> None:
    """What a run has predicted for its drawings so far; how to add one while it trains."""
    run = run_catalog.run_or_none(run_id)
    if run is None or run.training is None:
        return
    images = drawings.chosen(run)
    if not len(images):
        if run.state in ACTIVE_STATES:
            _show_link()
        return
    with st.container(key="drawing-curves", gap="small"):
        st.markdown("**Your drawing** (probability of each class, %)")
        number = 0
        if len(images) > 1:
            number = st.segmented_control(
                "Drawing",
                range(len(images)),
                key=f"drawing-shown-{run_id}",
                format_func=lambda position: f"Drawing {position + 1}",
                default=0,
                required=True,
                label_visibility="collapsed",
            )
        # one may have been removed in another window
        image = images[min(number, len(images) - 1)]
        _show_one(run, image, last=run.training.epochs)
        st.button(
            "Remove this drawing",
            key=f"drawing-remove-{run_id}",
            icon=":material/delete:",
            type="tertiary",
            help="The run follows it no longer, and its curves go.",
            on_click=_remove,
            args=(run, image),
        )


def _remove(run: Run, image: NDArray[np.uint8]) -> None:
    st.session_state.pop(f"drawing-shown-{run.run_id}", None)
    with failures.kept(followed_drawings.ERROR):
        drawings.forget(run, image)


def _show_link() -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Draw something, and watch this training learn it:", width="content")
        st.page_link("pages/draw.py", label="Draw", icon=":material/draw:")


def _show_one(run: Run, image: NDArray[np.uint8], *, last: int) -> None:
    """A drawing beside its curves."""
    epochs, probabilities = FollowedDrawings.load(run.followed_drawings_path).of(image)
    left, right = st.columns([1, 6], gap="medium")
    left.image(
        pictures.enlarge(image, _WIDTH), caption="Model input", width=_WIDTH, alt="Your drawing"
    )
    if not len(epochs):
        right.caption(_when(run))
        return
    words = drawing_in_words(epochs, probabilities)
    right.echarts_chart(
        charts.probability_curves(epochs, probabilities, last=last),
        key="drawing",
        height=300,
        renderer="svg",
        alt=f"Probability of each class for your drawing over the epochs. {words}",
    )
    right.markdown(plain(words))


def _when(run: Run) -> str:
    if run.state in ACTIVE_STATES:
        return "The curves begin after the epoch under way."
    if run.state in RESUMABLE_STATES:
        return "The curves begin with the first epoch after you resume the run."
    return "The run ended before it could follow this drawing; start another one."
