"""Systematic pairs and the types of misclassification."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from fmnist.evaluation import misclassifications
from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.evaluation.training_dynamics import TrainingDynamics


def evaluation(logits: object, labels: list[int], indices: list[int] | None = None) -> Evaluation:
    return Evaluation(
        "test",
        np.array(logits, dtype=np.float16),
        np.array(labels, dtype=np.uint8),
        np.array(indices or range(len(labels)), dtype=np.int32),
    )


def says(*pairs: tuple[int, float]) -> NDArray[np.float64]:
    """Logits that are 0 but for the named classes."""
    logits = np.zeros(10)
    for label, value in pairs:
        logits[label] = value
    return logits


def confusion_with(row: list[int]) -> NDArray[np.int64]:
    confusion = np.diag(np.full(10, 900))
    confusion[6] = row
    return confusion


def test_p_values_are_those_of_the_binomial_test() -> None:
    confusion = confusion_with([20, 1, 3, 0, 5, 0, 900, 0, 1, 0])
    values = misclassifications.pair_p_values(confusion)
    for predicted, count in ((0, 20), (2, 3), (3, 0)):
        expected = binomtest(count, 30, 1 / 9, alternative="greater").pvalue
        assert values[6, predicted] == pytest.approx(expected)
    assert values[6, 6] == 1
    assert (values[0] == 1).all()  # no errors: nothing is more frequent than chance
    assert confusion[6, 6] == 900  # left as it was


def test_only_what_chance_does_not_explain_is_systematic() -> None:
    pairs = misclassifications.systematic_pairs(confusion_with([20, 1, 3, 0, 5, 0, 900, 0, 1, 0]))
    assert np.argwhere(pairs).tolist() == [[6, 0]]
    assert not misclassifications.systematic_pairs(confusion_with([3] * 6 + [900] + [3] * 3)).any()


def test_the_level_holds_for_all_pairs_together() -> None:
    """Evenly spread errors pass for systematic in at most one in a hundred data sets or so."""
    rng = np.random.default_rng(0)
    false_alarms = 0
    for _ in range(300):
        confusion = np.zeros((10, 10), dtype=int)
        for label in range(10):
            others = [other for other in range(10) if other != label]
            confusion[label, others] = rng.multinomial(80, [1 / 9] * 9)
        false_alarms += bool(misclassifications.systematic_pairs(confusion).any())
    assert false_alarms <= 9


def test_holm_goes_on_after_the_first() -> None:
    # 0.01 / 90 for the smallest, then 0.01 / 89, …: the second passes Holm's, not Bonferroni's
    values = np.full(90, 1.0)
    values[0], values[1] = 1e-9, 0.01 / 89.5
    off = ~np.eye(10, dtype=bool)
    table = np.ones((10, 10))
    table[off] = values
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(misclassifications, "pair_p_values", lambda _: table)
        assert misclassifications.systematic_pairs(np.zeros((10, 10), dtype=int)).sum() == 2
        values[1] = 0.01 / 88.5
        table[off] = values
        assert misclassifications.systematic_pairs(np.zeros((10, 10), dtype=int)).sum() == 1


def test_kinds_in_their_order() -> None:
    systematic = [says((0, 8), (6, 8 - 0.01 * i)) for i in range(20)]  # nearly level, too
    ambiguous, random_, right = says((1, 6), (2, 5.95)), says((3, 9)), says((4, 9))
    made = evaluation([*systematic, ambiguous, random_, right], [6] * 20 + [2, 5, 4])
    kinds = misclassifications.error_types(made)
    assert (kinds[:20] == ERROR_TYPES.index("systematic")).all()
    assert kinds[20:].tolist() == [ERROR_TYPES.index("ambiguous"), ERROR_TYPES.index("random"), -1]


def test_learning_and_forgetting() -> None:
    right, wrong = says((0, 5)), says((1, 5))
    by_image = [[wrong, right, right, right], [right, wrong, right, wrong], [wrong] * 4]
    logits = np.array(by_image).swapaxes(0, 1).astype(np.float16)  # epoch, image, class
    epochs = EpochEvaluations(
        "validation", logits, np.zeros(3, dtype=np.uint8), np.arange(3, dtype=np.int32)
    )
    history = TrainingDynamics.from_epochs(epochs)
    assert history.first_learned.tolist() == [2, 1, 0]
    assert history.forgotten.tolist() == [0, 2, 0]
    assert history.predicted[:, 0].tolist() == [1, 0, 0, 0]
    counts = misclassifications.error_type_counts(epochs)
    assert counts.shape == (4, 3)
    assert counts.sum(axis=1).tolist() == [2, 2, 1, 2]


def test_measures_of_an_evaluation() -> None:
    made = evaluation([np.zeros(10), says((0, 50))], [0, 1])
    assert made.entropy == pytest.approx([math.log(10), 0], abs=1e-9)
    assert made.margin == pytest.approx([0, 1])
    assert made.losses == pytest.approx([math.log(10), 50])
    assert made.loss == pytest.approx((math.log(10) + 50) / 2)
    cooler = Evaluation(made.split, made.logits, made.labels, made.indices, temperature=10)
    assert cooler.losses[1] == pytest.approx(math.log(9 + math.exp(5)), abs=1e-3)
    assert cooler.confidence[1] < made.confidence[1]
    assert np.array_equal(cooler.predicted_labels, made.predicted_labels)
