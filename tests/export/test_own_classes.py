"""A model with an own class, exported: the file, its examples, and the server know the class."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist import paths
from fmnist.export import kept
from fmnist.export.bundle import bundle
from fmnist.reports import model_card
from fmnist.runs.loading import load_run
from fmnist.serve.engine import Engine
from fmnist.training import fine_tuning, learners, replay
from fmnist.training.own_drawings import OwnDrawings
from tests.training.helpers import run_whole
from tests.training.test_own_drawings import drawings
from tools.small import small_dataset

NAME = 'a "hat"'  # as predict.py and predict.html must quote it


def test_an_own_class_is_known_wherever_the_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    for name, value in (("IMAGES", 100), ("DRAWINGS", 20), ("OTHERS", 10)):
        monkeypatch.setattr(replay, name, value)
    monkeypatch.setattr(fine_tuning, "MOST_PARTS", 2)
    monkeypatch.setattr(learners, "STEPS", 100)
    learned = OwnDrawings.of(drawings("hat", "hat", "hat", "Sneaker"))
    labels = tuple(NAME if label == "hat" else label for label in learned.labels)
    learned = OwnDrawings(learned.pictures, labels, learned.ids)
    base = run_whole(tmp_path_factory.mktemp("base"))
    run = fine_tuning.fine_tune(base, learned, paths.runs_folder(), small_dataset())
    made = kept.make(run, "onnx", small_dataset())
    engine = Engine(made.read())
    assert engine.class_names[10:] == (NAME,)
    expected = load_run(run.run_id).predict_proba(learned.model_inputs)
    outputs = engine._compute(learned.model_inputs)
    engine.close()
    np.testing.assert_allclose(outputs.probabilities, expected, atol=1e-4)
    with zipfile.ZipFile(
        io.BytesIO(bundle(made, run, card=model_card.card_elsewhere(run)))
    ) as zipped:
        zipped.extractall(tmp_path / "unpacked")
    folder = tmp_path / "unpacked" / f"{run.run_id}-onnx"
    assert "11 classes, float32 (N, 11)" in (folder / "README.md").read_text()
    assert json.dumps(NAME) in (folder / "predict.html").read_text()
    Image.fromarray(learned.model_inputs[0]).save(tmp_path / "hat.png")
    told = subprocess.run(
        [sys.executable, folder / "predict.py", tmp_path / "hat.png"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert NAME in told.splitlines()[1]
