"""Slices that people have given a name, in a SQLite database, and what runs achieve on them."""

import json
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.image_properties import PROPERTIES
from fmnist.data.splits import SplitName
from fmnist.errors import ToldError, reason
from fmnist.evaluation.database import Database
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.significance import Correctness, mcnemar
from fmnist.evaluation.slices import Slice, wilson
from fmnist.files import parse_json
from fmnist.text import NAME_LENGTH, one_line, quoted

MOST_SLICES: Final = 1000
_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS slices (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        name VARCHAR NOT NULL,
        slice VARCHAR NOT NULL, -- JSON, as in an exported file
        time FLOAT NOT NULL,
        deleted BOOLEAN NOT NULL DEFAULT FALSE
    )
"""


class SliceError(ToldError):
    """A slice cannot be kept or read; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class NamedSlice:
    """A slice that somebody has given a name.

    Attributes
    ----------
    name : str
        At most 80 characters, on one line.
    dataset : str
        Name of the data set.
    slice : Slice or ImageSet
        A rule, which marks images of the test split; or images of a split, chosen one by one.
    slice_id : int
        0 before it is kept.
    """

    name: str
    dataset: str
    slice: Slice | ImageSet
    slice_id: int = 0

    @property
    def split(self) -> SplitName:
        """Name of the split that it is measured on."""
        return "test" if isinstance(self.slice, Slice) else self.slice.split

    @property
    def description(self) -> str:
        """What it consists of: "Rule: Shirt, dark" or "Chosen images"."""
        return f"Rule: {self.slice.title}" if isinstance(self.slice, Slice) else "Chosen images"

    def mask(
        self,
        labels: NDArray[np.integer],
        indices: NDArray[np.integer],
        values: Mapping[str, NDArray[np.floating]] | None,
    ) -> NDArray[np.bool_] | None:
        """Mark its images among those of an evaluation of its split.

        Parameters
        ----------
        labels, indices : int (N,)
            As in `Evaluation`.
        values : mapping of str to float (N,), or None
            Properties of these images; None where their pixels are not on this machine.

        Returns
        -------
        bool (N,) or None
            None where some of its images are absent, or its rule cannot be applied.
        """
        if isinstance(self.slice, Slice):
            return None if values is None else self.slice.mask(labels, values)
        mask: NDArray[np.bool_] = np.isin(indices, self.slice.indices)
        return mask if int(mask.sum()) == len(self.slice) else None

    def to_json(self) -> dict[str, Any]:
        """As in an exported file; infinite ends of a rule are absent (None)."""
        found = self.slice
        if isinstance(found, Slice):
            low, high = (value if np.isfinite(value) else None for value in (found.low, found.high))
            contents = {
                "kind": "rule", "class": found.label, "property": found.measure, "low": low,
                "high": high,
            }  # fmt: skip
        else:
            contents = {
                "kind": "images", "split": found.split, "images": found.indices.tolist(),
            }  # fmt: skip
        return {"name": self.name, "dataset": self.dataset, "slice": contents}

    @classmethod
    def from_json(cls, values: object, slice_id: int = 0) -> "NamedSlice":
        """Read what `to_json` returned.

        Raises
        ------
        ValueError
            If it is anything else.
        """
        from fmnist.evaluation.slice_documents import SliceDocument

        return SliceDocument.parse(values).named(slice_id)


@dataclass(frozen=True)
class Imported:
    """Numbers of slices that an import added, added under another name, or found unchanged."""

    added: int
    renamed: int
    unchanged: int


class SliceStore:
    """The database; safe for several threads, sessions and processes.

    Parameters
    ----------
    path : Path
        Made where it is absent.

    Raises
    ------
    SliceError
        By all methods: if the database cannot be read or written, or has no such slice.
    """

    def __init__(self, path: Path) -> None:
        self._transaction = Database(
            path, "named slices", _SCHEMA, _SCHEMA_VERSION, SliceError
        ).transaction

    def all(self, dataset: str | None = None) -> tuple[list[NamedSlice], str]:
        """The slices by name, and a sentence on those that are damaged; empty if none is."""
        with self._transaction(writes=False) as connection:
            found, damaged = _all(connection)
        if dataset is not None:
            found = [each for each in found if each.dataset == dataset]
        several = len(damaged) > 1
        names = ", ".join(quoted(name) for _, name in damaged)
        problem = f"Damaged and left out: {names}. " if damaged else ""
        return found, problem and (
            f"{problem}Name the slice{'s' if several else ''} again, or import your last export."
        )

    def add(self, named: NamedSlice) -> int:
        """Keep a slice; returns its id."""
        name = _checked(named.name)
        with self._transaction() as connection:
            _drop_damaged(connection, {name})
            _check_free(connection, name)
            if len(_all(connection)[0]) >= MOST_SLICES:
                raise SliceError(f"There are {MOST_SLICES:,} slices; delete some first.")
            return _insert(connection, named, name)

    def rename(self, slice_id: int, name: str) -> None:
        """Give a slice another name."""
        name = _checked(name)
        with self._transaction() as connection:
            _check_free(connection, name, but=slice_id)
            _update(connection, "name = ?", slice_id, name)

    def delete(self, slice_id: int) -> None:
        """Delete a slice; `restore` brings it back."""
        with self._transaction() as connection:
            _update(connection, "deleted = ?", slice_id, True)

    def restore(self, slice_id: int) -> None:
        """Undo a deletion."""
        with self._transaction() as connection:
            row = connection.execute("SELECT name FROM slices WHERE id = ?", (slice_id,)).fetchone()
            if row is not None:
                _check_free(connection, row["name"], but=slice_id)
            _update(connection, "deleted = ?", slice_id, False)

    def export_json(self, dataset: str | None = None) -> str:
        """The slices as JSON, for `import_json`."""
        found, _ = self.all(dataset)
        lines = ",\n".join(json.dumps(each.to_json()) for each in found)
        return f'{{"format": "fmnist slices", "version": 1, "slices": [\n{lines}\n]}}\n'

    def import_json(self, text: str) -> Imported:
        """Import slices that `export_json` wrote: all of them, or none.

        One that is there already, under the same name, stays. One whose name another slice has
        gets a number after its name.
        """
        try:
            from fmnist.evaluation.slice_documents import SlicesDocument

            news = [each.named() for each in SlicesDocument.parse(parse_json(text)).slices]
        except (ValueError, RecursionError) as error:
            raise SliceError(
                f"This is no file of slices ({reason(error)}); export slices to see the format."
            ) from error
        added = renamed = 0
        with self._transaction() as connection:
            _drop_damaged(connection, {each.name for each in news})
            known = {each.name: each for each in _all(connection)[0]}
            if len(known) + len(news) > MOST_SLICES:
                raise SliceError(f"There would be more than {MOST_SLICES:,} slices.")
            for each in news:
                same = known.get(each.name)
                if same and (same.dataset, same.slice) == (each.dataset, each.slice):
                    continue
                name = _free_name(each.name, known)
                known[name] = each
                _insert(connection, each, name)
                added, renamed = added + 1, renamed + (name != each.name)
        return Imported(added, renamed, len(news) - added)


