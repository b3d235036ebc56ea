"""Suspect labels: planted ones are found; folds are put together as they belong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.evaluation.label_errors import (
    FoldsError,
    cross_validations,
    find_suspects,
    fold_configs,
    is_complete,
    out_of_sample,
)
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from tools.made_up_run import made_up_run


def evaluation(rng: np.random.Generator, images: int = 2000) -> tuple[Evaluation, np.ndarray]:
    """Predictions of a good model; the labels of 5% of the images are wrong."""
    true = rng.integers(0, 10, images)
    logits = rng.normal(0, 1, (images, 10))
    logits[np.arange(images), true] += 5
    flipped = rng.permutation(images) < images // 20
    labels = np.where(flipped, (true + rng.integers(1, 10, images)) % 10, true)
    indices = np.arange(images, dtype=np.int32)
    found = Evaluation("train", logits.astype(np.float16), labels.astype(np.uint8), indices)
    return found, flipped


def test_flipped_labels_are_found_with_the_class_that_they_had() -> None:
    found, flipped = evaluation(np.random.default_rng(0))
    suspects = find_suspects(found)
    assert flipped[suspects.positions[:70]].mean() > 0.95
    assert flipped[suspects.positions].sum() >= 0.7 * flipped.sum()
    assert np.array_equal(suspects.suggested, found.predicted_labels[suspects.positions])
    own = found.probabilities[suspects.positions, found.labels[suspects.positions]]
    assert np.array_equal(suspects.self_confidence, own)
    assert (np.diff(own) >= 0).all()


def test_too_few_images_of_a_class_are_told() -> None:
    found, _ = evaluation(np.random.default_rng(0), images=20)
    with pytest.raises(FoldsError, match="at least 5 images of each class"):
        find_suspects(found)


def fold_run(root: Path, fold: int, *, positions: np.ndarray, **settings: int) -> Run:
    run = made_up_run(root, left_out_fold=fold, **settings)  # type: ignore[arg-type]
    whole, _ = evaluation(np.random.default_rng(1), images=500)
    Evaluation(
        "train", whole.logits[positions], whole.labels[positions], whole.indices[positions]
    ).save(run.evaluation_path("train"))
    return run


def test_folds_are_put_together_in_the_order_of_the_images(tmp_path: Path) -> None:
    order = np.random.default_rng(2).permutation(500)
    for fold, positions in enumerate(np.split(order, 5), start=1):
        fold_run(tmp_path, fold, positions=positions)
    fold_run(tmp_path, 2, positions=order[:100], seed=1)  # of another cross-validation
    made_up_run(tmp_path)
    other, folds = cross_validations(store.list_runs(tmp_path))
    assert set(other) == {2} and not is_complete(other)
    assert set(folds) == {1, 2, 3, 4, 5} and is_complete(folds)
    whole, _ = evaluation(np.random.default_rng(1), images=500)
    found = out_of_sample(folds)
    for name in ("logits", "labels", "indices"):
        assert np.array_equal(getattr(found, name), getattr(whole, name)), name
    with pytest.raises(FoldsError, match="Only 1 of 5 folds"):
        out_of_sample(other)
    with pytest.raises(FoldsError, match="overlap"):
        out_of_sample(folds | {3: folds[1]})


def test_a_finished_run_of_a_fold_counts_before_a_newer_one_that_is_not(tmp_path: Path) -> None:
    first = fold_run(tmp_path, 1, positions=np.arange(100))
    config = first.training
    assert config
    newer = store.create_run(tmp_path, config)
    (folds,) = cross_validations(store.list_runs(tmp_path))
    assert folds[1].run_id == first.run_id
    store.delete_run(first)
    (folds,) = cross_validations(store.list_runs(tmp_path))
    assert folds[1].run_id == newer.run_id


def test_settings_of_the_folds_differ_in_the_fold_only() -> None:
    config = TrainConfig(epochs=3, seed=5)
    assert [each.left_out_fold for each in fold_configs(config)] == [1, 2, 3, 4, 5]
    assert {replace(each, left_out_fold=None) for each in fold_configs(config)} == {config}
