"""The loss of a step, against its definition."""

import pytest
import torch

from fmnist.training.losses import distill, label_loss

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]])
LABELS = torch.tensor([0, 2])
LOGS = LOGITS.log_softmax(1)


def test_label_smoothing_spreads_a_share_over_all_classes() -> None:
    target = torch.full((2, 3), 0.3 / 3)
    target[0, 0] += 0.7
    target[1, 2] += 0.7
    expected = -(target * LOGS).sum(1).mean()
    assert float(label_loss(LOGITS, LABELS, label_smoothing=0.3)) == pytest.approx(float(expected))


def test_mixed_images_have_both_labels_by_weight() -> None:
    partner_labels = torch.tensor([1, 0])
    loss = label_loss(LOGITS, LABELS, partner_labels=partner_labels, weight=torch.tensor(0.25))
    own, other = (-LOGS[[0, 1], labels].mean() for labels in (LABELS, partner_labels))
    assert float(loss) == pytest.approx(float(0.25 * own + 0.75 * other))


def test_the_teachers_probabilities_are_a_share_of_the_target() -> None:
    targets = torch.tensor([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
    labels = label_loss(LOGITS, LABELS)
    teacher = -(targets * LOGS).sum(1).mean()
    for weight in (0.0, 0.9, 1.0):
        expected = float((1 - weight) * labels + weight * teacher)
        assert float(distill(labels, LOGITS, targets, weight)) == pytest.approx(expected)
