"""Metrics: functions from arrays to numbers."""

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
    # by NumPy, here and in `losses`, since the GPU benchmark runs without SciPy
    exponentials = np.exp(_shifted(logits, temperature))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _shifted(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Logits over the temperature, less each row's highest: their exponentials are at most 1."""
    scaled = logits.astype(np.float64) / temperature
    shifted: NDArray[np.float64] = scaled - scaled.max(axis=1, keepdims=True)
    return shifted


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
    shifted = _shifted(logits, temperature)
    of_label = shifted[np.arange(len(labels)), labels]
    each: NDArray[np.float64] = np.log(np.exp(shifted).sum(axis=1)) - of_label
    return each


def cross_entropy(
    logits: NDArray[np.floating], labels: NDArray[np.integer], *, temperature: float = 1.0
) -> float:
    """Mean of `losses`, in nats."""
    return float(np.mean(losses(logits, labels, temperature=temperature)))


def margins(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Margin of each image: the highest probability minus the second highest.

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
    """Entropy of each row of probabilities, in nats.

    Parameters
    ----------
    probabilities : float (N, C)

    Returns
    -------
    float64 (N,)
        In [0, ln C].
    """
    from scipy import special  # here, since importing it takes a while

    sums: NDArray[np.float64] = special.entr(probabilities.astype(np.float64)).sum(axis=1)
    return sums


def in_range(
    values: NDArray[np.floating], low: float, high: float, *, top: float
) -> NDArray[np.bool_]:
    """Which values lie in [low, high), or in [low, high] where `high` is the highest possible.

    Adjacent ranges share no value and leave none out, as the bins of a histogram do.

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
    # values are sums of rounded numbers, so one may exceed the highest by a rounding error
    return np.asarray((values >= low) & ((values < high) | (high >= top)))


def accuracy(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Fraction of rows whose highest logit is the label's; the first of equal logits counts.

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
    """Standard error of an accuracy that was measured on a number of images.

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
    true_labels: NDArray[np.integer],
    predicted_labels: NDArray[np.integer],
    *,
    classes: int = NUM_CLASSES,
) -> NDArray[np.int64]:
    """Number of images for each pair of true and predicted class.

    Parameters
    ----------
    true_labels, predicted_labels : int (N,)
    classes : int
        How many there are; more than ten with own classes, which no image is of.

    Returns
    -------
    int64 (C, C)
        Row = true class, column = predicted class.
    """
    cells = true_labels.astype(np.int64) * classes + predicted_labels.astype(np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class.

    Attributes
    ----------
    label : int
    correct, total : int
        Correctly predicted images of the class, and all images of the class.
    accuracy : float
        correct / total (recall), in [0, 1]; nan without images.
    precision : float
        Correct fraction of the images predicted as this class; nan without any.
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
    """A pair of classes and how often the first is predicted as the second.

    Attributes
    ----------
    true_label, predicted_label : int
    count : int
    share : float
        Fraction of the images of the true class, in [0, 1].
    """

    true_label: int
    predicted_label: int
    count: int
    share: float


def most_confused_pairs(confusion: NDArray[np.integer], limit: int = 10) -> list[ConfusedPair]:
    """The most confused pairs of a confusion matrix (row = true, column = predicted).

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
