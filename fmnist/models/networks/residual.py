"""Residual networks that are small enough for a CPU; wide ones are in `preactivation`."""

import torch
from torch import Tensor, nn

from fmnist.models.layers import Chain, Dropout, convolution


class ResidualNet(Chain):
    """Three convolutions of stride 2, the last two followed by a residual block.

    464,106 parameters. Residual blocks add their output to their input (He et al. 2015, "Deep
    Residual Learning for Image Recognition"); every convolution is batch-normalized (Ioffe and
    Szegedy 2015). Global average pooling reduces every channel to its mean.

    Parameters
    ----------
    num_classes : int
        Length of the logits.
    width : int
        Channels after the first convolution; each later stage has twice as many.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10, width: int = 32) -> None:
        super().__init__(
            convolution(1, width, kernel=5, stride=2),  # (B, 32, 14, 14)
            convolution(width, 2 * width, stride=2),  # (B, 64, 7, 7)
            _Residual(2 * width),
            convolution(2 * width, 4 * width, stride=2),  # (B, 128, 4, 4)
            _Residual(4 * width),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            Dropout(0.2),
            nn.Linear(4 * width, num_classes),
        )


class SmallResidualNet(Chain):
    """A residual network of 98,042 parameters.

    Narrower than `ResidualNet` and at higher resolution.

    Parameters
    ----------
    num_classes : int
        Length of the logits.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(
            convolution(1, 16),  # (B, 16, 28, 28)
            convolution(16, 32, stride=2),  # (B, 32, 14, 14)
            _Residual(32),
            _Residual(32),
            convolution(32, 48, stride=2),  # (B, 48, 7, 7)
            _Residual(48),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 48)
            nn.Linear(48, num_classes),
        )


class CompactResidualNet(Chain):
    """A residual network of 98,042 parameters at high resolution.

    As `SmallResidualNet`, but with pooling instead of strides and its first block at full
    resolution: with few parameters, more computation buys accuracy.

    Parameters
    ----------
    num_classes : int
        Length of the logits.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(
            convolution(1, 16),  # (B, 16, 28, 28)
            convolution(16, 32),
            _Residual(32),
            nn.MaxPool2d(2),  # (B, 32, 14, 14)
            _Residual(32),
            convolution(32, 48, pool=nn.MaxPool2d(2)),  # (B, 48, 7, 7)
            _Residual(48),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 48)
            nn.Linear(48, num_classes),
        )


class LargeResidualNet(Chain):
    """Four convolutions, two of them pooled, and two residual blocks; 472,874 parameters.

    Most of its computation is at 28×28 and 14×14, where the details are visible that distinguish
    a shirt from a T-shirt: collars, buttons, sleeves.

    Parameters
    ----------
    num_classes : int
        Length of the logits.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(
            convolution(1, 32),  # (B, 32, 28, 28)
            convolution(32, 32),
            convolution(32, 64, pool=nn.MaxPool2d(2)),  # (B, 64, 14, 14)
            _Residual(64),
            convolution(64, 128, pool=nn.MaxPool2d(2)),  # (B, 128, 7, 7)
            _Residual(128),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            nn.Linear(128, num_classes),
        )


class DeepResidualNet(Chain):
    """Five residual blocks with squeeze-and-excitation; 873,074 parameters.

    Deeper than `LargeResidualNet` at a similar cost, since it pools before it widens. Each block
    scales its channels by weights computed from the whole image (Hu et al. 2018,
    "Squeeze-and-Excitation Networks").

    Parameters
    ----------
    num_classes : int
        Length of the logits.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(
            convolution(1, 32),  # (B, 32, 28, 28)
            _Residual(32, squeeze_excitation=True),
            nn.MaxPool2d(2),
            convolution(32, 64),  # (B, 64, 14, 14)
            _Residual(64, squeeze_excitation=True),
            _Residual(64, squeeze_excitation=True),
            nn.MaxPool2d(2),
            convolution(64, 128),  # (B, 128, 7, 7)
            _Residual(128, squeeze_excitation=True),
            _Residual(128, squeeze_excitation=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            nn.Linear(128, num_classes),
        )


class _SqueezeExcitation(nn.Module):
    """Scales each channel by a factor in [0, 1] computed from the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 4)
        self.excite = nn.Linear(channels // 4, channels)

    def forward(self, input: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        weights = self.excite(torch.relu(self.squeeze(input.mean((2, 3)))))
        return input * torch.sigmoid(weights)[:, :, None, None]


class _Residual(nn.Module):
    """Two convolutions whose output is added to their input."""

    def __init__(self, channels: int, *, squeeze_excitation: bool = False) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)  # the block starts as the identity (Goyal et al. 2017)
        self.weights = _SqueezeExcitation(channels) if squeeze_excitation else nn.Identity()

    def forward(self, input: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        return torch.relu(input + self.weights(self.norm(self.second(self.first(input)))))
