"""Two classifiers on the same images: agreement, and McNemar's test."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation import metrics

GROUPS: Final = ("both-right", "only-a", "only-b", "both-wrong")
"""Which of two classifiers, a and b, predict an image correctly."""

SIGNIFICANCE: Final = 0.05


def agreement(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Which of two classifiers predict each image correctly.

    Parameters
    ----------
    correct_a, correct_b : bool (N,)

    Returns
    -------
    int8 (N,)
        Index into `GROUPS`.
    """
    return (2 * ~correct_a + ~correct_b).astype(np.int8)


@dataclass(frozen=True, eq=False)
class Correctness:
    """Which images a classifier predicts correctly: all that comparing classifiers needs.

    Attributes
    ----------
    correct : bool (N,)
    labels : uint8 (N,)
        True classes.
    indices : int32 (N,)
        As `fmnist.data.splits.Split.indices`.
    """

    correct: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int32]

    @cached_property
    def accuracy(self) -> float:
        """In [0, 1]."""
        return float(self.correct.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the accuracy (fraction)."""
        return metrics.standard_error(self.accuracy, len(self.correct))

    @cached_property
    def class_accuracies(self) -> NDArray[np.float64]:
        """Fraction of each class's images predicted correctly (recall), float64 (10,) in [0, 1].

        nan without images.
        """
        right = np.bincount(self.labels[self.correct], minlength=NUM_CLASSES)
        with np.errstate(invalid="ignore"):
            shares: NDArray[np.float64] = right / np.bincount(self.labels, minlength=NUM_CLASSES)
        return shares

    def on_same_images(self, other: "Correctness") -> bool:
        """Whether both cover the same images, in the same order."""
        return np.array_equal(self.indices, other.indices) and np.array_equal(
            self.labels, other.labels
        )


@dataclass(frozen=True)
class McNemar:
    """Result of McNemar's test for equal error rates of two classifiers.

    Attributes
    ----------
    only_a, only_b : int
        Images that only one of them predicts correctly.
    p_value : float
        Two-sided, exact.
    """

    only_a: int
    only_b: int
    p_value: float


def mcnemar(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> McNemar:
    """McNemar's test (McNemar 1947), as the exact binomial test of the discordant images.

    Parameters
    ----------
    correct_a, correct_b : bool (N,)
        For the same images.
    """
    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    if only_a + only_b == 0:
        return McNemar(0, 0, 1.0)
    from scipy import special  # here, since importing it takes a while

    # both tails of the symmetric binomial; scipy.stats has it too, but takes seconds to import
    tail = float(special.bdtr(float(min(only_a, only_b)), only_a + only_b, 0.5))
    return McNemar(only_a, only_b, min(1.0, 2 * tail))


def confusion_order(confusion: NDArray[np.integer]) -> tuple[int, ...]:
    """An order of the classes that puts confused classes next to each other.

    Hierarchical clustering with average linkage. The similarity of two classes is the fraction of
    their images predicted as the other. Leaves are in optimal order (Bar-Joseph et al. 2001).

    Parameters
    ----------
    confusion : int (C, C)
        Row = true, column = predicted.

    Returns
    -------
    tuple of int (C,)
        The order of the labels where nothing is misclassified.
    """
    errors = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    np.fill_diagonal(errors, 0)
    nearness = errors + errors.T
    if not nearness.any():
        return tuple(range(len(confusion)))
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    distances = squareform(nearness.max() - nearness, checks=False)
    tree = optimal_leaf_ordering(linkage(distances, "average"), distances)
    order = tuple(int(label) for label in leaves_list(tree))
    # both directions are equally good; start at the end nearer to label 0
    return order if order.index(0) <= order[::-1].index(0) else order[::-1]
