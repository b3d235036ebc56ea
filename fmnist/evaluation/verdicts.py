"""Verdicts that people give on single images, in a SQLite database."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import RENAMED_DATASETS
from fmnist.errors import ToldError
from fmnist.evaluation.database import Database

VERDICTS: Final = ("model-mistake", "ambiguous", "label-wrong")
VERDICT_TITLES: Final[Mapping[str, str]] = {
    "model-mistake": "Model's mistake",
    "ambiguous": "Ambiguous",
    "label-wrong": "Label looks wrong",
}
NOTE_LENGTH: Final = 500

PART_SIZES: Final[Mapping[str, int]] = {"train": 60_000, "test": 10_000}
_SCHEMA_VERSION: Final = 2

# Every change is a row that stays: an image's verdict is its newest row, and an earlier one can be
# brought back.
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        dataset VARCHAR NOT NULL,
        part VARCHAR NOT NULL,
        image INTEGER NOT NULL,
        verdict VARCHAR, -- null: it was withdrawn
        note VARCHAR NOT NULL,
        time FLOAT NOT NULL,
        true_label INTEGER NOT NULL,
        predicted_label INTEGER,
        run VARCHAR NOT NULL
    );
    CREATE INDEX IF NOT EXISTS of_image ON changes (dataset, part, image, id);
"""


class VerdictError(ToldError):
    """Verdicts that cannot be read or written; the message is one sentence for people."""


class VerdictConflict(VerdictError):
    """An image's verdict is another one than the person has seen; nothing was written."""


@dataclass(frozen=True, order=True)
class ImageKey:
    """Identifies an image across runs.

    Attributes
    ----------
    dataset : str
    part : {"train", "test"}
        The file it is in; validation images are in "train".
    index : int
        Position in that file.
    """

    dataset: str
    part: str
    index: int


@dataclass(frozen=True)
class Verdict:
    """A person's judgment of a misclassified image.

    Attributes
    ----------
    image : ImageKey
    verdict : str
        Of `VERDICTS`.
    note : str
        At most 500 characters.
    time : float
        Seconds since 1970; 0 for now.
    true_label : int
    predicted_label : int or None
        The run's prediction.
    run : str
        Id of the run that was open.
    change : int
        Id of the change that recorded it, which tells it from every other verdict on the image; 0
        before it is recorded.
    """

    image: ImageKey
    verdict: str
    note: str = ""
    time: float = 0.0
    true_label: int = 0
    predicted_label: int | None = None
    run: str = ""
    change: int = field(default=0, compare=False)


@dataclass(frozen=True)
class ImportResult:
    """Number of verdicts that an import added, changed, or found unchanged."""

    added: int
    changed: int
    unchanged: int


