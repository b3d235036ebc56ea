"""Evaluations: figures, files, and what is refused."""

import dataclasses
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

from fmnist.errors import DamagedFileError
from fmnist.evaluation.predictions import (
    EpochEvaluations,
    Evaluation,
    evaluate,
    stored_evaluation,
)
from fmnist.files import load_arrays
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import RunError
from tools.small import small_dataset

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(scale=3, size=(3, 50, 10)).astype(np.float16)
LABELS = RANDOM.integers(0, 10, 50).astype(np.uint8)
INDICES = np.arange(100, 150, dtype=np.int32)
ONE = Evaluation("test", LOGITS[0], LABELS, INDICES)
EPOCHS = EpochEvaluations("validation", LOGITS, LABELS, INDICES)

Kind = type[Evaluation] | type[EpochEvaluations]


def test_figures_are_those_of_the_logits() -> None:
    predicted = LOGITS[0].argmax(axis=1)
    exponentials = np.exp(LOGITS[0].astype(np.float64))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    assert np.array_equal(ONE.predicted_labels, predicted)
    assert np.allclose(ONE.probabilities, probabilities)
    assert np.allclose(ONE.confidence, probabilities.max(axis=1))
    assert np.array_equal(
        ONE.confusion, reference.confusion_matrix(LABELS, predicted, labels=range(10))
    )
    assert ONE.accuracy == reference.accuracy_score(LABELS, predicted)
    assert pytest.approx(reference.log_loss(LABELS, probabilities, labels=range(10))) == ONE.loss


def test_evaluate_keeps_labels_and_order() -> None:
    split = small_dataset().split("validation")
    classifier = Classifier(create_model("fashion-cnn", seed=0), models=["fashion-cnn"])
    evaluation = evaluate(classifier, split)
    assert evaluation.split == "validation"
    assert evaluation.logits.dtype == np.float16
    assert np.array_equal(evaluation.logits, classifier.logits(split.images).astype(np.float16))
    assert np.array_equal(evaluation.labels, split.labels)
    assert np.array_equal(evaluation.indices, split.indices)


def test_figures_do_not_depend_on_having_been_stored(tmp_path: Path) -> None:
    ONE.save(tmp_path / "test.npz")
    loaded = Evaluation.load(tmp_path / "test.npz")
    assert loaded.split == "test"
    for name in ("logits", "labels", "indices"):
        left, right = getattr(loaded, name), getattr(ONE, name)
        assert left.dtype == right.dtype
        assert np.array_equal(left, right)
    assert (loaded.accuracy, loaded.loss) == (ONE.accuracy, ONE.loss)


def test_epochs_are_stored_and_numbered_from_one(tmp_path: Path) -> None:
    EPOCHS.save(tmp_path / "epochs.npz")
    loaded = EpochEvaluations.load(tmp_path / "epochs.npz")
    assert loaded.split == "validation"
    assert np.array_equal(loaded.logits, LOGITS)
    second = loaded.epoch(2)
    assert second.split == "validation"
    assert np.array_equal(second.logits, LOGITS[1])
    assert np.array_equal(second.labels, LABELS)
    assert np.array_equal(second.indices, INDICES)
    for number in (0, 4, -1):
        with pytest.raises(IndexError, match=f"There is no epoch {number}; the run has 3."):
            loaded.epoch(number)


def stored(kind: Kind) -> tuple[bytes, dict[str, Any]]:
    """A good file's bytes, and its arrays."""
    value = ONE if kind is Evaluation else EPOCHS
    arrays = dataclasses.asdict(value)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue(), arrays


CHANGES: dict[str, dict[str, Any]] = {
    "a label too few": {"labels": LABELS[1:]},
    "an index too many": {"indices": np.arange(51, dtype=np.int32)},
    "a label that is no class": {"labels": np.full(50, 10, dtype=np.uint8)},
    "labels of another type": {"labels": LABELS.astype(np.float64)},
    "labels that are texts": {"labels": LABELS.astype(str)},
    "a single label": {"labels": np.array(3, dtype=np.uint8)},
    "a single image": {"labels": np.uint8(3), "indices": np.int32(1)},
    "a column of labels": {"labels": LABELS[:, None], "indices": INDICES[:, None]},
    "logits of another type": {"logits": LOGITS.astype(np.float32)},
    "logits of nine classes": {"logits": LOGITS[:, :, :9]},
    "logits of one number": {"logits": np.float16(1)},
    "an unknown split": {"split": "holdout"},
    "several splits": {"split": ["train", "test"]},
}


@pytest.mark.parametrize("kind", [Evaluation, EpochEvaluations])
@pytest.mark.parametrize("change", CHANGES)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, kind: Kind, change: str) -> None:
    arrays = stored(kind)[1] | CHANGES[change]
    if kind is Evaluation and arrays["logits"].ndim == 3:
        arrays["logits"] = arrays["logits"][0]
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(ValueError, match="the arrays in file.npz do not fit together"):
        kind.load(tmp_path / "file.npz")


