"""What is on the canvas of a session, and how it gets there."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.sketchpad import canvas
from fmnist.sketchpad.canvas import Raster, Shape
from fmnist.sketchpad.kinds import Kind
from fmnist.sketchpad.steps import Step, Steps, from_board

if TYPE_CHECKING:
    from fmnist.dashboard.draw.prediction import Prediction

CANVAS: Final = "draw-canvas"
"""Key of the component streamlit-drawable-canvas."""
BOARD: Final = "draw-board"
"""Key of the canvas of our own."""
CHOICE: Final = "draw-canvas-choice"
"""Key of the choice between the two."""
BUILT_IN: Final = "Built in"
DRAWABLE: Final = "drawable-canvas"
LABEL: Final = "draw-label"
"""Key of the field for the label of a drawing."""
KIND: Final = "draw-kind"
"""Key of the choice of what a picture is."""
TOOL: Final = "draw-tool"
"""Key of the choice of a tool."""
DEFAULT_TOOL: Final = "Pen"
_STATE: Final = "draw-state"


@dataclass(frozen=True, eq=False)
class TestImage:
    """A test image to paint on.

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
class CanvasState:
    """The drawing of this session.

    Attributes
    ----------
    steps : Steps
    sent : list of Shape
        The shapes that the canvas was last sent.
    revision : int
        Changes each time the canvas is sent shapes; begins anywhere, so that no two sessions agree.
    image : TestImage or None
        The image to paint on; None for blank paper.
    picture : uint8 (H, W, 4) or None
        An uploaded picture, shown in place of the canvas.
    saved : tuple of str and Step, or None
        The drawing saved last, with its id in the gallery.
    problem : str
        Why the last event was rejected, in a sentence.
    event_id : int
        Number of events received from the canvas.
    sheet_id : int
        Number of sheets started.
    is_fresh : bool
        Whether this session has neither heard of a drawing nor sent one. If a server was started
        again, the board still has one: it then keeps that, and tells of it.
    replaced : tuple of str and int, or None
        Stamp and position of the step that an undo or a clearing has just taken off the canvas.
    growing : Shape or None
        The stroke under way, which is no step yet.
    answered : int
        Number of the board's last message.
    answer : Prediction or None
        What was predicted last, by the first model.
    """

    steps: Steps = field(default_factory=Steps)
    sent: list[Shape] = field(default_factory=list)
    revision: int = field(default_factory=lambda: secrets.randbelow(1_000_000_000))
    image: TestImage | None = None
    picture: NDArray[np.uint8] | None = None
    saved: tuple[str, Step] | None = None
    problem: str = ""
    event_id: int = 0
    sheet_id: int = 0
    is_fresh: bool = True
    replaced: tuple[str, int] | None = None
    growing: Shape | None = None
    answered: int = 0
    answer: "Prediction | None" = None
    _raster: Raster = field(default_factory=lambda: Raster(is_paper=True))

    @property
    def shapes(self) -> list[Shape]:
        """The shapes on the canvas, with the one that is still growing."""
        shapes = self.steps.current.shapes
        return shapes if self.growing is None else [*shapes, self.growing]

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The strokes as uint8 (336, 336, 4): on paper, or on nothing if they lie over an image."""
        step = self.steps.current
        if step.picture and self.growing is None:
            return canvas.pixels(step.picture)
        return self._raster.pixels(step.shapes, self.growing)

    @property
    def saved_id(self) -> str | None:
        """Gallery id of the drawing, if it is saved as it is now."""
        if self.saved is None:
            return None
        return self.saved[0] if self.saved[1].is_same(Step(self.shapes)) else None

    @property
    def stamp(self) -> str:
        """An invisible color that the canvas is sent, and sends back with its events.

        A new color makes the canvas load the shapes it is sent. It also marks events that were
        sent before the canvas had loaded them.
        """
        return f"hsla({self.revision}, 0%, 0%, 0)"

    @property
    def is_paper(self) -> bool:
        """Whether this is a drawing on blank paper."""
        return self.image is None and self.picture is None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to classify."""
        return self.is_paper and not self.shapes

    def start_sheet(
        self,
        shapes: list[Shape],
        picture: bytes = b"",
        *,
        image: TestImage | None = None,
        saved_id: str | None = None,
    ) -> None:
        """Start a new sheet with these shapes; the steps of the old one are dropped."""
        step = Step(shapes, picture)
        self.steps = Steps([step]) if image or not shapes else Steps([Step(), step], position=1)
        self.image, self.picture, self.problem = image, None, ""
        self._raster = Raster(is_paper=image is None)
        self.saved = (saved_id, step) if saved_id else None
        self.sheet_id += 1
        self.send()

    def send(self) -> None:
        """Make the canvas show the current step."""
        self.is_fresh = False
        self.sent = self.steps.current.shapes
        self.replaced = self.growing = None
        self.revision += 1
        self.steps.awaiting_echo = True

    def move(self, by: int) -> None:
        """Undo (−1) or redo (1)."""
        replaced = (self.stamp, self.steps.position)
        self.steps.move(by)
        self.send()
        self.replaced = replaced if by < 0 else None

    def clear(self) -> None:
        """Clear the sheet, as one more step."""
        stamp = self.stamp
        self.steps.add(Step())
        self.send()
        self.replaced = (stamp, self.steps.position - 1)  # a full history has moved


