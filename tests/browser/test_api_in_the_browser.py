"""The app and the API in one server: `streamlit run server.py`."""

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from fmnist import paths
from fmnist.data.splits import Dataset
from fmnist.export import kept
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.loading import load_run
from fmnist.training.loop import train
from tests.browser.conftest import Server
from tools.driver import ROOT, SLOW, settle, small_run, start_training

JSON = "application/json"


@pytest.fixture
def exported(tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run with an export that is kept, so that the server need not make one."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    config = TrainConfig(model="lenet-5", dataset="synthetic-garments", epochs=1, subset=100)
    run = store.create_run(paths.runs_folder(), config)
    with store.owning(run):
        train(run, small)
    kept.make(store.open_run(paths.runs_folder(), run.run_id), "onnx", small)
    return run.run_id


def get(address: str, body: object = None, **headers: str) -> tuple[int, str]:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        address, content, {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.slow
def test_a_signal_saves_a_training_beside_the_api(
    page: Page, start_server: Callable[..., Server], exported: str, small: Dataset
) -> None:
    server = start_server(ROOT / "server.py")
    page.goto(f"{server.url}/train")
    settle(page)
    small_run(page, epochs=500)
    run_id = start_training(page)
    expect(page.get_by_text("evaluated epochs").first).to_be_visible(timeout=SLOW)

    images = small.test_images[:2]
    status, answer = get(f"{server.url}/api/predict?run={exported}", {"images": images.tolist()})
    assert status == 200, answer
    found = [[*one["probabilities"].values()] for one in json.loads(answer)["predictions"]]
    assert np.array(found) == pytest.approx(load_run(exported).predict_proba(images), abs=1e-5)
    assert get(f"{server.url}/api/model?run=nothing")[0] == 404
    assert get(f"{server.url}/api/health", Host="evil.example")[0] == 421
    assert "POST /predict" in get(f"{server.url}/api")[1]
    assert json.loads(get(f"{server.url}/api/openapi.json")[1])["servers"] == [
        {"url": f"{server.url}/api"}
    ]

    assert store.open_run(server.runs, run_id).state == "running"
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)
    ended = time.time()
    run = store.open_run(server.runs, run_id)
    assert run.state == "interrupted"
    assert run.read_events()[-1].text == "Paused"
    assert 0 < ended - run.checkpoint_path.stat().st_mtime < 30
