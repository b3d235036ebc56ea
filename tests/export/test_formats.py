"""Networks of every kind in every format, at every size of a batch."""

from pathlib import Path

import numpy as np
import pytest

from fmnist.export import formats
from fmnist.export.checks import TOLERANCE
from fmnist.export.exporting import BATCHES
from fmnist.export.names import FORMATS, Format
from fmnist.export.program import Program
from fmnist.models.classifier import Classifier
from fmnist.models.registry import MODELS, create_model
from tests.export.test_program import LARGE, images, stirred


def check(name: str, form: Format, path: Path, *, outputs: int = 10) -> None:
    """Write a network whose normalizations have factors of both signs, and compare."""
    network = stirred(create_model(name, seed=0, num_classes=outputs))
    classifier = Classifier(network, models=[name], temperature=1.7)
    calibration = images(64) if form == "int8" else None
    formats.write(Program(classifier), form, path, metadata={}, calibration=calibration)
    run = formats.open_file(form, path)
    pixels = images(max(BATCHES))
    known = classifier.predict_proba(pixels)
    for size in BATCHES:
        found, *scores = run(pixels[:size])
        assert found.shape == (size, 10) and found.dtype == np.float32
        assert found.sum(1) == pytest.approx(1, abs=1e-5)
        if form != "int8":
            assert found == pytest.approx(known[:size], abs=TOLERANCE)
        assert [score.shape for score in scores] == [(size,)] * (outputs - 10)


@pytest.mark.parametrize("form", FORMATS)
def test_a_network_with_negative_factors_behind_its_pooling(form: Format, tmp_path: Path) -> None:
    check("fashion-cnn", form, tmp_path / "model", outputs=11)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", [name for name in MODELS if name not in LARGE])
def test_every_network(name: str, form: Format, tmp_path: Path) -> None:
    check(name, form, tmp_path / "model")


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_networks_as_onnx(name: str, tmp_path: Path) -> None:
    check(name, "onnx", tmp_path / "model")
