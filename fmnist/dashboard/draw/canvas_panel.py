"""The canvas of the Draw page: the drawing area, its tools, and undo, redo and clear."""

from collections.abc import Mapping
from typing import Final

import streamlit as st
from streamlit_drawable_canvas import st_canvas

from fmnist.dashboard import failures
from fmnist.dashboard.draw import components
from fmnist.dashboard.draw.canvas_state import (
    CANVAS,
    DEFAULT_TOOL,
    TOOL,
    CanvasState,
    adopt,
    hide_picture,
    receive,
    start_sheet,
)
from fmnist.data.labels import CLASS_NAMES
from fmnist.sketchpad import canvas

_WIDTH: Final = "draw-width"
_COLOR: Final = "draw-color"
_ERASER_WIDTHS: Final = 2.5  # width of the eraser, in widths of the pen

TOOLS: Final[Mapping[str, str]] = {
    "Pen": "freedraw",
    "Line": "line",
    "Circle": "circle",
    "Rectangle": "rect",
    "Polygon": "polygon",
    "Eraser": "freedraw",
}
"""Tools, and the canvas component's name for each."""


def selected_tool() -> str:
    """The selected tool, a key of `TOOLS`."""
    return st.session_state.get(TOOL) or DEFAULT_TOOL


def show_sheet(state: CanvasState) -> None:
    """Title, canvas and steps, and what is wrong with an upload."""
    show_title(state)
    show_canvas(state)
    show_steps(state)
    if state.problem:
        failures.tell(state.problem)


def show_title(state: CanvasState) -> None:
    """A line above the canvas; the canvas shows its own buttons at the end of it."""
    if state.picture is not None:
        st.markdown("**Your picture**")
    elif state.image is not None:
        st.markdown(f"**{CLASS_NAMES[state.image.label]}**, test image {state.image.index:,}")
    else:
        st.markdown("**Draw a garment**")


def show_canvas(state: CanvasState) -> None:
    """The canvas, or the uploaded picture."""
    if state.picture is not None:
        st.image(canvas.letterbox(state.picture), width=canvas.SIDE, alt="The uploaded picture")
        return
    if CANVAS not in st.session_state:  # the component is new: it loads what it is sent first
        state.sent = state.steps.current.shapes
    tool = selected_tool()
    width = st.session_state.get(_WIDTH, canvas.PEN)
    color = canvas.INK
    if state.image is not None:
        color = canvas.PAPER if st.session_state.get(_COLOR) != "Black" else canvas.INK
    elif tool == "Eraser":
        color, width = canvas.PAPER, round(width * _ERASER_WIDTHS)
    st_canvas(
        fill_color="rgba(0, 0, 0, 0)",
        stroke_width=width,
        stroke_color=color,
        background_color="" if state.image else canvas.PAPER,
        background_image=canvas.enlarge(state.image.pixels) if state.image else None,
        height=canvas.SIDE,
        width=canvas.SIDE,
        drawing_mode=TOOLS[tool],
        initial_drawing={"objects": state.sent, "overlay": state.stamp},
        return_image_data=True,
        key=CANVAS,
        on_change=receive,
    )
    components.stroke_guard()
    if adopt():
        st.rerun()


def show_steps(state: CanvasState) -> None:
    """Undo, redo and clear; from a picture, the button back to the canvas."""
    with st.container(horizontal=True, gap="xsmall", key="draw-steps"):
        if state.picture is not None:
            st.button(
                "Back to the canvas",
                key="draw-back",
                icon=":material/arrow_back:",
                on_click=hide_picture,
            )
            return
        st.button(
            "Undo",
            key="draw-undo",
            icon=":material/undo:",
            disabled=not state.steps.can_undo,
            on_click=state.move,
            args=(-1,),
        )
        st.button(
            "Redo",
            key="draw-redo",
            icon=":material/redo:",
            disabled=not state.steps.can_redo,
            on_click=state.move,
            args=(1,),
        )
        if state.image is not None and not state.steps.current.shapes:
            st.button(
                "New drawing",
                key="draw-new",
                icon=":material/note_add:",
                help="Start with blank paper instead of the test image.",
                on_click=start_sheet,
                args=([],),
            )
            return
        st.button(
            "Clear",
            key="draw-clear",
            icon=":material/delete_sweep:",
            disabled=not state.steps.current.shapes,
            on_click=state.clear,
        )


def show_tools(state: CanvasState) -> None:
    """Choices of tool, color and width."""
    if state.picture is not None:
        return
    st.session_state.setdefault(TOOL, DEFAULT_TOOL)
    st.segmented_control(
        "Tool",
        [tool for tool in TOOLS if tool != "Eraser" or state.image is None],
        key=TOOL,
        required=True,
        persist_state="session",
        wrap=True,
    )
    if state.image is not None:
        st.segmented_control(
            "Color",
            ["White", "Black"],
            default="White",
            key=_COLOR,
            required=True,
            persist_state="session",
            help="Garments are white on black: white adds to the garment, black removes from it.",
        )
    st.slider(
        "Width",
        2,
        24,
        canvas.PEN,
        key=_WIDTH,
        format="%d px",
        persist_state="session",
        width=130,
    )
    if st.session_state.get(TOOL) == "Polygon":
        st.caption("Click to set corners. Click the first corner again to close the polygon.")
