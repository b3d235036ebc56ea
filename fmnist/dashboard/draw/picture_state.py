"""The uploaded picture of a session, and how it is corrected."""

import base64
import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from fmnist.dashboard.draw.canvas_state import CanvasState, canvas_state
from fmnist.sketchpad import canvas
from fmnist.sketchpad.kinds import Kind
from fmnist.sketchpad.mask import Correctable, Corrected, Step, read_steps
from fmnist.sketchpad.preprocessing import Preparation, prepare

EDITOR: Final = "draw-picture"
"""Key of the component that shows the picture."""
_STATE: Final = "draw-picture-state"
_QUALITY: Final = 80  # of WebP, on screen


@dataclass(eq=False)
class PictureState:
    """An uploaded picture.

    Attributes
    ----------
    uploaded : uint8 (H, W, 4)
    correctable : Correctable
    picture_id : int
        No two pictures have the same.
    sent : list
        The corrections as the browser has sent them.
    steps : tuple of Step
        The same.
    answered : int
        Number of the browser's last message.
    is_in_browser : bool
        Whether the browser has it, and need not be sent it with each answer.
    """

    uploaded: NDArray[np.uint8]
    correctable: Correctable
    picture_id: int = field(default_factory=lambda: secrets.randbelow(1_000_000_000))
    sent: list[Any] = field(default_factory=list)
    steps: tuple[Step, ...] = ()
    answered: int = 0
    is_in_browser: bool = False
    _address: str = ""
    _corrected: tuple[object, Corrected] | None = None

    @property
    def address(self) -> str:
        """The picture as uploaded, as a data URL."""
        if not self._address:
            shown = Image.fromarray(self.uploaded)
            shown.thumbnail((2 * canvas.SIDE, 2 * canvas.SIDE))
            file = io.BytesIO()
            shown.save(file, "WEBP", quality=_QUALITY, method=0)
            self._address = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
        return self._address

    def corrected(self, kind: Kind) -> Corrected:
        """The picture and its mask, if it is of this kind; the last ones are kept."""
        wanted = self.steps, self.correctable.is_photograph(kind)
        if self._corrected is None or self._corrected[0] != wanted:
            steps, is_photo = wanted
            corrected = self.correctable.corrected(steps, is_photograph=is_photo)
            self._corrected = wanted, corrected
        return self._corrected[1]


def picture_state(state: CanvasState) -> PictureState | None:
    """The picture in place of the drawing; None if there is none."""
    if state.picture is None:
        return None
    known: PictureState | None = st.session_state.get(_STATE)
    if known is None or known.uploaded is not state.picture:
        known = PictureState(state.picture, Correctable(state.picture))
        st.session_state[_STATE] = known
    return known


def is_photograph(state: CanvasState, kind: Kind) -> bool:
    """Whether a picture is shown, and is a photograph."""
    known = picture_state(state)
    return known is not None and known.correctable.is_photograph(kind)


def model_input(state: CanvasState, preparation: Preparation) -> NDArray[np.uint8] | None:
    """The model input of the corrected picture, uint8 (28, 28); None without a picture."""
    known = picture_state(state)
    if known is None:
        return None
    corrected = known.corrected(preparation.kind)
    is_photo = known.correctable.is_photograph(preparation.kind)
    as_told = replace(preparation, kind="photograph" if is_photo else "drawing")
    return prepare(corrected.picture, as_told, corrected.mask)


def corrections(state: CanvasState) -> list[Any]:
    """The corrections of the picture, as `correct` takes them."""
    known = picture_state(state)
    return known.sent if known else []


def correct(state: CanvasState, sent: list[Any]) -> None:
    """Correct a picture that has just been shown.

    Raises
    ------
    ValueError
        If these are no corrections.
    """
    known = picture_state(state)
    if known is not None:
        known.steps, known.sent = read_steps(sent), sent


def why_blank(state: CanvasState, preparation: Preparation) -> tuple[str, str]:
    """Headline and note for a picture that gives a blank model input: what to do about it."""
    known = picture_state(state)
    assert known is not None
    if canvas.is_blank(known.uploaded):
        return "Blank image", "The picture has only one color. Choose another one."
    is_photo = known.correctable.is_photograph(preparation.kind)
    if known.steps:
        return "Nothing is left", "Your corrections leave nothing of the picture. Undo, or reset."
    if is_photo:
        return (
            "No garment found",
            "Nothing stands out from the ground. Below the picture, choose Adjust: draw a box, or "
            "keep the whole picture.",
        )
    return (
        "No lines found",
        "Nothing stands out from the paper. Is it a photograph? Choose so under Preprocessing.",
    )


def receive() -> None:
    """Take in the corrections that the browser sends."""
    state = canvas_state()
    known = picture_state(state)
    sent: Mapping[str, Any] = st.session_state[EDITOR].get("corrections") or {}
    if known is None or sent.get("picture") != known.picture_id:
        return  # of the picture before
    state.event_id += 1
    known.is_in_browser = True
    try:
        steps = read_steps(sent.get("steps"))
    except ValueError as error:
        state.problem = str(error)
        return
    state.problem = ""
    known.sent, known.steps = sent["steps"], steps
    number = sent.get("number")
    known.answered = number if isinstance(number, int) else 0


def send_again() -> None:
    """Send the picture to a browser that has lost it, as it does when the page changes."""
    known = picture_state(canvas_state())
    if known is not None:
        known.is_in_browser = False
