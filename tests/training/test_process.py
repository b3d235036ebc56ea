"""A training in a process of its own: what it is told, what it tells, how it ends."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.process import TrainingProcess
from fmnist.training.worker import Trainer, TrainerSnapshot
from tests.training.helpers import reread, run_whole, start_small
from tools.small import same_result

SOON = 120  # seconds that an event may take on a busy machine before the test gives up
CONFIG = TrainConfig(
    model="lenet-5",
    dataset="synthetic-garments",
    epochs=3,
    subset=128,
    batch_size=64,
    log_every=1,
    seed=5,
)
LONG = replace(CONFIG, epochs=1000)


class Started:
    """The processes that a trainer has started."""

    def __init__(self) -> None:
        self.made: list[TrainingProcess] = []

    def __call__(self, run: Run) -> TrainingProcess:
        self.made.append(start_small(run))
        return self.made[-1]

    @property
    def pid(self) -> int:
        return self.made[-1]._process.pid


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def trainer(started: Started) -> Iterator[Trainer]:
    trainer = Trainer(start=started)
    yield trainer
    trainer.close()
    assert all(process._process.poll() is not None for process in started.made)


def idle(snapshot: TrainerSnapshot) -> bool:
    return snapshot.state == "idle" and not snapshot.queue


def wait_until(holds: Callable[[], bool], trainer: Trainer) -> None:
    """Look at a run's folder, which has no events, until something holds."""
    for _ in range(SOON * 20):
        if holds():
            return
        trainer.wait_for(lambda _: False, 0.05)
    raise AssertionError("it did not happen")


def test_a_run_that_is_paused_and_resumed_ends_as_one_left_alone(
    trainer: Trainer, started: Started, tmp_path: Path
) -> None:
    alone = run_whole(tmp_path / "alone", CONFIG)
    run = store.create_run(tmp_path / "runs", CONFIG)
    trainer.submit(run)
    assert trainer.wait_for(lambda s: s.current == run.run_id, SOON)
    trainer.pause(run.run_id)  # before its process has begun
    assert trainer.wait_for(lambda s: s.state == "paused", SOON)
    assert (reread(run).state, reread(run).progress.step) == ("paused", 0)
    trainer.resume(run.run_id)
    assert trainer.wait_for(idle, SOON)
    same_result(alone, reread(run))
    assert len(started.made) == 1  # a pause keeps the process
    assert not store.is_owned(run.folder)


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_killed_process_fails_its_run_and_the_queue_goes_on(
    trainer: Trainer, started: Started, tmp_path: Path
) -> None:
    run = store.create_run(tmp_path, LONG)
    without_data = store.create_run(tmp_path, TrainConfig(dataset="fashion-mnist", epochs=1))
    trainer.submit(run)
    trainer.submit(without_data)
    wait_until(lambda: len(reread(run).history.steps) > 2, trainer)
    # Ctrl-C and service managers signal every process: the server alone decides what they mean
    os.kill(started.pid, signal.SIGINT)
    os.kill(started.pid, signal.SIGTERM)
    step = reread(run).history.steps[-1].step
    wait_until(lambda: reread(run).history.steps[-1].step > step + 1, trainer)
    os.kill(started.pid, signal.SIGKILL)
    assert trainer.wait_for(idle, SOON)
    killed, failed = reread(run), reread(without_data)
    assert killed.state == failed.state == "failed"
    assert killed.progress.step > 0
    assert killed.reason and "ended unexpectedly (signal 9)" in killed.reason
    # the next one was begun, and a failure is told as the folder tells it
    assert failed.reason and "Fashion-MNIST" in failed.reason
    assert trainer.snapshot().failures == {
        run.run_id: killed.reason,
        without_data.run_id: failed.reason,
    }
    trainer.submit(killed)  # and it can be gone on with; a stop keeps what there is
    assert trainer.wait_for(lambda s: s.current == run.run_id, SOON)
    trainer.stop(run.run_id)
    assert trainer.wait_for(idle, SOON)
    assert reread(run).state == "stopped"
    assert reread(run).evaluation_path("test").exists()


def test_closing_saves_the_run_and_ends_its_process(started: Started, tmp_path: Path) -> None:
    trainer = Trainer(start=started)
    run = store.create_run(tmp_path, LONG)
    trainer.submit(run)
    wait_until(lambda: len(reread(run).history.steps) > 2, trainer)
    trainer.close()
    assert started.made[-1]._process.poll() is not None
    assert reread(run).state == "interrupted"
    assert reread(run).checkpoint_path.exists()
    assert trainer.snapshot().failures == {}


SERVER = """
import sys
from pathlib import Path
from fmnist.runs import store
from fmnist.training.worker import Trainer
from tests.training.helpers import start_small
made = []
def start(run):
    made.append(start_small(run))
    return made[-1]
trainer = Trainer(start=start)
run = store.open_run(Path(sys.argv[1]), sys.argv[2])
trainer.submit(run)
while not run.history.steps:
    run = store.open_run(Path(sys.argv[1]), sys.argv[2])
print(made[0]._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no /proc to look for a process")
def test_a_killed_server_leaves_no_process_and_a_run_to_resume(
    trainer: Trainer, tmp_path: Path
) -> None:
    config = replace(CONFIG, epochs=40)  # not over before the server is killed
    alone = run_whole(tmp_path / "alone", config)
    run = store.create_run(tmp_path / "runs", config)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(run.folder.parent), run.run_id],
        cwd=paths.PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        assert server.stdout
        process = Path("/proc") / server.stdout.readline().strip()
        server.kill()
    wait_until(lambda: not process.exists() or " Z " in (process / "stat").read_text(), trainer)
    assert reread(run).state == "interrupted"
    trainer.submit(reread(run))
    assert trainer.wait_for(idle, SOON)
    same_result(alone, reread(run))
