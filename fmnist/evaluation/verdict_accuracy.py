"""The accuracy of a run if the verdicts on its misclassified images hold, with bounds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.verdicts import Verdict


@dataclass(frozen=True)
class VerdictAccuracy:
    """An accuracy as measured, and as people's verdicts on labels change it.

    Attributes
    ----------
    images : int
        In the split.
    correct : int
        Images whose prediction is the label.
    label_errors : int
        Misclassified images whose label looks wrong, so that the prediction counts as correct.
    spoiled : int
        Correct images whose label looks wrong, so that the prediction counts as an error.
    seen : int
        Misclassified images with a verdict on this prediction.
    """

    images: int
    correct: int
    label_errors: int
    spoiled: int
    seen: int

    @property
    def errors(self) -> int:
        """Misclassified images."""
        return self.images - self.correct

    @property
    def unseen(self) -> int:
        """Misclassified images that nobody has given a verdict on."""
        return self.errors - self.seen

    @property
    def measured(self) -> float:
        """The accuracy as measured, in [0, 1]."""
        return self.correct / self.images

    @property
    def low(self) -> float:
        """The accuracy if the verdicts hold and no unseen error is a label error."""
        return (self.correct + self.label_errors - self.spoiled) / self.images

    @property
    def high(self) -> float:
        """The accuracy if the verdicts hold and all unseen errors are label errors."""
        return self.low + self.unseen / self.images


def accuracy_with_verdicts(
    evaluation: Evaluation, verdicts: Mapping[int, Verdict]
) -> VerdictAccuracy:
    """The accuracy if the verdicts hold.

    Where the label looks wrong, the prediction that was seen with the verdict counts as right. A
    run with another prediction counts as unseen there: that may be right or wrong.

    Parameters
    ----------
    evaluation : Evaluation
    verdicts : mapping of int to Verdict
        By `Split.indices`; those on images of other splits do not matter.
    """
    at = {int(image): position for position, image in enumerate(evaluation.indices)}
    predicted = evaluation.predicted_labels
    label_errors = spoiled = seen = 0
    for image, verdict in verdicts.items():
        position = at.get(image)
        if position is None:
            continue
        is_wrong = verdict.verdict == "label-wrong"
        if evaluation.correct[position]:
            spoiled += is_wrong
            continue
        same = verdict.predicted_label in (None, int(predicted[position]))
        seen += same or not is_wrong
        label_errors += is_wrong and same
    return VerdictAccuracy(
        len(evaluation.labels), int(np.count_nonzero(evaluation.correct)),
        label_errors, spoiled, seen,
    )  # fmt: skip
