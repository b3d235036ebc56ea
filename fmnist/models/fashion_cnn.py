"""FashionCNN, the network the project starts from."""

from torch import Tensor, nn

from fmnist.models.layers import Dropout


class FashionCNN(nn.Sequential):
    """Two convolutions, one max-pooling and two fully connected layers; 1,625,866 parameters.

    Parameters
    ----------
    num_classes : int
        Length of the logits.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalised to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)  # (B, 32, 28, 28)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)  # (B, 64, 28, 28)
        self.relu2 = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)  # (B, 64, 14, 14)
        self.dropout1 = Dropout(0.25)
        self.flatten = nn.Flatten()  # (B, 12544)
        self.fc1 = nn.Linear(12544, 128)
        self.relu3 = nn.ReLU(inplace=True)
        self.dropout2 = Dropout(0.5)
        self.fc2 = nn.Linear(128, num_classes)

    def forward(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, num_classes)
        logits: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        return logits
