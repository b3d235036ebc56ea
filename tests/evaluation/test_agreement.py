"""Suspect labels by the agreement of several runs."""

import numpy as np
import pytest

from fmnist.evaluation.agreement import AgreementError, agreed_suspects
from fmnist.evaluation.predictions import Evaluation


def evaluation(predicted: list[int], sure: list[float], start: int = 50) -> Evaluation:
    logits = np.zeros((len(predicted), 10), np.float16)
    logits[np.arange(len(predicted)), predicted] = sure
    labels = np.array([6, 6, 6, 6, 6], np.uint8)
    return Evaluation("test", logits, labels, np.arange(start, start + 5, dtype=np.int32))


def test_all_runs_contradict_the_label_in_the_same_way() -> None:
    one = evaluation([0, 0, 2, 6, 4], [3, 5, 3, 3, 3])
    other = evaluation([0, 0, 4, 0, 4], [3, 5, 3, 3, 1])
    found = agreed_suspects([one, other])
    assert found.indices.tolist() == [51, 50, 54]  # the surest first
    assert found.suggested.tolist() == [0, 0, 4]
    assert found.labels.tolist() == [6, 6, 6] and found.images == 5
    expected = [1 / (np.exp(5) + 9), 1 / (np.exp(3) + 9)]
    assert found.self_confidence[:2] == pytest.approx(expected, rel=1e-3)


def test_runs_that_cannot_be_compared_are_refused() -> None:
    one = evaluation([0] * 5, [1.0] * 5)
    with pytest.raises(AgreementError, match="needs two models"):
        agreed_suspects([one])
    with pytest.raises(AgreementError, match="different images"):
        agreed_suspects([one, evaluation([0] * 5, [1.0] * 5, start=0)])
