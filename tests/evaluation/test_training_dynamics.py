"""Training dynamics: figures of images computed by hand."""

import numpy as np
import pytest

from fmnist.evaluation.predictions import EpochEvaluations
from fmnist.evaluation.training_dynamics import REGIONS, TrainingDynamics, order_of


def epochs_of(probabilities: list[list[float]], labels: list[int]) -> EpochEvaluations:
    """Epochs (E, N) in which label i has such a probability, and the next class all the rest."""
    shape = np.array(probabilities)
    logits = np.full((*shape.shape, 10), -30.0)
    for image, label in enumerate(labels):
        logits[:, image, label] = np.log(shape[:, image])
        logits[:, image, (label + 1) % 10] = np.log(1 - shape[:, image])
    count = len(labels)
    return EpochEvaluations(
        "train", logits.astype(np.float16), np.array(labels, np.uint8),
        np.arange(count, dtype=np.int32),
    )  # fmt: skip


def test_figures_by_hand() -> None:
    # always probable; in turns; hardly ever; learned late
    found = TrainingDynamics.from_epochs(
        epochs_of(
            [
                [0.9, 0.9, 0.1, 0.2],
                [0.8, 0.1, 0.2, 0.2],
                [0.9, 0.9, 0.1, 0.3],
                [0.8, 0.1, 0.2, 0.7],
            ],
            [3, 0, 9, 5],
        )
    )
    assert found.mean_confidence == pytest.approx([0.85, 0.5, 0.15, 0.35], abs=1e-3)
    # of 0.9, 0.1, 0.9, 0.1: 0.4 to each side; of 0.2, 0.2, 0.3, 0.7: the root of 0.0425
    assert found.variability == pytest.approx([0.05, 0.4, 0.05, 0.20616], abs=1e-3)
    names = [REGIONS[region] for region in found.regions]
    assert names == ["easy", "ambiguous", "hard", "ambiguous"]
    assert found.first_learned.tolist() == [1, 1, 0, 4]
    assert found.forgotten.tolist() == [0, 2, 0, 0]
    # the second two times each; the others' next class
    assert found.most_predicted.tolist() == [3, 0, 0, 6]


def test_the_regions_begin_where_they_say() -> None:
    def region(*given: float) -> str:
        values = np.array(given, dtype=np.float32)[:, None]
        blank = np.zeros(values.shape)
        made = TrainingDynamics(blank.astype(np.uint8), values, blank.astype(np.bool_), values)
        return str(REGIONS[made.regions[0]])

    assert region(0.5, 0.5) == "easy"
    assert region(0.4999, 0.4999) == "hard"
    assert region(0.25, 0.75) == "ambiguous"  # 0.25 to each side of the mean
    assert (region(0.75, 0.47), region(0.75, 0.44)) == ("easy", "ambiguous")  # 0.14, 0.155


def test_confidence_is_that_of_the_given_label_not_of_the_prediction() -> None:
    found = TrainingDynamics.from_epochs(epochs_of([[0.1], [0.1]], [2]))
    assert found.confidence[:, 0] == pytest.approx([0.9, 0.9], abs=1e-3)
    assert found.given[:, 0] == pytest.approx([0.1, 0.1], abs=1e-3)


def test_images_are_found_in_any_order() -> None:
    indices = np.array([7, 3, 9, 1])
    order = order_of(indices, np.array([1, 7, 9]))
    assert order is not None and order.tolist() == [3, 0, 2]
    assert order_of(indices, np.array([1, 8])) is None
    assert order_of(indices, np.array([99])) is None
    taken = TrainingDynamics.from_epochs(epochs_of([[0.9, 0.1], [0.9, 0.2]], [3, 0])).take(
        np.array([1, 0])
    )
    assert taken.first_learned.tolist() == [0, 1]
    assert taken.given[:, 0] == pytest.approx([0.1, 0.2], abs=1e-3)
    assert taken.predicted[0].tolist() == [1, 3]
