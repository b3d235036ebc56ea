"""FashionCNN, the network this project started from, and its ablations."""

from torch import nn

from fmnist.models.layers import Affine, Chain, Dropout


class FashionCNN(Chain):
    """Two convolutions, one max-pooling and two fully connected layers; 1,625,866 parameters.

    Parameters
    ----------
    num_classes : int
        Length of the logits.
    hidden : int
        Units of the first fully connected layer.
    dropout : bool
        Whether to use dropout after the pooling and before the last layer.
    convolutions : {1, 2}
    normalized : bool
        Whether to use inputs from -1 to 1 as they are, or to map them back to 0 to 1.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        hidden: int = 128,
        dropout: bool = True,
        convolutions: int = 2,
        normalized: bool = True,
    ) -> None:
        super().__init__()
        if not normalized:
            self.raw = Affine(0.5, 0.5)  # (B, 1, 28, 28)
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)  # (B, 32, 28, 28)
        if convolutions == 2:
            self.relu1 = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)  # (B, 64, 28, 28)
        # max-pooling and ReLU commute; pooling first needs a quarter of the work
        self.pool = nn.MaxPool2d(2)  # (B, 64, 14, 14)
        self.relu2 = nn.ReLU(inplace=True)
        if dropout:
            self.dropout1 = Dropout(0.25)
        self.flatten = nn.Flatten()  # (B, 12544)
        self.fc1 = nn.Linear(32 * convolutions * 14 * 14, hidden)
        self.relu3 = nn.ReLU(inplace=True)
        if dropout:
            self.dropout2 = Dropout(0.5)
        self.fc2 = nn.Linear(hidden, num_classes)


def without_dropout(num_classes: int = 10) -> FashionCNN:
    """FashionCNN without dropout; 1,625,866 parameters."""
    return FashionCNN(num_classes, dropout=False)


def with_one_convolution(num_classes: int = 10) -> FashionCNN:
    """FashionCNN without its second convolution; 804,554 parameters."""
    return FashionCNN(num_classes, convolutions=1)


def with_64_units(num_classes: int = 10) -> FashionCNN:
    """FashionCNN with 64 units in its first fully connected layer; 822,346 parameters."""
    return FashionCNN(num_classes, hidden=64)


def without_normalization(num_classes: int = 10) -> FashionCNN:
    """FashionCNN on pixels from 0 to 1; 1,625,866 parameters."""
    return FashionCNN(num_classes, normalized=False)
