"""People's verdicts on single images, in a SQLite database."""

import csv
import datetime
import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES

VERDICTS: Final = ("model-mistake", "ambiguous", "label-wrong")
VERDICT_TITLES: Final[Mapping[str, str]] = {
    "model-mistake": "Model's mistake",
    "ambiguous": "Ambiguous",
    "label-wrong": "Label looks wrong",
}
NOTE_LENGTH: Final = 500

_PART_SIZES: Final[Mapping[str, int]] = {"train": 60_000, "test": 10_000}
_SCHEMA: Final = 1
_BUSY_SECONDS: Final = 10.0

# Every change is a row that stays: the present verdict of an image is its newest row, and what
# stood before can be brought back.
_METADATA: Final = sa.MetaData()
_CHANGES: Final = sa.Table(
    "changes",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False),
    sa.Column("part", sa.String, nullable=False),
    sa.Column("image", sa.Integer, nullable=False),
    sa.Column("verdict", sa.String),  # none: it was taken away
    sa.Column("note", sa.String, nullable=False, default=""),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("true_label", sa.Integer, nullable=False),
    sa.Column("predicted_label", sa.Integer),
    sa.Column("run", sa.String, nullable=False, default=""),
    sa.Index("of_image", "dataset", "part", "image", "id"),
    sqlite_autoincrement=True,
)

_COLUMNS: Final = (
    "dataset", "part", "index", "true_class", "predicted_class", "verdict", "note", "time", "run",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "'")


class VerdictError(Exception):
    """Verdicts that cannot be read or kept; the message is one sentence for the person."""


