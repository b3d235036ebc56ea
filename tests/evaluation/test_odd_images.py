"""Odd images: each rule finds what was made for it; distances are those of the definition."""

from pathlib import Path

import numpy as np
import pytest

from fmnist import paths
from fmnist.errors import DamagedFileError
from fmnist.evaluation.data_checks_job import DataCheck, DataChecksProcess
from fmnist.evaluation.odd_images import (
    NEIGHBORS,
    RULES,
    digest_of,
    distances_path,
    load_distances,
    measure_distances,
    neighbor_distances,
)
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from tools.made_up_run import made_up_run
from tools.small import small_dataset


def made() -> dict[str, np.ndarray]:
    """A garment, and what can be wrong with one; all at the middle of the frame."""
    plain = np.zeros((28, 28), np.uint8)
    plain[5:23, 5:23] = 200
    empty = np.zeros((28, 28), np.uint8)
    empty[14, 10:14] = 255
    cut_off = plain.copy()
    cut_off[5:23, :] = 200
    dark = plain // 20
    return {
        "plain": plain, "empty": empty, "cut-off": cut_off, "bright-background": 255 - plain,
        "low-contrast": dark,
    }  # fmt: skip


def test_values_are_those_of_the_definitions() -> None:
    images = np.stack(list(made().values()))
    found = {name: rule.measure(images) for name, rule in RULES.items()}
    assert found["empty"] == pytest.approx([324 / 784, 4 / 784, 504 / 784, 1, 0])
    assert found["cut-off"] == pytest.approx([0, 0, 36 / 108, 1, 0])
    assert found["bright-background"].tolist() == [0, 0, 0, 255, 0]
    assert found["low-contrast"][0] == pytest.approx(images[0].std())
    corner = images[0].copy()
    corner[:3, -3:] = 90
    assert RULES["bright-background"].measure(corner[None])[0] == 90 / 4


def test_each_rule_ranks_what_was_made_for_it() -> None:
    pictures = made()
    for name in ("cut-off", "bright-background"):
        shown = np.stack([each for key, each in pictures.items() if key in ("plain", name)])
        rule = RULES[name]
        assert rule.order(rule.measure(shown)).tolist() == [1, 0], name
    faint = np.stack([pictures["plain"], pictures["low-contrast"], pictures["empty"]])
    assert RULES["low-contrast"].order(RULES["low-contrast"].measure(faint))[0] == 1
    assert RULES["empty"].order(RULES["empty"].measure(faint)).tolist() == [1, 2, 0]


def test_distance_is_that_to_the_tenth_nearest_other_image() -> None:
    angles = np.concatenate([np.arange(12) / 100, [np.pi]])  # the last is opposite to the others
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    features[3] *= 50  # the length does not count
    done: list[float] = []
    found = neighbor_distances(features, progress=done.append)
    assert found[0] == pytest.approx(2 * np.sin(0.05), abs=1e-3)  # 10/100 away: half the angle
    assert found[11] == pytest.approx(2 * np.sin(0.05), abs=1e-3)
    assert found.argmax() == 12 and found[12] == pytest.approx(2 * np.cos(0.01), abs=1e-3)
    assert done[-1] == 1
    assert neighbor_distances(features[:3])[0] == pytest.approx(2 * np.sin(0.01), abs=1e-3)
    assert neighbor_distances(features[:1]).tolist() == [0]
    assert NEIGHBORS == 10


def test_distances_are_kept_until_the_weights_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    dataset, run = small_dataset(), made_up_run(paths.runs_folder())
    classifier = Classifier(create_model("logistic", seed=0), models=["logistic"])
    classifier.save(run.weights_path)
    digest = digest_of(run, dataset)
    assert load_distances(run, dataset, digest=digest) is None
    done: list[float] = []
    found = measure_distances(run, classifier, dataset, digest=digest, progress=done.append)
    assert done == sorted(done) and done[-1] == pytest.approx(1)
    images = np.concatenate([dataset.train_images, dataset.test_images])
    assert np.array_equal(found, neighbor_distances(classifier.features(images)))
    kept = load_distances(run, dataset, digest=digest)
    assert kept is not None and np.array_equal(kept, found)
    Classifier(create_model("logistic", seed=1), models=["logistic"]).save(run.weights_path)
    assert load_distances(run, dataset, digest=digest_of(run, dataset)) is None
    np.savez(distances_path(run), digest=np.array(digest), distance=found[:5])
    with pytest.raises(DamagedFileError, match="do not fit together"):
        load_distances(run, dataset, digest=digest)


def test_a_process_tells_why_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("FMNIST_DOWNLOADS", str(tmp_path))
    monkeypatch.setenv("FMNIST_DATA", "")
    process = DataChecksProcess()
    process.start(DataCheck("fashion-mnist", made_up_run(paths.runs_folder()).folder))
    assert "Fashion-MNIST is not on this machine" in str(process.wait(60).error)