def with_logit(value: float) -> NDArray[np.float16]:
    logits = LOGITS.copy()
    logits[0, 3, 3] = value
    return logits


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nan": ({"logits": with_logit(np.nan)}, "logits that are no finite numbers"),
    "inf": ({"logits": with_logit(-np.inf)}, "logits that are no finite numbers"),
    "no images": (
        {"logits": LOGITS[:, :0], "labels": LABELS[:0], "indices": INDICES[:0]}, "has no images"
    ),
    "an image before the first": ({"indices": INDICES - 101}, "impossible numbers of images"),
    "an image twice": ({"indices": INDICES // 2}, "impossible numbers of images"),
    "an image after the last": ({"indices": INDICES + 60_000}, "impossible numbers of images"),
}  # fmt: skip


@pytest.mark.parametrize("kind", [Evaluation, EpochEvaluations])
@pytest.mark.parametrize("name", WRONG)
def test_what_fits_and_cannot_be_is_refused(tmp_path: Path, kind: Kind, name: str) -> None:
    changes, problem = WRONG[name]
    arrays = stored(kind)[1] | changes
    if kind is Evaluation and arrays["logits"].ndim == 3:
        arrays["logits"] = arrays["logits"][0]
    np.savez_compressed(tmp_path / "file.npz", **arrays)
    with pytest.raises(DamagedFileError, match=f"the file file.npz .*{problem}"):
        kind.load(tmp_path / "file.npz")


def test_a_file_is_of_the_split_in_its_name(tmp_path: Path) -> None:
    ONE.save(tmp_path / "validation.npz")
    with pytest.raises(DamagedFileError, match="the file validation.npz is of test images"):
        Evaluation.load(tmp_path / "validation.npz")


def test_a_run_is_evaluated_on_images_that_its_data_set_has(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, TrainConfig(dataset="synthetic-garments"))
    Evaluation("test", LOGITS[0], LABELS, INDICES + 1850).save(run.evaluation_path("test"))
    assert len(stored_evaluation(run, "test").labels) == 50
    Evaluation("test", LOGITS[0], LABELS, INDICES + 1851).save(run.evaluation_path("test"))
    with pytest.raises(RunError, match="is broken: it is of image 2,000, which its data set does"):
        stored_evaluation(run, "test")


@pytest.mark.parametrize("kind", [Evaluation, EpochEvaluations])
@pytest.mark.parametrize("name", ["split", "logits", "labels", "indices"])
def test_a_missing_array_is_named(tmp_path: Path, kind: Kind, name: str) -> None:
    arrays = stored(kind)[1]
    del arrays[name]
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(ValueError, match=f"the file file.npz lacks '{name}'"):
        kind.load(tmp_path / "file.npz")


def test_the_two_kinds_of_files_are_told_apart(tmp_path: Path) -> None:
    ONE.save(tmp_path / "one.npz")
    EPOCHS.save(tmp_path / "epochs.npz")
    with pytest.raises(ValueError, match="one.npz do not fit"):
        EpochEvaluations.load(tmp_path / "one.npz")
    with pytest.raises(ValueError, match="epochs.npz do not fit"):
        Evaluation.load(tmp_path / "epochs.npz")


@pytest.mark.parametrize("kind", [Evaluation, EpochEvaluations])
@pytest.mark.parametrize("damage", ["empty", "short", "text", "flipped", "npy", "pickle"])
def test_damaged_and_foreign_files_are_refused(tmp_path: Path, kind: Kind, damage: str) -> None:
    good, _ = stored(kind)
    middle = good.index(LOGITS[0].tobytes()[:100]) + 40
    array = io.BytesIO()
    np.save(array, LOGITS)
    content = {
        "empty": b"",
        "short": good[: len(good) // 2],
        "text": b"not an archive",
        "flipped": good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :],
        "npy": array.getvalue(),
        "pickle": pickle.dumps({"logits": 1}),
    }[damage]
    path = tmp_path / "file.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.npz"):
        kind.load(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        kind.load(path)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickled_objects_are_never_opened(tmp_path: Path) -> None:
    blown = tmp_path / "blown"
    pickle.loads(pickle.dumps(Bomb(blown)))
    assert blown.exists()  # the bomb works
    blown.unlink()
    arrays = stored(Evaluation)[1] | {"labels": np.array([Bomb(blown)], dtype=object)}
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(ValueError, match=r"file\.npz is damaged"):
        Evaluation.load(tmp_path / "file.npz")
    with pytest.raises(ValueError, match=r"file\.npz is damaged"):
        load_arrays(tmp_path / "file.npz")
    assert not blown.exists()
