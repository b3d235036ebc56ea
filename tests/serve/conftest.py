"""A trained run, and an application that answers with it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from fmnist import paths
from fmnist.data.splits import Dataset
from fmnist.export import kept
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.loading import load_run
from fmnist.runs.run import Run
from fmnist.serve.application import create_app
from fmnist.serve.metrics import Metrics
from fmnist.serve.models import Models
from fmnist.sketchpad.recognition import OOD_MODEL
from fmnist.training.loop import train

CONFIG = TrainConfig(model="lenet-5", dataset="synthetic-garments", epochs=1, subset=200)
HOST = "testserver"  # as test clients call it


@contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    """Where all runs are in this folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMNIST_ARTIFACTS", str(folder))
        patch.setattr(paths, "pretrained_folder", lambda: folder / "pretrained")
        patch.setattr(paths, "benchmark_folder", lambda: folder / "benchmarks")
        yield


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, small: Dataset) -> Path:
    """A folder with a run, and with a shipped model that knows other things than garments."""
    folder = tmp_path_factory.mktemp("artifacts")
    with _at_home(folder):
        made = store.create_run(folder / "runs", CONFIG, name="My run")
        with store.owning(made):
            train(made, small)
        detector = folder / "pretrained" / OOD_MODEL
        detector.parent.mkdir()
        shutil.copytree(made.folder, detector)
        network = create_model("lenet-5", seed=1, num_classes=11)
        Classifier(network, models=["lenet-5"]).save(detector / "model.safetensors")
        for one in (store.open_run(folder / "runs", made.run_id), store.find_run(OOD_MODEL)):
            kept.make(one, "onnx", small)
    return folder


@pytest.fixture(scope="module", autouse=True)
def artifacts(built: Path) -> Iterator[Path]:
    """The folder, in use for the tests of a module."""
    with _at_home(built):
        yield built


@pytest.fixture(scope="module")
def run(artifacts: Path) -> Run:
    (found,) = store.list_runs(artifacts / "runs")
    return found


@pytest.fixture(scope="module")
def classifier(run: Run) -> Classifier:
    return load_run(run.run_id, folder=run.folder.parent)


@pytest.fixture(scope="module")
def detector(artifacts: Path) -> Classifier:
    return load_run(OOD_MODEL, folder=artifacts / "pretrained")


@pytest.fixture(scope="module")
def models(run: Run) -> Iterator[Models]:
    made = Models(lambda: [run.run_id, OOD_MODEL], default=run.run_id)
    for name in made.names():
        made.open_now(name)
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(models: Models) -> FastAPI:
    return create_app(models, Metrics(), allowed_hosts=[HOST])


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client in one event loop, as a server has it; what fails on the server fails here."""
    with TestClient(app) as made:
        yield made
