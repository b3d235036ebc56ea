"""Grad-CAM of the drawing and the feature maps behind it, with each stroke."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, session
from fmnist.dashboard.draw import components, models
from fmnist.dashboard.draw.canvas_state import CanvasState
from fmnist.dashboard.draw.prediction import Prediction
from fmnist.data.labels import IMAGE_SIZE
from fmnist.reports import glossary, heat_maps

if TYPE_CHECKING:
    from fmnist.explain.attributions import Explainer

_SWITCH: Final = "draw-inside"
_STRENGTH: Final = 0.7
_COLUMNS: Final = 4
_ROWS: Final = 2
_LEAST_CELLS: Final = 7
_GAP: Final = 2  # pixels of the feature maps' 28


@dataclass(frozen=True, eq=False)
class Inside:
    """What a model looks at.

    Attributes
    ----------
    overlay : uint8 (28, 28, 3)
        Grad-CAM over the model input.
    channels : float32 (C, 28, 28)
        The channels that count most, times their weights; the strongest first.
    layer : str
        The convolution that they are of.
    """

    overlay: NDArray[np.uint8]
    channels: NDArray[np.float32]
    layer: str


def show_switch() -> None:
    """The switch that shows where the model looks."""
    st.toggle(
        "Show where it looks",
        key=_SWITCH,
        persist_state="session",
        help=glossary.short("grad_cam"),
    )


def show(prediction: Prediction | None, state: CanvasState) -> None:
    """Grad-CAM and the strongest feature maps, if the switch is on."""
    if not st.session_state.get(_SWITCH):
        return
    if prediction is None:
        st.caption("Draw something to see where the model looks.")
        return
    with failures.shown("The model cannot be explained"):
        classifier = models.load_classifier(prediction.run)
        explainer = cache.explainer(prediction.run, classifier)
        if not explainer.layers:
            st.caption("Grad-CAM needs a convolution, and this network has none.")
            return
        # on one core, as the prediction: for a single image, threads wait longer than they compute
        inside = models.worker().submit(_look, explainer, prediction).result()
        _show(inside, prediction, state)


def _look(explainer: "Explainer", prediction: Prediction) -> Inside:
    from fmnist.explain.attributions import Targets, enlarge

    # of the last layers some are too coarse to see anything of a drawing
    fine = (layer for layer in reversed(explainer.layers) if min(layer.size) >= _LEAST_CELLS)
    layer = next(fine, explainer.layer(None))
    targets = Targets.of(prediction.predicted_label)
    channels = explainer.grad_cam_channels(prediction.model_input[None], targets, layer.name)[0]
    grad_cam = enlarge(np.maximum(channels.sum(0, keepdims=True), 0))[0]
    strongest = np.argsort(-np.abs(channels).sum((1, 2)))[: _COLUMNS * _ROWS]
    return Inside(
        heat_maps.overlay(prediction.model_input, grad_cam, _STRENGTH),
        enlarge(channels[strongest]),
        layer.title,
    )


def _show(inside: Inside, prediction: Prediction, state: CanvasState) -> None:
    name = prediction.predicted_class
    with st.container(horizontal=True, gap="medium", key="draw-look-inside"):
        with st.container(width=150):
            _picture(
                inside.overlay,
                5 * IMAGE_SIZE,
                f"Why {name}? Orange speaks for it.",
                f"Grad-CAM of the drawing for {name}",
                key="draw-grad-cam",
                answers=state,
            )
        with st.container(width=4 * 68 + 10):
            _picture(
                mosaic(inside.channels),
                4 * 68,
                "The feature maps that count most; blue speaks against it.",
                f"The strongest feature maps for {name}",
                key="draw-feature-maps",
            )
        with st.container(width="stretch", gap="xsmall"):
            st.caption(f"Grad-CAM, {inside.layer[0].lower()}{inside.layer[1:]}.")
            if st.button("Explain this drawing", key="draw-explain", icon=":material/search:"):
                session.select_run(prediction.run.run_id)
                session.change(subject="drawing")
                session.go_to("explain")
                st.rerun()


def mosaic(channels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Maps in rows of four, orange above 0 and blue below, with gaps one can see through.

    Parameters
    ----------
    channels : float32 (C, 28, 28)

    Returns
    -------
    uint8 (H, W, 4)
        Red, green, blue, opacity.
    """
    step = IMAGE_SIZE + _GAP
    sheet = np.zeros((_ROWS * step - _GAP, _COLUMNS * step - _GAP, 4), np.uint8)
    limit = float(np.abs(channels).max())
    black = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for number, channel in enumerate(channels):
        top, left = step * (number // _COLUMNS), step * (number % _COLUMNS)
        tile = sheet[top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]
        tile[..., :3] = heat_maps.overlay(black, channel, 1.0, limit)
        tile[..., 3] = 255
    return sheet


def _picture(
    pixels: NDArray[np.uint8],
    width: int,
    caption: str,
    alt: str,
    *,
    key: str,
    answers: CanvasState | None = None,
) -> None:
    """A picture in colors, uint8 (H, W, 3 or 4), that changes in place."""
    if pixels.shape[2] == 3:
        opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        pixels = np.concatenate([pixels, opaque], axis=2)
    data: dict[str, object] = {
        "pixels": base64.b64encode(np.ascontiguousarray(pixels).data).decode(),
        "colored": True,
        "columns": pixels.shape[1],
        "width": width,
        "caption": caption,
        "alt": alt,
    }
    if answers is not None:
        data |= {"event": answers.event_id, "growing": answers.growing is not None}
    components.model_input(data, key=key)
