"""SHA-256 checksums of a run's files, in `checksums.json` of its folder.

Whoever writes a file writes its checksum before and after: before, as one of two that may be met,
so that a kill at any moment leaves a file that has a checksum. A file without a checksum, as
earlier versions left it, is taken as it is.

Of a file that grows, the checksum is that of its beginning.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Final, NamedTuple, Self

from fmnist.errors import DamagedFileError
from fmnist.files import read_json, write_atomic

FILE: Final = "checksums.json"

_SUBFOLDERS: Final = ("evaluation", "weights")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CHUNK: Final = 1 << 20


class Checksum(NamedTuple):
    """What is known of a file's content.

    Attributes
    ----------
    sha256 : str
        64 hexadecimal digits.
    length : int
        How many bytes it covers, from the beginning.
    """

    sha256: str
    length: int

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The checksum of a whole content."""
        return cls(hashlib.sha256(content).hexdigest(), len(content))


# of every content that a file may have now, by its name in the folder
Checksums = dict[str, list[Checksum]]


class GrowingChecksum:
    """The checksum of a text file as lines are added, without reading it again.

    Parameters
    ----------
    text : str
        What the file begins with.
    """

    def __init__(self, text: str = "") -> None:
        self._digest = hashlib.sha256()
        self._length = 0
        self.add(text)

    def add(self, text: str) -> None:
        """Take in what was appended."""
        content = text.encode()
        self._digest.update(content)
        self._length += len(content)

    def write(self, path: Path) -> None:
        """Write down the checksum of the file so far; what is appended later does no harm.

        Raises
        ------
        OSError
            If it cannot be written.
        DamagedFileError
            If `checksums.json` is damaged.
        """
        folder, name = _place(path)
        known = _read(folder)
        _write(folder, known | {name: [Checksum(self._digest.hexdigest(), self._length)]})


def write_checked(path: Path, content: bytes) -> None:
    """Write a file atomically, with its checksum if it is in the folder of a run.

    Raises
    ------
    OSError
        If it cannot be written; the old file is then untouched.
    DamagedFileError
        If `checksums.json` is damaged.
    """
    folder, name = _place(path)
    if not (folder / "config.json").exists():
        write_atomic(path, content)
        return
    known = _read(folder)
    before = known.get(name, [])
    if not before and path.exists():
        before = [_checksum(path, path.stat().st_size)]
    now = [Checksum.of(content)]
    if before != now:
        _write(folder, known | {name: [*before, *now]})
    write_atomic(path, content)
    if before not in ([], now):
        _write(folder, known | {name: now})


def remove_checked(path: Path) -> None:
    """Delete a file and its checksum; an absent file is none.

    Raises
    ------
    OSError
        If it cannot be deleted.
    DamagedFileError
        If `checksums.json` is damaged.
    """
    folder, name = _place(path)
    known = _read(folder)
    if known.pop(name, None):
        _write(folder, known)
    path.unlink(missing_ok=True)


def record(path: Path) -> None:
    """Write down the checksum of a file as it is now.

    Raises
    ------
    OSError
        If the file cannot be read, or its checksum cannot be written.
    DamagedFileError
        If `checksums.json` is damaged.
    """
    folder, name = _place(path)
    _write(folder, _read(folder) | {name: [_checksum(path, path.stat().st_size)]})


def has_checksum(path: Path) -> bool:
    """Whether the checksum of a file is known.

    Raises
    ------
    OSError, DamagedFileError
        If `checksums.json` cannot be read.
    """
    folder, name = _place(path)
    return name in _read(folder)


def verify(path: Path, *, grows: bool = False) -> None:
    """Compare a file with its checksum; a file without one passes.

    Parameters
    ----------
    path : Path
    grows : bool
        Whether more may follow what the checksum covers.

    Raises
    ------
    OSError
        If it cannot be read.
    DamagedFileError
        If it differs, or `checksums.json` is damaged.
    """
    folder, name = _place(path)
    expected = _read(folder).get(name, [])
    while expected and not _matches(path, expected, grows=grows):
        # a training may have written the file and its checksum between the two reads
        again = _read(folder).get(name, [])
        if again == expected:
            raise DamagedFileError(
                f"the file {path.name} is damaged (its checksum differs); restore it from a copy."
            )
        expected = again


def read_checked(path: Path) -> tuple[bytes, list[Checksum]]:
    """A file, also one that is being written, and the checksums that were known of it then.

    A damaged file comes as it is, with the checksums that differ; with none if `checksums.json`
    is damaged.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    folder, name = _place(path)
    try:
        expected = _read(folder).get(name, [])
        while True:
            content = path.read_bytes()
            fitting = [each for each in expected if Checksum.of(content[: each.length]) == each]
            again = _read(folder).get(name, [])
            if fitting or again == expected:
                return content, fitting or expected
            expected = again
    except DamagedFileError:
        return path.read_bytes(), []


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def to_bytes(checksums: Checksums) -> bytes:
    """The content of `checksums.json`."""
    values = {name: [each._asdict() for each in checksums[name]] for name in sorted(checksums)}
    return (json.dumps(values, indent=2) + "\n").encode()


def _matches(path: Path, expected: list[Checksum], *, grows: bool) -> bool:
    size = path.stat().st_size
    return any(
        (size >= known.length if grows else size == known.length)
        and _checksum(path, known.length) == known
        for known in expected
    )


def _checksum(path: Path, length: int) -> Checksum:
    """The checksum of the first bytes of a file."""
    digest, left = hashlib.sha256(), length
    with path.open("rb") as stream:
        while left and (chunk := stream.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
    return Checksum(digest.hexdigest(), length - left)


def _place(path: Path) -> tuple[Path, str]:
    """The folder of the run that a file is in, and the file's name there."""
    if path.parent.name in _SUBFOLDERS:
        return path.parent.parent, f"{path.parent.name}/{path.name}"
    return path.parent, path.name


def _read(folder: Path) -> Checksums:
    try:
        values = read_json(folder / FILE)
    except FileNotFoundError:
        return {}
    except DamagedFileError as error:
        raise _damaged() from error
    try:
        found = {
            name: [Checksum(each["sha256"], each["length"]) for each in contents]
            for name, contents in values.items()
        }
        contents = [each for several in found.values() for each in several]
        is_sound = all(_SHA256.fullmatch(sha) and size >= 0 for sha, size in contents)
    except (AttributeError, KeyError, TypeError) as error:
        raise _damaged() from error
    if not is_sound:
        raise _damaged()
    return found


def _damaged() -> DamagedFileError:
    return DamagedFileError(
        f"the file {FILE} is damaged; restore it from a copy, or delete it to open the run "
        "without checks."
    )


def _write(folder: Path, checksums: Checksums) -> None:
    write_atomic(folder / FILE, to_bytes(checksums))