@dataclass(frozen=True, order=True)
class ImageKey:
    """Names an image.

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
    """What a person says of an image that was misclassified.

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
        What the run took it for.
    run : str
        Id of the run that was looked at.
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
    """What an import did, in verdicts."""

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
        self._engine = sa.create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": _BUSY_SECONDS},
            # a connection a use: nothing is left open between pages
            poolclass=sa.NullPool,
        )
        # a transaction that is going to write takes the lock at its beginning, so that what it
        # reads still holds when it writes
        sa.event.listen(self._engine, "connect", _leave_transactions_alone)
        sa.event.listen(self._engine, "begin", _begin)

    def give(self, verdict: Verdict) -> int:
        """Record a verdict, in place of the image's present one.

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
        """Take an image's verdict away; returns the change's id, for `undo`."""
        with self._transaction() as connection:
            return _append_none(connection, image)

    def undo(self, change: int) -> None:
        """Bring back what stood before a change.

        Raises
        ------
        VerdictError
            Also if there is no such change, or the image's verdict was changed since.
        """
        with self._transaction() as connection:
            row = connection.execute(sa.select(_CHANGES).where(_CHANGES.c.id == change)).first()
            if row is None:
                raise VerdictError("There is no such verdict to take back.")
            image = ImageKey(row.dataset, row.part, row.image)
            history = connection.execute(
                sa.select(_CHANGES).where(*_is(image)).order_by(_CHANGES.c.id.desc())
            ).all()
            if history[0].id != change:
                raise VerdictError("The verdict was changed since, so it is left as it is.")
            before = next((r for r in history if r.id < change), None)
            if before is None or before.verdict is None:
                _append_none(connection, image)
            else:
                _append(connection, _verdict(before))

    def get(self, image: ImageKey) -> Verdict | None:
        """The present verdict of an image."""
        with self._transaction() as connection:
            return _present(connection, image)

    def all(self, dataset: str | None = None, part: str | None = None) -> dict[ImageKey, Verdict]:
        """The present verdicts, by image, in the order of the images."""
        newest = sa.select(sa.func.max(_CHANGES.c.id)).group_by(
            _CHANGES.c.dataset, _CHANGES.c.part, _CHANGES.c.image
        )
        query = sa.select(_CHANGES).where(
            _CHANGES.c.id.in_(newest), _CHANGES.c.verdict.is_not(None)
        )
        if dataset is not None:
            query = query.where(_CHANGES.c.dataset == dataset)
        if part is not None:
            query = query.where(_CHANGES.c.part == part)
        with self._transaction() as connection:
            verdicts = [_verdict(row) for row in connection.execute(query)]
        return {v.image: v for v in sorted(verdicts, key=lambda v: v.image)}

    def counts(self, dataset: str) -> NDArray[np.int64]:
        """Present verdicts on a data set's images, int64 (10, 3): true class, verdict."""
        result = np.zeros((NUM_CLASSES, len(VERDICTS)), dtype=np.int64)
        for verdict in self.all(dataset).values():
            result[verdict.true_label, VERDICTS.index(verdict.verdict)] += 1
        return result

    def version(self) -> int:
        """A number that grows with every change."""
        with self._transaction() as connection:
            return connection.scalar(sa.select(sa.func.max(_CHANGES.c.id))) or 0

    def export_csv(self, dataset: str | None = None) -> str:
        """The present verdicts as CSV, which `import_csv` reads."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(_COLUMNS)
        for image, verdict in self.all(dataset).items():
            moment = datetime.datetime.fromtimestamp(verdict.time, datetime.UTC)
            predicted = verdict.predicted_label
            writer.writerow([
                image.dataset, image.part, image.index, CLASS_NAMES[verdict.true_label],
                "" if predicted is None else CLASS_NAMES[predicted], verdict.verdict,
                _shielded(verdict.note), moment.isoformat(), verdict.run,
            ])  # fmt: skip
        return buffer.getvalue()

    def import_csv(self, text: str) -> ImportResult:
        """Take in verdicts that `export_csv` wrote: all of them, or none.

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
    def _transaction(self) -> Iterator[sa.Connection]:
        """A transaction of its own; all of it happens, or nothing."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.begin() as connection:
                version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                if version > _SCHEMA:
                    raise VerdictError(
                        f"The verdicts in {self._path} were kept by a newer version of the app."
                    )
                if version == 0:
                    _METADATA.create_all(connection)
                    connection.exec_driver_sql(f"PRAGMA user_version = {_SCHEMA}")
                yield connection
        except (sa.exc.DBAPIError, OSError) as error:
            problem = str(getattr(error, "orig", error))
            if "locked" in problem:
                raise VerdictError("Somebody else is writing verdicts; try again.") from error
            raise VerdictError(
                f"The verdicts in {self._path} cannot be read or written ({problem})."
            ) from error


def _leave_transactions_alone(connection: Any, _record: Any) -> None:
    # sqlite3 would begin transactions of its own, later than ours
    connection.isolation_level = None


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _is(image: ImageKey) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _CHANGES.c.dataset == image.dataset,
        _CHANGES.c.part == image.part,
        _CHANGES.c.image == image.index,
    )


def _present(connection: sa.Connection, image: ImageKey) -> Verdict | None:
    query = sa.select(_CHANGES).where(*_is(image)).order_by(_CHANGES.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None or row.verdict is None else _verdict(row)


def _verdict(row: sa.Row[Any]) -> Verdict:
    return Verdict(
        ImageKey(row.dataset, row.part, row.image),
        row.verdict,
        row.note,
        row.time,
        row.true_label,
        row.predicted_label,
        row.run,
    )


def _append(connection: sa.Connection, verdict: Verdict) -> int:
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


def _append_none(connection: sa.Connection, image: ImageKey) -> int:
    return _insert(connection, image, verdict=None, note="", time=time.time(), true_label=0, run="")


def _insert(connection: sa.Connection, image: ImageKey, **values: Any) -> int:
    values |= {"dataset": image.dataset, "part": image.part, "image": image.index}
    result = connection.execute(sa.insert(_CHANGES).values(**values))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def _same(one: Verdict, other: Verdict) -> bool:
    return (one.verdict, one.note) == (other.verdict, other.note)


def _checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > NOTE_LENGTH:
        raise VerdictError(f"The note is longer than {NOTE_LENGTH} characters; shorten it.")
    return note


def _shielded(note: str) -> str:
    """A note that no spreadsheet takes for a formula."""
    return f"'{note}" if note.startswith(_FORMULA) else note


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
        raise VerdictError(f"Line {reader.line_num} of the file is no CSV ({error}).") from error
    return verdicts


def _parse_row(row: Mapping[str, str | None]) -> Verdict:
    cells = {name: row.get(name) or "" for name in _COLUMNS}
    part, note = cells["part"], cells["note"]
    # the csv module keeps cells beyond the last column under no name
    if None in row or None in row.values() or not cells["dataset"]:
        raise ValueError("a cell is missing, or one is too many.")
    if part not in _PART_SIZES:
        raise ValueError(f"the part {part!r} is neither 'train' nor 'test'.")
    if not cells["index"].isdecimal() or not int(cells["index"]) < _PART_SIZES[part]:
        raise ValueError(f"the index {cells['index']!r} is none of an image of {part!r}.")
    if cells["verdict"] not in VERDICTS:
        raise ValueError(f"there is no verdict {cells['verdict']!r}.")
    if note.startswith("'") and note[1:].startswith(_FORMULA):
        note = note[1:]
    try:
        note = _checked_note(note)
    except VerdictError as error:
        raise ValueError("the note is too long.") from error
    try:
        moment = datetime.datetime.fromisoformat(cells["time"]).timestamp()
    except ValueError as error:
        raise ValueError(f"the time {cells['time']!r} cannot be read.") from error
    return Verdict(
        ImageKey(cells["dataset"], part, int(cells["index"])),
        cells["verdict"],
        note,
        moment,
        _label(cells["true_class"]),
        _label(cells["predicted_class"]) if cells["predicted_class"] else None,
        cells["run"],
    )


def _label(name: str) -> int:
    if name not in CLASS_NAMES:
        raise ValueError(f"there is no class {name!r}.")
    return CLASS_NAMES.index(name)
