"""Networks without convolutions, on flattened pixels."""

from torch import nn

from fmnist.models.layers import Chain, Dropout

_PIXELS = 28 * 28


class LogisticRegression(Chain):
    """One weight for every pixel and class; 7,850 parameters.

    Parameters
    ----------
    num_classes : int
        Length of the logits.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(nn.Flatten(), nn.Linear(_PIXELS, num_classes))


class MLP(Chain):
    """A fully connected layer of 256 units before the last one; 203,530 parameters.

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
            nn.Flatten(),  # (B, 784)
            nn.Linear(_PIXELS, 256),
            nn.ReLU(inplace=True),
            Dropout(0.2),
            nn.Linear(256, num_classes),
        )
