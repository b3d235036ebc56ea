"""Networks for fast training on a CPU."""

from torch import nn

from fmnist.models.layers import Chain, convolution


def _convolutions() -> list[nn.Module]:  # (B, 1, 28, 28) -> (B, 128, 3, 3)
    return [
        convolution(1, 16, pool=nn.MaxPool2d(2)),  # (B, 16, 14, 14)
        convolution(16, 64, pool=nn.MaxPool2d(2)),  # (B, 64, 7, 7)
        convolution(64, 128, pool=nn.MaxPool2d(3, 2)),  # (B, 128, 3, 3)
        convolution(128, 128, pool=nn.Identity()),
    ]


class Swift(Chain):
    """Four 3×3 convolutions, three of them pooled at once; 232,506 parameters.

    Pooling comes before batch normalization, so that norms and ReLUs process a quarter of the
    values; on a CPU they cost as much as the arithmetic.

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
            *_convolutions(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            nn.Linear(128, num_classes),
        )


class FlatSwift(Chain):
    """Swift without its global pooling: one weight per position; 242,746 parameters.

    The garments of Fashion-MNIST are centered and upright, so the position of a feature is
    informative. This costs no time.

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
            *_convolutions(),
            nn.Flatten(),  # (B, 1152)
            nn.Linear(128 * 3 * 3, num_classes),
        )