def canvas_state() -> CanvasState:
    """The drawing of this session."""
    state: CanvasState = st.session_state.setdefault(_STATE, CanvasState())
    return state


def is_built_in() -> bool:
    """Whether the canvas is our own, not streamlit-drawable-canvas."""
    return st.session_state.get(CHOICE) != DRAWABLE


def start_sheet(
    shapes: list[Shape],
    picture: bytes = b"",
    *,
    image: TestImage | None = None,
    saved_id: str | None = None,
) -> None:
    """Start a new sheet, with the pen as the tool and no label."""
    canvas_state().start_sheet(shapes, picture, image=image, saved_id=saved_id)
    st.session_state[TOOL] = DEFAULT_TOOL
    st.session_state[LABEL] = None


def show_picture(picture: NDArray[np.uint8], kind: Kind = "auto") -> None:
    """Show a picture, uint8 (H, W, 4), of this kind, in place of the drawing, which is kept."""
    state = canvas_state()
    st.session_state[KIND] = kind
    state.picture = picture
    state.sheet_id += 1


def hide_picture() -> None:
    """Go back from a picture to the drawing."""
    canvas_state().picture = None


def drop_growing() -> None:
    """Forget the shape under way: the board has dropped it, and does not tell.

    It does so when another tool is chosen, and when the page is left.
    """
    canvas_state().growing = None


def adopt() -> bool:
    """Take over what drawable-canvas shows, if this session knows nothing of it.

    After a restart of the server, the browser begins a new session and brings the drawing along.
    The built-in canvas tells of it by itself.
    """
    state = canvas_state()
    event = _event()
    if state.event_id or state.sheet_id or event is None:
        return False
    try:
        step = _step(event)
    except ValueError:
        return False
    if not step.shapes:
        return False
    state.start_sheet([])
    state.steps = Steps([Step(), step], position=1)
    state.send()
    return True


def receive() -> None:
    """Take in an event of the canvas."""
    state = canvas_state()
    state.event_id += 1
    event = _event()
    if event is None:
        return
    if is_built_in():
        _receive_from_board(state, event)
        return
    stamp = event["raw"].get("overlay")
    late = state.replaced if state.replaced and state.replaced[0] == stamp else None
    if stamp != state.stamp and late is None:
        return  # the event is about shapes that have been replaced since
    try:
        step = _step(event)
    except ValueError as error:
        state.problem = str(error)
        return
    state.problem = ""
    if late:
        if state.steps.receive_late(step, late[1]):
            state.send()
        return
    state.steps.receive(step)


def _receive_from_board(state: CanvasState, event: Mapping[str, Any]) -> None:
    number = event.get("number")
    state.answered = number if isinstance(number, int) else 0
    if event.get("stamp") != state.stamp:
        return  # the event is about a sheet that has been replaced since
    state.is_fresh = False
    try:
        state.steps, state.growing = from_board(event)
    except ValueError as error:
        state.problem, state.growing = str(error), None
        return
    state.problem = ""


def _event() -> Mapping[str, Any] | None:
    """What the canvas has sent last; None before, and if it is no drawing."""
    key = BOARD if is_built_in() else CANVAS
    event = (st.session_state.get(key) or {}).get("drawing")
    if not isinstance(event, Mapping):
        return None
    return event if key == BOARD or isinstance(event.get("raw"), Mapping) else None


def _step(event: Mapping[str, Any]) -> Step:
    """The step in an event of streamlit-drawable-canvas.

    Raises
    ------
    ValueError
        If there are too many shapes or points.
    """
    return Step(canvas.sanitize_shapes(event["raw"]), canvas.from_data_url(event.get("data")))
