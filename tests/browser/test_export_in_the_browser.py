"""A person takes a model from the Export page, and it answers elsewhere as it does here."""

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from fmnist.data.splits import Dataset
from fmnist.export.checks import LARGEST_LOSS, TOLERANCE
from fmnist.export.names import FORMATS, Format
from fmnist.models.classifier import Classifier
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import train
from tests.browser.conftest import Server
from tools.driver import settle
from tools.small import drawn_dataset

CONFIG = TrainConfig(
    model="lenet-5", dataset="synthetic-garments", epochs=3, subset=1500, batch_size=50
)
ONNX = """
import sys
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
run = lambda images: session.run(None, {"images": images})[0]
"""
TORCH = """
import sys, warnings
import numpy, torch
warnings.simplefilter("ignore")
model = LOAD(sys.argv[1])
run = lambda images: model(torch.tensor(images))[0].detach().numpy()
"""
BEGIN = {
    "onnx": ONNX,
    "int8": ONNX,
    "torch-export": TORCH.replace("LOAD(sys.argv[1])", "torch.export.load(sys.argv[1]).module()"),
    "torchscript": TORCH.replace("LOAD", "torch.jit.load"),
}
END = """
images = numpy.load("images.npy")
sizes = (1, 2, 7, 512)
found = [run(images[:size]) for size in sizes]
assert [each.shape for each in found] == [(size, 10) for size in sizes]
numpy.save("found.npy", found[-1])
assert not [name for name in sys.modules if name.startswith("fmnist")]
assert "torch" in BEGIN or not [name for name in sys.modules if name.startswith("torch")]
"""


@dataclass(frozen=True)
class World:
    """A server and a run that it shows."""

    url: str
    run: Run
    dataset: Dataset


@pytest.fixture(scope="module")
def world(own_server: Server) -> World:
    dataset = drawn_dataset()
    run = store.create_run(own_server.runs, CONFIG, name="To take away")
    with store.owning(run):
        train(run, dataset)
    return World(own_server.url, store.open_run(own_server.runs, run.run_id), dataset)


def predicted_elsewhere(form: Format, file: Path, images: np.ndarray) -> np.ndarray:
    """What a new process without this project predicts."""
    np.save(file.parent / "images.npy", images)
    code = f"BEGIN = {BEGIN[form]!r}\n{BEGIN[form]}{END}"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-I", "-c", code, file.name],
        cwd=file.parent, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found: np.ndarray = np.load(file.parent / "found.npy")
    return found


# tests/export has all formats predict elsewhere; here, one way from the page suffices
@pytest.mark.parametrize(
    "form",
    [form if form == "onnx" else pytest.param(form, marks=pytest.mark.slow) for form in FORMATS],
)
def test_each_format_predicts_the_same_elsewhere(
    page: Page, world: World, form: Format, tmp_path: Path
) -> None:
    title = FORMATS[form].title
    page.goto(f"{world.url}/export?run={world.run.run_id}")
    settle(page)
    page.get_by_role("radio", name=title, exact=True).click()
    page.get_by_role("button", name=f"Export as {title}", exact=True).click()
    expect(page.get_by_text("Checked on all 2,000 test images")).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the model file").click()
    file = tmp_path / download.value.suggested_filename
    assert file.name == f"{world.run.run_id}{FORMATS[form].suffix}"
    download.value.save_as(file)
    images, labels = world.dataset.test_images[:512], world.dataset.test_labels[:512]
    found = predicted_elsewhere(form, file, images)
    known = Classifier.load(world.run.weights_path).predict_proba(images)
    if form == "int8":
        loss = (known.argmax(1) == labels).mean() - (found.argmax(1) == labels).mean()
        assert loss <= LARGEST_LOSS
        assert 0 < np.abs(found - known).max() < 0.2
    else:
        assert found == pytest.approx(known, abs=TOLERANCE)
        assert np.array_equal(found.argmax(1), known.argmax(1))


def test_what_is_kept_is_there_after_a_reload_as_a_whole(
    page: Page, world: World, tmp_path: Path
) -> None:
    kept = world.run.folder / "exports" / "onnx"
    page.goto(f"{world.url}/export?run={world.run.run_id}")
    settle(page)
    if not kept.exists():
        page.get_by_role("button", name="Export as ONNX", exact=True).click()
    expect(page.get_by_text(re.compile("every prediction is that of the run"))).to_be_visible()
    page.get_by_role("tab", name="JavaScript").click()
    expect(page.get_by_text('import * as ort from "onnxruntime-web";')).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download with examples").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = sorted(Path(name).name for name in archive.namelist())
        model = archive.read(f"{world.run.run_id}-onnx/{world.run.run_id}.onnx")
    assert names == sorted(
        [f"{world.run.run_id}.onnx", "README.md", "model_card.md", "predict.html", "predict.py"]
    )
    assert model == (kept / f"{world.run.run_id}.onnx").read_bytes()
