"""Each write, flush, rename and removal fails once, or is the last: all is as before, or done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.dashboard import failures
from tests.faults import harness
from tests.faults.actions import ACTIONS
from tests.faults.harness import Tally
from tests.faults.walk import walk


def kill(names: list[str], *, most: int = 0) -> list[Tally]:
    """Kill processes at calls of actions, at most so many of each; 0 for all."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults.walk", str(most), "kill", *names],
        cwd=paths.PROJECT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return [Tally(**json.loads(line)) for line in result.stdout.splitlines()]


def test_pages_expect_the_same_errors() -> None:
    assert harness.EXPECTED == failures.EXPECTED


@pytest.mark.parametrize("name", ACTIONS)
def test_a_call_that_fails(name: str, tmp_path: Path) -> None:
    tally = walk("error", name, tmp_path, most=4)
    assert not tally.problems()
    assert tally.clear == tally.tried > 0


def test_a_call_at_which_the_process_is_killed() -> None:
    slow = (
        "resume", "stop", "publish", "publish again", "make an ensemble", "fine-tune",
        "train a run of a sweep",
    )  # fmt: skip
    names = [name for name in ACTIONS if name not in slow]
    tallies = kill(names, most=2)
    assert not "\n".join(filter(None, (tally.problems() for tally in tallies)))
    assert [tally.name for tally in tallies] == names
    assert all(tally.clear == tally.tried > 0 for tally in tallies)


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIONS)
def test_every_call_fails(name: str, tmp_path: Path) -> None:
    tally = walk("error", name, tmp_path)
    assert not tally.problems()
    assert tally.clear == tally.tried > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIONS)
def test_the_process_is_killed_at_every_call(name: str) -> None:
    (tally,) = kill([name])
    assert not tally.problems()
    assert tally.clear == tally.tried > 0
