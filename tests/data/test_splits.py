"""Which images each split holds."""

import numpy as np
import pytest

from fmnist.data import splits
from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import Protocol
from tools.small import small_dataset


@pytest.mark.parametrize("protocol", ["notebook", "full"])
def test_all_but_held_out_have_no_validation_and_train_on_all(protocol: Protocol) -> None:
    dataset = small_dataset()
    assert len(dataset.split("train", protocol=protocol)) == 600
    with pytest.raises(ValueError, match="no validation split"):
        dataset.split("validation", protocol=protocol)


def test_validation_is_the_same_every_time() -> None:
    first, second = (splits.held_out_mask(small_dataset().train_labels) for _ in range(2))
    assert np.array_equal(first, second)
    # shipped evaluations use this split: another one would make them wrong
    mask = splits.held_out_mask(np.tile(np.arange(10), 24).astype(np.uint8))
    assert np.flatnonzero(mask)[:5].tolist() == [5, 8, 37, 55, 63]


def test_a_subset_is_spread_over_the_classes_and_repeatable() -> None:
    labels = np.repeat(np.arange(NUM_CLASSES), 50).astype(np.uint8)
    chosen = splits.stratified_subset(labels, 34, seed=5)
    assert np.array_equal(chosen, splits.stratified_subset(labels, 34, seed=5))
    assert not np.array_equal(chosen, splits.stratified_subset(labels, 34, seed=6))
    counts = np.bincount(labels[chosen], minlength=NUM_CLASSES)
    assert counts.sum() == 34 and set(counts.tolist()) == {3, 4}


def test_folds_are_even_in_each_class_and_the_same_every_time() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 55)
    np.random.default_rng(0).shuffle(labels)
    fold = splits.folds(labels)
    assert np.array_equal(fold, splits.folds(labels))
    assert np.bincount(fold).tolist() == [0] + [110] * 5
    for label in range(10):
        assert np.bincount(fold[labels == label])[1:].tolist() == [11] * 5
    uneven = splits.folds(np.zeros(7, np.uint8))
    assert sorted(np.bincount(uneven, minlength=6)[1:]) == [1, 1, 1, 2, 2]
