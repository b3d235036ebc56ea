"""The loss of a training step."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def label_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float = 0.0,
    partner_labels: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: Literal["mean", "none"] = "mean",
) -> Tensor:
    """Cross-entropy with the labels.

    Parameters
    ----------
    logits : float32 (B, C)
    labels : int64 (B,)
    label_smoothing : float
        Share of the target spread evenly over all classes, in [0, 1).
    partner_labels : int64 (B,), optional
        Labels of the images that the batch was mixed with.
    weight : float32 (), optional
        Weight of `labels`, in [0, 1]; `partner_labels` have the rest.
    reduction : {"mean", "none"}

    Returns
    -------
    float32 () or (B,)
        In nats: the mean, or the loss of each image.
    """
    loss = functional.cross_entropy(
        logits, labels, label_smoothing=label_smoothing, reduction=reduction
    )
    if partner_labels is None or weight is None:
        return loss
    return weight * loss + (1 - weight) * functional.cross_entropy(
        logits, partner_labels, label_smoothing=label_smoothing, reduction=reduction
    )


def distill(loss: Tensor, logits: Tensor, targets: Tensor, weight: float) -> Tensor:
    """Replace part of a loss by the cross-entropy with a teacher's probabilities.

    Parameters
    ----------
    loss : float32 ()
    logits : float32 (B, C)
    targets : float32 (B, C)
        Probabilities of the teacher, at temperature 1.
    weight : float
        Weight of the teacher, in [0, 1]; `loss` has the rest.

    Returns
    -------
    float32 ()
        In nats.
    """
    return torch.lerp(loss, functional.cross_entropy(logits, targets), weight)
