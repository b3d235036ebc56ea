"""Residual networks with pre-activation, narrow ones for a processor and wide ones for a GPU."""

from collections.abc import Sequence

from torch import Tensor, nn

from fmnist.models.layers import Chain


class PreActResNet(Chain):
    """A residual network that normalizes and activates before each convolution.

    695,658 parameters by default. Three stages at 28×28, 14×14 and 7×7 pixels. The identity path
    from the first convolution to the classifier holds no activation (He et al. 2016, "Identity
    Mappings in Deep Residual Networks"). With a narrow stem and wide stages it is a wide residual
    network (Zagoruyko and Komodakis 2016, "Wide Residual Networks"): `PreActResNet(stem=16,
    widths=(128, 256, 512))` is WRN-16-8.

    Parameters
    ----------
    num_classes : int
        Length of the logits.
    stem : int
        Channels of the first convolution.
    widths : sequence of int
        Channels of each stage; every stage but the first halves the image.
    blocks : int
        Blocks a stage, of two 3×3 convolutions each.

    Notes
    -----
    Maps float32 (N, 1, H, W), normalized to [-1, 1], to logits float32 (N, num_classes). H and W
    are 28, or less where training begins on smaller images.
    """

    def __init__(
        self,
        num_classes: int = 10,
        stem: int = 32,
        widths: Sequence[int] = (32, 64, 128),
        blocks: int = 2,
    ) -> None:
        layers: list[nn.Module] = [nn.Conv2d(1, stem, 3, padding=1, bias=False)]
        channels = stem
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(_PreActBlock(channels, width, stride))
                channels = width
        super().__init__(
            *layers,  # (B, 128, 7, 7)
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # (B, 128)
            nn.Linear(channels, num_classes),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def wide_resnet_16_8(num_classes: int = 10) -> PreActResNet:
    """WRN-16-8: 16 layers, eight times the width of the original; 10,961,082 parameters."""
    return PreActResNet(num_classes, stem=16, widths=(128, 256, 512))


class _PreActBlock(nn.Module):
    """Norm, ReLU, convolution, twice; the sum is added to the input or to its projection."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            if stride != 1 or inputs != outputs
            else None
        )

    def forward(self, input: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C', H', W')
        activated = self.relu(self.norm1(input))
        # a projection sees the activated input, as in the paper's code
        identity = input if self.shortcut is None else self.shortcut(activated)
        residual = self.conv2(self.relu(self.norm2(self.conv1(activated))))
        total: Tensor = identity + residual
        return total
