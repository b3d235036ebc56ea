"""The preprocessing of the Draw page: from the canvas to the model input, and its settings."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import streamlit as st

from fmnist.dashboard.draw import picture_state
from fmnist.dashboard.draw.canvas_state import KIND, CanvasState, canvas_state
from fmnist.data.synthetic.strokes import LINE_WIDTH
from fmnist.sketchpad.preprocessing import DEFAULT_PREPARATION, Preparation

_KEYS: Final[Mapping[str, str]] = {
    **{f.name: f"draw-{f.name}" for f in fields(Preparation)},
    "kind": KIND,
}
_SAME_WIDTH: Final = "draw-same-width"
_FILL_TONE: Final = 0.7  # if closed shapes are filled and the default is to leave them empty
_IS_FILLED: Final = DEFAULT_PREPARATION.fill > 0
_WIDGETS: Final[Mapping[str, object]] = {
    KIND: DEFAULT_PREPARATION.kind,
    _KEYS["crop"]: DEFAULT_PREPARATION.crop,
    _KEYS["center"]: DEFAULT_PREPARATION.center,
    _SAME_WIDTH: DEFAULT_PREPARATION.line_width is not None,
    _KEYS["line_width"]: DEFAULT_PREPARATION.line_width or LINE_WIDTH,
    _KEYS["ink"]: DEFAULT_PREPARATION.ink,
}
"""Default values of the widgets, by key."""
_DRAWINGS_ONLY: Final = " Not used for a photograph, which keeps its tones."


def preparation() -> Preparation:
    """The preparation as set on the page."""
    state = st.session_state
    values: dict[str, Any] = {
        name: state.get(key, getattr(DEFAULT_PREPARATION, name)) for name, key in _KEYS.items()
    }
    same_width = state.get(_SAME_WIDTH, DEFAULT_PREPARATION.line_width is not None)
    values["line_width"] = (values["line_width"] or LINE_WIDTH) if same_width else None
    is_filled = state.get(_KEYS["fill"], _IS_FILLED)
    values["fill"] = (DEFAULT_PREPARATION.fill or _FILL_TONE) if is_filled else 0.0
    return Preparation(**values)


def _is_photograph(state: CanvasState) -> bool:
    return picture_state.is_photograph(state, preparation().kind)


def show_fill() -> None:
    """The switch that fills closed shapes."""
    is_photograph = _is_photograph(canvas_state())
    st.session_state.setdefault(_KEYS["fill"], _IS_FILLED)
    st.toggle(
        "Fill closed shapes",
        key=_KEYS["fill"],
        persist_state="session",
        disabled=is_photograph,
        help="Fill the areas that your lines enclose with gray before classification."
        + (_DRAWINGS_ONLY if is_photograph else ""),
    )


def show_settings(state: CanvasState) -> None:
    """The settings of the preparation."""
    changed = preparation() != DEFAULT_PREPARATION
    with st.expander(
        "Preprocessing" + (" (changed)" if changed else ""),
        icon=":material/tune:",
        key="draw-preparation",
    ):
        if state.image is not None:
            st.caption("A test image is already a model input: it is not preprocessed.")
            return
        for key, value in _WIDGETS.items():
            st.session_state.setdefault(key, value)
        what = "drawing" if state.picture is None else "picture"
        st.caption(
            f"Garments in Fashion-MNIST fill the image. Your {what} is cropped and centered the "
            "same way."
        )
        if state.picture is not None:
            _show_kind()
        _show_widgets(is_photograph=_is_photograph(state))
        st.button(
            "Reset to defaults",
            key="draw-defaults",
            icon=":material/restart_alt:",
            disabled=not changed,
            on_click=_reset,
        )


def _show_kind() -> None:
    st.segmented_control(
        "Your picture is a",
        ["auto", "drawing", "photograph"],
        key=KIND,
        format_func={
            "auto": "Auto",
            "drawing": "Drawing",
            "photograph": "Photograph",
        }.__getitem__,
        required=True,
        persist_state="session",
        help="Lines of a drawing are brought to one width. In a photograph the garment is found, "
        "and keeps its tones.",
    )


def _show_widgets(*, is_photograph: bool) -> None:
    unused = _DRAWINGS_ONLY if is_photograph else ""
    with st.container(horizontal=True, gap="medium"):
        crop = st.toggle(
            "Crop",
            key=_KEYS["crop"],
            persist_state="session",
            help="Scale the drawing until its longest side fills the image. Otherwise, the whole "
            "canvas is shrunk.",
        )
        same_width = st.toggle(
            "Same line width",
            key=_SAME_WIDTH,
            persist_state="session",
            disabled=is_photograph,
            help="Bring all lines to the same width, whatever pen you use. Areas and photographs "
            "do not change.",
        )
    with st.container(horizontal=True, gap="medium"):
        st.segmented_control(
            "Center",
            ["box", "mass"],
            key=_KEYS["center"],
            format_func={"box": "Bounding box", "mass": "Center of mass"}.__getitem__,
            required=True,
            disabled=not crop,
            persist_state="session",
            help="What is placed in the middle of the image.",
        )
        st.segmented_control(
            "Ink",
            ["auto", "dark", "light"],
            key=_KEYS["ink"],
            format_func=str.capitalize,
            required=True,
            disabled=is_photograph,
            persist_state="session",
            help="Whether the garment is darker or lighter than the background." + unused,
        )
        st.slider(
            "Line width",
            0.5,
            4.0,
            step=0.1,
            key=_KEYS["line_width"],
            format="%.1f of 28 px",
            disabled=is_photograph or not same_width,
            persist_state="session",
            help="Width of all lines in the model input." + unused,
            width=180,
        )


def _reset() -> None:
    st.session_state.update(_WIDGETS)
    st.session_state[_KEYS["fill"]] = _IS_FILLED
