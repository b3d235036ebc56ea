"""Duplicates that were planted are found, and nothing else."""

import numpy as np

from fmnist.evaluation.duplicates import exact_pairs, groups, near_pairs


def images() -> np.ndarray:
    """Random images, with copies of 3 at 10 and 1500, and of 7 at 8."""
    found = np.random.default_rng(0).integers(0, 256, (2000, 28, 28), dtype=np.uint8)
    found[[10, 1500]] = found[3]
    found[8] = found[7]
    return found


def test_exact_copies_are_paired_with_the_first_of_their_kind() -> None:
    pairs = exact_pairs(images())
    assert sorted(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [
        (3, 10), (3, 1500), (7, 8),
    ]  # fmt: skip
    assert [group.tolist() for group in groups(pairs)] == [[3, 10, 1500], [7, 8]]


def test_near_copies_are_found_across_blocks_each_pair_once() -> None:
    changed = images()
    changed[1500] = np.clip(changed[1500].astype(int) + 3, 0, 255)  # a little brighter
    changed[1999] = changed[5] // 2  # half as bright, and else the same
    done: list[float] = []
    pairs = near_pairs(changed, similarity=0.995, progress=done.append)
    found = {
        (int(i), int(j)): float(s)
        for i, j, s in zip(pairs.first, pairs.second, pairs.similarity, strict=True)
    }
    assert set(found) == {(3, 10), (3, 1500), (10, 1500), (7, 8), (5, 1999)}
    assert len(pairs.first) == 5
    rows = changed.reshape(2000, -1).astype(float)
    cosine = rows[3] @ rows[1500] / np.linalg.norm(rows[3]) / np.linalg.norm(rows[1500])
    assert abs(found[3, 1500] - cosine) < 1e-5
    assert done == sorted(done) and done[-1] == 1
    assert [group.tolist() for group in groups(pairs)] == [[3, 10, 1500], [5, 1999], [7, 8]]


def test_black_images_are_like_no_other_and_none_are_fine() -> None:
    assert not len(near_pairs(np.zeros((5, 28, 28), np.uint8)).first)
    assert not len(near_pairs(np.zeros((0, 28, 28), np.uint8)).first)
    assert groups(exact_pairs(np.zeros((0, 28, 28), np.uint8))) == []
