"""Two classifiers on the same images, and the order of confused classes."""

import math

import numpy as np
import pytest

from fmnist.evaluation import significance
from fmnist.evaluation.significance import GROUPS, Correctness, McNemar


def answers(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[bool], list[bool]]:
    a = [True] * (both + only_a) + [False] * (only_b + neither)
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return a, b


def about(labels: list[int], correct: list[bool], first: int = 0) -> Correctness:
    indices = np.arange(first, first + len(labels), dtype=np.int32)
    return Correctness(np.array(correct), np.array(labels, dtype=np.uint8), indices)


def test_answers_by_class() -> None:
    some = about([0, 0, 0, 9], [True, True, False, True])
    assert some.accuracy == 0.75
    assert some.standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 4))
    assert some.class_accuracies[[0, 9]] == pytest.approx([2 / 3, 1])
    assert np.isnan(some.class_accuracies[1:9]).all()


def test_answers_about_other_images_are_told_apart() -> None:
    some = about([0, 1], [True, True])
    assert some.on_same_images(about([0, 1], [False, True]))
    assert not some.on_same_images(about([0, 1], [True, True], first=1))
    assert not some.on_same_images(about([0, 2], [True, True]))
    assert not some.on_same_images(about([0], [True]))


def test_every_image_is_in_one_group() -> None:
    a, b = map(np.array, answers(4, 3, 2, 1))
    counts = np.bincount(significance.agreement(a, b), minlength=4)
    assert dict(zip(GROUPS, counts.tolist(), strict=True)) == {
        "both-right": 4, "only-a": 3, "only-b": 2, "both-wrong": 1,
    }  # fmt: skip


def test_mcnemar_by_hand() -> None:
    a, b = map(np.array, answers(50, 1, 9, 5))
    test = significance.mcnemar(a, b)
    assert (test.only_a, test.only_b) == (1, 9)
    # two-sided: P(0, 1, 9 or 10 of 10 heads) = (1 + 10 + 10 + 1) / 1024
    assert test.p_value == pytest.approx(22 / 1024)


def test_mcnemar_against_whole_numbers() -> None:
    a, b = map(np.array, answers(101, 121, 59, 33))
    test = significance.mcnemar(a, b)
    assert (test.only_a, test.only_b) == (121, 59)
    exact = 2 * sum(math.comb(180, k) for k in range(60)) / 2**180
    assert test.p_value == pytest.approx(exact, rel=1e-9)
    assert test.p_value == pytest.approx(4.434e-6, rel=1e-3)  # as statsmodels gives it


def test_mcnemar_of_equals() -> None:
    same = np.array([True, False])
    assert significance.mcnemar(same, same) == McNemar(0, 0, 1.0)


def test_confused_classes_stand_together() -> None:
    confusion = np.diag(np.full(10, 100))
    for one, other in ((0, 6), (2, 4), (5, 9)):
        confusion[one, other] = confusion[other, one] = 20
    order = significance.confusion_order(confusion)
    assert sorted(order) == list(range(10))
    for one, other in ((0, 6), (2, 4), (5, 9)):
        assert abs(order.index(one) - order.index(other)) == 1


def test_a_rare_class_is_as_near_as_a_frequent_one() -> None:
    confusion = np.diag([1000] * 9 + [10])
    confusion[0, 1] = 30  # 3 % of a frequent class
    confusion[9, 1] = 5  # half of a rare one
    order = significance.confusion_order(confusion)
    assert abs(order.index(9) - order.index(1)) == 1


def test_without_mistakes_the_labels_order() -> None:
    assert significance.confusion_order(np.diag(np.full(10, 7))) == tuple(range(10))
    assert significance.confusion_order(np.zeros((10, 10), dtype=int)) == tuple(range(10))
