"""The uploaded picture on the Draw page: its ground faded, and the tools that correct it."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.dashboard.components.clickable import encoded, register
from fmnist.dashboard.draw.canvas_state import CanvasState
from fmnist.dashboard.draw.picture_state import EDITOR, picture_state, receive, send_again
from fmnist.dashboard.draw.preparation import preparation
from fmnist.sketchpad import canvas
from fmnist.sketchpad.mask import MAX_STEPS

_EDITOR: Final = register(
    "picture",
    '<div class="picture"><div class="title"><div class="name">Your picture</div>'
    '<div class="answer"></div></div>'
    '<canvas class="stage" role="img" aria-describedby="hint keys"></canvas>'
    '<div class="bar"><span class="told"></span>'
    '<button type="button" class="open" aria-expanded="false" aria-controls="tools">Adjust</button>'
    '</div><div class="tools" id="tools" role="group" aria-label="Adjust the picture" hidden>'
    '<fieldset><legend>Tool</legend><label><input type="radio" name="tool" value="box" checked>'
    '<span>Box</span></label><label><input type="radio" name="tool" value="keep"><span>Keep</span>'
    '</label><label><input type="radio" name="tool" value="remove"><span>Remove</span></label>'
    '</fieldset><label class="brush">Brush <input type="range" min="2" max="30" value="8"></label>'
    '<div class="hint" id="hint" role="status"></div><div class="keys" id="keys"></div>'
    '<div class="steps">'
    '<button type="button" class="whole" aria-label="Keep the whole picture">Whole picture</button>'
    '<button type="button" class="turn" aria-label="Rotate by 90°">Rotate</button>'
    '<button type="button" class="undo">Undo</button>'
    '<button type="button" class="reset">Reset</button></div></div></div>',
)


def show(
    state: CanvasState, on_refresh: Callable[[], None], *, is_stale: bool, answer: str
) -> None:
    """The picture in place of the drawing.

    Parameters
    ----------
    state : CanvasState
    on_refresh : callable
        Called after what is shown now, if something else is stale.
    is_stale : bool
    answer : str
        What is predicted, shown above the picture on a small screen.
    """
    known = picture_state(state)
    if known is None:
        return
    kind = preparation().kind
    is_photo = known.correctable.is_photograph(kind)
    mask = known.corrected(kind).mask
    if max(mask.shape) > canvas.SIDE:
        mask = mask[::2, ::2]  # fine enough for the screen
    _EDITOR(
        key=EDITOR,
        data={
            "picture": known.picture_id,
            "image": "" if known.is_in_browser else known.address,
            "side": canvas.SIDE,
            "mask": encoded(np.packbits(mask)),
            "shape": mask.shape,
            "steps": tuple(known.sent),
            "most": MAX_STEPS,
            "answered": known.answered,
            "told": f"{'Photograph' if is_photo else 'Drawing'}: {_told(mask)}.",
            "label": "The uploaded picture",
            "answer": answer,
            "refresh": is_stale,
        },
        on_corrections_change=receive,
        on_refresh_change=on_refresh,
        on_lost_change=send_again,
    )


def _told(mask: NDArray[np.bool_]) -> str:
    if mask.all():
        return "all of it counts"
    return "what is faded is left out" if mask.any() else "all of it is left out"
