"""A disk that is full or read-only: nothing is lost, and all goes on once there is room again."""

from pathlib import Path

import pytest

from tests.faults.actions import ACTIONS
from tests.faults.disk import MountError
from tests.faults.walk import walk

QUICK = ("train", "delete", "save a drawing", "give the first verdict")


def meet(name: str, folder: Path, *, most: int = 0) -> None:
    try:
        tally = walk("room", name, folder, most=most)
    except MountError as error:
        pytest.skip(f"needs the right to mount: {error}")
    assert not tally.problems()
    assert tally.clear == tally.tried > 0


@pytest.mark.parametrize("name", QUICK)
def test_a_full_or_read_only_disk(name: str, tmp_path: Path) -> None:
    meet(name, tmp_path, most=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIONS)
def test_a_disk_with_little_room(name: str, tmp_path: Path) -> None:
    meet(name, tmp_path)
