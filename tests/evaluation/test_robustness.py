"""Robustness: predictions for corrupted images, kept with the run, made again where they must."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist import paths
from fmnist.data.corruptions import CORRUPTIONS
from fmnist.data.fashion_mnist import load_named
from fmnist.errors import DamagedFileError
from fmnist.evaluation import robustness
from fmnist.evaluation.robustness import Robustness, robustness_of, robustness_path
from fmnist.evaluation.robustness_job import RobustnessProcess, RobustnessTask
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs.run import Run
from fmnist.runs.temperature import Temperature, save_temperature
from tools.made_up_run import made_up_run
from tools.small import small_dataset


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(create_model("logistic", seed=0), models=["logistic"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier: Classifier) -> Run:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    run = made_up_run(paths.runs_folder(), epochs=6)
    classifier.save(run.weights_path)
    return run


def test_predictions_are_those_of_the_corrupted_images(run: Run, classifier: Classifier) -> None:
    done: list[float] = []
    found = robustness_of(run, lambda: classifier, small_dataset(), progress=done.append)
    test = small_dataset().split("test")
    assert np.array_equal(found.indices, test.indices)  # fewer than 2,000
    assert np.array_equal(found.clean, classifier.predict_proba(test.images).argmax(1))
    row = list(CORRUPTIONS).index("rotation")
    probabilities = classifier.predict_proba(CORRUPTIONS["rotation"](test.images, 4))
    assert np.array_equal(found.predicted[row, 3], probabilities.argmax(1))
    assert np.allclose(found.confidence[row, 3], probabilities.max(1), atol=1e-3)
    assert found.accuracies[row, 3] == (probabilities.argmax(1) == test.labels).mean()
    assert found.mean_accuracy == pytest.approx(found.accuracies.mean())
    assert done == sorted(done) and done[-1] == 1


def test_worst_mistakes_are_confident_and_were_correct_before(
    run: Run, classifier: Classifier
) -> None:
    found = robustness_of(run, lambda: classifier, small_dataset())
    row = list(CORRUPTIONS).index("noise")
    lost = (found.predicted[row, 4] != found.labels) & (found.clean == found.labels)
    worst = found.worst("noise", 5, 3)
    assert len(worst) == min(3, lost.sum()) and lost[worst].all()
    assert found.confidence[row, 4][worst[0]] == found.confidence[row, 4][lost].max()


def test_they_are_kept_until_weights_or_temperature_change(
    run: Run, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = robustness_of(run, lambda: classifier, small_dataset())
    monkeypatch.setattr(robustness, "measure", lambda *_a, **_k: pytest.fail("measured again"))
    again = robustness_of(run, lambda: classifier, small_dataset())
    for name in ("indices", "labels", "clean", "predicted", "confidence"):
        assert np.array_equal(getattr(again, name), getattr(first, name)), name
    before = first.digest
    save_temperature(run, Temperature(2.0, run.history.selected.epoch, 0.5, 0.4))  # type: ignore[union-attr]
    warmer = robustness.digest_of(run, small_dataset())
    Classifier(create_model("logistic", seed=1), models=["logistic"]).save(run.weights_path)
    other = robustness.digest_of(run, small_dataset())
    assert len({before, warmer, other}) == 3
    assert Robustness.load(run, digest=other) is None


def test_weights_that_are_saved_meanwhile_are_measured_anew(
    run: Run, classifier: Classifier
) -> None:
    def load() -> Classifier:  # as of a run that is resumed
        Classifier(create_model("logistic", seed=1), models=["logistic"]).save(run.weights_path)
        return classifier

    robustness_of(run, load, small_dataset())
    digest = robustness.digest_of(run, small_dataset())
    assert Robustness.load(run, digest=digest) is None


def test_a_damaged_file_is_told_and_made_again(run: Run, classifier: Classifier) -> None:
    first = robustness_of(run, lambda: classifier, small_dataset())
    replace(first, clean=first.clean[:5]).save(run)
    with pytest.raises(DamagedFileError, match="do not fit together"):
        Robustness.load(run, digest=first.digest)
    robustness_path(run).write_bytes(b"PK rubbish")
    with pytest.raises(DamagedFileError):
        Robustness.load(run, digest=first.digest)
    assert np.array_equal(
        robustness_of(run, lambda: classifier, small_dataset()).clean, first.clean
    )


def test_a_run_that_is_gone_is_not_made_again(run: Run, classifier: Classifier) -> None:
    first = robustness_of(run, lambda: classifier, small_dataset())
    run.folder.rename(run.folder.with_name("elsewhere"))
    with pytest.raises(OSError, match="No such file"):
        first.save(run)
    assert not run.folder.exists()


def test_a_process_measures_runs_and_says_what_it_does(
    run: Run, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FMNIST_DATA", raising=False)
    assert run.training
    config = replace(run.training, dataset="synthetic-garments")
    document = read_json(run.config_path)
    write_json(run.config_path, document | {"config": config.to_json()})
    process = RobustnessProcess()
    process.start(RobustnessTask((run.folder,)))
    state = process.wait(300)
    assert state.error is None and state.finished
    dataset = load_named("synthetic-garments")
    found = Robustness.load(run, digest=robustness.digest_of(run, dataset))
    assert found is not None and len(found.labels) == robustness.IMAGES
    process.start(RobustnessTask((run.folder.with_name("none"),)))
    assert process.wait(300).error is not None
