"""Nearest images in feature space."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist import paths
from fmnist.data.splits import Dataset
from fmnist.errors import DamagedFileError
from fmnist.evaluation import neighbors as neighbors
from fmnist.evaluation.neighbors import FeatureIndex, Neighbor
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs.run import Run


@pytest.fixture
def index() -> FeatureIndex:
    return FeatureIndex(
        np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 0], [0, 1]], dtype=np.float16),
        np.array([3, 4, 5, 6, 7], dtype=np.uint8),
        np.array([40, 30, 20, 10, 25], dtype=np.int32),
    )


def test_nearest_first_equals_by_position(index: FeatureIndex) -> None:
    found = index.nearest(np.array([0.0, 5.0]), k=4)
    assert [(n.index, n.label) for n in found] == [(25, 7), (30, 4), (20, 5), (10, 6)]
    assert found[0] == Neighbor(25, 7, 1.0)
    assert found[2].similarity == pytest.approx(0.8, abs=1e-3)


def test_the_image_itself_can_be_left_out(index: FeatureIndex) -> None:
    assert [n.index for n in index.nearest(np.array([0, 1]), k=2, exclude=25)] == [30, 20]
    assert len(index.nearest(np.array([0, 1]), k=9, exclude=25)) == 4


def test_one_can_look_among_some_classes(index: FeatureIndex) -> None:
    found = index.nearest(np.array([0, 1]), labels=(5, 3))
    assert [(n.index, n.label) for n in found] == [(20, 5), (40, 3)]


def test_an_image_is_nearest_to_itself(small: Dataset) -> None:
    classifier = Classifier(create_model("fashion-cnn", seed=0), models=["fashion-cnn"])
    split = small.split("train")
    told: list[tuple[int, int]] = []
    made = neighbors.build_index(classifier, split, progress=lambda *x: told.append(x))
    assert told[-1] == (len(split), len(split))
    assert np.allclose(np.linalg.norm(made.features.astype(float), axis=1), 1, atol=1e-2)
    query = classifier.features(split.images[7:8])[0]
    assert made.nearest(query, k=1)[0].index == split.indices[7]


def test_kept_and_read_again(index: FeatureIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.npz")
    read = FeatureIndex.load(tmp_path / "index.npz")
    assert np.array_equal(read.features, index.features)
    assert np.array_equal(read.labels, index.labels)
    assert np.array_equal(read.indices, index.indices)


def test_damaged_files_are_refused(index: FeatureIndex, tmp_path: Path) -> None:
    path = tmp_path / "index.npz"
    path.write_bytes(b"PK rubbish")
    with pytest.raises(ValueError, match="damaged"):
        FeatureIndex.load(path)
    np.savez(path, features=index.features, labels=index.labels)
    with pytest.raises(ValueError, match="lacks"):
        FeatureIndex.load(path)
    np.savez(path, features=index.features, labels=index.labels[:2], indices=index.indices)
    with pytest.raises(ValueError, match="do not fit"):
        FeatureIndex.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"features": np.full((3, 2), np.nan, np.float16)},
        {"features": np.zeros((3, 0), np.float16)},
        {"labels": np.array([1, 2, 10], np.uint8)},
        {"indices": np.array([0, 1, -1], np.int32)},
    ],
)
def test_what_fits_and_cannot_be_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "features": np.ones((3, 2), np.float16),
        "labels": np.array([1, 2, 3], np.uint8),
        "indices": np.array([0, 1, 2], np.int32),
    }
    np.savez(tmp_path / "index.npz", **good)
    assert len(FeatureIndex.load(tmp_path / "index.npz").labels) == 3
    np.savez(tmp_path / "index.npz", **good | change)
    with pytest.raises(DamagedFileError, match="index.npz do not fit"):
        FeatureIndex.load(tmp_path / "index.npz")


def test_features_of_another_network_are_refused(index: FeatureIndex) -> None:
    with pytest.raises(DamagedFileError, match="of another network; delete"):
        index.nearest(np.ones(index.features.shape[1] + 1))


def test_other_weights_or_images_have_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    run = Run(tmp_path / "run", "Run", "finished")
    run.folder.mkdir()
    run.weights_path.write_bytes(b"one")
    first = neighbors.index_path(run, "a")
    assert first.is_relative_to(paths.artifacts_folder())
    assert neighbors.index_path(run, "b") != first
    run.weights_path.write_bytes(b"two")
    assert neighbors.index_path(run, "a") != first
