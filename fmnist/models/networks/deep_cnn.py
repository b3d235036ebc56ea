"""A deeper plain convolutional network with batch normalization."""

from torch import nn

from fmnist.models.layers import Chain, Dropout, convolution


class DeepCNN(Chain):
    """Three stages of two 3×3 convolutions, each stage pooled; 288,170 parameters.

    After the stacks of small convolutions of Simonyan and Zisserman 2014, "Very Deep
    Convolutional Networks for Large-Scale Image Recognition"; every convolution is
    batch-normalized, and global average pooling replaces the large fully connected layers.

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
            nn.MaxPool2d(2),
            convolution(32, 64),  # (B, 64, 14, 14)
            convolution(64, 64),
            nn.MaxPool2d(2),
            convolution(64, 128),  # (B, 128, 7, 7)
            convolution(128, 128),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            Dropout(0.2),
            nn.Linear(128, num_classes),
        )
