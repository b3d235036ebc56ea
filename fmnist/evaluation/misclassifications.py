"""Types of misclassified images."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.evaluation.predictions import EpochEvaluations, Evaluation

ERROR_TYPES: Final = ("systematic", "ambiguous", "random")

SYSTEMATIC_LEVEL: Final = 0.01
AMBIGUOUS_MARGIN: Final = 0.1

ERROR_TYPE_EXPLANATIONS: Final[Mapping[str, str]] = {
    "systematic": "the true → predicted pair occurs more often than if the errors of the true "
    "class were spread evenly over the other classes (one-sided exact binomial test over all "
    f"pairs, level {SYSTEMATIC_LEVEL:.0%}, Holm's correction)",
    "ambiguous": "not systematic, and the two most probable classes are less than "
    f"{100 * AMBIGUOUS_MARGIN:g} percentage points apart",
    "random": "all others: a rare pair, predicted with a clear margin",
}
"""What each error type means, for people."""


def pair_p_values(confusion: NDArray[np.integer]) -> NDArray[np.float64]:
    """p-value of each (true, predicted) pair under evenly spread errors.

    Null hypothesis: the errors of a true class are spread evenly over the other classes.
    One-sided exact binomial test.

    Parameters
    ----------
    confusion : int (C, C)
        Row = true, column = predicted.

    Returns
    -------
    float64 (C, C)
        In [0, 1]; 1 on the diagonal.
    """
    from scipy import special  # here, since importing it takes a while

    errors = confusion.astype(np.int64)
    np.fill_diagonal(errors, 0)
    totals = errors.sum(axis=1, keepdims=True)
    # P(X >= errors) of a binomial X; scipy.stats has it too, but takes seconds to import
    values: NDArray[np.float64] = special.bdtrc(errors - 1.0, totals, 1 / (len(errors) - 1))
    np.fill_diagonal(values, 1.0)
    return values


def systematic_pairs(
    confusion: NDArray[np.integer], *, level: float = SYSTEMATIC_LEVEL
) -> NDArray[np.bool_]:
    """The (true, predicted) pairs that occur more often than by chance.

    Parameters
    ----------
    confusion : int (C, C)
    level : float
        Family-wise error rate of all tests, by Holm's correction (Holm 1979).

    Returns
    -------
    bool (C, C)
    """
    values = pair_p_values(confusion)
    off_diagonal = ~np.eye(len(confusion), dtype=bool)
    p = values[off_diagonal]
    order = np.argsort(p, kind="stable")
    passed = p[order] <= level / (len(p) - np.arange(len(p)))
    # Holm: after the first test that does not pass, none passes
    rejected = np.zeros(len(p), dtype=bool)
    rejected[order] = np.logical_and.accumulate(passed)
    result = np.zeros_like(off_diagonal)
    result[off_diagonal] = rejected
    return result


def error_types(evaluation: Evaluation) -> NDArray[np.int8]:
    """Type of each misclassification: the first of `ERROR_TYPES` that fits.

    Returns
    -------
    int8 (N,)
        Index into `ERROR_TYPES`; -1 where the prediction is correct.
    """
    pairs = systematic_pairs(evaluation.confusion)
    is_systematic = pairs[evaluation.labels, evaluation.predicted_labels]
    is_ambiguous = evaluation.margin < AMBIGUOUS_MARGIN
    kinds = np.where(is_systematic, 0, np.where(is_ambiguous, 1, 2))
    return np.where(evaluation.correct, -1, kinds).astype(np.int8)


def error_type_counts(epochs: EpochEvaluations) -> NDArray[np.int64]:
    """Number of misclassifications of each type after every epoch.

    Returns
    -------
    int64 (E, 3)
        Columns in the order of `ERROR_TYPES`.
    """
    kinds = [error_types(epochs.epoch(number + 1)) for number in range(len(epochs.logits))]
    return np.stack([np.bincount(k[k >= 0], minlength=len(ERROR_TYPES)) for k in kinds])
