"""Layers that the model families share."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


class Chain(nn.Sequential):
    """Layers from images to logits; the last one is the classifier's linear layer."""

    def forward_features(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, F)
        """Input of the last layer."""
        *layers, _ = self
        for layer in layers:
            input = layer(input)
        return input

    def forward_head(self, features: Tensor) -> Tensor:  # (B, F) -> (B, num_classes)
        """Logits of features."""
        logits: Tensor = self[-1](features)
        return logits

    def forward(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, num_classes)
        return self.forward_head(self.forward_features(input))


def convolution(
    inputs: int,
    outputs: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    pool: nn.Module | None = None,
) -> nn.Sequential:
    """A padded convolution, batch normalization and ReLU.

    Pooling comes before normalization: norms and ReLUs cost a processor as much as arithmetic, and
    after pooling they process a quarter of the values.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        *([pool] if pool else []),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Affine(nn.Module):
    """Multiplication by a constant and addition of another; no parameters."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale = scale
        self.shift = shift

    def forward(self, input: Tensor) -> Tensor:
        return input * self.scale + self.shift

    def extra_repr(self) -> str:
        return f"scale={self.scale}, shift={self.shift}"


@dataclass
class Share:
    """The images of each batch that one of several processes has, which train one network.

    Attributes
    ----------
    rank : int
        Number of the process, from 0.
    processes : int
    batch : int
        Images of the batch under way, of all processes together.
    """

    rank: int
    processes: int
    batch: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether the batch has too few images for this process, which then repeats the first."""
        return self.rank * self.batch // self.processes == (
            (self.rank + 1) * self.batch // self.processes
        )

    @property
    def images(self) -> slice:
        """Places of its images in the batch, at least one."""
        if self.is_empty:
            return slice(0, 1)
        first = self.rank * self.batch // self.processes
        return slice(first, (self.rank + 1) * self.batch // self.processes)

    @property
    def count(self) -> int:
        """Number of its images that count: none where it repeats one."""
        return 0 if self.is_empty else self.images.stop - self.images.start


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` that can draw from its own generator.

    torch's dropout draws from the process's one global generator, which any other thread may
    use in between; with its own, a run can be repeated and resumed bit for bit whatever else the
    process does.

    Attributes
    ----------
    generator : torch.Generator or None
        Of the device of the inputs; None (the default) draws from torch's global one.
    share : Share or None
        Which images of a batch the inputs are; None (the default) for all. Every process draws for
        the whole batch, so that an image has the same draws however many processes there are.
    """

    generator: torch.Generator | None = None
    share: Share | None = None

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.generator is None or self.p == 0:
            return functional.dropout(input, self.p, self.training)
        keep = 1 - self.p
        # sixteen bits decide on a value, so one draw of 64 on four: bernoulli_ takes longer than
        # the convolution before it
        like = torch.empty_like(input)
        count, first = input.numel(), 0
        if self.share is not None:
            each = count // len(input)
            count, first = self.share.batch * each, self.share.images.start * each
        draws = torch.empty(-(-count // 4), dtype=torch.int64, device=input.device)
        bits = draws.random_(-(2**63), None, generator=self.generator).view(torch.int16)
        kept = bits.as_strided(like.shape, like.stride(), first) < round(keep * 2**16) - 2**15
        return input * torch.mul(kept, 1 / keep, out=like)


def set_dropout_generator(
    model: nn.Module, generator: torch.Generator, share: Share | None = None
) -> None:
    """Make every `Dropout` of `model` draw from `generator`, for a share of each batch."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator, module.share = generator, share
