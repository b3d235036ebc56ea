"""Which images are chosen, and in what order."""

import math
from itertools import pairwise

import numpy as np
import pytest

from fmnist.evaluation.filters import (
    SORTS,
    Filters,
    Sort,
    matching,
    rank_by_confidence,
    sort_positions,
)
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.evaluation.significance import GROUPS
from tests.evaluation.test_misclassifications import evaluation, says


@pytest.mark.parametrize("sort", SORTS)
def test_sorting_by_each_measure(sort: Sort) -> None:
    rng = np.random.default_rng(1)
    made = evaluation(rng.normal(size=(50, 10)), [0] * 50, list(rng.permutation(50)))
    name = {"loss": "losses", "index": "indices"}.get(sort, sort)
    values = getattr(made, name)
    positions = np.arange(0, 50, 2)
    falling = sort_positions(made, positions, sort)
    assert sorted(falling) == positions.tolist()
    assert (np.diff(values[falling].astype(float)) <= 0).all()
    rising = sort_positions(made, positions, sort, descending=False)
    assert (np.diff(values[rising].astype(float)) >= 0).all()


def test_ties_are_sorted_by_index() -> None:
    made = evaluation([says((0, 5))] * 4, [1] * 4, [30, 10, 40, 20])
    for descending in (True, False):
        order = sort_positions(made, np.arange(4), "confidence", descending=descending)
        assert made.indices[order].tolist() == [10, 20, 30, 40]


def test_all_conditions_hold_at_once() -> None:
    rng = np.random.default_rng(2)
    made = evaluation(3 * rng.normal(size=(400, 10)), list(rng.integers(0, 10, 400)))
    chosen = matching(
        made, Filters(true=(1, 2), predicted=(3,), correctness="wrong", confidence=(0.5, 0.9))
    )
    expected = [
        made.labels[i] in (1, 2)
        and made.predicted_labels[i] == 3
        and 0.5 <= made.confidence[i] < 0.9
        for i in range(400)
    ]
    assert chosen.tolist() == expected and any(expected)
    assert matching(made, Filters()).all()
    right = matching(made, Filters(correctness="correct"))
    assert (right == made.correct).all()


def test_adjacent_ranges_partition_the_images() -> None:
    rng = np.random.default_rng(3)
    made = evaluation([*(20 * rng.normal(size=(200, 10))), np.zeros(10)], [0] * 201)
    for name, top in (("confidence", 1.0), ("margin", 1.0), ("entropy", math.log(10))):
        edges = [*np.linspace(0, top, 8)[:-1], top]
        parts = [
            matching(made, Filters(**{name: (low, high)}))  # type: ignore[arg-type]
            for low, high in pairwise(edges)
        ]
        assert (np.sum(parts, axis=0) == 1).all(), name


def test_rank_among_the_misclassified() -> None:
    made = evaluation([says((0, v)) for v in (5, 7, 6, 9)], [1, 1, 1, 0])
    assert [rank_by_confidence(made, i) for i in range(4)] == [
        (3, 3), (1, 3), (2, 3), None,
    ]  # fmt: skip


def test_by_error_type_and_by_group() -> None:
    made = evaluation([says((0, 5))] * 4, [0, 1, 1, 0])
    types, groups = np.array([-1, 0, 2, -1]), np.array([0, 1, 2, 3])
    for number, name in enumerate(ERROR_TYPES):
        chosen = matching(made, Filters(error_type=name), error_types=types)
        assert chosen.tolist() == (types == number).tolist()
    for number, name in enumerate(GROUPS):
        chosen = matching(made, Filters(group=name), groups=groups)
        assert np.flatnonzero(chosen).tolist() == [number]
    assert matching(made, Filters(group="only-a")).all()  # no second run: nothing to filter by
    with pytest.raises(ValueError, match="needs the error types"):
        matching(made, Filters(error_type="random"))


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("any", [10, 20]), ("none", [30]), ("ambiguous", [20]), ("label-wrong", [10])],
)
def test_by_verdict(verdict: str, expected: list[int]) -> None:
    made = evaluation([says((0, 5))] * 3, [1] * 3, [30, 20, 10])
    verdicts = {10: "label-wrong", 20: "ambiguous", 99: "ambiguous"}  # 99: not in this evaluation
    chosen = matching(made, Filters(verdict=verdict), verdicts=verdicts)
    assert sorted(made.indices[chosen].tolist()) == expected


def test_without_verdicts_no_image_has_one() -> None:
    made = evaluation([says((0, 5))] * 3, [1] * 3)
    assert not matching(made, Filters(verdict="any")).any()
    assert matching(made, Filters(verdict="none")).all()


def test_by_a_set_of_images() -> None:
    made = evaluation([says((0, 5))] * 3, [1, 0, 1], [30, 20, 10])
    chosen = ImageSet.of("fashion-mnist", "validation", (10, 20, 99))  # 99: not in this evaluation
    assert made.indices[matching(made, Filters(images=chosen))].tolist() == [20, 10]
    assert made.indices[matching(made, Filters(images=chosen, true=(1,)))].tolist() == [10]
