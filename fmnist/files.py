"""Files that are either the old ones or the new ones, never half of each."""

import errno
import io
import json
import logging
import math
import os
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.errors import DamagedFileError, ToldError, sentence

if TYPE_CHECKING:
    from PIL import Image

_log = logging.getLogger(__name__)

_MAX_JSON_BYTES: Final = 16 * 2**20  # the largest, a saved drawing, has 4 MB


def write_atomic(
    path: Path, content: bytes, *, durable: bool = True, make_folder: bool = False
) -> None:
    """Write a file under a temporary name, flush it, and rename it into place.

    Parameters
    ----------
    path : Path
    content : bytes
    durable : bool
        Wait until the disk has it. Without, the file is still never seen half-written, but a
        power cut may bring back the old one; for what is soon written again.
    make_folder : bool
        Make the file's folder where it is absent. Never for a file of a run: a run whose folder
        somebody has removed must not come back as a half.

    Raises
    ------
    OSError
        If it cannot be written (disk full, no permission, no such folder); the old file is then
        untouched.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    with _staged(path, content, durable=durable) as temporary:
        temporary.replace(path)
    if durable:
        flush(path.parent)


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files: all of them, or none.

    All are on the disk under temporary names before the first one is renamed, so that a full disk
    is met before anything changes. A process that is killed meanwhile may leave some of them new.

    Parameters
    ----------
    contents : mapping
        What each is to hold; their folders are there.

    Raises
    ------
    OSError
        If one cannot be written; all are then untouched.
    PartlyDoneError
        If some are written, another one failed, and theirs cannot be undone; `done` has their
        numbers.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in contents}
    with ExitStack() as stack:
        staged = [
            (stack.enter_context(_staged(path, content, durable=True)), path)
            for path, content in contents.items()
        ]
        do_all(
            (partial(temporary.replace, path), partial(_put_back, path, before[path]))
            for temporary, path in staged
        )
    for folder in dict.fromkeys(path.parent for path in contents):
        flush(folder)


def _put_back(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        write_atomic(path, content)


@contextmanager
def _staged(path: Path, content: bytes, *, durable: bool) -> Iterator[Path]:
    """Write a temporary file beside another one; it is removed after an error."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.chmod(0o644)  # mkstemp's files are for their owner alone
        yield temporary
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class PartlyDoneError(ToldError):
    """Of several changes one failed, and others could not be undone.

    Attributes
    ----------
    done : tuple of int
        Numbers of the changes that stand, from 0.
    """

    def __init__(self, failure: OSError, done: tuple[int, ...]) -> None:
        super().__init__(sentence(failure))
        self.failure = failure
        self.done = done


def do_all(changes: Iterable[tuple[Callable[[], object], Callable[[], object]]]) -> None:
    """Make several changes: all of them, or none.

    Parameters
    ----------
    changes : iterable of pairs
        Each with what makes it and what undoes it.

    Raises
    ------
    PartlyDoneError
        If one failed on the disk, and an earlier one could not be undone. If all were undone, what
        was raised is raised again.
    """
    undo: dict[int, Callable[[], object]] = {}
    try:
        for number, (change, undo_change) in enumerate(changes):
            change()
            undo[number] = undo_change
    except BaseException as failure:
        for number in reversed(list(undo)):
            try:
                undo[number]()
                del undo[number]
            except OSError:
                _log.warning("A change could not be undone", exc_info=True)
        if undo and isinstance(failure, OSError):
            raise PartlyDoneError(failure, tuple(undo)) from failure
        raise


def flush(path: Path) -> None:
    """Wait until the disk has what was written to a file, or a folder's new names.

    Where it cannot, the log says so: it is written, and must not be told as failed.
    """
    if os.name == "nt":  # Windows opens no folders, and flushes no file that is opened to be read
        return
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        _log.warning("%s was not flushed: %s", path, error)


def append_line(path: Path, line: str, *, durable: bool = True) -> None:
    """Add a line to a text file.

    A crash meanwhile may leave a part of the line, without the line break at its end. The next
    line takes its place.

    Parameters
    ----------
    path : Path
    line : str
        Without a line break.
    durable : bool
        Wait until the disk has it.

    Raises
    ------
    OSError
        If it cannot be written (disk full, no permission).
    """
    _cut_half_line(path)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")
        if durable:
            stream.flush()
            os.fsync(stream.fileno())


def _cut_half_line(path: Path) -> None:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 1))
        if stream.read(1) in (b"", b"\n"):
            return
        stream.seek(0)
        whole = stream.read().rfind(b"\n") + 1
    os.truncate(path, whole)


