"""Layers that the model families share."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Chain(nn.Sequential):
    """`torch.nn.Sequential` from images to logits, with its types told."""

    def forward(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, num_classes)
        logits: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        return logits


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` that can draw from a generator of its own.

    torch's dropout draws from the process's one global generator, which any other thread may
    use in between; with its own, a run in a background thread can be repeated and resumed bit
    for bit whatever else the process does.

    Attributes
    ----------
    generator : torch.Generator or None
        Of the device of the inputs; None (the default) draws from torch's global one.
    """

    generator: torch.Generator | None = None

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.generator is None or self.p == 0:
            return functional.dropout(input, self.p, self.training)
        keep = 1 - self.p
        mask = torch.empty_like(input).bernoulli_(keep, generator=self.generator)
        return input * mask.div_(keep)


def set_dropout_generator(model: nn.Module, generator: torch.Generator) -> None:
    """Let every `Dropout` of `model` draw from `generator`."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator
