"""Verdicts that people give on single images, in a SQLite database."""

import csv
import datetime
import io
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.data.splits import RENAMED_DATASETS
from fmnist.errors import ToldError, reason
from fmnist.files import shield_formula, unshield_formula

VERDICTS: Final = ("model-mistake", "ambiguous", "label-wrong")
VERDICT_TITLES: Final[Mapping[str, str]] = {
    "model-mistake": "Model's mistake",
    "ambiguous": "Ambiguous",
    "label-wrong": "Label looks wrong",
}
NOTE_LENGTH: Final = 500

PART_SIZES: Final[Mapping[str, int]] = {"train": 60_000, "test": 10_000}
_SCHEMA_VERSION: Final = 2
_BUSY_SECONDS: Final = 10.0

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

_COLUMNS: Final = (
    "dataset", "part", "index", "true_class", "predicted_class", "verdict", "note", "time", "run",
)  # fmt: skip


class VerdictError(ToldError):
    """Verdicts that cannot be read or written; the message is one sentence for people."""


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
    """

    image: ImageKey
    verdict: str
    note: str = ""
    time: float = 0.0
    true_label: int = 0
    predicted_label: int | None = None
    run: str = ""


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

    def give(self, verdict: Verdict) -> int:
        """Record a verdict; it replaces the image's current one.

        Returns
        -------
        int
            The change's id, for `undo`.

        Raises
        ------
        VerdictError
            Also if the verdict is unknown or its note too long.
        """
        if verdict.verdict not in VERDICTS:
            raise VerdictError(f"There is no verdict {verdict.verdict!r}.")
        note = _checked_note(verdict.note)
        with self._transaction() as connection:
            return _append(connection, replace(verdict, note=note))

    def withdraw(self, image: ImageKey) -> int:
        """Remove an image's verdict; returns the id of the change, for `undo`."""
        with self._transaction() as connection:
            return _append_none(connection, image)

    def undo(self, change: int) -> None:
        """Restore the verdict before a change.

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
            newest, *earlier = connection.execute(
                f"SELECT * FROM changes WHERE {_OF_IMAGE} ORDER BY id DESC", _key(image)
            ).fetchall()
            if newest["id"] != change:
                raise VerdictError("The verdict was changed since, so it is left as it is.")
            if not earlier or earlier[0]["verdict"] is None:
                _append_none(connection, image)
            else:
                try:
                    _append(connection, _verdict(earlier[0]))
                except ValueError as error:
                    raise VerdictError(
                        f"The verdict before cannot be brought back: it is damaged ({error})."
                    ) from error

    def get(self, image: ImageKey) -> Verdict | None:
        """The current verdict of an image, or None."""
        with self._transaction() as connection:
            return _present(connection, image)

    def all(self, dataset: str | None = None, part: str | None = None) -> dict[ImageKey, Verdict]:
        """The current verdicts, by image, sorted by data set, part and index.

        Damaged ones are left out; `problem` tells of them.
        """
        return self._read(dataset, part)[0]

    def problem(self, dataset: str | None = None, part: str | None = None) -> str:
        """How many current verdicts are damaged, in a sentence; empty if none is."""
        _, problems = self._read(dataset, part)
        if not problems:
            return ""
        count = "A verdict" if len(problems) == 1 else f"{len(problems):,} verdicts"
        are = "is" if len(problems) == 1 else "are"
        return (
            f"{count} in {self._path} {are} damaged and left out ({problems[0]}); give the verdict "
            "again, or import your last export."
        )

    def _read(
        self, dataset: str | None, part: str | None
    ) -> tuple[dict[ImageKey, Verdict], list[str]]:
        query = (
            "SELECT * FROM changes WHERE verdict IS NOT NULL"
            " AND id IN (SELECT max(id) FROM changes GROUP BY dataset, part, image)"
            " AND dataset = coalesce(?, dataset) AND part = coalesce(?, part)"
            " ORDER BY dataset, part, image"
        )
        with self._transaction() as connection:
            rows = connection.execute(query, (dataset, part)).fetchall()
        found, problems = {}, []
        for row in rows:
            try:
                verdict = _verdict(row)
            except ValueError as error:
                problems.append(str(error))
            else:
                found[verdict.image] = verdict
        return found, problems

    def counts(self, dataset: str) -> NDArray[np.int64]:
        """Current verdicts on a data set's images, int64 (10, 3): true class × verdict."""
        result = np.zeros((NUM_CLASSES, len(VERDICTS)), dtype=np.int64)
        for verdict in self.all(dataset).values():
            result[verdict.true_label, VERDICTS.index(verdict.verdict)] += 1
        return result

    def version(self) -> int:
        """A number that grows with every change."""
        with self._transaction() as connection:
            newest: int | None = connection.execute("SELECT max(id) FROM changes").fetchone()[0]
            return newest or 0

    def export_csv(self, dataset: str | None = None) -> str:
        """The current verdicts as CSV, for `import_csv`."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(_COLUMNS)
        for image, verdict in self.all(dataset).items():
            moment = datetime.datetime.fromtimestamp(verdict.time, datetime.UTC)
            predicted = verdict.predicted_label
            writer.writerow([
                image.dataset, image.part, image.index, CLASS_NAMES[verdict.true_label],
                "" if predicted is None else CLASS_NAMES[predicted], verdict.verdict,
                shield_formula(verdict.note), moment.isoformat(), verdict.run,
            ])  # fmt: skip
        return buffer.getvalue()

    def import_csv(self, text: str) -> ImportResult:
        """Import verdicts that `export_csv` wrote: all of them, or none.

        Raises
        ------
        VerdictError
            Also if a line cannot be read; it says which, and why.
        """
        verdicts = _parse(text)
        added = changed = unchanged = 0
        with self._transaction() as connection:
            for verdict in verdicts:
                present = _present(connection, verdict.image)
                if present is not None and _same(present, verdict):
                    unchanged += 1
                    continue
                _append(connection, verdict)
                added, changed = added + (present is None), changed + (present is not None)
        return ImportResult(added, changed, unchanged)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction on a connection of its own: all of it happens, or nothing."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # autocommit: sqlite3 begins no transaction by itself, later than ours
            with closing(
                sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.row_factory = sqlite3.Row
                # one damaged letter must not hide all verdicts
                connection.text_factory = lambda text: text.decode(errors="replace")
                # the lock at the beginning: what is read still holds when it is written
                connection.execute("BEGIN IMMEDIATE")
                with connection:  # commits, or rolls back where something is raised
                    self._create(connection)
                    yield connection
        except (sqlite3.Error, OSError) as error:
            if "locked" in str(error):
                raise VerdictError("Another process is writing verdicts; try again.") from error
            raise VerdictError(
                f"The verdicts in {self._path} cannot be read or written ({_reason(error)})."
            ) from error

    def _create(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _SCHEMA_VERSION:
            raise VerdictError(
                f"The verdicts in {self._path} were written by a newer version of the app; update "
                "the app."
            )
        if version == 0:
            # not executescript, which would commit what has begun
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
        if version == 1:  # data sets had other names
            for name in RENAMED_DATASETS.items():
                connection.execute("UPDATE changes SET dataset = ?2 WHERE dataset = ?1", name)
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _reason(error: sqlite3.Error | OSError) -> str:
    """As `fmnist.errors.reason`, for errors of SQLite too."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # its higher bits say more than we need
    return _REASONS.get(code) or reason(error)


_REASONS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space, then try again",
    sqlite3.SQLITE_READONLY: "the file or its disk is read-only; make it writable",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check its rights and those of its folder",
    sqlite3.SQLITE_CORRUPT: "it is damaged; move it away, and import your last export",
    sqlite3.SQLITE_NOTADB: "it is no database; move it away, and import your last export",
    sqlite3.SQLITE_IOERR: "the disk failed; check it",
}

_OF_IMAGE: Final = "dataset = ? AND part = ? AND image = ?"


def _key(image: ImageKey) -> tuple[str, str, int]:
    return image.dataset, image.part, image.index


def _present(connection: sqlite3.Connection, image: ImageKey) -> Verdict | None:
    query = f"SELECT * FROM changes WHERE {_OF_IMAGE} ORDER BY id DESC LIMIT 1"
    row = connection.execute(query, _key(image)).fetchone()
    try:
        return None if row is None or row["verdict"] is None else _verdict(row)
    except ValueError:
        return None  # a damaged one is replaced


def _verdict(row: sqlite3.Row) -> Verdict:
    """A row as a verdict.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    values = dict(row)
    del values["id"]
    return _checked(values)


def _checked(values: Mapping[str, Any]) -> Verdict:
    from fmnist.evaluation.documents import VerdictDocument

    read = VerdictDocument.parse(values)
    return Verdict(
        ImageKey(read.dataset, read.part, read.image), read.verdict, read.note, read.time,
        read.true_label, read.predicted_label, read.run,
    )  # fmt: skip


def _append(connection: sqlite3.Connection, verdict: Verdict) -> int:
    return _insert(
        connection,
        verdict.image,
        verdict=verdict.verdict,
        note=verdict.note,
        time=verdict.time or time.time(),
        true_label=verdict.true_label,
        predicted_label=verdict.predicted_label,
        run=verdict.run,
    )


def _append_none(connection: sqlite3.Connection, image: ImageKey) -> int:
    return _insert(connection, image, verdict=None, note="", time=time.time(), true_label=0, run="")


def _insert(connection: sqlite3.Connection, image: ImageKey, **values: Any) -> int:
    values |= {"dataset": image.dataset, "part": image.part, "image": image.index}
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    cursor = connection.execute(f"INSERT INTO changes ({names}) VALUES ({marks})", values)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _same(one: Verdict, other: Verdict) -> bool:
    return (one.verdict, one.note) == (other.verdict, other.note)


def _checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > NOTE_LENGTH:
        raise VerdictError(f"The note is longer than {NOTE_LENGTH} characters; shorten it.")
    return note


def _parse(text: str) -> list[Verdict]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise VerdictError(
            f"The file lacks the column {missing[0]!r}; export verdicts to see the format."
        )
    verdicts = []
    try:
        for row in reader:
            try:
                verdicts.append(_parse_row(row))
            except ValueError as error:
                raise VerdictError(f"Line {reader.line_num} of the file: {error}") from error
    except csv.Error as error:
        raise VerdictError(
            f"Line {reader.line_num} of the file is not valid CSV ({error})."
        ) from error
    return verdicts


def _parse_row(row: Mapping[str, str | None]) -> Verdict:
    cells = {name: row.get(name) or "" for name in _COLUMNS}
    part, note = cells["part"], unshield_formula(cells["note"])
    # the csv module keeps cells beyond the last column under no name
    if None in row or None in row.values() or not cells["dataset"]:
        raise ValueError("a cell is missing, or one is too many.")
    if part not in PART_SIZES:
        raise ValueError(f"the part {part[:40]!r} is neither 'train' nor 'test'.")
    digits = cells["index"]
    index = int(digits) if digits.isdecimal() and len(digits) < 20 else -1
    if not 0 <= index < PART_SIZES[part]:
        shown = digits[:20]
        raise ValueError(f"the index {shown!r} is not the index of an image of {part!r}.")
    if cells["verdict"] not in VERDICTS:
        raise ValueError(f"there is no verdict {cells['verdict'][:40]!r}.")
    try:
        note = _checked_note(note)
    except VerdictError as error:
        raise ValueError("the note is too long.") from error
    try:
        moment = datetime.datetime.fromisoformat(cells["time"]).timestamp()
    except (ValueError, OverflowError, OSError) as error:  # the last two before 1970, by system
        raise ValueError(f"the time {cells['time'][:40]!r} cannot be read.") from error
    # what is accepted here, `export_csv` can write
    return _checked({
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
        raise ValueError(f"there is no class {name[:40]!r}.")
    return CLASS_NAMES.index(name)