class VerdictStore:
    """The database; safe for several threads, sessions and processes.

    Parameters
    ----------
    path : Path
        Made where it is absent.

    Raises
    ------
    VerdictError
        By all methods: if the database cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._transaction = Database(
            path, "verdicts", _SCHEMA, _SCHEMA_VERSION, VerdictError, _migrate
        ).transaction

    def give(self, verdict: Verdict, *, seen: int | None = None) -> int:
        """Record a verdict; it replaces the image's current one.

        Parameters
        ----------
        verdict : Verdict
        seen : int, optional
            `Verdict.change` of the one to replace; 0 for none. By default, whichever there is.

        Returns
        -------
        int
            The change's id, for `undo`.

        Raises
        ------
        VerdictError
            Also if the verdict is unknown or its note too long.
        VerdictConflict
            If the current verdict is not the one that was seen.
        """
        if verdict.verdict not in VERDICTS:
            raise VerdictError(f"There is no verdict {verdict.verdict!r}.")
        note = checked_note(verdict.note)
        with self._transaction() as connection:
            _check_seen(connection, verdict.image, seen)
            return _append(connection, replace(verdict, note=note))

    def withdraw(self, image: ImageKey, *, seen: int | None = None) -> int:
        """Remove an image's verdict, as `give` replaces it; returns the change's id, for `undo`."""
        with self._transaction() as connection:
            _check_seen(connection, image, seen)
            return _append_none(connection, image)

    def undo(self, change: int, *, seen: int | None = None) -> int:
        """Restore the verdict before a change.

        Parameters
        ----------
        change : int
        seen : int, optional
            The image's newest change that the person knows; by default `change`. Where later
            changes were undone before this one, it is what the last `undo` returned.

        Returns
        -------
        int
            The id of this change, which undoes the other.

        Raises
        ------
        VerdictError
            Also if there is no such change, or the image's verdict was changed since.
        """
        with self._transaction() as connection:
            row = connection.execute("SELECT * FROM changes WHERE id = ?", (change,)).fetchone()
            if row is None:
                raise VerdictError("There is no such verdict to take back.")
            image = ImageKey(row["dataset"], row["part"], row["image"])
            rows = connection.execute(
                f"SELECT * FROM changes WHERE {_OF_IMAGE} ORDER BY id DESC", _key(image)
            ).fetchall()
            if rows[0]["id"] != (seen or change):
                raise VerdictError("The verdict was changed since, so it is left as it is.")
            before = next((row for row in rows if row["id"] < change), None)
            if before is None or before["verdict"] is None:
                return _append_none(connection, image)
            try:
                return _append(connection, _verdict(before))
            except ValueError as error:
                raise VerdictError(
                    f"The verdict before cannot be brought back: it is damaged ({error})."
                ) from error

    def get(self, image: ImageKey) -> Verdict | None:
        """The current verdict of an image, or None."""
        with self._transaction(writes=False) as connection:
            return _present(connection, image)

    def all(self, dataset: str | None = None, part: str | None = None) -> dict[ImageKey, Verdict]:
        """The current verdicts, by image, sorted by data set, part and index.

        Damaged ones are left out; `problem` tells of them.
        """
        return self.read(dataset, part)[0]

    def problem(self, dataset: str | None = None, part: str | None = None) -> str:
        """How many current verdicts are damaged, in a sentence; empty if none is."""
        return self.read(dataset, part)[1]

    def read(
        self, dataset: str | None = None, part: str | None = None
    ) -> tuple[dict[ImageKey, Verdict], str]:
        """What `all` and `problem` return, read once."""
        with self._transaction(writes=False) as connection:
            found, problems = _all(connection, dataset, part)
        if not problems:
            return found, ""
        count = "A verdict" if len(problems) == 1 else f"{len(problems):,} verdicts"
        are = "is" if len(problems) == 1 else "are"
        return found, (
            f"{count} in {self._path} {are} damaged and left out ({problems[0]}); give the verdict "
            "again, or import your last export."
        )

    def counts(self, dataset: str) -> NDArray[np.int64]:
        """Current verdicts on a data set's images, int64 (10, 3): true class × verdict."""
        result = np.zeros((NUM_CLASSES, len(VERDICTS)), dtype=np.int64)
        for verdict in self.all(dataset).values():
            result[verdict.true_label, VERDICTS.index(verdict.verdict)] += 1
        return result

    def version(self) -> int:
        """A number that grows with every change."""
        with self._transaction(writes=False) as connection:
            return _version(connection)

    def export_csv(self, dataset: str | None = None) -> str:
        """The current verdicts as CSV, for `import_csv`."""
        from fmnist.evaluation.verdict_files import write

        return write(self.all(dataset).values())

    def import_csv(
        self, text: str, progress: Callable[[int, int], None] | None = None
    ) -> ImportResult:
        """Import verdicts that `export_csv` wrote: all of them, or none.

        Parameters
        ----------
        text : str
            The file; a spreadsheet may have changed its separators.
        progress : callable, optional
            Called now and then with (lines read, lines in all).

        Raises
        ------
        VerdictError
            Also if a line cannot be read; it says which, and why.
        """
        from fmnist.evaluation.verdict_files import parse

        verdicts = parse(text, progress)
        # all reading before the lock: others may give verdicts meanwhile
        with self._transaction(writes=False) as connection:
            version, present = _version(connection), _all(connection)[0]
        result, news = _compare(verdicts, present)
        if news:
            with self._transaction() as connection:
                if _version(connection) != version:
                    result, news = _compare(verdicts, _all(connection)[0])
                _append_many(connection, news)
        return result


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    if version == 1:  # data sets had other names
        for name in RENAMED_DATASETS.items():
            connection.execute("UPDATE changes SET dataset = ?2 WHERE dataset = ?1", name)


