"""Which uploaded picture is in the gallery already: as it is shown, and as it is prepared."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard.draw.canvas_state import CanvasState

_SAVED: Final = "draw-saved-picture"
_SUBJECT: Final = "draw-saved-subject"


@dataclass
class SavedPicture:
    """The picture that was saved or opened last.

    Attributes
    ----------
    sheet_id : int
        Of the canvas's state when it was shown.
    drawing_id : str
        Name in the gallery.
    model_input : uint8 (28, 28) or None
        As it was saved; None until an opened one has been prepared again.
    """

    sheet_id: int
    drawing_id: str
    model_input: NDArray[np.uint8] | None


def remember(state: CanvasState, drawing_id: str, model_input: NDArray[np.uint8] | None) -> None:
    """The picture that is shown is in the gallery under this name."""
    st.session_state[_SAVED] = SavedPicture(state.sheet_id, drawing_id, model_input)
    st.session_state[_SUBJECT] = _subject(state)


def saved_id(state: CanvasState, model_input: NDArray[np.uint8]) -> str | None:
    """Gallery id of the picture that is shown, if it is saved with this model input."""
    saved: SavedPicture | None = st.session_state.get(_SAVED)
    if saved is None or saved.sheet_id != state.sheet_id:
        return None
    if saved.model_input is None:
        saved.model_input = model_input
    return saved.drawing_id if np.array_equal(saved.model_input, model_input) else None


def forget(drawing_ids: Collection[str]) -> SavedPicture | None:
    """Pictures of these names were deleted; what was known of one of them, for `bring_back`."""
    saved: SavedPicture | None = st.session_state.get(_SAVED)
    if saved is None or saved.drawing_id not in drawing_ids:
        return None
    del st.session_state[_SAVED]
    return saved


def bring_back(saved: SavedPicture | None) -> None:
    """The picture is in the gallery again, unless another has taken its place."""
    if saved is not None:
        st.session_state.setdefault(_SAVED, saved)


def is_new(state: CanvasState) -> bool:
    """Whether another picture is shown than when this was last asked, or none any more."""
    before, now = st.session_state.get(_SUBJECT), _subject(state)
    st.session_state[_SUBJECT] = now
    # a new sheet of paper empties the label itself
    return before != now and (state.picture is not None or before == (state.sheet_id, True))


def _subject(state: CanvasState) -> tuple[int, bool]:
    return state.sheet_id, state.picture is not None
