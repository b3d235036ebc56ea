"""The Draw page's sheet: what is on it, the canvas, the tools, and the steps back and forth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit_drawable_canvas import st_canvas

from fmnist.data.labels import CLASS_NAMES
from fmnist.sketchpad import canvas
from fmnist.sketchpad.canvas import Shape, Step, Steps

CANVAS: Final = "draw-canvas"
MEANT: Final = "draw-meant"
"""Key of the field that says what a drawing was meant to be."""
_BOARD: Final = "draw-board"
_TOOL: Final = "draw-tool"
_WIDTH: Final = "draw-width"
_PAINT: Final = "draw-paint"
_ERASER_WIDTHS: Final = 2.5  # of the pen's: rubbing out is coarser work

TOOLS: Final[Mapping[str, str]] = {
    "Pen": "freedraw",
    "Line": "line",
    "Circle": "circle",
    "Rectangle": "rect",
    "Polygon": "polygon",
    "Eraser": "freedraw",
}
"""Names of the tools, and the canvas's word for each."""


@dataclass(frozen=True, eq=False)
class TestImage:
    """A real image to paint over.

    Attributes
    ----------
    index : int
        Position in the file of test images.
    label : int
    pixels : uint8 (28, 28)
    """

    index: int
    label: int
    pixels: NDArray[np.uint8]


