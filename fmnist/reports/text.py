"""How numbers and tables are written for people: one function for each."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from fmnist.runs.run import COMPILED

UNKNOWN: Final = "–"
"""Stands for a number that is missing."""


def percent(fraction: float | None, digits: int = 2) -> str:
    """Write a fraction as a percentage: 0.9273 is "92.73%".

    Parameters
    ----------
    fraction : float or None
        None and NaN are written as "–".
    digits : int
        Number of decimals.
    """
    if fraction is None or math.isnan(fraction):
        return UNKNOWN
    return f"{fraction:.{digits}%}"


def percent_range(low: float, high: float) -> str:
    """An interval of fractions in percent: "42.7–62.4%"."""
    return f"{100 * low:.1f}–{percent(high, 1)}"


def short_percent(fraction: float) -> str:
    """Write a fraction as a percentage without superfluous zeros: 0.55 is "55%", 0.125 "12.5%"."""
    return f"{100 * fraction:.4f}".rstrip("0").rstrip(".") + "%"


def points(fraction: float, digits: int = 2) -> str:
    """Write a difference of two fractions: 0.0123 is "1.23 points"."""
    return f"{100 * fraction:.{digits}f} points"


def counted(count: int, noun: str) -> str:
    """Write a number of things: "1 image", "5,000 images", "2 test images".

    Parameters
    ----------
    count : int
    noun : str
        In the singular; its plural ends in "s".
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def p_value(p: float, level: float) -> str:
    """Write a p-value: "p = 0.0286", "p < 0.0001".

    Parameters
    ----------
    p : float
        In [0, 1].
    level : float
        The level of the test. A p-value below it is given as many digits as it takes to look so.
    """
    return "p < 0.0001" if p < 0.0001 else f"p = {_on_its_side(p, level, 4, 'f')}"


def share_of_cases(p: float, level: float) -> str:
    """Write a p-value as a share: "2.9% of cases"; as many digits as `p_value` has."""
    if p < 0.0001:
        return "fewer than 0.01% of cases"
    if p >= 0.995:
        return "all cases" if p == 1 else "nearly all cases"
    return f"{_on_its_side(100 * p, 100 * level, 2, 'g')}% of cases"


def _on_its_side(value: float, level: float, digits: int, style: str) -> str:
    """Round a number, but not across a level."""
    text = f"{value:.{digits}{style}}"
    while (float(text) < level) != (value < level):
        digits += 1
        text = f"{value:.{digits}{style}}"
    return text


def duration(seconds: float | None) -> str:
    """Write a duration: "42 s", "3 min 05 s" or "1 h 32 min".

    Parameters
    ----------
    seconds : float or None
        Rounded to seconds, from one hour on cut to minutes. None is written as "–".
    """
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def trained_on(environment: Mapping[str, str], *, is_active: bool = False) -> str:
    """What a run is trained on, as it tells; empty where it does not.

    Parameters
    ----------
    environment : mapping
        `fmnist.runs.run.Run.environment`.
    is_active : bool
        Whether it trains now.
    """
    device, threads = environment.get("device"), environment.get("threads", "")
    if not device:
        return ""
    if device == "cpu":
        device = f"the processor ({threads} thread{'s' * (threads != '1')})"
    processes = environment.get("processes")
    where = f"{processes} processes, each on {device}" if processes else device
    what = f"on {where}, in {environment.get('precision', 'float32')}"
    compiled = environment.get("compiled")
    if compiled == COMPILED:
        what += f", compiled with {COMPILED}"
    words = f"{'Trains' if is_active else 'Trained'} {what}."
    return words if compiled in (None, COMPILED) else f"{words} Not compiled: {compiled}."


def markdown_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], aligned: str | None = None
) -> str:
    """Write a Markdown table, without a line break at its end.

    Parameters
    ----------
    titles : sequence of str
        One per column.
    rows : sequence of sequence of str
        Cells in Markdown; a `|` or a line break in a cell does not break the table.
    aligned : str, optional
        A letter per column, "l" for left and "r" for right. By default the first column and
        columns of words are aligned left, columns of numbers right.

    Raises
    ------
    ValueError
        If a row, or `aligned`, has not one item per column.
    """
    if any(len(row) != len(titles) for row in (aligned or titles, *rows)):
        raise ValueError(f"Each row needs {len(titles)} cells, one per title.")
    if aligned is None:
        columns = [[row[i] for row in rows] for i in range(1, len(titles))]
        aligned = "l" + "".join("r" if all(map(is_number, column)) else "l" for column in columns)
    rule = ["--:" if side == "r" else ":--" for side in aligned]
    cells = [[_one_cell(cell) for cell in row] for row in (titles, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:]))


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, be it with a sign or in bold, or stands for one."""
    return cell in {"", UNKNOWN} or cell.lstrip("*+-−± ")[:1].isdigit()


def _one_cell(text: str) -> str:
    return " ".join(text.replace("\\|", "|").replace("|", "\\|").split("\n"))
