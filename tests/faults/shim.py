"""A disk that fails, or a process that dies, at the n-th writing call below a folder."""

import builtins
import errno
import io
import os
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self
from unittest import mock

Fault = Literal["error", "kill"]

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# what differs from one time to the next: temporary names, and the ids of runs and drawings
_RANDOM: Final = re.compile(r"\.\w{8}\.tmp$|(?<=^\.making-)\w+|^\d{8}-\d{6}-[\w-]+|^\.\w{8}$")


class FailingDisk:
    """While entered, notes every call that writes below a folder; one of them fails.

    Python's own calls are replaced (`open`, `write`, `fsync`, `rename`, `unlink`, …), whatever
    library makes them; SQLite's, which it makes itself, by its statements and commits. A write that
    fails has written its first half, as on a real disk, and the file takes no more.

    Parameters
    ----------
    folder : Path
    at : int, optional
        Which call fails, from 1; by default none.
    fault : {"error", "kill"}
        The disk is full or broken; or the process gets SIGKILL.

    Attributes
    ----------
    calls : list of str
        What was called, such as "write config.json", without what is random in names.
    """

    def __init__(self, folder: Path, at: int | None = None, fault: Fault = "error") -> None:
        self.calls: list[str] = []
        self._folder = f"{folder.resolve()}/"
        self._at = at
        self._fault = fault
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        opening = self._opening(io.open)
        places: list[tuple[object, str, Any]] = [
            (builtins, "open", opening),
            (io, "open", opening),
            (os, "open", self._os_open(os.open)),
            (os, "fsync", self._on_handle("fsync", os.fsync)),
            (os, "sendfile", self._on_handle("write", os.sendfile)),
            (os, "write", self._on_handle("write", os.write)),
            (sqlite3, "connect", self._connecting(sqlite3.connect)),
        ]
        for name in (
            "rename",
            "replace",
            "unlink",
            "remove",
            "mkdir",
            "rmdir",
            "chmod",
            "truncate",
        ):
            places.append((os, name, self._on_path(name, getattr(os, name))))
        for owner, name, replacement in places:
            self._patches.enter_context(mock.patch.object(owner, name, replacement))
        # it knows these functions by identity
        self._patches.enter_context(mock.patch.object(shutil, "_USE_CP_SENDFILE", False))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patches.close()

    def is_due(self, operation: str, path: str) -> bool:
        """Note a call; whether it is to fail."""
        if not path.startswith(self._folder):
            return False
        self.calls.append(f"{operation} {_RANDOM.sub('…', Path(path).name)}")
        return len(self.calls) == self._at

    def fail(self, operation: str, path: str) -> None:
        """Let a call fail."""
        if self._fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = errno.EIO if operation in ("fsync", "unlink", "remove", "rmdir") else errno.ENOSPC
        raise OSError(number, os.strerror(number), path)

    def meet(self, operation: str, path: str) -> None:
        """Note a call, and let it fail if it is its turn."""
        if self.is_due(operation, path):
            self.fail(operation, path)

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opening(file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None,
                    errors: str | None = None, newline: str | None = None, closefd: bool = True,
                    opener: Any = None) -> Any:  # fmt: skip
            path = _path(file)
            if not set(mode) & set("wax+") or not path.startswith(self._folder):
                return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
            if not isinstance(file, int):
                self.meet("open", path)
            raw = _FailingFile(self, path, file, mode.replace("b", "").replace("t", ""), closefd)
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, encoding, errors, newline)

        return opening

    def _os_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def opening(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if flags & _WRITING:
                self.meet("open", _path(path, dir_fd))
            return real(path, flags, mode, dir_fd=dir_fd)

        return opening

    def _on_handle(self, operation: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(handle: int, *rest: Any, **named: Any) -> Any:
            self.meet(operation, _path(handle))
            return real(handle, *rest, **named)

        return call

    def _on_path(self, operation: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **named: Any) -> Any:
            self.meet(operation, _path(path, named.get("dir_fd")))
            return real(path, *rest, **named)

        return call

    def _connecting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(database: Any, **named: Any) -> Any:
            path = _path(database)
            if not path.startswith(self._folder):
                return real(database, **named)
            connection = real(database, factory=_FailingConnection, **named)
            connection.disk, connection.path = self, path
            return connection

        return connect


class _FailingFile(io.FileIO):
    """A file whose writes are noted."""

    def __init__(self, disk: FailingDisk, path: str, file: Any, mode: str, closefd: bool) -> None:
        super().__init__(file, mode, closefd=closefd)
        self._disk, self._path = disk, path
        self._is_full = False

    def write(self, content: Any) -> int:
        if self._is_full:
            self._disk.fail("write", self._path)
        if not self._disk.is_due("write", self._path):
            return super().write(content)
        # as the system does: what there is room for, then, asked again, the error
        self._is_full = True
        return super().write(memoryview(content)[: len(content) // 2])


class _FailingConnection(sqlite3.Connection):
    """A connection whose statements that write, and commits, are noted."""

    disk: FailingDisk
    path: str

    def _meet(self, operation: str) -> None:
        if not self.disk.is_due(operation, self.path):
            return
        try:
            self.disk.fail(operation, self.path)
        except OSError as error:
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise full from error

    def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:
        word = statement.split(maxsplit=1)[0].lower() if statement.strip() else ""
        if word not in ("", "select", "begin") and (word != "pragma" or "=" in statement):
            self._meet(word)
        return super().execute(statement, *rest)

    def executemany(self, statement: str, *rest: Any) -> sqlite3.Cursor:
        self._meet("insert")
        return super().executemany(statement, *rest)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Literal[False]:
        if kind is None and self.in_transaction:
            try:
                self._meet("commit")
            except sqlite3.OperationalError:
                self.rollback()
                raise
        return super().__exit__(kind, error, trace)


def _path(file: Any, folder_handle: int | None = None) -> str:
    """The absolute path of a file by its path or its handle."""
    if isinstance(file, int):
        return str(Path(f"/proc/self/fd/{file}").readlink())
    path = Path(os.fsdecode(file))
    if folder_handle is not None:
        path = Path(_path(folder_handle)) / path
    return str(path.parent.resolve() / path.name)
