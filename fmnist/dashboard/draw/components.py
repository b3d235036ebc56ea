"""Components of the Draw page that change in place while somebody draws, without flicker."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fmnist.dashboard.components.clickable import register

_PREDICTION: Final = register(
    "prediction",
    '<div class="prediction"><div class="model"></div><div class="headline" role="status"></div>'
    '<div class="note"></div><div class="bars" role="img"></div></div>',
)
_MODEL_INPUT: Final = register(
    "model_input",
    '<div class="model-input"><canvas role="img"></canvas><div class="caption"></div></div>',
)
_STROKE_GUARD: Final = register("stroke_guard", "")
_ICONS: Final = {
    "undo": "M280-200v-80h284q63 0 109.5-40T720-420q0-60-46.5-100T564-560H312l104 104-56 56-200"
    "-200 200-200 56 56-104 104h252q97 0 166.5 63T800-420q0 94-69.5 157T564-200H280Z",
    "redo": "M396-200q-97 0-166.5-63T160-420q0-94 69.5-157T396-640h252L544-744l56-56 200 200-200 "
    "200-56-56 104-104H396q-63 0-109.5 40T240-420q0 60 46.5 100T396-280h284v80H396Z",
    "clear": "M280-120q-33 0-56.5-23.5T200-200v-520h-40v-80h200v-40h240v40h200v80h-40v520q0 33-"
    "23.5 56.5T680-120H280Zm400-600H280v520h400v-520ZM360-280h80v-360h-80v360Zm160 0h80v-360h-80"
    "v360ZM280-720v520-520Z",
}
"""Outlines of Google's Material Symbols (Apache License 2.0): undo, redo, delete."""


def _step_button(name: str) -> str:
    icon = f'<svg viewBox="0 -960 960 960" aria-hidden="true"><path d="{_ICONS[name]}"/></svg>'
    return f'<button type="button" class="{name}" disabled>{icon}{name.capitalize()}</button>'


_BOARD: Final = register(
    "board",
    '<div class="board"><div class="stage"><img alt="" hidden><canvas class="ink"></canvas>'
    '<canvas class="top" role="img" tabindex="0"></canvas></div><div class="steps" role="toolbar" '
    f'aria-label="Steps">{"".join(map(_step_button, _ICONS))}</div></div>',
)


def stroke_guard() -> None:
    """Hold clicks on the sheet's buttons back until the canvas has sent its last stroke."""
    _STROKE_GUARD(key="draw-stroke-guard", height=1)


def board(
    data: Mapping[str, Any],
    *,
    key: str,
    on_drawing: Callable[[], None],
    on_refresh: Callable[[], None],
) -> None:
    """A canvas that sends what is drawn on it, while it is drawn.

    It sends `drawing`: what `fmnist.sketchpad.steps.as_board` returns, growing (the stroke under
    way, or null), stamp (that of the sheet) and number (of the message).

    Parameters
    ----------
    data : mapping
        stamp (a text: when it changes, the board shows the sheet it is sent); fresh (whether a
        board that has been drawn on keeps its drawing then, and sends it); shapes, steps and
        position (the sheet, as `fmnist.sketchpad.steps.as_board` returns it); side (in its own
        pixels); image (a data URL, below the strokes; empty for paper); tool (freedraw, line,
        circle, rect or polygon); pen and rubber (color and width); label (for screen readers);
        answered (number of the last message taken in); refresh (whether to call `on_refresh`).
    key : str
    on_drawing : callable
        Called when a drawing has come, before the rerun.
    on_refresh : callable
        Called once the answer to the last drawing is shown, if the data ask for it.
    """
    _BOARD(key=key, data=data, on_drawing_change=on_drawing, on_refresh_change=on_refresh)


def prediction(data: Mapping[str, Any], *, key: str) -> None:
    """A sentence, and a bar for each class.

    Parameters
    ----------
    data : mapping
        headline, note, model and alt (texts); tone (its style: none, guessing, rejected, changed,
        sure); event, growing and tool (what tests wait for: its number, whether its stroke is
        still growing, a name); sheet (a number: when it
        changes, the prediction is scrolled into view); rows, one per class: name, color,
        probability and before (in [0, 1]; before may be None), text, change, first.
    key : str
    """
    _PREDICTION(key=key, data=data)


def model_input(data: Mapping[str, Any], *, key: str) -> None:
    """A small image, enlarged.

    Parameters
    ----------
    data : mapping
        pixels (uint8 in base64, row by row: gray, or red, green, blue and opacity), width (on
        screen, in pixels), caption, alt; optional: colored (whether pixels have four values),
        columns (pixels of a row; by default the image is square), event and growing (as
        for `prediction`).
    key : str
    """
    _MODEL_INPUT(key=key, data=data)
