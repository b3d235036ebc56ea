"""Verdicts on labels as CSV files."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist import csv
from fmnist.data.labels import CLASS_NAMES
from fmnist.errors import reason
from fmnist.evaluation.label_verdicts import LabelVerdict, LabelVerdictError, checked
from fmnist.text import quoted

_COLUMNS: Final = (
    "dataset", "index", "given_class", "verdict", "class", "reviewer", "time",
)  # fmt: skip


def write(dataset: str, verdicts: Iterable[LabelVerdict]) -> str:
    """Verdicts as CSV, for `parse`."""
    return csv.write_table(_COLUMNS, (_to_row(dataset, verdict) for verdict in verdicts))


def _to_row(dataset: str, verdict: LabelVerdict) -> dict[str, object]:
    return {
        "dataset": dataset,
        "index": verdict.image,
        "given_class": CLASS_NAMES[verdict.given_label],
        "verdict": verdict.action,
        "class": None if verdict.label is None else CLASS_NAMES[verdict.label],
        "reviewer": verdict.reviewer,
        "time": datetime.datetime.fromtimestamp(verdict.time, datetime.UTC).isoformat(),
    }


def parse(
    text: str, labels: Mapping[str, NDArray[np.integer]] | None = None
) -> list[tuple[str, LabelVerdict]]:
    """Read verdicts that `write` wrote, each with its data set.

    Parameters
    ----------
    text : str
    labels : mapping of str to int (N,), optional
        Labels of the training images, of the data sets whose labels are known.

    Raises
    ------
    LabelVerdictError
        If a line cannot be read; it says which, and why.
    """
    found = []
    try:
        for number, row in csv.read_table(text, _COLUMNS):
            try:
                verdict = _parse_row(row)
                _check_given((labels or {}).get(row["dataset"]), verdict)
                found.append((row["dataset"], verdict))
            except (ValueError, LabelVerdictError) as error:
                why = reason(error) if isinstance(error, ValueError) else str(error)
                raise ValueError(f"Line {number} of the file: {why.rstrip('.')}.") from error
    except ValueError as error:
        raise LabelVerdictError(f"{error} Export verdicts to see the format.") from error
    return found


def _check_given(labels: NDArray[np.integer] | None, verdict: LabelVerdict) -> None:
    """Refuse a verdict on another label than the image has: what it asks for would mean nothing."""
    if labels is None or verdict.image >= len(labels):
        return
    label = int(labels[verdict.image])
    if label != verdict.given_label:
        raise ValueError(
            f"training image {verdict.image} is labeled {CLASS_NAMES[label]}, "
            f"not {CLASS_NAMES[verdict.given_label]}"
        )


def _parse_row(cells: Mapping[str, str]) -> LabelVerdict:
    digits = cells["index"]
    if not (digits.isdecimal() and len(digits) < 20):
        raise ValueError(f"the index {quoted(digits)} is not the index of an image")
    label = _label(cells["class"]) if cells["class"] else None
    try:
        moment = datetime.datetime.fromisoformat(cells["time"]).timestamp()
    except (ValueError, OverflowError, OSError) as error:  # the last two before 1970, by system
        raise ValueError(f"the time {quoted(cells['time'])} cannot be read") from error
    verdict = LabelVerdict(
        int(digits), _label(cells["given_class"]), label, cells["reviewer"], moment
    )
    if verdict.action != cells["verdict"]:
        raise ValueError(f"the verdict {quoted(cells['verdict'])} does not fit its class")
    return checked(cells["dataset"], verdict)


def _label(name: str) -> int:
    if name not in CLASS_NAMES:
        raise ValueError(f"there is no class {quoted(name)}")
    return CLASS_NAMES.index(name)
