"""Folders that are gone and come back; two servers that share one folder of artifacts."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import filelock
import pytest

from fmnist import paths
from fmnist.runs import store
from fmnist.runs.run import Run, RunError
from fmnist.training.loop import Signal, TrainingError, train
from fmnist.training.worker import Trainer
from tests.faults.world import CONFIG, World, train_run
from tests.training.helpers import InThread
from tools.small import same_result, small_dataset


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def left_alone(tmp_path: Path) -> Run:
    run = store.create_run(tmp_path / "alone", CONFIG)
    train_run(run)
    return store.open_run(run.folder.parent, run.run_id)


def reread(run: Run) -> Run:
    return store.open_run(run.folder.parent, run.run_id)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_run_whose_folder_is_gone_for_a_while(world: World, left_alone: Run, step: int) -> None:
    run = store.create_run(world.runs, CONFIG)
    asked = 0

    def control() -> Signal:
        nonlocal asked
        asked += 1
        if asked == step:
            run.folder.rename(world.folder / "elsewhere")
        return "continue"

    with pytest.raises(TrainingError, match="is gone: it was deleted or moved"), store.owning(run):
        train(run, small_dataset(), control=control, checkpoint_seconds=0)
    assert not run.folder.exists()
    (world.folder / "elsewhere").rename(run.folder)
    assert reread(run).state == "interrupted"
    train_run(run)
    same_result(left_alone, reread(run))


def test_a_run_whose_data_are_gone_for_a_while(
    world: World, fashion_mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = world.folder / "data"
    monkeypatch.setenv("FMNIST_DATA", str(place))
    run = store.create_run(world.runs, replace(CONFIG, dataset="fashion-mnist"))
    trainer = Trainer()
    for state in ("failed", "finished"):
        trainer.submit(reread(run))
        assert trainer.wait_for(lambda now: now.current is None and not now.queue, 60)
        assert reread(run).state == state
        if state == "failed":
            assert str(place) in str(reread(run).reason)
            place.symlink_to(fashion_mnist_folder)
    trainer.close()


SERVER = """
import sys
from pathlib import Path
from fmnist.runs import store
from fmnist.training.worker import Trainer
from tests.training.helpers import start_small
trainer = Trainer(start=start_small)
run = store.open_run(Path(sys.argv[1]), sys.argv[2])
trainer.submit(run)
while not run.history.steps:
    run = store.open_run(Path(sys.argv[1]), sys.argv[2])
print("trains", flush=True)
sys.stdin.read()
"""


def test_a_second_server_leaves_the_firsts_run_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(self: Run) -> filelock.BaseFileLock:  # one that does not wait for five seconds
        return filelock.FileLock(self.folder / ".lock", timeout=0, thread_local=False)

    monkeypatch.setattr(Run, "lock", lock)
    run = store.create_run(world.runs, replace(CONFIG, epochs=1000))
    trainer = Trainer(start=InThread)
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(world.runs), run.run_id],
        cwd=paths.PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        assert first.stdout and first.stdout.readline() == "trains\n"
        assert reread(run).state == "running"
        with pytest.raises(RunError, match="is running; it cannot be trained further"):
            trainer.submit(reread(run))
        with pytest.raises(RunError, match="already being trained elsewhere"):
            trainer.submit(run)  # as this server's page saw it before the other began
        with pytest.raises(RunError, match="is training; stop it before deleting it"):
            store.delete_run(run)
        store.rename_run(run, "Named by the second")
        first.kill()
    assert (reread(run).state, reread(run).name) == ("interrupted", "Named by the second")
    trainer.submit(reread(run))
    assert trainer.wait_for(lambda now: now.state == "running", 60)
    trainer.stop(run.run_id)
    assert trainer.wait_for(lambda now: now.current is None, 60)
    assert reread(run).state == "stopped"
    trainer.close()


WORKER = """
import sys
from pathlib import Path
from fmnist.evaluation.verdicts import ImageKey, Verdict, VerdictStore
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.sketchpad.gallery import Gallery, SavedDrawing
folder, number = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for i in range(10):
    run = store.create_run(folder / "runs", TrainConfig(), name="first")
    store.rename_run(run, f"{number}-{i}")
    store.delete_run(store.create_run(folder / "runs", TrainConfig(), name="spare"))
    Gallery(folder / "drawings").save(SavedDrawing([], b"", "Sketch", "Bag", 0.5))
    image = ImageKey("fashion-mnist", "test", 100 * number + i)
    VerdictStore(folder / "verdicts.sqlite").give(Verdict(image, "ambiguous"))
"""


def test_two_servers_write_at_the_same_time(world: World) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(world.folder), str(number)],
            cwd=paths.PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for number in range(3)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "ready\n"
    told = [worker.communicate("\n")[1] for worker in workers]
    assert told == ["", "", ""]
    names = {f"{number}-{i}" for number in range(3) for i in range(10)}
    runs = store.list_runs(world.runs)
    assert {run.name for run in runs} == names
    assert {run.state for run in runs} == {"interrupted"}
    drawings, problems = world.gallery.all()
    assert (len(drawings), problems) == (30, [])
    assert len(world.verdicts.all()) == 30
    assert not list(world.runs.glob(".making-*"))
