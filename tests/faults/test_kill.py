"""kill -9 of a real process at random moments, resumed: the same run as one left alone."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from tools.small import same_result

ROOT = paths.PROJECT
WRITES = [
    f"write {name}"
    for name in (
        "model.safetensors", "epochs.npz", "checkpoint.pt", "history.jsonl", "checksums.json"
    )
]  # fmt: skip
KILLS = [*WRITES, *[""] * 8]  # before each of these files is whole, then anywhere
CONFIG = TrainConfig(
    dataset="synthetic-garments", epochs=6, subset=320, batch_size=32, log_every=2, seed=3
)  # 10 steps an epoch, 60 in all

# Prints each step before it begins, each file just before it takes its place, and each line of the
# history when half of it is written: the parent kills at one of these moments, so that both the
# middle of a step and the middle of a write are met.
CHILD = """
import itertools, os, pathlib, signal, sys
from fmnist import files

numbers = itertools.count(1)

def tell(word):
    print(word, flush=True)
    if next(numbers) >= int(sys.argv[3]) and word == sys.argv[4]:
        signal.pause()  # it is killed here, not a moment later

replace = pathlib.Path.replace

def replace_and_tell(self, target):
    tell(f"write {pathlib.Path(target).name}")
    return replace(self, target)

pathlib.Path.replace = replace_and_tell

append_line = files.append_line

def append_half_and_tell(path, line):
    before = path.stat().st_size if path.exists() else 0
    path.open("a").write(line[: len(line) // 2])
    tell(f"write {path.name}")
    os.truncate(path, before)
    append_line(path, line)

files.append_line = append_half_and_tell

from fmnist.runs import store  # only now, since they import what is replaced above
from fmnist.training.loop import train
from tools.small import small_dataset

def control():
    tell("step")
    return "continue"

run = store.open_run(pathlib.Path(sys.argv[1]), sys.argv[2])
with store.owning(run):
    train(run, small_dataset(), control=control, checkpoint_seconds=0)
tell("done")
"""


def train_until_killed(run: Run, moment: int, word_of_death: str = "") -> tuple[bool, str]:
    """Train in a process of its own; kill it at its moment-th word, or the next such word.

    Returns
    -------
    tuple of bool and str
        Whether it finished first, and its last word.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(run.folder.parent), run.run_id,
         str(moment), word_of_death],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout
    word = ""
    for number, line in enumerate(child.stdout, 1):
        word = line.strip()
        if number >= moment and word_of_death in ("", word):
            child.kill()  # SIGKILL: no handler, no flush, no finally
            break
    child.stdout.close()
    child.wait()
    return word == "done", word


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20, 21, 22, 23])
def test_killed_at_random_moments_and_resumed(
    tmp_path: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("tried", len(KILLS))
    left_alone = store.create_run(tmp_path / "alone", CONFIG)
    finished, _ = train_until_killed(left_alone, 10**9)
    assert finished
    left_alone = store.open_run(tmp_path / "alone", left_alone.run_id)

    chance = random.Random(seed)
    run = store.create_run(tmp_path / "killed", CONFIG)
    words = []
    for word_of_death in KILLS:
        # a child gets two steps further on the average: the kills spread over the run
        finished, word = train_until_killed(run, chance.randint(1, 14), word_of_death)
        assert not finished
        words.append(word)
        state = store.open_run(tmp_path / "killed", run.run_id).state
        assert state == "interrupted", f"after {words}"
    assert words[: len(WRITES)] == WRITES
    finished, _ = train_until_killed(run, 10**9)
    assert finished
    same_result(left_alone, store.open_run(tmp_path / "killed", run.run_id))
    assert not list(run.folder.rglob("*.tmp"))  # of writes that were cut off


def test_ctrl_c_in_a_terminal_keeps_the_run_and_resume_finishes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fmnist", "train"]
    settings = ["--model", "lenet-5", "--dataset", "synthetic-garments", "--subset", "320"]
    settings += ["--epochs", "16"]
    environment = os.environ | {"FMNIST_ARTIFACTS": str(tmp_path)}
    with subprocess.Popen(
        [*command, *settings], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stderr
        shown = ""
        while "images/s" not in shown:  # the bar: it trains
            shown += child.stderr.read(1)
            assert child.poll() is None, shown
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate()
    assert child.returncode == 1
    (run,) = store.list_runs(tmp_path / "runs")
    assert f"Continue with: python -m fmnist train --resume {run.run_id}" in told
    assert run.state == "interrupted"
    assert 0 < run.progress.step < run.progress.steps

    result = subprocess.run(
        [*command, "--resume", run.run_id],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Finished: epoch" in result.stdout
    (finished,) = store.list_runs(tmp_path / "runs")
    assert finished.state == "finished"
    assert [entry.epoch for entry in finished.history.epochs] == list(range(1, 17))
    resumed = f"Resumed at step {run.progress.step:,} on cpu"
    assert any(event.text.startswith(resumed) for event in finished.read_events())
