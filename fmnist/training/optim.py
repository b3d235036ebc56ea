"""Optimizer, averaged weights, and the number format that a run computes in."""

from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fmnist.runs.config import Precision, TrainConfig
from fmnist.training.muon import Muon

MOMENTUM: Final = 0.9

_Tensors: TypeAlias = tuple[Tensor, ...] | list[Tensor]


def create_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that the settings name; norms and biases do not decay."""
    # fused: one call a step, which matters where other threads want Python's lock
    if config.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    if config.optimizer == "muon":
        return Muon(model.parameters(), lr=config.learning_rate)
    groups = [
        {
            "params": [p for p in model.parameters() if p.ndim > 1],
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=MOMENTUM, nesterov=True, fused=True
        )
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def average_weights(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a model's weights and of what its norms keep.

    The decay begins at 1/10 and rises to `decay`, so that the first steps are soon forgotten.

    Parameters
    ----------
    model : torch.nn.Module
        The average begins with its present weights.
    decay : float
        Share of the average that a step leaves, in (0, 1).
    """

    def blend(averaged: _Tensors, current: _Tensors, _count: object) -> None:
        # counted on the processor, since reading the count from a GPU would wait for the GPU
        count = int(average.n_averaged)
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, 1 - min(decay, count / (9 + count)))
        else:  # counts of batches
            torch._foreach_copy_(averaged, current)

    average = AveragedModel(model, multi_avg_fn=blend, use_buffers=True)
    average.n_averaged.fill_(1)  # from 0, the first update would replace the weights
    return average.requires_grad_(False)


def resolve_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format of a run's convolutions and matrix products.

    Returns
    -------
    torch.dtype
        bfloat16 or float32. For the precision "auto", bfloat16 where the GPU or the processor has
        instructions for it; for "bfloat16-on-gpu", where the GPU has.
    """
    if precision in ("float32", "bfloat16"):
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    is_supported = False
    if device.type == "cuda":
        is_supported = torch.cuda.is_bf16_supported(including_emulation=False)
    elif precision == "auto":
        is_supported = any(v for k, v in torch.cpu.get_capabilities().items() if k.endswith("bf16"))
    return torch.bfloat16 if is_supported else torch.float32
