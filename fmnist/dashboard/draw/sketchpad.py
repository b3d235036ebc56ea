"""The first part of the Draw page, redrawn with every stroke: canvas, tools, prediction."""

from typing import Final

import streamlit as st

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
from fmnist.dashboard.draw.canvas_state import CanvasState, canvas_state
from fmnist.dashboard.draw.prediction import Prediction
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run

# The prediction is beside the canvas if there is room, else below it, and never squeezed. The model
# input has a column of its own, on a phone a row.
_HALF_WIDTH: Final = 225
_STYLE: Final = """<style>
:has(> .st-key-draw-prediction) { min-width: min(16.5rem, 100%); }
:has(> .st-key-draw-two-predictions) { min-width: min(466px, 100%); }
:has(> .st-key-draw-model-input) { flex: 0 0 150px !important; }
@media (max-width: 640px) { :has(> .st-key-draw-model-input) { flex: 1 1 100% !important; } }
</style>"""


@failures.fragment
def show() -> None:
    """Canvas and prediction side by side, on a phone one below the other; tools below them."""
    state = canvas_state()
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
        canvas_panel.show_sheet(state)
    with middle:
        place = st.container(horizontal=True, gap="small", key="draw-predictions")
        first = models.choose_model(found)
        second = models.choose_second(found, first)
    with place:
        predicted = _show_predictions(state, [run for run in (first, second) if run])
    with right:
        with st.container(width=150):
            prediction.show_model_input(predicted, key="draw-input")
        with st.container(width=150, gap="xsmall"):
            gallery.show_saving(state, predicted)
            watch.show(predicted)
    look_inside.show(predicted, state)
    neighbors.show(predicted)


def _show_predictions(state: CanvasState, runs: list[Run]) -> Prediction | None:
    """The predictions of one or two models; returns that of the first."""
    if not runs:
        st.info("There is no model yet: train one first.", icon=":material/model_training:")
        layout.train_link()
        return None
    names = distinct_names(runs) if len(runs) > 1 else {}
    predictions = [
        _show_prediction(state, run, f"draw-prediction-{number}", model=names.get(run.run_id, ""))
        for number, run in enumerate(runs)
    ]
    return predictions[0]


def _show_prediction(state: CanvasState, run: Run, key: str, *, model: str) -> Prediction | None:
    """The prediction of a model, which is named where there are two."""
    with st.container(width=_HALF_WIDTH if model else "stretch"):
        try:
            models.warm_up(run)
            predicted = prediction.predict(state, run)
        except failures.EXPECTED as error:
            failures.tell(models.load_error(error, run), icon=":material/broken_image:")
            return None
        names = models.load_classifier(run).class_names
        prediction.show_prediction(predicted, state, key=key, model=model, class_names=names)
    return predicted
