"""What a run predicted for each image after every epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation.predictions import EpochEvaluations

Region = Literal["easy", "ambiguous", "hard"]
REGIONS: Final[tuple[Region, ...]] = ("easy", "ambiguous", "hard")
REGION_TITLES: Final[Mapping[Region, str]] = {
    "easy": "Easy to learn",
    "ambiguous": "Ambiguous",
    "hard": "Hard to learn",
}

AMBIGUOUS: Final = 0.15
"""Variability from which an image counts as ambiguous."""
EASY: Final = 0.5
"""Mean confidence from which the others count as easy to learn."""


@dataclass(frozen=True, eq=False)
class TrainingDynamics:
    """What a run predicted for each image after every epoch.

    Attributes
    ----------
    predicted : uint8 (E, N)
    confidence : float32 (E, N)
        In [0, 1].
    correct : bool (E, N)
    given : float32 (E, N)
        Probability of the given label, in [0, 1].
    """

    predicted: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    correct: NDArray[np.bool_]
    given: NDArray[np.float32]

    @property
    def first_learned(self) -> NDArray[np.intp]:
        """Epoch, from 1, that first predicted each image correctly; 0 for never. intp (N,)."""
        return np.where(self.correct.any(axis=0), self.correct.argmax(axis=0) + 1, 0)

    @property
    def forgotten(self) -> NDArray[np.intp]:
        """Forgetting events of each image (Toneva et al. 2019), intp (N,)."""
        return np.asarray((self.correct[:-1] & ~self.correct[1:]).sum(axis=0))

    @property
    def mean_confidence(self) -> NDArray[np.float64]:
        """Mean probability of the given label (Swayamdipta et al. 2020), float64 (N,), 0 to 1."""
        return np.asarray(self.given.mean(axis=0, dtype=np.float64))

    @property
    def variability(self) -> NDArray[np.float64]:
        """Standard deviation of the same over the epochs, float64 (N,), 0 to 0.5."""
        return np.asarray(self.given.std(axis=0, dtype=np.float64))

    @property
    def regions(self) -> NDArray[np.uint8]:
        """Region of each image on the map of the two, as index into `REGIONS`; uint8 (N,).

        Swayamdipta et al. (2020, "Dataset cartography") name the three ends of the map; where one
        begins is this project's choice: `AMBIGUOUS` and `EASY`.
        """
        easy, ambiguous, hard = range(len(REGIONS))
        stable = np.where(self.mean_confidence >= EASY, easy, hard)
        return np.where(self.variability >= AMBIGUOUS, ambiguous, stable).astype(np.uint8)

    @property
    def most_predicted(self) -> NDArray[np.intp]:
        """Class that each image was predicted as most often; the lowest of several. intp (N,)."""
        counts = [(self.predicted == label).sum(axis=0) for label in range(NUM_CLASSES)]
        return np.asarray(np.argmax(counts, axis=0))

    def take(self, order: NDArray[np.intp]) -> Self:
        """The images at some positions."""
        return type(self)(
            self.predicted[:, order],
            self.confidence[:, order],
            self.correct[:, order],
            self.given[:, order],
        )

    @classmethod
    def from_epochs(cls, epochs: EpochEvaluations) -> Self:
        """Compute the predictions of every epoch from its logits."""
        parts = [epochs.epoch(number + 1) for number in range(len(epochs.logits))]
        rows = np.arange(len(epochs.labels))
        return cls(
            np.stack([part.predicted_labels.astype(np.uint8) for part in parts]),
            np.stack([part.confidence.astype(np.float32) for part in parts]),
            np.stack([part.correct for part in parts]),
            np.stack([part.probabilities[rows, part.labels].astype(np.float32) for part in parts]),
        )


def order_of(indices: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.intp] | None:
    """Where images are among others.

    Parameters
    ----------
    indices : int (M,)
        Distinct.
    wanted : int (N,)

    Returns
    -------
    intp (N,) or None
        Positions in `indices`; None if one of the wanted is not there.
    """
    order = np.argsort(indices)
    at = np.searchsorted(indices, wanted, sorter=order).clip(max=len(order) - 1)
    found: NDArray[np.intp] = order[at]
    return found if np.array_equal(indices[found], wanted) else None
