"""All facts about one image, gathered once; `fmnist.dashboard.errors.detail` shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, nearest_images, snapshots
from fmnist.dashboard.context import PageContext
from fmnist.data import fashion_mnist
from fmnist.data.splits import Dataset, SplitName
from fmnist.errors import sentence
from fmnist.evaluation.filters import rank_by_confidence
from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.evaluation.neighbors import Neighbor
from fmnist.evaluation.verdicts import Verdict

NEIGHBORS: Final = 10


@dataclass(frozen=True, eq=False)
class Prediction:
    """A run's prediction for the image.

    Attributes
    ----------
    run_name : str
    probabilities : float64 (10,)
    label : int
        The predicted class.
    confidence : float
        Its probability, in [0, 1].
    """

    run_name: str
    probabilities: NDArray[np.float64]
    label: int
    confidence: float


@dataclass(frozen=True, eq=False)
class ImageHistory:
    """The run's predictions for the image after every epoch.

    Attributes
    ----------
    predicted : uint8 (E,)
    confidence : float32 (E,)
    correct : bool (E,)
    first_learned : int
        First epoch, from 1, with a correct prediction; 0 for never.
    forgotten : int
        How often a correct prediction was followed by a wrong one.
    """

    predicted: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    correct: NDArray[np.bool_]
    first_learned: int
    forgotten: int


@dataclass(frozen=True, eq=False)
class ImageDetail:
    """Facts about one image.

    Attributes
    ----------
    image : int
        `Split.indices` of the image.
    description : str
        What the image shows, for those who cannot see it.
    pixels : uint8 (28, 28) or None
        None where the data set is not on this machine.
    true_label : int
    prediction : Prediction
    other : Prediction or None
        Prediction of the compared run.
    margin, entropy, loss : float
        As in `fmnist.evaluation.predictions.Evaluation`.
    rank : tuple of int or None
        Rank by confidence among the misclassified images, and their number; None if correct.
    error_type : str or None
        None if correct.
    place : int or None
        Place among the filtered images, from 0; None if the filters exclude the image.
    sequence : int (M,)
        `Split.indices` of the filtered images, in order.
    history : ImageHistory or None
        None if the epochs were evaluated on another split.
    history_split : SplitName
        The split that the epochs were evaluated on.
    verdict : Verdict or None
    """

    image: int
    description: str
    pixels: NDArray[np.uint8] | None
    true_label: int
    prediction: Prediction
    other: Prediction | None
    margin: float
    entropy: float
    loss: float
    rank: tuple[int, int] | None
    error_type: str | None
    place: int | None
    sequence: NDArray[np.integer]
    history: ImageHistory | None
    history_split: SplitName
    verdict: Verdict | None

    @property
    def is_correct(self) -> bool:
        """Whether the run classifies the image correctly."""
        return self.prediction.label == self.true_label

    def neighbor_in_sequence(self, step: int) -> int | None:
        """The filtered image so many steps further; None beyond either end."""
        if self.place is None or not 0 <= self.place + step < len(self.sequence):
            return None
        return int(self.sequence[self.place + step])


def gather_detail(context: PageContext, image: int) -> ImageDetail | None:
    """Gather the facts about an image; None if the evaluation does not contain it."""
    position = context.snapshot.position(image)
    if position is None:
        return None
    evaluation = context.snapshot.evaluation
    pixels = context.images(np.array([position]))
    sequence = evaluation.indices[context.positions]
    found = np.flatnonzero(sequence == image)
    is_correct = bool(evaluation.correct[position])
    epochs = cache.epoch_evaluations(context.run)
    return ImageDetail(
        image,
        context.tile(position).alt,
        None if pixels is None else pixels[0],
        int(evaluation.labels[position]),
        _prediction(context, position),
        _other_prediction(context, position),
        float(evaluation.margin[position]),
        float(evaluation.entropy[position]),
        float(evaluation.losses[position]),
        rank_by_confidence(evaluation, position),
        None if is_correct else ERROR_TYPES[context.snapshot.error_types[position]],
        int(found[0]) if len(found) else None,
        sequence,
        _history(context, image),
        epochs.split if epochs else "validation",
        context.verdicts.get(image),
    )


def _prediction(context: PageContext, position: int) -> Prediction:
    evaluation = context.snapshot.evaluation
    return Prediction(
        context.names[0],
        evaluation.probabilities[position],
        int(evaluation.predicted_labels[position]),
        float(evaluation.confidence[position]),
    )


def _other_prediction(context: PageContext, position: int) -> Prediction | None:
    if context.other is None:
        return None
    evaluation = context.other.evaluation
    return Prediction(
        context.names[1],
        evaluation.probabilities[position],
        int(evaluation.predicted_labels[position]),
        float(evaluation.confidence[position]),
    )


def _history(context: PageContext, image: int) -> ImageHistory | None:
    dynamics = snapshots.dynamics_of(context.run, context.snapshot)
    column = context.snapshot.position(image)
    if dynamics is None or column is None:
        return None
    return ImageHistory(
        dynamics.predicted[:, column],
        dynamics.confidence[:, column],
        dynamics.correct[:, column],
        int(dynamics.first_learned[column]),
        int(dynamics.forgotten[column]),
    )


@dataclass(frozen=True, eq=False)
class NearestTrainingImages:
    """The training images with the most similar features.

    Attributes
    ----------
    dataset : Dataset or None
    found : sequence of Neighbor or None
        None until the features of all training images have been computed.
    problem : str
        Why they cannot be shown, in a sentence; empty if they can.
    """

    dataset: Dataset | None = None
    found: Sequence[Neighbor] | None = None
    problem: str = ""


def gather_neighbors(context: PageContext, detail: ImageDetail) -> NearestTrainingImages:
    """Find the nearest training images; imports torch once their features are stored.

    Apart from `gather_detail`, which is quick: the page shows everything else first.
    """
    if detail.pixels is None:
        return NearestTrainingImages(problem="The data set is not on this machine.")
    if not context.run.weights_path.exists():
        return NearestTrainingImages(problem="This run was saved without its weights.")
    try:
        dataset = cache.dataset(fashion_mnist.locate())
        index = nearest_images.stored_index(context.run, dataset)
        if index is None:
            return NearestTrainingImages(dataset)
        features = cache.image_features(context.run, context.part, detail.image, detail.pixels)
    except failures.EXPECTED as error:
        return NearestTrainingImages(problem=sentence(error, "The features cannot be computed"))
    # a validation image is no training image; a training image would find itself
    exclude = None if context.split == "test" else detail.image
    return NearestTrainingImages(dataset, index.nearest(features, k=NEIGHBORS, exclude=exclude))
