"""Verdicts as CSV files."""

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from fmnist import csv
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import RENAMED_DATASETS
from fmnist.errors import reason
from fmnist.evaluation.verdicts import (
    PART_SIZES,
    VERDICTS,
    Verdict,
    VerdictError,
    checked,
    checked_note,
)  # fmt: skip
from fmnist.text import quoted

_COLUMNS: Final = (
    "dataset", "part", "index", "true_class", "predicted_class", "verdict", "note", "time", "run",
)  # fmt: skip
_PROGRESS_LINES: Final = 500


def write(verdicts: Iterable[Verdict]) -> str:
    """Verdicts as CSV, for `parse`."""
    return csv.write_table(_COLUMNS, map(_to_row, verdicts))


def _to_row(verdict: Verdict) -> dict[str, object]:
    """A row of an exported file."""
    predicted = verdict.predicted_label
    return vars(verdict.image) | {
        "true_class": CLASS_NAMES[verdict.true_label],
        "predicted_class": None if predicted is None else CLASS_NAMES[predicted],
        "verdict": verdict.verdict,
        "note": verdict.note,
        "time": datetime.datetime.fromtimestamp(verdict.time, datetime.UTC).isoformat(),
        "run": verdict.run,
    }


def parse(text: str, progress: Callable[[int, int], None] | None = None) -> list[Verdict]:
    """Read verdicts that `write` wrote.

    Parameters
    ----------
    text : str
        The file; a spreadsheet may have changed its separators.
    progress : callable, optional
        Called now and then with (lines read, lines in all).

    Raises
    ------
    VerdictError
        If a line cannot be read; it says which, and why.
    """
    verdicts: list[Verdict] = []
    lines = max(1, text.count("\n"))
    try:
        for number, row in csv.read_table(text, _COLUMNS):
            try:
                verdicts.append(_parse_row(row))
            except ValueError as error:
                raise ValueError(f"Line {number} of the file: {reason(error)}.") from error
            if progress and len(verdicts) % _PROGRESS_LINES == 0:
                progress(min(number, lines), lines)
    except ValueError as error:
        raise VerdictError(f"{error} Export verdicts to see the format.") from error
    return verdicts


def _parse_row(cells: Mapping[str, str]) -> Verdict:
    part, note = cells["part"], cells["note"]
    if part not in PART_SIZES:
        raise ValueError(f"the part {quoted(part)} is neither 'train' nor 'test'.")
    digits = cells["index"]
    index = int(digits) if digits.isdecimal() and len(digits) < 20 else -1
    if not 0 <= index < PART_SIZES[part]:
        raise ValueError(f"the index {quoted(digits)} is not the index of an image of {part!r}.")
    if cells["verdict"] not in VERDICTS:
        raise ValueError(f"there is no verdict {quoted(cells['verdict'])}.")
    try:
        note = checked_note(note)
    except VerdictError as error:
        raise ValueError("the note is too long.") from error
    try:
        moment = datetime.datetime.fromisoformat(cells["time"]).timestamp()
    except (ValueError, OverflowError, OSError) as error:  # the last two before 1970, by system
        raise ValueError(f"the time {quoted(cells['time'])} cannot be read.") from error
    # what is accepted here, `export_csv` can write
    return checked({
        "dataset": RENAMED_DATASETS.get(cells["dataset"], cells["dataset"]),
        "part": part,
        "image": index,
        "verdict": cells["verdict"],
        "note": note,
        "time": moment,
        "true_label": _label(cells["true_class"]),
        "predicted_label": _label(cells["predicted_class"]) if cells["predicted_class"] else None,
        "run": cells["run"],
    })  # fmt: skip


def _label(name: str) -> int:
    if name not in CLASS_NAMES:
        raise ValueError(f"there is no class {quoted(name)}.")
    return CLASS_NAMES.index(name)
