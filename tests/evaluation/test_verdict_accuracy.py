"""The accuracy if the verdicts hold."""

import numpy as np
import pytest

from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.verdict_accuracy import accuracy_with_verdicts
from fmnist.evaluation.verdicts import ImageKey, Verdict


def evaluation() -> Evaluation:
    """Ten images from 100 on, all labeled 6; the first four are predicted as 0."""
    logits = np.zeros((10, 10), np.float16)
    logits[np.arange(10), [0] * 4 + [6] * 6] = 3
    return Evaluation("test", logits, np.full(10, 6, np.uint8), np.arange(100, 110, dtype=np.int32))


def verdict(image: int, said: str, predicted: int | None = 0) -> Verdict:
    return Verdict(ImageKey("fashion-mnist", "test", image), said, "", 1.0, 6, predicted)


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ([], 0.6, 1.0),
        ([verdict(100, "label-wrong")], 0.7, 1.0),
        ([verdict(100, "model-mistake"), verdict(101, "ambiguous")], 0.6, 0.8),
        ([verdict(105, "label-wrong", 6)], 0.5, 0.9),  # it was predicted as labeled
        ([verdict(100, "label-wrong", 2)], 0.6, 1.0),  # another prediction
        ([verdict(i, "label-wrong") for i in range(100, 104)], 1.0, 1.0),
        ([verdict(7, "label-wrong")], 0.6, 1.0),  # of another split
    ],
)
def test_verdicts_move_the_accuracy_and_its_bounds(
    given: list[Verdict], low: float, high: float
) -> None:
    found = accuracy_with_verdicts(evaluation(), {each.image.index: each for each in given})
    assert found.measured == 0.6
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
