"""What a run predicted for each image after every epoch."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fmnist.evaluation.predictions import EpochEvaluations


@dataclass(frozen=True, eq=False)
class TrainingDynamics:
    """What a run predicted for each image after every epoch.

    Attributes
    ----------
    predicted : uint8 (E, N)
    confidence : float32 (E, N)
        In [0, 1].
    correct : bool (E, N)
    """

    predicted: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    correct: NDArray[np.bool_]

    @property
    def first_learned(self) -> NDArray[np.intp]:
        """Epoch, from 1, that first predicted each image correctly; 0 for never. intp (N,)."""
        return np.where(self.correct.any(axis=0), self.correct.argmax(axis=0) + 1, 0)

    @property
    def forgotten(self) -> NDArray[np.intp]:
        """Forgetting events of each image (Toneva et al. 2019), intp (N,)."""
        return np.asarray((self.correct[:-1] & ~self.correct[1:]).sum(axis=0))

    @classmethod
    def from_epochs(cls, epochs: EpochEvaluations) -> Self:
        """Compute the predictions of every epoch from its logits."""
        parts = [epochs.epoch(number + 1) for number in range(len(epochs.logits))]
        return cls(
            np.stack([part.predicted_labels.astype(np.uint8) for part in parts]),
            np.stack([part.confidence.astype(np.float32) for part in parts]),
            np.stack([part.correct for part in parts]),
        )
