"""The canvas of the Draw page: the drawing area, its tools, and undo, redo and clear."""

import base64
from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st
from streamlit_drawable_canvas import st_canvas

from fmnist.dashboard import failures
from fmnist.dashboard.draw import components, picture_panel
from fmnist.dashboard.draw.canvas_state import (
    BOARD,
    BUILT_IN,
    CANVAS,
    CHOICE,
    DEFAULT_TOOL,
    DRAWABLE,
    TOOL,
    CanvasState,
    adopt,
    drop_growing,
    hide_picture,
    is_built_in,
    receive,
    start_sheet,
)
from fmnist.data.labels import CLASS_NAMES
from fmnist.sketchpad import canvas
from fmnist.sketchpad.steps import as_board

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
    """Title, canvas and steps, and why the last event was rejected."""
    show_title(state)
    show_canvas(state)
    show_steps(state)


def show_title(state: CanvasState) -> None:
    """A line above the canvas; drawable-canvas shows its own buttons at the end of it."""
    if state.picture is not None:
        return  # it has a title of its own
    if state.image is not None:
        st.markdown(f"**{CLASS_NAMES[state.image.label]}**, test image {state.image.index:,}")
    else:
        st.markdown("**Draw a garment**")


def show_canvas(
    state: CanvasState,
    *,
    on_refresh: Callable[[], None] | None = None,
    is_stale: bool = False,
    answer: str = "",
) -> None:
    """The canvas, or the uploaded picture.

    Parameters
    ----------
    state : CanvasState
    on_refresh : callable, optional
        Called in a run of its own, after what is drawn now has been answered.
    is_stale : bool
        Whether to call it.
    answer : str
        What is predicted, for where a picture leaves no room for the prediction.
    """
    if state.picture is not None:
        again = on_refresh or (lambda: None)
        picture_panel.show(state, again, is_stale=is_stale, answer=answer)
        return
    if is_built_in():
        _show_board(state, on_refresh, is_stale=is_stale)
        return
    _show_drawable(state, on_refresh)
    if adopt():
        st.rerun()


def _show_board(
    state: CanvasState, on_refresh: Callable[[], None] | None, *, is_stale: bool
) -> None:
    tool, image = selected_tool(), state.image
    width = st.session_state.get(_WIDTH, canvas.PEN)
    pen = {"color": _color(state), "width": width}
    rubber = {"color": canvas.PAPER, "width": round(width * _ERASER_WIDTHS)}
    picture = base64.b64encode(canvas.as_png(image.pixels)).decode() if image else ""
    components.board(
        {
            "stamp": state.stamp,
            "fresh": state.is_fresh,
            **as_board(state.steps),
            "side": canvas.SIDE,
            "image": f"data:image/png;base64,{picture}" if picture else "",
            "tool": TOOLS[tool],
            "pen": rubber if tool == "Eraser" else pen,
            "rubber": rubber,
            "label": "Canvas. Draw with a mouse, pen or finger; Ctrl+Z undoes, Ctrl+Y redoes.",
            "answered": state.answered,
            "refresh": is_stale,
        },
        key=BOARD,
        on_drawing=receive,
        on_refresh=on_refresh or (lambda: None),
    )


def _color(state: CanvasState) -> str:
    """Color of the pen: garments are white on black in a test image."""
    if state.image is None:
        return canvas.INK
    return canvas.INK if st.session_state.get(_COLOR) == "Black" else canvas.PAPER


def _show_drawable(state: CanvasState, on_refresh: Callable[[], None] | None) -> None:
    def on_change() -> None:
        receive()
        if on_refresh is not None:  # the buttons below change with each stroke
            on_refresh()

    if CANVAS not in st.session_state:  # the component is new: it loads what it is sent first
        state.sent = state.steps.current.shapes
    tool = selected_tool()
    width = st.session_state.get(_WIDTH, canvas.PEN)
    color = _color(state)
    if state.image is None and tool == "Eraser":
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
        on_change=on_change,
    )
    components.stroke_guard()


def show_steps(state: CanvasState) -> None:
    """Undo, redo and clear; from a picture, the button back to the canvas."""
    _show_buttons(state)
    if state.problem:
        failures.tell(state.problem)


def _show_buttons(state: CanvasState) -> None:
    with st.container(horizontal=True, gap="xsmall", key="draw-steps"):
        if state.picture is not None:
            st.button(
                "Back to the canvas",
                key="draw-back",
                icon=":material/arrow_back:",
                on_click=hide_picture,
            )
            return
        if is_built_in():  # it has buttons of its own
            if state.image is not None:
                _new_drawing()
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
            _new_drawing()
            return
        st.button(
            "Clear",
            key="draw-clear",
            icon=":material/delete_sweep:",
            disabled=not state.steps.current.shapes,
            on_click=state.clear,
        )


def _new_drawing() -> None:
    st.button(
        "New drawing",
        key="draw-new",
        icon=":material/note_add:",
        help="Start with blank paper instead of the test image.",
        on_click=start_sheet,
        args=([],),
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
        on_change=drop_growing,
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
    st.selectbox(
        "Canvas",
        [BUILT_IN, DRAWABLE],
        key=CHOICE,
        on_change=state.send,  # the other canvas knows nothing of the drawing yet
        persist_state="session",
        width=170,
        help="The built-in canvas answers while you draw. streamlit-drawable-canvas answers after "
        "each stroke; with it you can move and turn shapes.",
    )
    if st.session_state.get(TOOL) == "Polygon":
        st.caption("Click to set corners. Click the first corner again to close the polygon.")