_OF_IMAGE: Final = "dataset = ? AND part = ? AND image = ?"


def _version(connection: sqlite3.Connection) -> int:
    newest: int | None = connection.execute("SELECT max(id) FROM changes").fetchone()[0]
    return newest or 0


def _all(
    connection: sqlite3.Connection, dataset: str | None = None, part: str | None = None
) -> tuple[dict[ImageKey, Verdict], list[str]]:
    """The current verdicts by image, and what is wrong with those that are damaged."""
    query = (
        "SELECT * FROM changes WHERE verdict IS NOT NULL"
        " AND id IN (SELECT max(id) FROM changes GROUP BY dataset, part, image)"
        " AND dataset = coalesce(?, dataset) AND part = coalesce(?, part)"
        " ORDER BY dataset, part, image"
    )
    found, problems = {}, []
    for row in connection.execute(query, (dataset, part)):
        try:
            verdict = _verdict(row)
        except ValueError as error:
            problems.append(str(error))
        else:
            found[verdict.image] = verdict
    return found, problems


def _key(image: ImageKey) -> tuple[str, str, int]:
    return image.dataset, image.part, image.index


def _present(connection: sqlite3.Connection, image: ImageKey) -> Verdict | None:
    query = f"SELECT * FROM changes WHERE {_OF_IMAGE} ORDER BY id DESC LIMIT 1"
    row = connection.execute(query, _key(image)).fetchone()
    try:
        return None if row is None or row["verdict"] is None else _verdict(row)
    except ValueError:
        return None  # a damaged one is replaced


def _check_seen(connection: sqlite3.Connection, image: ImageKey, seen: int | None) -> None:
    present = _present(connection, image)
    if seen is not None and seen != (present.change if present else 0):
        raise VerdictConflict("The verdict on this image was changed in another window.")


def _verdict(row: sqlite3.Row) -> Verdict:
    """A row as a verdict.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    values = dict(row)
    change = values.pop("id")
    return replace(checked(values), change=change)


def checked(values: Mapping[str, Any]) -> Verdict:
    from fmnist.evaluation.documents import VerdictDocument

    read = VerdictDocument.parse(values)
    return Verdict(
        ImageKey(read.dataset, read.part, read.image), read.verdict, read.note, read.time,
        read.true_label, read.predicted_label, read.run,
    )  # fmt: skip


def _append(connection: sqlite3.Connection, verdict: Verdict) -> int:
    return _inserted(connection.execute(_INSERT, _values(verdict)))


def _append_many(connection: sqlite3.Connection, verdicts: Sequence[Verdict]) -> None:
    connection.executemany(_INSERT, map(_values, verdicts))


def _append_none(connection: sqlite3.Connection, image: ImageKey) -> int:
    return _inserted(connection.execute(_INSERT, _values(Verdict(image, "")) | {"verdict": None}))


def _inserted(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None
    return cursor.lastrowid


_INSERT: Final = (
    "INSERT INTO changes"
    " (dataset, part, image, verdict, note, time, true_label, predicted_label, run) VALUES"
    " (:dataset, :part, :index, :verdict, :note, :time, :true_label, :predicted_label, :run)"
)


def _values(verdict: Verdict) -> dict[str, Any]:
    """A row of the database."""
    return (
        vars(verdict.image) | vars(verdict) | {"image": None, "time": verdict.time or time.time()}
    )


def _compare(
    verdicts: Sequence[Verdict], present: Mapping[ImageKey, Verdict]
) -> tuple[ImportResult, list[Verdict]]:
    """What an import changes, and the verdicts to append."""
    now, news = dict(present), []
    added = 0
    for verdict in verdicts:
        before = now.get(verdict.image)
        if before is None or not _same(before, verdict):
            news.append(verdict)
            now[verdict.image] = verdict
            added += before is None
    return ImportResult(added, len(news) - added, len(verdicts) - len(news)), news


def _same(one: Verdict, other: Verdict) -> bool:
    return (one.verdict, one.note) == (other.verdict, other.note)


def checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > NOTE_LENGTH:
        raise VerdictError(f"The note is longer than {NOTE_LENGTH} characters; shorten it.")
    return note
