"""Models are opened when they are asked for, and exported first where they have to be."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fmnist.export import kept
from fmnist.export.process import ExportProcess, ExportState, ExportTask
from fmnist.runs import store
from fmnist.runs.run import Run, RunError
from fmnist.serve import models as module
from fmnist.serve.application import create_app
from fmnist.serve.metrics import Metrics
from fmnist.serve.models import Models, UnusableModelError
from fmnist.sketchpad.recognition import OOD_MODEL
from tests.serve import loops

IMAGE = {"images": [[[0] * 28] * 28]}
DRAWING = {"strokes": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}


class Fake(ExportProcess):
    """An export that goes on until it is cancelled, or has failed."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.told, self.ended = (threading.Event() for _ in range(3))
        self.error: str | None = None
        self.task: ExportTask | None = None

    def start(self, task: ExportTask) -> None:
        self.task = task
        self.started.set()

    def poll(self) -> ExportState:
        runs = self.started.is_set() and self.error is None
        return ExportState(self.task, running=runs, done=0.5, text="Working", error=self.error)

    def wait(self, timeout: float) -> ExportState:
        self.told.set()
        self.ended.wait(timeout)
        return self.poll()

    def cancel(self) -> None:
        self.started.clear()
        self.ended.set()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """The export of the models that a test makes; nothing is kept."""
    made = Fake()
    monkeypatch.setattr(module, "ExportProcess", lambda: made)
    monkeypatch.setattr(kept, "find", lambda *_, **__: None)
    return made


@pytest.fixture
def models(run: Run, fake: Fake) -> Iterator[Models]:
    made = Models(lambda: [run.run_id, OOD_MODEL, "gone"], default=run.run_id)
    yield made
    made.close()


@pytest.fixture
def client(models: Models) -> Iterator[TestClient]:
    with TestClient(create_app(models, Metrics(), allowed_hosts=[])) as made:
        yield made


def test_meanwhile_it_says_how_far_the_export_is(
    client: TestClient, fake: Fake, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    client.post("/predict", json=IMAGE)
    assert fake.told.wait(60)
    response = client.post("/predict", json=IMAGE)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    told = response.json()["detail"]
    assert told == f"{run.run_id} is not ready (Working, 50%); try again soon."
    assert fake.task == ExportTask(run.folder, "onnx")


def test_the_end_ends_the_export(models: Models, fake: Fake, run: Run) -> None:
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            models.open_now(run.run_id)
        except RunError as error:
            failed.append(error)

    thread = threading.Thread(target=open_it)
    thread.start()
    assert fake.started.wait(60)
    models.close()
    thread.join()
    assert [*map(str, failed)] == [f"The export of {run.name} was ended; try again."]


def test_why_a_model_cannot_be_used_is_told_and_tried_again(
    client: TestClient, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.error = "Fashion-MNIST is not on this machine."
    for _ in range(2):
        response = client.post("/predict", json=IMAGE)
        assert (response.status_code, response.json()["detail"]) == (409, fake.error)
    fake.started.clear()
    client.get("/model")
    assert not fake.started.is_set()  # not with each request
    monkeypatch.setattr(module, "_RETRY_SECONDS", -1)
    client.get("/model")
    assert fake.started.is_set()


def test_a_run_that_is_gone_is_told(client: TestClient) -> None:
    response = client.get("/model?run=gone")
    assert response.status_code == 409
    assert "There is no run 'gone'" in response.json()["detail"]


def test_drawings_are_answered_without_a_detector(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "run_ids", lambda _: [])
    models = Models(lambda: [run.run_id], default=run.run_id)
    try:
        assert not models.has_detector
        with TestClient(create_app(models, Metrics(), allowed_hosts=[])) as client:
            (answer,) = client.post("/predict", json=DRAWING).json()["predictions"]
    finally:
        models.close()
    assert answer["in_distribution_score"] is answer["is_garment"] is None


def test_the_least_recently_used_model_is_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [run.run_id, OOD_MODEL]
    models = Models(lambda: names, default=names[0], most_open=1)
    opened: list[str] = []
    find = store.find_run

    def finding(name: str) -> Run:
        opened.append(name)
        return find(name)

    monkeypatch.setattr(store, "find_run", finding)
    try:
        for name in (names[0], names[0], names[1], names[0]):
            loops.run(models.get(name))
    finally:
        models.close()
    assert opened == [names[0], names[1], names[0]]


@pytest.mark.slow
def test_a_process_of_its_own_exports(artifacts: Path, run: Run) -> None:
    """With the real process, which draws the whole data set."""
    copy = store.create_run(artifacts / "runs", run.config, name="A copy")  # type: ignore[arg-type]
    for path in run.folder.iterdir():
        if path.is_file() and path.name != ".lock":
            (copy.folder / path.name).write_bytes(path.read_bytes())
    said: list[str] = []
    models = Models(lambda: [copy.run_id], default=copy.run_id)
    try:
        served = models.open_now(copy.run_id, lambda text, _share: said.append(text))
        assert served.run.run_id == copy.run_id
        assert any("2,000 test images" in text for text in said)
        with pytest.raises(UnusableModelError):
            (copy.folder / "model.safetensors").unlink()
            loops.run(models.get())
    finally:
        models.close()
        shutil.rmtree(copy.folder)
