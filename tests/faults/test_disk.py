"""A disk that is full or read-only: nothing is lost, and all goes on once there is room again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.faults.actions import ACTIONS
from tests.faults.harness import Prepared, Trial
from tests.faults.world import World

PAGE = 4096  # bytes: a tmpfs gives its room away in pages
SIZE = 24 * 2**20
QUICK = ("start a run", "stop", "rename", "delete", "save a drawing", "give the first verdict")


def mount(*words: str) -> None:
    result = subprocess.run(["mount", *words], capture_output=True, text=True)
    if result.returncode:
        pytest.skip(f"needs the right to mount: {result.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid():
        pytest.skip("needs the right to mount: run it as root")
    mount("-t", "tmpfs", "-o", f"size={SIZE}", "none", str(place))
    yield place
    subprocess.run(["umount", str(place)], check=True)


@contextmanager
def full(pages: int, world: World) -> Iterator[None]:
    """Leave so many pages of the disk free."""
    filler = world.folder.parent / "filler"
    with filler.open("wb") as stream:
        disk = os.statvfs(world.folder)
        os.posix_fallocate(stream.fileno(), 0, disk.f_bavail * disk.f_frsize - pages * PAGE)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(world: World) -> Iterator[None]:
    disk = str(world.folder.parent)
    mount("-o", "remount,ro", disk)
    try:
        yield
    finally:
        mount("-o", "remount,rw", disk)


def trials(pages: range) -> list[Trial]:
    room = [Trial(f"{free} pages free", partial(full, free)) for free in pages]
    return [Trial("read-only", read_only), *room]


@pytest.mark.parametrize("name", QUICK)
def test_a_full_or_read_only_disk(name: str, tmp_path: Path, small_disk: Path) -> None:
    prepared = Prepared(name, tmp_path / "action", small_disk)
    tally = prepared.walk(trials(range(0, 12, 4)))
    assert not tally.problems()


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIONS)
def test_a_disk_with_little_room(name: str, tmp_path: Path, small_disk: Path) -> None:
    prepared = Prepared(name, tmp_path / "action", small_disk)
    tally = prepared.walk(trials(range(48)))
    assert not tally.problems()
