"""Metrics against scikit-learn's."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

from fmnist.evaluation import metrics


@pytest.fixture
def logits() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(scale=3, size=(500, 10))


@pytest.fixture
def labels(logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Right for about half of the images."""
    random = np.random.default_rng(1)
    guesses = random.integers(0, 10, len(logits))
    return np.where(random.random(len(logits)) < 0.5, logits.argmax(axis=1), guesses)


def test_softmax(logits: NDArray[np.float64]) -> None:
    probabilities = metrics.softmax(logits)
    assert probabilities.dtype == np.float64
    assert np.allclose(probabilities.sum(axis=1), 1)
    for row, values in zip(probabilities[:20], logits[:20], strict=True):
        total = math.fsum(math.exp(v) for v in values)
        assert np.allclose(row, [math.exp(v) / total for v in values])


def test_softmax_divides_by_the_temperature(logits: NDArray[np.float64]) -> None:
    assert np.allclose(metrics.softmax(logits, temperature=2), metrics.softmax(logits / 2))
    before = logits.copy()
    metrics.softmax(logits, temperature=0.5)
    assert np.array_equal(logits, before)  # its argument is left as it was


def test_large_logits_do_not_overflow() -> None:
    logits = np.array([[1000.0, 0.0], [-1000.0, 0.0]], dtype=np.float32)
    assert np.allclose(metrics.softmax(logits), [[1, 0], [0, 1]])
    assert metrics.cross_entropy(logits, np.array([0, 0])) == pytest.approx(500)


def test_cross_entropy_is_log_loss(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
    expected = reference.log_loss(labels, metrics.softmax(logits), labels=range(10))
    assert metrics.cross_entropy(logits, labels) == pytest.approx(expected)
    half = metrics.cross_entropy(logits.astype(np.float16), labels.astype(np.uint8))
    assert half == pytest.approx(expected, rel=1e-3)


def test_accuracy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
    expected = reference.accuracy_score(labels, logits.argmax(axis=1))
    assert metrics.accuracy(logits, labels) == expected
    assert 0.4 < expected < 0.7
    assert metrics.accuracy(np.zeros((4, 10)), np.array([0, 0, 0, 1])) == 0.75  # first of equals


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_confusion_matrix(
    logits: NDArray[np.float64], labels: NDArray[np.int64], dtype: type[np.integer]
) -> None:
    predicted = logits.argmax(axis=1)
    counts = metrics.confusion_matrix(labels.astype(dtype), predicted.astype(dtype))
    assert np.array_equal(counts, reference.confusion_matrix(labels, predicted))
    assert counts.dtype == np.int64


def test_confusion_matrix_has_true_classes_as_rows() -> None:
    counts = metrics.confusion_matrix(np.array([6, 6, 0]), np.array([0, 9, 0]))
    assert counts.shape == (10, 10)
    assert (counts[6, 0], counts[6, 9], counts[0, 0], counts.sum()) == (1, 1, 1, 3)


def test_class_scores(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
    predicted = logits.argmax(axis=1)
    report = reference.classification_report(labels, predicted, output_dict=True)
    scores = metrics.class_scores(metrics.confusion_matrix(labels, predicted))
    assert [s.label for s in scores] == list(range(10))
    for s in scores:
        expected = report[str(s.label)]
        assert s.total == expected["support"]
        assert s.correct == np.sum((labels == s.label) & (predicted == s.label))
        assert s.accuracy == pytest.approx(expected["recall"])
        assert s.precision == pytest.approx(expected["precision"])
        assert s.f1 == pytest.approx(expected["f1-score"])


def test_scores_of_empty_classes_are_not_defined() -> None:
    # 0: seen, never predicted; 1: predicted, never seen; 2: neither; 3: never right
    confusion = metrics.confusion_matrix(np.array([0, 0, 3, 4]), np.array([1, 1, 4, 3]))
    scores = metrics.class_scores(confusion)
    defined = [
        tuple(not math.isnan(v) for v in (s.accuracy, s.precision, s.f1)) for s in scores[:4]
    ]
    assert defined == [
        (True, False, False), (False, True, False), (False, False, False), (True, True, True)
    ]  # fmt: skip
    assert (scores[0].accuracy, scores[1].precision, scores[3].f1) == (0, 0, 0)


def test_most_confused_pairs(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
    confusion = reference.confusion_matrix(labels, logits.argmax(axis=1))
    before = confusion.copy()
    pairs = metrics.most_confused_pairs(confusion, limit=100)
    assert np.array_equal(confusion, before)
    errors = {
        (t, p): confusion[t, p]
        for t in range(10) for p in range(10) if t != p and confusion[t, p]
    }  # fmt: skip
    assert {(c.true_label, c.predicted_label): c.count for c in pairs} == errors
    assert [c.count for c in pairs] == sorted(errors.values(), reverse=True)
    for c in pairs:
        assert c.share == c.count / confusion[c.true_label].sum()


def test_most_confused_pairs_are_limited_and_happened() -> None:
    confusion = np.diag(np.full(10, 5))
    assert metrics.most_confused_pairs(confusion) == []
    confusion[6, 0], confusion[0, 6], confusion[2, 4] = 3, 2, 2
    assert metrics.most_confused_pairs(confusion, limit=2) == [
        metrics.ConfusedPair(6, 0, 3, 3 / 8),
        metrics.ConfusedPair(0, 6, 2, 2 / 7),  # of equals, in the order of the classes
    ]


def test_standard_error_of_an_accuracy() -> None:
    assert metrics.standard_error(0.93, 10_000) == pytest.approx(0.0025515, abs=1e-7)
    assert metrics.standard_error(1.0, 50) == 0
