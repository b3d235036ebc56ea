"""A small residual network."""

import torch
from torch import Tensor, nn

from fmnist.models.layers import Chain, Dropout


class ResidualNet(Chain):
    """Three convolutions of stride 2, the last two followed by a residual block.

    464,106 parameters. Residual blocks add to their input what they compute from it (He et al.
    2015, "Deep Residual Learning for Image Recognition"); every convolution is batch-normalised
    (Ioffe and Szegedy 2015). Global average pooling makes one number of every channel, wherever
    in the image a feature was found.

    Parameters
    ----------
    num_classes : int
        Length of the logits.
    width : int
        Channels after the first convolution; each later stage has twice as many.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalised to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10, width: int = 32) -> None:
        super().__init__(
            _convolution(1, width, kernel=5, stride=2),  # (B, 32, 14, 14)
            _convolution(width, 2 * width, stride=2),  # (B, 64, 7, 7)
            _Residual(2 * width),
            _convolution(2 * width, 4 * width, stride=2),  # (B, 128, 4, 4)
            _Residual(4 * width),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            Dropout(0.2),
            nn.Linear(4 * width, num_classes),
        )


def _convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)  # begins as the identity (Goyal et al. 2017)

    def forward(self, input: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        return torch.relu(input + self.norm(self.second(self.first(input))))
