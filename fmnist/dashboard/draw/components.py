"""Components of the Draw page that change in place while somebody draws, without flicker."""

from collections.abc import Mapping
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


def stroke_guard() -> None:
    """Hold clicks on the sheet's buttons back until the canvas has sent its last stroke."""
    _STROKE_GUARD(key="draw-stroke-guard", height=1)


def prediction(data: Mapping[str, Any], *, key: str) -> None:
    """A sentence, and a bar for each class.

    Parameters
    ----------
    data : mapping
        headline, note, model and alt (texts); tone (its style: none, guessing, rejected, changed,
        sure); event and tool (a number and a name that tests wait for); sheet (a number: when it
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
        columns (pixels of a row; by default the image is square), event (a number that tests wait
        for).
    key : str
    """
    _MODEL_INPUT(key=key, data=data)
