"""Parts of the Draw page that are changed in place while somebody draws, without flicker."""

from collections.abc import Mapping
from typing import Any, Final

from fmnist.dashboard.components.clickable import register

_ANSWER: Final = register(
    "answer",
    '<div class="answer"><div class="model"></div><div class="headline" role="status"></div>'
    '<div class="note"></div><div class="bars" role="img"></div></div>',
)
_EYE: Final = register(
    "eye", '<div class="eye"><canvas role="img"></canvas><div class="words"></div></div>'
)


def answer(data: Mapping[str, Any], *, key: str) -> None:
    """A sentence and a bar a class.

    Parameters
    ----------
    data : mapping
        headline, note, model and alt (texts); tone (how it is shown: none, guessing, refused,
        flipped, sure); step and tool (a number and a word for those who
        wait for them); sheet (a number that grows with
        every new sheet: it is then brought into view); rows, a class each: name,
        color, share and before (in [0, 1], before may be None), text, change, first.
    key : str
    """
    _ANSWER(key=key, data=data)


def eye(data: Mapping[str, Any], *, key: str) -> None:
    """A small gray image, enlarged.

    Parameters
    ----------
    data : mapping
        pixels (uint8 of a square image, in base64), width (on screen, pixels), words, alt.
    key : str
    """
    _EYE(key=key, data=data)
