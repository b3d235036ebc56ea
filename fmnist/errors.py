"""Errors that people are told, and the words for those of the operating system."""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TEMPORARY: Final = re.compile(r"\.(.+)\.\w{8}\.tmp")  # as `write_atomic` names it
_HIDDEN: Final = re.compile(r"\.(making|publishing|trash|download|lock)\b.*")
_REASONS: Final[Mapping[int, str]] = {
    errno.ENOSPC: "the disk is full; free some space, then try again",
    errno.EDQUOT: "your share of the disk is full; free some space, then try again",
    errno.EROFS: "the disk is read-only; choose another folder, or make it writable",
    errno.EACCES: "permission is missing; change its owner or its rights",
    errno.EPERM: "permission is missing; change its owner or its rights",
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "it is a folder; a file is needed there",
    errno.ENOTDIR: "a part of its path is a file, where a folder is needed; move that away",
    errno.EEXIST: "something else has its name; move that away",
    errno.ENOTEMPTY: "something else has its name; move that away",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EIO: "the disk failed; check it",
    errno.EMFILE: "too many files are open; close other programs",
    errno.ENFILE: "too many files are open; close other programs",
    errno.ENOMEM: "there is not enough memory",
}


class ToldError(Exception):
    """Something a person can mend; the message is one sentence that says what to do."""


class DamagedFileError(ToldError, ValueError):
    """A file holds something else than it should; the message names the file and the problem."""


def reason(error: BaseException) -> str:
    """Why something failed, in a few words without a full stop.

    The operating system's errors get words of our own, without numbers and temporary names; of all
    others it is the message on one line.
    """
    if isinstance(error, OSError) and error.errno is not None:
        known = _REASONS.get(error.errno)
        return known or (error.strerror or type(error).__name__).lower()
    if isinstance(error, UnicodeDecodeError):
        return "it is no text"
    text = " ".join(str(error).split()) or type(error).__name__
    return text.removesuffix(".")


def sentence(error: BaseException, what: str = "") -> str:
    """Why something failed, as a sentence for people.

    Parameters
    ----------
    error : Exception
    what : str
        What failed, such as "The run cannot be renamed"; the reason follows after a colon.
    """
    text = reason(error)
    if isinstance(error, OSError) and error.errno is not None:
        if error.filename is None:
            text = text[:1].upper() + text[1:] if not what else text
        else:
            text = f"{_told(Path(os.fsdecode(error.filename)))} cannot be used, since {text}"
    elif isinstance(error, DamagedFileError) and not what:
        text = text[:1].upper() + text[1:]
    return f"{what}: {text}." if what else f"{text}."


def _told(path: Path) -> Path:
    """A path without names that are only for the moment, which say nothing to people."""
    for part in (path, *path.parents):
        if _HIDDEN.fullmatch(part.name):
            path = part.parent
    if temporary := _TEMPORARY.fullmatch(path.name):
        path = path.with_name(temporary[1])
    return path