def write_json(
    path: Path, values: object, *, durable: bool = True, make_folder: bool = False
) -> None:
    """Write a JSON file; parameters as for `write_atomic`."""
    write_atomic(path, json_bytes(values), durable=durable, make_folder=make_folder)


def json_bytes(values: object) -> bytes:
    """A JSON file as `write_json` writes it."""
    return f"{json.dumps(values, indent=2)}\n".encode()


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    OSError
        If it cannot be read.
    DamagedFileError
        If it is no JSON, or larger than 16 MiB.
    """
    with path.open("rb") as stream:
        content = stream.read(_MAX_JSON_BYTES + 1)
    if len(content) > _MAX_JSON_BYTES:
        raise DamagedFileError(f"{path.name} is too large")
    try:
        return parse_json(content.decode())
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"{path.name} is no text") from error
    except DamagedFileError as error:
        raise DamagedFileError(f"{path.name}: {error}") from error


def parse_json(text: str) -> Any:
    """What JSON says.

    Raises
    ------
    DamagedFileError
        If it is none.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise DamagedFileError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        where = f" from line {error.lineno} on" if "\n" in text.strip() else ""
        raise DamagedFileError(f"it is no JSON{where}") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise DamagedFileError("it has a number with too many digits") from error


def png(picture: "Image.Image") -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def load_arrays(
    path: Path, names: Collection[str] | None = None, *, max_bytes: int = 2**29
) -> dict[str, NDArray[Any]]:
    """Arrays of a `.npz` file; pickled objects are refused.

    Parameters
    ----------
    path : Path
    names : collection of str, optional
        What is read; by default everything.
    max_bytes : int
        What the arrays may take together. It is checked before any is read: a small file may
        unpack to many times its size.

    Raises
    ------
    OSError
        If it cannot be read.
    DamagedFileError
        If the file is damaged, or lacks an array.
    """
    with path.open("rb") as stream:
        try:
            return _read_arrays(stream, path.name, names, max_bytes)
        except DamagedFileError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy each have their own, for programmers
            if isinstance(error, OSError) and error.errno == errno.EIO:
                raise
            raise DamagedFileError(f"the file {path.name} is damaged.") from error


def arrays_as_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as a compressed `.npz` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def save_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], *, make_folder: bool = False
) -> None:
    """Write a compressed `.npz` file, atomically.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_atomic(path, arrays_as_bytes(arrays), make_folder=make_folder)


def load_kept_arrays(
    path: Path, names: Collection[str], *, digest: str, max_bytes: int
) -> dict[str, NDArray[Any]] | None:
    """Arrays of a file that names what they were computed from by its array "digest".

    Parameters
    ----------
    path, names, max_bytes
        As `load_arrays`; `names` has "digest".
    digest : str
        Of what they are wanted for.

    Returns
    -------
    dict or None
        None if there is no such file, or it is of something else.

    Raises
    ------
    OSError, DamagedFileError
        As `load_arrays`.
    """
    try:
        arrays = load_arrays(path, names, max_bytes=max_bytes)
    except FileNotFoundError:
        return None
    return arrays if str(arrays["digest"]) == digest else None


def _read_arrays(
    stream: IO[bytes], file: str, names: Collection[str] | None, max_bytes: int
) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(stream) as archive:
        present = [member.removesuffix(".npy") for member in archive.namelist()]
        names = present if names is None else names
        for name in names:
            if name not in present:
                raise DamagedFileError(f"the file {file} lacks {name!r}.")
        size = sum(_array_bytes(archive, f"{name}.npy") for name in names)
        if size > max_bytes:
            raise DamagedFileError(
                f"the file {file} is damaged (its arrays would take {size:,} bytes)."
            )
        return {name: _read_array(archive, f"{name}.npy") for name in names}


def _array_bytes(archive: zipfile.ZipFile, member: str) -> int:
    """Bytes of an array by its header, without reading it."""
    with archive.open(member) as stream:
        shape, dtype = _read_header(stream)
    return math.prod(shape) * dtype.itemsize


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(stream)
    if dtype.hasobject or any(length < 0 for length in shape):
        raise ValueError("it holds objects, or a shape that cannot be")
    return shape, dtype


def _read_array(archive: zipfile.ZipFile, member: str) -> NDArray[Any]:
    with archive.open(member) as stream:
        values: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read(1):  # the checksum is compared at the end of the member
            raise ValueError("there is more in it than the array")
    return values
