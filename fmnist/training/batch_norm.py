"""Batch normalization over the images of several processes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fmnist.models.layers import Share

AddUp = Callable[[Tensor], Tensor]
"""Replaces a tensor by the sums over all processes, and returns it."""


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` of a batch whose images lie with several processes.

    Each process adds up the values of its images, their squares and their number; the sums over all
    processes give mean and variance of the whole batch. `torch.nn.SyncBatchNorm` does the same on
    GPUs only.

    Parameters
    ----------
    norm : torch.nn.BatchNorm2d
        The layer that it replaces, whose parameters and statistics it takes over.
    share : Share
        What this process has of a batch.
    add_up : callable
        Adds tensors of all processes up, in place.
    """

    def __init__(self, norm: nn.BatchNorm2d, share: Share, add_up: AddUp) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        for name, parameter in norm.named_parameters():
            setattr(self, name, parameter)
        for name, buffer in norm.named_buffers():
            setattr(self, name, buffer)
        self.train(norm.training)
        self._share = share
        self._add_up = add_up

    def forward(self, input: Tensor) -> Tensor:  # (B, C, H, W) -> the same
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        # about zero, since a variance by squares loses digits where the mean is large
        centered = input.float() - self.running_mean[:, None, None]
        dims = (0, 2, 3)
        counted = 0.0 if self._share.is_empty else 1.0
        count = counted * input.numel() / input.shape[1]
        sums = torch.cat(
            (
                counted * centered.sum(dims),
                counted * centered.square().sum(dims),
                torch.full_like(self.running_mean[:1], count),
            )
        )
        total: Tensor = _Sum.apply(sums, self._add_up)
        images = total[-1].detach()
        first, second = (total[:-1] / images).chunk(2)
        variance = second - first.square()
        with torch.no_grad():
            self.num_batches_tracked += 1
            unbiased = variance * (images / (images - 1))
            self.running_mean.add_(first, alpha=self.momentum)  # `first` is from it
            self.running_var.lerp_(unbiased, self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - first * scale
        output = torch.addcmul(shift[:, None, None], centered, scale[:, None, None])
        return output.to(input.dtype)


class _Sum(torch.autograd.Function):
    """Sums over all processes; each process's gradients are added up for all of them, too."""

    @staticmethod
    def forward(context: Any, values: Tensor, add_up: AddUp) -> Tensor:
        context.add_up = add_up
        return add_up(values.clone())

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return context.add_up(gradients[0].clone()), None


def share_norms(model: nn.Module, share: Share, add_up: AddUp) -> None:
    """Replace every batch normalization in `model` by one over all processes."""
    for name, child in model.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(model, name, SharedBatchNorm2d(child, share, add_up))
        else:
            share_norms(child, share, add_up)
