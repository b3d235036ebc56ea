"""Arrays in, numbers out."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES


def softmax(logits: NDArray[np.floating], *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of logits.

    Parameters
    ----------
    logits : float (N, C)
    temperature : float
        Above 0; the logits are divided by it.

    Returns
    -------
    float64 (N, C)
        Rows in [0, 1] that sum to 1.
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def losses(
    logits: NDArray[np.floating], labels: NDArray[np.integer], *, temperature: float = 1.0
) -> NDArray[np.float64]:
    """Negative log-probability of the true class of each image, in nats.

    Parameters
    ----------
    logits : float (N, C)
    labels : int (N,)
        Class indices, 0 to C - 1.
    temperature : float
        Above 0; the logits are divided by it.

    Returns
    -------
    float64 (N,)
    """
    values = logits.astype(np.float64) / temperature
    values -= values.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(values).sum(axis=1))
    each: NDArray[np.float64] = log_sums - values[np.arange(len(labels)), labels]
    return each


def cross_entropy(
    logits: NDArray[np.floating], labels: NDArray[np.integer], *, temperature: float = 1.0
) -> float:
    """Mean of `losses`, in nats."""
    return float(np.mean(losses(logits, labels, temperature=temperature)))


def margins(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far the likeliest class is ahead of the second.

    Parameters
    ----------
    probabilities : float (N, C)

    Returns
    -------
    float64 (N,)
        In [0, 1].
    """
    best = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0], dtype=np.float64)


def entropies(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """How undecided the probabilities are, in nats.

    Parameters
    ----------
    probabilities : float (N, C)

    Returns
    -------
    float64 (N,)
        In [0, ln C].
    """
    values = probabilities.astype(np.float64)
    logarithms = np.log(values, out=np.zeros_like(values), where=values > 0)
    sums: NDArray[np.float64] = (values * logarithms).sum(axis=1)
    return np.maximum(-sums, 0.0)


def in_range(
    values: NDArray[np.floating], low: float, high: float, *, top: float
) -> NDArray[np.bool_]:
    """Which values lie in [low, high), or in [low, high] where `high` is the highest possible.

    So neighboring ranges share no value, and together leave none out: a bin of a histogram and
    the images it stands for are the same.

    Parameters
    ----------
    values : float (N,)
    low, high : float
    top : float
        The highest possible value.

    Returns
    -------
    bool (N,)
    """
    # values are sums of rounded numbers: the highest may be passed by a rounding error
    return np.asarray((values >= low) & ((values < high) | (high >= top)))


def accuracy(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Fraction of rows whose highest logit is the label's (the first of equals wins).

    Parameters
    ----------
    logits : float (N, C)
    labels : int (N,)

    Returns
    -------
    float
        In [0, 1].
    """
    return float(np.mean(logits.argmax(axis=1) == labels))


def standard_error(accuracy: float, images: int) -> float:
    """Of an accuracy measured on so many images: how far another such sample would stray.

    Parameters
    ----------
    accuracy : float
        In [0, 1].
    images : int
        At least 1.

    Returns
    -------
    float
        √(p (1 - p) / n), a fraction.
    """
    return math.sqrt(accuracy * (1 - accuracy) / images)


def confusion_matrix(
    true_labels: NDArray[np.integer], predicted_labels: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Counts of (true, predicted) pairs.

    Parameters
    ----------
    true_labels, predicted_labels : int (N,)

    Returns
    -------
    int64 (10, 10)
        Row = true class, column = predicted class.
    """
    cells = true_labels.astype(np.int64) * NUM_CLASSES + predicted_labels.astype(np.int64)
    counts = np.bincount(cells, minlength=NUM_CLASSES * NUM_CLASSES)
    return counts.reshape(NUM_CLASSES, NUM_CLASSES)


@dataclass(frozen=True)
class ClassScores:
    """How one class fares.

    Attributes
    ----------
    label : int
    correct, total : int
        Images of the class that were recognized, and all of them.
    accuracy : float
        correct / total (recall), in [0, 1]; nan without images.
    precision : float
        Correct share of the images that were given this label; nan where none was.
    f1 : float
        Harmonic mean of the two; nan where either is undefined.
    """

    label: int
    correct: int
    total: int
    accuracy: float
    precision: float
    f1: float


def class_scores(confusion: NDArray[np.integer]) -> list[ClassScores]:
    """Scores of each class from a confusion matrix (row = true, column = predicted)."""
    scores = []
    for label in range(len(confusion)):
        correct = int(confusion[label, label])
        total, predicted = int(confusion[label].sum()), int(confusion[:, label].sum())
        recall = correct / total if total else float("nan")
        precision = correct / predicted if predicted else float("nan")
        f1 = 2 * correct / (total + predicted) if total and predicted else float("nan")
        scores.append(ClassScores(label, correct, total, recall, precision, f1))
    return scores


@dataclass(frozen=True)
class ConfusedPair:
    """A kind of mistake.

    Attributes
    ----------
    true_label, predicted_label : int
    count : int
    share : float
        Of the images of the true class, in [0, 1].
    """

    true_label: int
    predicted_label: int
    count: int
    share: float


def most_confused_pairs(confusion: NDArray[np.integer], limit: int = 10) -> list[ConfusedPair]:
    """The most frequent mistakes of a confusion matrix (row = true, column = predicted).

    Returns
    -------
    list of ConfusedPair
        At most `limit`, most frequent first; pairs that never happened are left out.
    """
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    totals = confusion.sum(axis=1)
    order = np.argsort(-errors, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(cell), len(confusion)) for cell in order]
    return [
        ConfusedPair(t, p, int(errors[t, p]), float(errors[t, p] / totals[t]))
        for t, p in pairs
        if errors[t, p]
    ]
