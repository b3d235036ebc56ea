"""Suspect labels of a split by agreement: several runs predict one class, the label is another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.errors import ToldError
from fmnist.evaluation.predictions import Evaluation


class AgreementError(ToldError):
    """Evaluations that cannot be compared."""


@dataclass(frozen=True, eq=False)
class AgreedSuspects:
    """Images on which all runs agree with one another and not with the label.

    Attributes
    ----------
    indices : int (M,)
        As `Split.indices`, the least probable label first.
    labels : uint8 (M,)
    suggested : intp (M,)
        The class that all runs predict.
    self_confidence : float64 (M,)
        Mean probability of the label, in [0, 1].
    images : int
        In the split.
    """

    indices: NDArray[np.integer]
    labels: NDArray[np.uint8]
    suggested: NDArray[np.intp]
    self_confidence: NDArray[np.float64]
    images: int

    def __len__(self) -> int:
        return len(self.indices)


def agreed_suspects(evaluations: Sequence[Evaluation]) -> AgreedSuspects:
    """Images whose label all runs contradict in the same way.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        Of one split, by runs that were not trained on its images; two or more.

    Raises
    ------
    AgreementError
        If there are fewer, or they are of different images.
    """
    if len(evaluations) < 2:
        raise AgreementError("Agreement needs two models that were not trained on these images.")
    first = evaluations[0]
    for other in evaluations[1:]:
        if not (
            np.array_equal(other.indices, first.indices)
            and np.array_equal(other.labels, first.labels)
        ):
            raise AgreementError("The models were evaluated on different images.")
    predicted = np.stack([each.predicted_labels for each in evaluations])  # (runs, N)
    agreed = (predicted == predicted[0]).all(axis=0) & (predicted[0] != first.labels)
    (at,) = np.nonzero(agreed)
    each_own = np.stack([each.probabilities[at, first.labels[at]] for each in evaluations])
    own: NDArray[np.float64] = each_own.astype(np.float64).mean(axis=0)
    order = np.argsort(own, kind="stable")
    at = at[order]
    return AgreedSuspects(
        first.indices[at], first.labels[at], predicted[0, at].astype(np.intp), own[order],
        len(first.labels),
    )  # fmt: skip
