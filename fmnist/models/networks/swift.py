"""Networks for fast training on a CPU."""

from torch import Tensor, nn
from torch.nn import functional

from fmnist.models.layers import Chain, convolution


class GridMaxPool2d(nn.MaxPool2d):
    """Max-pooling to 3×3 positions: 3×3 with stride 2 for 7×7 maps, otherwise for others.

    So a layer after it that has weights per position takes images of reduced size, too.
    """

    def __init__(self) -> None:
        super().__init__(3, 2)

    def forward(self, input: Tensor) -> Tensor:  # (B, C, S, S) -> (B, C, 3, 3), S at least 3
        side = input.shape[-1]
        stride = side // 3
        return functional.max_pool2d(input, side - 2 * stride, stride)


def _convolutions(pool: nn.Module) -> list[nn.Module]:  # (B, 1, 28, 28) -> (B, 128, 3, 3)
    return [
        convolution(1, 16, pool=nn.MaxPool2d(2)),  # (B, 16, 14, 14)
        convolution(16, 64, pool=nn.MaxPool2d(2)),  # (B, 64, 7, 7)
        convolution(64, 128, pool=pool),  # (B, 128, 3, 3)
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
            *_convolutions(nn.MaxPool2d(3, 2)),
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
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes). Also
    takes images of other sizes from 12 × 12 on.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(
            *_convolutions(GridMaxPool2d()),
            nn.Flatten(),  # (B, 1152)
            nn.Linear(128 * 3 * 3, num_classes),
        )
