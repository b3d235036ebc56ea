"""A SQLite database that several threads, sessions and processes may use."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from fmnist.errors import ToldError, reason

_BUSY_SECONDS: Final = 10.0


class Database:
    """A file of one schema; its errors are sentences for people.

    Parameters
    ----------
    path : Path
        Made where it is absent.
    what : str
        What it holds, in the plural: "verdicts".
    schema : str
        Statements that make its tables, separated by semicolons.
    version : int
        Of the schema, from 1 on.
    error : type
        Raised, with a sentence, where the file cannot be read or written.
    migrate : callable, optional
        Called with a connection and an older version.
    """

    def __init__(
        self,
        path: Path,
        what: str,
        schema: str,
        version: int,
        error: type[ToldError],
        migrate: Callable[[sqlite3.Connection, int], None] | None = None,
    ) -> None:
        self._path = path
        self._what = what
        self._schema = schema
        self._version = version
        self._error = error
        self._migrate = migrate

    @contextmanager
    def transaction(self, *, writes: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction on a connection of its own: all of it happens, or nothing.

        One that only reads waits for no other, and no other waits for it. It makes no file, which
        a read-only disk would refuse.
        """
        try:
            place: Path | str = self._path
            if writes:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            elif not self._path.exists():
                place = ":memory:"
            # autocommit: sqlite3 begins no transaction by itself, later than ours
            with closing(
                sqlite3.connect(place, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.row_factory = sqlite3.Row
                # one damaged letter must not hide everything
                connection.text_factory = lambda text: text.decode(errors="replace")
                is_current = _schema_version(connection) == self._version
                # the lock at the beginning: what is read still holds when it is written
                connection.execute("BEGIN" if is_current and not writes else "BEGIN IMMEDIATE")
                with connection:  # commits, or rolls back where something is raised
                    if not is_current:
                        self._create(connection)
                    yield connection
        except (sqlite3.Error, OSError) as error:
            if "locked" in str(error):
                raise self._error(f"Another process is writing {self._what}; try again.") from error
            raise self._error(
                f"The {self._what} in {self._path} cannot be read or written ({_reason(error)})."
            ) from error

    def _create(self, connection: sqlite3.Connection) -> None:
        version = _schema_version(connection)
        if version > self._version:
            raise self._error(
                f"The {self._what} in {self._path} were written by a newer version of the app; "
                "update the app."
            )
        if version == 0:
            # not executescript, which would commit what has begun
            for statement in self._schema.split(";"):
                connection.execute(statement)
        elif self._migrate is not None:
            self._migrate(connection, version)
        connection.execute(f"PRAGMA user_version = {self._version}")


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


def _schema_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
