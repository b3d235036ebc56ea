"""Text from outside (names, reasons, addresses, file names) as one plain line; numbers in text."""

import re
from typing import Final

NAME_LENGTH: Final = 80
"""Characters of a name."""
SENTENCE_LENGTH: Final = 500
"""Characters of a sentence that quotes text from outside, such as the reason of a failure."""
_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# control characters, invisible ones, marks that turn the direction of writing, and halves of
# characters, which cannot be encoded
_UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)

# Streamlit looks for addresses, icons and arrows once more after the backslashes are gone. Only a
# joiner within them hides them; it is seen as nothing, and no place to break a line.
_JOINED: Final = re.compile(
    r"""
    https?(?=://) | www(?=\.)          # an address
    | [-.\w+](?=@[-\w])                # an e-mail address
    | :(?=[\w+-]+:|material/)          # an icon
    | (?<!\S)[-<>~](?=->|[-=>](?!\S))  # an arrow, or a sign as >=
    | ^\d{1,9}(?=[.)](?!\S))           # a numbered list
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ESCAPED: Final = re.compile(
    r"""
    [\\`*\[\]<>$~|\#&]
    | (?<![^\W_])_ | _(?![^\W_])       # within a word, an underscore is one
    | :(?=[^\W\d]|:)                   # a directive, as :red[text]
    | ^[-+=]                           # a list, or a line below a heading
    """,
    re.VERBOSE,
)


def one_line(text: str, limit: int = SENTENCE_LENGTH) -> str:
    """Text without line breaks and characters that cannot be seen, cut off at a length.

    Parameters
    ----------
    text : str
    limit : int
        The longest result; a longer text ends with "…".
    """
    line = " ".join(_UNSEEN.sub(" ", text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def quoted(text: str) -> str:
    """The beginning of a cell or of a part of an address, in quotes."""
    return repr(one_line(text, 40))


def plain(text: str, limit: int = SENTENCE_LENGTH) -> str:
    r"""Text from outside as Markdown that shows exactly this text: "*x*" is `\*x\*`.

    Every text that this program did not write passes here before Streamlit renders it: in
    sentences, headings, captions, help, labels of buttons, progress bars and toasts. Options of
    select boxes, tables, charts and components are no Markdown.

    Parameters
    ----------
    text : str
        Its line breaks become spaces.
    limit : int
        The longest text, before it is escaped; a longer one ends with "…".
    """
    line = _JOINED.sub("\\g<0>\u2060", one_line(text, limit))
    return _ESCAPED.sub(r"\\\g<0>", line)


def number(value: float, digits: int = 3) -> str:
    """Write a number for people: "0.0123", "12,346", "−2.5 × 10⁻⁵".

    Parameters
    ----------
    value : float
    digits : int
        Significant digits; all digits before the point are written up to a million.
    """
    text = f"{value:.{digits}g}"
    factor, _, power = text.partition("e")
    if power and 0 < int(power) < 6:
        text = f"{value:,.0f}"
    elif power:
        text = f"{factor} × 10{str(int(power)).translate(_RAISED)}"
    return text.replace("-", "−")
