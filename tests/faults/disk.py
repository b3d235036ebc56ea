"""Small disks in memory, full or read-only; needs the right to mount."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from tests.faults.harness import Trial
from tests.faults.world import World

_PAGE: Final = 4096  # bytes: a tmpfs gives its room away in pages
_SIZE: Final = 24 * 2**20


class MountError(Exception):
    """The right to mount is missing."""


def _mount(*words: str) -> None:
    result = subprocess.run(["mount", *words], capture_output=True, text=True)
    if result.returncode:
        raise MountError(result.stderr.strip())


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of 24 MiB in memory, in a new folder.

    Raises
    ------
    MountError
    """
    place.mkdir()
    if os.geteuid():
        raise MountError("only root may mount")
    _mount("-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def trials(pages: Iterable[int]) -> list[Trial]:
    """The disk is read-only; it has so many pages left."""
    room = [Trial(f"{free} pages free", partial(_full, free)) for free in pages]
    return [Trial("read-only", _read_only), *room]


@contextmanager
def _full(pages: int, world: World) -> Iterator[None]:
    filler = world.folder.parent / "filler"
    with filler.open("wb") as stream:
        disk = os.statvfs(world.folder)
        os.posix_fallocate(stream.fileno(), 0, disk.f_bavail * disk.f_frsize - pages * _PAGE)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def _read_only(world: World) -> Iterator[None]:
    disk = str(world.folder.parent)
    _mount("-o", "remount,ro", disk)
    try:
        yield
    finally:
        _mount("-o", "remount,rw", disk)
