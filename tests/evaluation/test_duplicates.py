"""Duplicates that were planted are found, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.data import fashion_mnist
from fmnist.data.splits import Dataset
from fmnist.errors import DamagedFileError
from fmnist.evaluation.data_checks_job import DataCheck, DataChecksProcess
from fmnist.evaluation.duplicates import (
    FARTHEST,
    NEAR,
    Pairs,
    Pool,
    distances,
    find_pairs,
    groups,
    leak_effect,
    pairs_path,
)
from tools.small import small_dataset


def patterns(count: int = 900) -> np.ndarray:
    """Random patterns within a black border; no two are alike."""
    found = np.zeros((count, 28, 28), np.uint8)
    found[:, 2:26, 2:26] = np.random.default_rng(0).integers(0, 256, (count, 24, 24))
    return found


def as_dict(pairs: Pairs) -> dict[tuple[int, int], tuple[float, bool]]:
    numbers = (pairs.first, pairs.second, pairs.distance, pairs.mirrored)
    return {
        (int(i), int(j)): (float(d), bool(m))
        for i, j, d, m in zip(*numbers, strict=True)
    }  # fmt: skip


def pairs_of(*found: tuple[int, int, float]) -> Pairs:
    first, second, distance = zip(*found, strict=True)
    return Pairs(
        np.array(first, np.int32), np.array(second, np.int32), np.array(distance, np.float32),
        np.zeros(len(found), np.bool_),
    )  # fmt: skip


def test_distance_is_the_largest_mean_over_a_square_after_the_best_shift() -> None:
    one = np.zeros((28, 28), np.uint8)
    one[8:20, 8:20] = 100
    print_on_it = one.copy()
    print_on_it[10:12, 10:14] += 60  # 8 pixels of a square of 16
    brighter = one + (one > 0).astype(np.uint8) * 3
    moved = np.roll(one, (1, -1), axis=(0, 1))
    moved_by_two = np.roll(one, 2, axis=0)  # a row of twelve at either end after the best shift
    others = np.stack([one, print_on_it, brighter, moved, moved_by_two])
    found = distances(np.stack([one] * 5), others)
    assert found.tolist() == [0, 30, 3, 0, 100 * 4 / 16]
    assert distances(others, np.stack([one] * 5)).tolist() == found.tolist()


def test_planted_copies_are_found_each_pair_once() -> None:
    images = patterns()
    images[[10, 800]] = images[3]  # exact, across blocks
    images[8] = np.roll(images[7], 1, axis=1)
    images[600] = images[50][:, ::-1]
    images[601] = np.clip(images[51].astype(int) + 5, 0, 255) * (images[51] > 0)
    images[602] = images[52] // 2  # the same at half the brightness is another picture
    done: list[float] = []
    found = as_dict(find_pairs(images, progress=done.append))
    assert set(found) == {(3, 10), (3, 800), (10, 800), (7, 8), (50, 600), (51, 601)}
    assert found[3, 800] == found[7, 8] == (0, False)
    assert found[50, 600] == (0, True)
    assert 4 < found[51, 601][0] <= 5 and not found[51, 601][1]
    assert done == sorted(done) and done[-1] == 1


def test_many_copies_of_one_image_are_all_joined() -> None:
    images = patterns(60)
    images[20:50] = images[0]  # more than the neighbors that are looked at
    pairs = find_pairs(images)
    pool = Pool(images, np.zeros(60, np.uint8), np.zeros(60, np.uint8), np.arange(60, dtype="i4"))
    (group,) = groups(pairs, pool)
    assert group.positions.tolist() == [0, *range(20, 50)]
    joined = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert {(0, copy) for copy in range(20, 50)} <= joined
    assert len(pairs.equal(images)) == len(pairs)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images_have_no_pairs(count: int) -> None:
    assert len(find_pairs(patterns(count))) == 0


def test_symmetric_images_are_not_called_mirrored() -> None:
    images = patterns(30)
    images[:, :, 14:] = images[:, :, :14][:, :, ::-1]
    images[5] = images[4]
    assert as_dict(find_pairs(images)) == {(4, 5): (0, False)}


def test_groups_with_different_labels_come_first_then_the_closest() -> None:
    pool = Pool.of(small_dataset())
    train, validation = np.flatnonzero(pool.splits == 0), np.flatnonzero(pool.splits == 1)
    one = int(train[0])
    same = [int(i) for i in train if pool.labels[i] == pool.labels[one] and i > one]
    other = next(int(i) for i in train if pool.labels[i] != pool.labels[one])
    held_out = next(int(i) for i in validation if i > other and i not in same)
    pairs = pairs_of(
        (one, same[0], 2.0), (same[0], same[1], 9.0), (other, 700, 11.5),
        (min(held_out, same[2]), max(held_out, same[2]), 1.0),
    )  # fmt: skip
    pool.labels[[700, held_out]] = pool.labels[other], pool.labels[same[2]]
    found = groups(pairs, pool)
    assert [group.distance for group in found] == [1.0, 9.0, 11.5]
    assert found[1].positions.tolist() == [one, *same[:2]]
    assert [group.splits for group in found] == [
        ("train", "validation"), ("train",), ("train", "test"),
    ]  # fmt: skip
    pool.labels[700] += 1 if pool.labels[700] < 9 else -1
    assert [group.labels_differ for group in groups(pairs, pool)] == [True, False, False]
    assert groups(pairs, pool)[0].distance == 11.5
    assert groups(pairs.within(1), pool)[0].distance == 1.0
    assert groups(pairs.within(0), pool) == []


def test_leaks_are_test_images_paired_with_what_was_trained_on() -> None:
    dataset = small_dataset()
    pool = Pool.of(dataset)
    trained, held_out = (int(np.flatnonzero(pool.splits == code)[0]) for code in (0, 1))
    pairs = pairs_of(
        (trained, 610, 1.0), (trained, 611, 2.0), (held_out, 612, 3.0), (613, 614, 4.0)
    )
    assert pairs.leaks(pool).tolist() == [610, 611]
    assert pairs.leaks(Pool.of(dataset, "full")).tolist() == [610, 611, 612]
    assert pairs.within(1).leaks(pool).tolist() == [610]
    assert pool.indices[610] == 10 and pool.split(610) == "test"


def test_accuracy_without_leaks_leaves_them_out_of_both_counts() -> None:
    correct = np.array([True, True, False, True, False])
    effect = leak_effect(correct, np.array([3, 4, 5, 6, 9]), np.array([4, 5, 700]))
    assert (effect.leaks, effect.correct_leaks) == (2, 1)
    assert (effect.accuracy, effect.without) == (3 / 5, 2 / 3)
    assert np.isnan(leak_effect(correct[:1], np.array([3]), np.array([3])).without)


def test_pairs_are_kept_for_the_very_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    dataset = small_dataset()
    assert Pairs.load(dataset) is None
    pairs = pairs_of((1, 2, 3.5), (4, 700, 25.0))
    pairs.save(dataset)
    kept = Pairs.load(dataset)
    assert kept is not None and as_dict(kept) == as_dict(pairs)
    others = replace(dataset, checksum="another")
    assert Pairs.load(others) is None
    for wrong in ((5, 4, 1.0), (-1, 4, 1.0), (4, 800, 1.0), (4, 5, FARTHEST + 1.0)):
        pairs_of(wrong).save(dataset)
        with pytest.raises(DamagedFileError, match="do not fit together"):
            Pairs.load(dataset)
    pairs_path(dataset).write_bytes(b"PK rubbish")
    with pytest.raises(DamagedFileError):
        Pairs.load(dataset)


def test_a_process_finds_and_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("FMNIST_DATA", str(tmp_path))
    process = DataChecksProcess()
    process.start(DataCheck("fashion-mnist"))
    state = process.wait(60)
    assert state.error and str(tmp_path) in state.error and not state.finished


@pytest.mark.slow  # a minute or two
def test_the_real_images_have_no_exact_copies_and_few_near_ones(fashion_mnist_folder: Path) -> None:
    dataset: Dataset = fashion_mnist.load_fashion_mnist(fashion_mnist_folder)
    pool = Pool.of(dataset)
    pairs = find_pairs(pool.images)
    assert not len(pairs.equal(pool.images))
    assert 30 <= len(pairs.within(NEAR)) <= 50
    assert (pool.labels[pairs.first] == pool.labels[pairs.second]).all()