@dataclass
class Board:
    """What this session has on its sheet.

    Attributes
    ----------
    steps : Steps
    shown : list of Shape
        What the canvas was last told to show.
    telling : int
        Grows whenever the canvas is told.
    image : TestImage or None
        What is painted over; None for blank paper.
    picture : uint8 (H, W, 4) or None
        A picture brought along, in place of the canvas.
    kept : tuple of str and Step, or None
        The last drawing kept, and its id in the gallery.
    problem : str
        What went wrong with the last step, in a sentence.
    number : int
        Grows with everything that comes from the canvas.
    begun : int
        Grows with every new sheet.
    """

    steps: Steps = field(default_factory=Steps)
    shown: list[Shape] = field(default_factory=list)
    telling: int = 0
    image: TestImage | None = None
    picture: NDArray[np.uint8] | None = None
    kept: tuple[str, Step] | None = None
    problem: str = ""
    number: int = 0
    begun: int = 0

    @property
    def kept_id(self) -> str | None:
        """Id of what is on the sheet, where it is in the gallery as it is."""
        return self.kept[0] if self.kept and self.kept[1].is_same(self.steps.now) else None

    @property
    def stamp(self) -> str:
        """What the canvas carries along and sends back: a color that nobody sees.

        It makes the canvas look anew at what it is told, and tells its answers from those that
        were on their way when it was told.
        """
        return f"hsla({self.telling}, 0%, 0%, 0)"

    @property
    def is_paper(self) -> bool:
        """Whether this is a drawing on blank paper."""
        return self.image is None and self.picture is None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to guess at."""
        return self.is_paper and not self.steps.now.shapes

    def begin(
        self,
        shapes: list[Shape],
        picture: bytes = b"",
        *,
        image: TestImage | None = None,
        kept_id: str | None = None,
    ) -> None:
        """A new sheet with these shapes on it, and no way back to the one before."""
        step = Step(shapes, picture)
        self.steps = Steps([step]) if image or not shapes else Steps([Step(), step], at=1)
        self.image, self.picture, self.problem = image, None, ""
        self.kept = (kept_id, step) if kept_id else None
        self.begun += 1
        self.tell()

    def tell(self) -> None:
        """Have the canvas show the present step."""
        self.shown = self.steps.now.shapes
        self.telling += 1
        self.steps.is_told = True

    def move(self, by: int) -> None:
        """A step back (−1) or forth (1)."""
        self.steps.move(by)
        self.tell()

    def clear(self) -> None:
        """An empty sheet, as one more step."""
        self.steps.add(Step())
        self.tell()


def board() -> Board:
    """The sheet of this session."""
    made: Board = st.session_state.setdefault(_BOARD, Board())
    return made


def begin(
    shapes: list[Shape],
    picture: bytes = b"",
    *,
    image: TestImage | None = None,
    kept_id: str | None = None,
) -> None:
    """Put a new sheet before the person, with a pen."""
    board().begin(shapes, picture, image=image, kept_id=kept_id)
    st.session_state[_TOOL] = "Pen"
    st.session_state[MEANT] = None


def show_picture(picture: NDArray[np.uint8]) -> None:
    """Look at a picture, uint8 (H, W, 4), in place of the drawing, which waits."""
    sheet = board()
    sheet.picture = picture
    sheet.begun += 1


def drawn() -> None:
    """Take in what the canvas sends."""
    sheet = board()
    sheet.number += 1
    sent: Mapping[str, Any] = st.session_state[CANVAS].get("drawing") or {}
    raw = sent.get("raw")
    if not isinstance(raw, Mapping) or raw.get("overlay") != sheet.stamp:
        return  # of what was there before
    try:
        shapes = canvas.sound_shapes(raw)
    except ValueError as error:
        sheet.problem = str(error)
        return
    sheet.problem = ""
    sheet.steps.take(Step(shapes, canvas.from_data_url(sent.get("data"))))
    if sheet.kept_id is None:  # what was said of the drawing before is not said of this one
        st.session_state[MEANT] = None


def tool() -> str:
    """What one draws with now: a key of `TOOLS`."""
    return st.session_state.get(_TOOL) or "Pen"


def show_canvas(sheet: Board) -> None:
    """The sheet: a canvas to draw on, or the picture that was brought along."""
    if sheet.picture is not None:
        st.image(canvas.fitted(sheet.picture), width=canvas.SIDE, alt="The picture you brought")
        return
    if CANVAS not in st.session_state:  # it is put up anew, and shows what it is first told
        sheet.shown = sheet.steps.now.shapes
    chosen = tool()
    width = st.session_state.get(_WIDTH, canvas.PEN)
    color = canvas.INK
    if sheet.image is not None:
        color = canvas.PAPER if st.session_state.get(_PAINT) != "Black" else canvas.INK
    elif chosen == "Eraser":
        color, width = canvas.PAPER, round(width * _ERASER_WIDTHS)
    st_canvas(
        fill_color="rgba(0, 0, 0, 0)",
        stroke_width=width,
        stroke_color=color,
        background_color="" if sheet.image else canvas.PAPER,
        background_image=canvas.enlarged(sheet.image.pixels) if sheet.image else None,
        height=canvas.SIDE,
        width=canvas.SIDE,
        drawing_mode=TOOLS[chosen],
        initial_drawing={"objects": sheet.shown, "overlay": sheet.stamp},
        return_image_data=True,
        key=CANVAS,
        on_change=drawn,
    )


def show_steps(sheet: Board) -> None:
    """Undo, redo, clear; the way back from a picture, or from an image to paint over."""
    with st.container(horizontal=True, gap="xsmall", key="draw-steps"):
        if sheet.picture is not None:
            st.button(
                "Back to the canvas",
                key="draw-back",
                icon=":material/arrow_back:",
                on_click=_put_picture_away,
            )
            return
        st.button(
            "Undo",
            key="draw-undo",
            icon=":material/undo:",
            disabled=not sheet.steps.can_undo,
            on_click=sheet.move,
            args=(-1,),
        )
        st.button(
            "Redo",
            key="draw-redo",
            icon=":material/redo:",
            disabled=not sheet.steps.can_redo,
            on_click=sheet.move,
            args=(1,),
        )
        if sheet.image is not None and not sheet.steps.now.shapes:
            st.button(
                "New sheet",
                key="draw-new",
                icon=":material/note_add:",
                help="Blank paper in place of the test image.",
                on_click=begin,
                args=([],),
            )
            return
        st.button(
            "Clear",
            key="draw-clear",
            icon=":material/delete_sweep:",
            disabled=not sheet.steps.now.shapes,
            on_click=sheet.clear,
        )


def _put_picture_away() -> None:
    board().picture = None


def show_tools(sheet: Board) -> None:
    """What one draws with."""
    if sheet.picture is not None:
        return
    st.session_state.setdefault(_TOOL, "Pen")
    st.segmented_control(
        "Draw with",
        [tool for tool in TOOLS if tool != "Eraser" or sheet.image is None],
        key=_TOOL,
        required=True,
        persist_state="session",
        wrap=True,
    )
    if sheet.image is not None:
        st.segmented_control(
            "Paint",
            ["White", "Black"],
            default="White",
            key=_PAINT,
            required=True,
            persist_state="session",
            help="White adds to the garment, black takes away: garments are white on black here.",
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
    if st.session_state.get(_TOOL) == "Polygon":
        st.caption("Click the corners; click the first one again to close the polygon.")


def show_what_lies_below(sheet: Board) -> None:
    """A line above the sheet: what it is. The canvas shows its own tools at the end of it."""
    if sheet.picture is not None:
        st.markdown("**Your picture**")
    elif sheet.image is not None:
        st.markdown(f"**{CLASS_NAMES[sheet.image.label]}**, test image {sheet.image.index:,}")
    else:
        st.markdown("**Draw a garment**")
