"""What comes with an exported file runs, without this project."""

import io
import math
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.data.synthetic.garments import draw_garments
from fmnist.export import kept
from fmnist.export.bundle import bundle
from fmnist.export.names import FORMATS, Format
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.sketchpad.preprocessing import Preparation, to_model_input
from fmnist.sketchpad.recognition import IN_DISTRIBUTION_THRESHOLD
from fmnist.sketchpad.uploads import read_picture
from fmnist.training.loop import train

CONFIG = TrainConfig(
    model="logistic", dataset="synthetic-garments", epochs=1, batch_size=50, subset=100
)
SANDAL = CLASS_NAMES.index("Sandal")
AS_DRAWN = Preparation(kind="drawing", line_width=None)
NASTY = 'A "run" [x](http://b.example) <script>alert(1)</script> {{ 7 * 7 }} \\ -->'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, small: Dataset) -> Run:
    root = tmp_path_factory.mktemp("runs")
    made = store.create_run(root, CONFIG, name=NASTY)
    with store.owning(made):
        train(made, small)
    return store.open_run(root, made.run_id)


@pytest.fixture(autouse=True)
def own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist.paths.runs_folder", lambda: run.folder.parent)


def unpacked(run: Run, form: Format, small: Dataset, target: Path) -> Path:
    content = bundle(kept.make(run, form, small), run, card="# The card")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(target)
    (folder,) = target.iterdir()
    return folder


def predict(folder: Path, *pictures: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-I", folder / "predict.py", *pictures],
        cwd=folder.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_what_is_no_picture_is_told(run: Run, small: Dataset, tmp_path: Path) -> None:
    folder = unpacked(run, "onnx", small, tmp_path)
    for name in ("README.md", "nothing.png"):
        result = subprocess.run(
            [sys.executable, "-I", folder / "predict.py", folder / name],
            capture_output=True, text=True,
        )  # fmt: skip
        told = f"{folder / name} cannot be read as a picture: "
        assert result.returncode == 1 and told in result.stderr
        assert "Traceback" not in result.stderr


BOTH = """
import os, runpy, sys
sys.argv = ["predict.py", sys.argv[1]]
runpy.run_path("FOLDER/predict.py", run_name="__main__")
os.chdir("FOLDER")
"""
"""The program in the archive, run from anywhere; the README's example runs in its folder."""


@pytest.mark.parametrize("form", FORMATS)
def test_each_archive_runs_from_anywhere_and_so_does_the_readmes_example(
    run: Run, small: Dataset, tmp_path: Path, form: Format
) -> None:
    folder = unpacked(run, form, small, tmp_path / "unpacked")
    names = {"README.md", "predict.py", "model_card.md", f"{run.run_id}{FORMATS[form].suffix}"}
    is_onnx = form in ("onnx", "int8")
    assert {p.name for p in folder.iterdir()} == names | ({"predict.html"} if is_onnx else set())
    Image.fromarray(small.test_images[0]).save(tmp_path / "picture.png")
    # in one process, since importing torch takes longer than all else
    example = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    result = subprocess.run(
        [sys.executable, "-I", "-c",
         f"{BOTH.replace('FOLDER', str(folder))}{example}\nprint(tuple(probabilities.shape))",
         tmp_path / "picture.png"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    told = result.stdout
    assert told.splitlines()[-1] == "(2, 10)"
    probabilities = Classifier.load(run.weights_path).predict_proba(small.test_images[:1])[0]
    best = probabilities.argmax()
    title, _, share = told.splitlines()[1].strip().rpartition(" ")
    assert title.strip() == CLASS_NAMES[best]
    tolerance = 2 if form == "int8" else 0.051  # points; it is written with one decimal
    assert float(share.removesuffix("%")) == pytest.approx(100 * probabilities[best], abs=tolerance)


def test_text_of_the_run_is_text(run: Run, small: Dataset, tmp_path: Path) -> None:
    folder = unpacked(run, "onnx", small, tmp_path)
    page = (folder / "predict.html").read_text()
    assert "alert" in page and "<script>alert" not in page
    assert "{{ 7 * 7 }}" in page  # as it is named
    head = (folder / "README.md").read_text().splitlines()[0]
    assert "[x](" not in head and "<script>" not in head


def test_a_picture_on_an_even_ground_is_prepared_as_on_the_draw_page(
    run: Run, small: Dataset, tmp_path: Path
) -> None:
    folder = unpacked(run, "onnx", small, tmp_path / "unpacked")
    garments, labels = draw_garments(12, seed=3)
    garments = garments[labels != SANDAL]  # whose straps are taken for lines
    code = (folder / "predict.py").read_text()
    namespace: dict[str, object] = {"__name__": "predict", "__file__": str(folder / "predict.py")}
    exec(compile(code, "predict.py", "exec"), namespace)
    prepare = namespace["prepare"]
    assert callable(prepare)
    for number, garment in enumerate(garments):
        big = Image.fromarray(255 - garment).resize((700, 560), Image.Resampling.BICUBIC)
        paper = Image.new("RGB", (900, 1200), (250, 245, 240))
        paper.paste(big, (100, 300))
        path = tmp_path / f"{number}.png"
        paper.save(path)
        expected = to_model_input(read_picture(path.read_bytes()), AS_DRAWN).astype(int)
        assert np.abs(prepare(path).astype(int) - expected).max() <= 1
    Image.new("RGB", (60, 40), "white").save(tmp_path / "blank.png")
    assert not prepare(tmp_path / "blank.png").any()


def test_a_model_that_knows_other_things_says_so(run: Run, small: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "other"
    folder.parent.mkdir()

    shutil.copytree(run.folder, folder)
    other = store.open_run(folder.parent, "other")
    network = create_model("logistic", seed=0, num_classes=11)
    last = [m for m in network.modules() if isinstance(m, torch.nn.Linear)][-1]
    with torch.no_grad():  # scores of 0.4 where all is black, and of 0.1 where all is white
        last.weight.zero_(), last.bias.zero_()
        last.weight[10] += (math.log(0.9 / 0.01) - math.log(0.6 / 0.04)) / 2 / 784
        last.bias[10] = (math.log(0.9 / 0.01) + math.log(0.6 / 0.04)) / 2
    Classifier(network, models=["logistic"]).save(other.weights_path)
    made = kept.make(other, "onnx", small)
    assert made.check.outputs == ("probabilities", "in_distribution")
    with zipfile.ZipFile(io.BytesIO(bundle(made, other, card=None))) as archive:
        archive.extractall(tmp_path / "unpacked")
        readme = archive.read("other-onnx/README.md").decode()
        page = archive.read("other-onnx/predict.html").decode()
    assert "near 0 where an image shows no garment" in readme and "model_card.md" not in readme
    assert f"score < {IN_DISTRIBUTION_THRESHOLD}" in page
    assert 0.1 < IN_DISTRIBUTION_THRESHOLD < 0.4
    for tone in (0, 255):
        Image.new("L", (28, 28), tone).save(tmp_path / f"{tone}.png")
    told = predict(tmp_path / "unpacked" / "other-onnx", tmp_path / "0.png", tmp_path / "255.png")
    assert told.count("This does not look like a garment") == 1
    assert "This does not look like a garment (in-distribution score 0.10)" in told
