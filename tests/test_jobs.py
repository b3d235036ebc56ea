"""Long work in a process of its own: what it reports, and how it ends."""

import json
import os
import sys
from pathlib import Path

import pytest

from fmnist.jobs import NICENESS, Job, JobState, Reporter

SECONDS = 60
MODULE = """
import os, sys, time
from pathlib import Path
from fmnist.errors import ToldError
from fmnist.jobs import work

def run(reporter):
    print("what a library prints")
    what, path = sys.argv[1:]
    report = reporter("Counting")
    if what == "fail":
        raise ToldError("There is no room; make some")
    if what == "die":
        os._exit(3)
    report(1.0)
    while what == "wait":
        time.sleep(0.05)
    Path(path).write_text(f"{os.nice(0)} {Path.cwd()}")

sys.exit(work(run))
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job[str]:
    (tmp_path / "counting.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Job("counting", lambda task: [task, str(tmp_path / "made")])


def test_it_works_below_the_priority_of_a_training(job: Job[str], tmp_path: Path) -> None:
    assert job.poll() == JobState()
    job.start("count")
    assert job.wait(SECONDS) == JobState("count", done=1.0)
    assert job.poll().finished
    priority, folder = (tmp_path / "made").read_text().split(" ", 1)
    assert int(priority) == min(os.nice(0) + NICENESS, 19)
    assert folder == str(Path.cwd())  # so that relative paths mean what they meant


def test_one_at_a_time_until_it_is_cancelled(job: Job[str], tmp_path: Path) -> None:
    job.start("wait")
    while job.poll().done < 1:  # asking is how pages learn of it, too
        assert job.poll().running
    job.start("count")
    assert job.poll() == JobState("wait", True, 1.0, "Counting")
    job.cancel()
    assert job.poll() == JobState()
    assert not job.poll().finished
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("fail", "There is no room; make some."),
        ("die", "Its process ended unexpectedly (status 3); if the memory was full"),
    ],
)
def test_a_failure_is_one_sentence(job: Job[str], task: str, told: str) -> None:
    job.start(task)
    state = job.wait(SECONDS)
    assert state.error is not None and state.error.startswith(told)
    assert (state.task, state.running, state.finished) == (task, False, False)
    job.start("count")
    assert job.wait(SECONDS).error is None


def test_progress_is_a_share_of_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    whole = Reporter(sys.stdout)
    whole.part(0.5, 1.0).part(0.0, 0.4)("Arranging")(1.0)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"done": 0.5, "text": "Arranging"}, {"done": 0.7, "text": "Arranging"}]
    for share in (0.25, 0.5):  # none of them is held back, nor begins at 0
        whole("Training", share)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"done": 0.25, "text": "Training"}, {"done": 0.5, "text": "Training"}]
