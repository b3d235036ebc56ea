"""The first part of the Draw page, redrawn with every stroke: canvas, tools, prediction."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from fmnist.dashboard import failures, layout
from fmnist.dashboard.draw import (
    canvas_panel,
    gallery,
    look_inside,
    models,
    neighbors,
    prediction,
    preparation,
    watch,
)
from fmnist.dashboard.draw.canvas_state import (
    BOARD,
    LABEL,
    CanvasState,
    canvas_state,
    drop_growing,
)
from fmnist.dashboard.draw.prediction import Prediction
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run

# The prediction is beside the canvas if there is room, else below it, and never squeezed. The model
# input has a column of its own, on a phone a row.
_HALF_WIDTH: Final = 225
_FRAGMENT: Final = "draw-sketchpad"
_SHOWN: Final = "draw-shown"
_UNDER_WAY: Final = "under way"
_STYLE: Final = """<style>
:has(> .st-key-draw-prediction) { min-width: min(16.5rem, 100%); }
:has(> .st-key-draw-two-predictions) { min-width: min(466px, 100%); }
:has(> .st-key-draw-model-input) { flex: 0 0 150px !important; }
@media (max-width: 640px) { :has(> .st-key-draw-model-input) { flex: 1 1 100% !important; } }
</style>"""


_Answer = tuple[Prediction | None, str]
"""What a model predicts, and the headline that says so; empty if it cannot be used."""


@dataclass(frozen=True)
class _Places:
    """Where the parts are that change while somebody draws."""

    sheet: DeltaGenerator
    predictions: DeltaGenerator
    model_input: DeltaGenerator
    inside: DeltaGenerator


def _show() -> None:
    """Canvas and prediction side by side, on a phone one below the other; tools below them."""
    state = canvas_state()
    if BOARD not in st.session_state:  # the board is new
        drop_growing()
    found = models.runs_with_weights()
    two = models.has_second(found)
    st.html(_STYLE)
    with st.container(horizontal=True, gap="small" if two else "medium", key="draw-sketchpad"):
        left = st.container(width=338, key="draw-sheet", gap="xsmall")
        middle = st.container(
            key="draw-two-predictions" if two else "draw-prediction", gap="xsmall"
        )
        right = st.container(horizontal=True, key=f"draw-model-input{'-wide' if two else ''}")
    with st.container(horizontal=True, vertical_alignment="bottom", key="draw-tools"):
        canvas_panel.show_tools(state)
        if state.image is None:
            preparation.show_fill()
        look_inside.show_switch()
    with left:
        canvas_panel.show_title(state)
        sheet = st.container(gap=None)
        canvas_panel.show_steps(state)
    with middle:
        predictions = st.container(horizontal=True, gap="small", key="draw-predictions")
        first = models.choose_model(found)
        second = models.choose_second(found, first)
    with right:
        model_input, saving = st.container(width=150), st.container(width=150, gap="xsmall")
    places = _Places(sheet, predictions, model_input, st.container())
    st.session_state[_SHOWN] = _UNDER_WAY
    _answer(state, [run for run in (first, second) if run], places)
    st.session_state[_SHOWN] = None  # and so it stays if what follows is cut off by a rerun
    with saving:
        gallery.show_saving(state, state.answer)
        watch.show(state.answer)
    neighbors.show(state.answer)
    st.session_state[_SHOWN] = _rest(state)


show = failures.fragment(_show, key=_FRAGMENT)


@failures.fragment
def _answer(state: CanvasState, runs: list[Run], places: _Places) -> None:
    """What follows the pen: the rest is redrawn once the pen is up, and only if it changes."""
    with places.predictions:
        answers = _show_predictions(state, runs)
    state.answer = answers[0][0] if answers else None
    with places.model_input:
        prediction.show_model_input(state.answer, key="draw-input")
    with places.inside:
        look_inside.show(state.answer, state)
    shown = st.session_state[_SHOWN]
    is_stale = state.growing is None and shown not in (_UNDER_WAY, _rest(state))
    with places.sheet:
        canvas_panel.show_canvas(
            state,
            on_refresh=lambda: st.rerun(_FRAGMENT),
            is_stale=is_stale,
            answer=" · ".join(headline for _, headline in answers if headline),
        )


def _rest(state: CanvasState) -> tuple[object, ...]:
    """What the parts depend on that do not follow the pen."""
    return (
        state.answer is None,
        state.is_empty,
        gallery.saved_id(state),
        st.session_state.get(LABEL),
        state.problem,
        state.event_id if neighbors.is_open() else None,
    )


def _show_predictions(state: CanvasState, runs: list[Run]) -> list[_Answer]:
    """The predictions of one or two models."""
    if not runs:
        st.info("There is no model yet: train one first.", icon=":material/model_training:")
        layout.train_link()
        return []
    names = distinct_names(runs) if len(runs) > 1 else {}
    model_input = prediction.prepare(state)
    return [
        _show_prediction(state, model_input, run, number, model=names.get(run.run_id, ""))
        for number, run in enumerate(runs)
    ]


def _show_prediction(
    state: CanvasState,
    model_input: NDArray[np.uint8] | None,
    run: Run,
    number: int,
    *,
    model: str,
) -> _Answer:
    """The prediction of a model, which is named where there are two."""
    with st.container(width=_HALF_WIDTH if model else "stretch"):
        try:
            models.warm_up(run)
            predicted = prediction.predict(state, model_input, run)
        except failures.EXPECTED as error:
            failures.tell(models.load_error(error, run), icon=":material/broken_image:")
            return None, ""
        names = models.load_classifier(run).class_names
        headline = prediction.show_prediction(
            predicted, state, key=f"draw-prediction-{number}", model=model, class_names=names
        )
    return predicted, headline
