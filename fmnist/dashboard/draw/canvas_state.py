"""What is on the canvas of a session, and how it gets there."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.sketchpad import canvas
from fmnist.sketchpad.canvas import Shape, Step, Steps

CANVAS: Final = "draw-canvas"
"""Key of the canvas component."""
LABEL: Final = "draw-label"
"""Key of the field for the label of a drawing."""
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
    replaced : tuple of str and int, or None
        Stamp and position of the step that an undo or a clearing has just taken off the canvas.
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
    replaced: tuple[str, int] | None = None

    @property
    def saved_id(self) -> str | None:
        """Gallery id of the drawing, if it is saved as it is now."""
        return self.saved[0] if self.saved and self.saved[1].is_same(self.steps.current) else None

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
        return self.is_paper and not self.steps.current.shapes

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
        self.saved = (saved_id, step) if saved_id else None
        self.sheet_id += 1
        self.send()

    def send(self) -> None:
        """Make the canvas show the current step."""
        self.sent = self.steps.current.shapes
        self.replaced = None
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
        replaced = (self.stamp, self.steps.position)
        self.steps.add(Step())
        self.send()
        self.replaced = replaced


def canvas_state() -> CanvasState:
    """The drawing of this session."""
    state: CanvasState = st.session_state.setdefault(_STATE, CanvasState())
    return state


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


def show_picture(picture: NDArray[np.uint8]) -> None:
    """Show a picture, uint8 (H, W, 4), in place of the drawing, which is kept."""
    state = canvas_state()
    state.picture = picture
    state.sheet_id += 1


def hide_picture() -> None:
    """Go back from a picture to the drawing."""
    canvas_state().picture = None


def adopt() -> bool:
    """Take over what the canvas shows, if this session knows nothing of it.

    After a restart of the server, the browser begins a new session and brings the drawing along.
    """
    state = canvas_state()
    event: Mapping[str, Any] = st.session_state[CANVAS].get("drawing") or {}
    if state.event_id or state.sheet_id or not isinstance(event.get("raw"), Mapping):
        return False
    try:
        shapes = canvas.sanitize_shapes(event["raw"])
    except ValueError:
        return False
    if not shapes:
        return False
    state.start_sheet(shapes, canvas.from_data_url(event.get("data")))
    return True


def receive() -> None:
    """Take in an event of the canvas."""
    state = canvas_state()
    state.event_id += 1
    event: Mapping[str, Any] = st.session_state[CANVAS].get("drawing") or {}
    raw = event.get("raw")
    if not isinstance(raw, Mapping):
        return
    stamp = raw.get("overlay")
    late = state.replaced if state.replaced and state.replaced[0] == stamp else None
    if stamp != state.stamp and late is None:
        return  # the event is about shapes that have been replaced since
    try:
        step = Step(canvas.sanitize_shapes(raw), canvas.from_data_url(event.get("data")))
    except ValueError as error:
        state.problem = str(error)
        return
    state.problem = ""
    if late:
        if state.steps.receive_late(step, late[1]):
            state.send()
        return
    state.steps.receive(step)
    if state.saved_id is None:  # the label belongs to the drawing before
        st.session_state[LABEL] = None
