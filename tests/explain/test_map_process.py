"""Maps computed in another process."""

from pathlib import Path

import pytest

from fmnist.evaluation.predictions import Evaluation
from fmnist.explain import map_sources
from fmnist.explain.map_files import Layout
from fmnist.explain.map_process import MapProcess, MapTask
from fmnist.runs.run import Run
from tools.made_up_run import made_up_run

SECONDS = 120


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run on Fashion-MNIST, which is not on this machine: its map is of logits."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("FMNIST_DATA", "")
    monkeypatch.setenv("FMNIST_DOWNLOADS", str(tmp_path / "data"))
    (tmp_path / "runs").mkdir()
    return made_up_run(tmp_path / "runs")


def test_a_map_is_computed_and_kept(run: Run) -> None:
    process = MapProcess()
    task = MapTask("pca", "test", (run.folder,))
    process.start(task)
    assert process.poll().running
    process.start(MapTask("pacmap", "test", (run.folder,)))  # one at a time
    assert process.poll().task == task
    ended = process.wait(SECONDS)
    assert (ended.running, ended.error, ended.done) == (False, None, 1.0)
    test = Evaluation.load(run.evaluation_path("test"))
    source = map_sources.source(run, test)
    kept = Layout.load(source.path("pca"), digest=source.digest, images=len(test.labels))
    assert kept is not None
    assert 0.8 < kept.agreement.full_accuracy < 1


def test_a_failure_is_told_in_a_sentence(run: Run) -> None:
    process = MapProcess()
    run.evaluation_path("test").write_bytes(b"PK rubbish")
    process.start(MapTask("pca", "test", (run.folder,)))
    error = process.wait(SECONDS).error
    assert error is not None and "is broken" in error and error.endswith(".")
    assert not (run.folder / "maps").exists()


def test_cancelling_ends_it_and_keeps_nothing(run: Run) -> None:
    process = MapProcess()
    process.start(MapTask("tsne", "test", (run.folder,)))
    process.cancel()
    state = process.poll()
    assert (state.running, state.error) == (False, None)
    assert not (run.folder / "maps").exists()


def test_many_runs_are_one_task() -> None:
    task = MapTask("epochs", "validation", (Path("a"), Path("b")), epoch=3)
    assert task.arguments() == ["--epoch=3", "epochs", "validation", "a", "b"]
