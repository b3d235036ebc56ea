"""A network made for speed on a processor."""

from torch import nn

from fmnist.models.layers import Chain, convolution


class Swift(Chain):
    """Four 3×3 convolutions, three of them pooled at once; 232,506 parameters.

    Each convolution is pooled before it is batch-normalized, so that norms and ReLUs, which cost
    a processor as much as arithmetic does, see a quarter of the values.

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
            convolution(1, 16, pool=nn.MaxPool2d(2)),  # (B, 16, 14, 14)
            convolution(16, 64, pool=nn.MaxPool2d(2)),  # (B, 64, 7, 7)
            convolution(64, 128, pool=nn.MaxPool2d(3, 2)),  # (B, 128, 3, 3)
            convolution(128, 128, pool=nn.Identity()),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            nn.Linear(128, num_classes),
        )