def _all(connection: sqlite3.Connection) -> tuple[list[NamedSlice], list[tuple[int, str]]]:
    """The slices that are not deleted, by name; ids and names of the damaged ones."""
    found, damaged = [], []
    query = "SELECT id, name, slice FROM slices WHERE NOT deleted ORDER BY name COLLATE NOCASE, id"
    for row in connection.execute(query):
        try:
            values = {**json.loads(row["slice"]), "name": row["name"]}
            found.append(NamedSlice.from_json(values, row["id"]))
        except (ValueError, TypeError, RecursionError):
            damaged.append((row["id"], str(row["name"])))
    return found, damaged


def _drop_damaged(connection: sqlite3.Connection, names: Collection[str]) -> None:
    """Delete damaged slices of these names, which are given anew."""
    _, damaged = _all(connection)
    for slice_id, name in damaged:
        if one_line(name, NAME_LENGTH) in names:
            _update(connection, "deleted = ?", slice_id, True)


def _insert(connection: sqlite3.Connection, named: NamedSlice, name: str) -> int:
    contents = {key: value for key, value in named.to_json().items() if key != "name"}
    made = connection.execute(
        "INSERT INTO slices (name, slice, time) VALUES (?, ?, ?)",
        (name, json.dumps(contents), time.time()),
    ).lastrowid
    assert made is not None
    return made


def _update(connection: sqlite3.Connection, change: str, slice_id: int, value: object) -> None:
    changed = connection.execute(f"UPDATE slices SET {change} WHERE id = ?", (value, slice_id))
    if not changed.rowcount:
        raise SliceError("The slice is gone; load the page again.")


def _check_free(connection: sqlite3.Connection, name: str, *, but: int = 0) -> None:
    query = "SELECT id FROM slices WHERE name = ? AND NOT deleted AND id != ?"
    if connection.execute(query, (name, but)).fetchone():
        raise SliceError(f"There is a slice of the name {quoted(name)}; choose another name.")


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        mark = f" ({number})"
        found = f"{name[: NAME_LENGTH - len(mark)]}{mark}"
    return found


def _checked(name: str) -> str:
    name = one_line(name, NAME_LENGTH)
    if not name:
        raise SliceError("A slice needs a name.")
    return name


@dataclass(frozen=True)
class SliceAccuracy:
    """What a run achieves on a slice.

    Attributes
    ----------
    images, correct : int
        At least one image.
    interval : tuple of float
        95% confidence interval of the accuracy (Wilson 1927).
    """

    images: int
    correct: int
    interval: tuple[float, float]

    @property
    def accuracy(self) -> float:
        """In [0, 1]."""
        return self.correct / self.images


def accuracy_on(found: Correctness, mask: NDArray[np.bool_] | None) -> SliceAccuracy | None:
    """What a run achieves on the marked images; None without any."""
    if mask is None or not mask.any():
        return None
    images, correct = int(mask.sum()), int(found.correct[mask].sum())
    return SliceAccuracy(images, correct, wilson(correct, images))


def differences(
    pairs: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]] | None],
) -> list[float | None]:
    """Whether two runs differ on each of several slices.

    Parameters
    ----------
    pairs : sequence of (bool (M,), bool (M,)) or None
        Which images of a slice the one and the other run classifies correctly.

    Returns
    -------
    list of float or None
        p-values of McNemar's exact test, corrected for the number of slices (Benjamini and
        Hochberg 1995).
    """
    from scipy import stats  # here, since importing it takes seconds

    p_values = [mcnemar(*pair).p_value for pair in pairs if pair is not None]
    corrected = iter(stats.false_discovery_control(p_values) if p_values else ())
    return [None if pair is None else float(next(corrected)) for pair in pairs]


def checked_rule(label: int | None, measure: str, low: float | None, high: float | None) -> Slice:
    """A rule from a file.

    Raises
    ------
    ValueError
        If there is no such property, or no number can be in the range.
    """
    if measure not in PROPERTIES:
        raise ValueError(f"there is no property {quoted(measure)}")
    if low is None and high is None:
        raise ValueError("a rule needs a lowest or a highest value")
    ends = (-np.inf if low is None else low, np.inf if high is None else high)
    if ends[0] > ends[1]:
        raise ValueError("the lowest value is above the highest")
    return Slice(label, measure, *ends)
