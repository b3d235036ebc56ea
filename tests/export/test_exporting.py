"""An exported file predicts what its run predicts, also without this project."""

import builtins
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist.checksums import file_digest
from fmnist.data.splits import Dataset
from fmnist.evaluation.predictions import Evaluation
from fmnist.export import exporting, formats
from fmnist.export.checks import ExportError
from fmnist.export.exporting import export
from fmnist.export.names import FORMATS, Format
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import train

CONFIG = TrainConfig(
    model="swift", dataset="synthetic-garments", epochs=1, batch_size=50, subset=200
)

# nothing of this project, and no torch
FOREIGN = """
import json, sys
import numpy, onnxruntime
assert not [name for name in sys.modules if name.startswith(("torch", "fmnist"))]
session = onnxruntime.InferenceSession(sys.argv[1])
images = numpy.load(sys.argv[2])
numpy.save(sys.argv[3], session.run(None, {"images": images})[0])
print(json.dumps(session.get_modelmeta().custom_metadata_map))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, small: Dataset) -> Run:
    """A trained run with pooling, normalization and a temperature."""
    root = tmp_path_factory.mktemp("runs")
    made = store.create_run(root, CONFIG, name="My run")
    with store.owning(made):
        train(made, small)
    return store.open_run(root, made.run_id)


@pytest.fixture(scope="module")
def classifier(run: Run) -> Classifier:
    loaded = Classifier.load(run.weights_path)
    loaded.temperature = 1.4
    return loaded


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_predicts_what_the_run_predicts(
    run: Run, classifier: Classifier, small: Dataset, tmp_path: Path, form: Format
) -> None:
    path = tmp_path / f"model{FORMATS[form].suffix}"
    told: list[tuple[int, int]] = []
    check = export(run, classifier, form, path, small, progress=lambda *at: told.append(at))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert check.bytes == path.stat().st_size
    assert check.images == len(small.test_labels) == told[-1][0] == told[-1][1]
    expected = classifier.predict_proba(small.test_images)
    (found,) = formats.open_file(form, path)(small.test_images)
    assert check.accuracy == (found.argmax(1) == small.test_labels).mean()
    assert check.difference == pytest.approx(np.abs(found - expected).max(), abs=1e-6)
    if form != "int8":
        assert check.changed == 0
        assert found == pytest.approx(expected, abs=1e-5)


def test_an_onnx_file_needs_nothing_of_this_project(
    run: Run, classifier: Classifier, small: Dataset, tmp_path: Path
) -> None:
    export(run, classifier, "onnx", tmp_path / "model.onnx", small)
    for count in (1, 2, 7, 130):
        np.save(tmp_path / "images.npy", small.test_images[:count])
        result = subprocess.run(
            [sys.executable, "-I", "-c", FOREIGN, "model.onnx", "images.npy", "found.npy"],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        expected = classifier.predict_proba(small.test_images[:count])
        assert np.load(tmp_path / "found.npy") == pytest.approx(expected, abs=1e-5)
    told = json.loads(result.stdout)
    assert (told["name"], told["run"]) == ("My run", run.run_id)
    assert told["weights"] == file_digest(run.weights_path)
    accuracy = json.loads(told["accuracy"])
    assert accuracy == {s: Evaluation.load(run.evaluation_path(s)).accuracy for s in accuracy}
    assert (float(told["temperature"]), json.loads(told["models"])) == (1.4, ["swift"])
    assert json.loads(told["classes"])[9] == "Ankle boot"
    assert (told["protocol"], told["license"]) == ("held-out", "MIT")


def test_scores_of_other_things_are_a_second_output(
    run: Run, small: Dataset, tmp_path: Path
) -> None:
    network = create_model("lenet-5", seed=0, num_classes=11)
    classifier = Classifier(network, models=["lenet-5"])
    export(run, classifier, "onnx", tmp_path / "model.onnx", small)
    _, score = formats.open_file("onnx", tmp_path / "model.onnx")(small.test_images)
    expected = classifier.in_distribution_scores(small.test_images)
    assert score == pytest.approx(expected, abs=1e-5)


def test_rounding_may_decide_a_tie() -> None:
    known = np.array([[0.4, 0.4, 0.2], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]])
    found = known + np.array([[0, 1e-6, 0], [0, 0.2, 0], [0, 0, 0]])
    assert exporting.count_changed(found, known) == 1


@pytest.mark.parametrize(
    ("form", "change", "told"),
    [
        ("onnx", lambda p: np.roll(p, 1, axis=1), "predicts another class for 200 of 200"),
        ("onnx", lambda p: p + 0.001, r"another class for 0 of 200 .* probability: 0.001"),
        ("int8", lambda p: np.roll(p, 1, axis=1), "In 8 bits the model loses"),
        ("onnx", lambda p: p[:1], "does not take 2 images"),
        ("onnx", lambda p: p * np.nan, "no finite numbers"),
        ("int8", lambda p: p * np.array([1.0] * 9 + [np.nan]), "no finite numbers"),
    ],
)
def test_a_file_that_predicts_something_else_is_refused(
    run: Run,
    classifier: Classifier,
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Format,
    change: Callable[[np.ndarray], np.ndarray],
    told: str,
) -> None:
    def opened(form: Format, path: Path) -> formats.Runner:
        return lambda images: (change(classifier.predict_proba(images)),)

    monkeypatch.setattr(exporting, "write", lambda _, __, path, **___: path.write_text("new"))
    monkeypatch.setattr(exporting, "open_file", opened)
    (tmp_path / "model.onnx").write_text("of before")
    with pytest.raises(ExportError, match=told):
        export(run, classifier, form, tmp_path / "model.onnx", small)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_text() == "of before"


def test_a_missing_package_is_told(
    run: Run,
    classifier: Classifier,
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported = builtins.__import__

    def importing(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name == "onnxscript":
            raise ModuleNotFoundError("No module named 'onnxscript'", name=name)
        return imported(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(ExportError, match="needs the package onnxscript. Install what it needs"):
        export(run, classifier, "onnx", tmp_path / "model.onnx", small)
