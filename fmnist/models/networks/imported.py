"""Networks from torchvision, adapted to one channel of 28×28 pixels."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchvision import models

from fmnist.data.labels import IMAGE_SIZE
from fmnist.models.layers import Dropout


class Imported(nn.Module):
    """A network from torchvision whose dropout draws from its own generator.

    Parameters
    ----------
    network : torch.nn.Module
        From float32 (N, 1, 28, 28) to logits.
    head : str
        Name of the network's attribute that turns features into logits.

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to logits float32 (N, num_classes).
    """

    def __init__(self, network: nn.Module, head: str) -> None:
        super().__init__()
        _replace(network, nn.Dropout, lambda layer: Dropout(layer.p))
        self._head_name = head
        self.head = getattr(network, head)
        setattr(network, head, nn.Identity())
        self.network = network

    def forward_features(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, F)
        """Input of the head."""
        features: Tensor = self.network(input)
        return features

    def forward_head(self, features: Tensor) -> Tensor:  # (B, F) -> (B, num_classes)
        """Logits of features."""
        logits: Tensor = self.head(features)
        return logits

    def forward(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, num_classes)
        return self.forward_head(self.forward_features(input))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        # weights of earlier versions have the head inside the network
        earlier = f"{prefix}network.{self._head_name}."
        for name in [name for name in state_dict if name.startswith(earlier)]:
            state_dict[f"{prefix}head.{name.removeprefix(earlier)}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


def _replace(parent: nn.Module, kind: type[nn.Module], make: Callable[[Any], nn.Module]) -> None:
    for name, child in parent.named_children():
        if type(child) is kind:
            setattr(parent, name, make(child))
        else:
            _replace(child, kind, make)


def resnet18(num_classes: int = 10) -> Imported:
    """ResNet18 with a first convolution of 3×3 and stride 1; 11,172,810 parameters.

    He, Zhang, Ren and Sun 2015, "Deep Residual Learning for Image Recognition". The original's
    first convolution, of 7×7 and stride 2 for images of 224×224, would leave 1×1 of 28×28.
    """
    network = models.resnet18(num_classes=num_classes)
    first = nn.Conv2d(1, 64, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = first
    return Imported(network, head="fc")


def efficientnet_b0(num_classes: int = 10, stride: int = 2) -> Imported:
    """EfficientNet-B0 for one channel, without stochastic depth; 4,019,782 parameters.

    Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks".
    torchvision's stochastic depth draws from the process's global generator, so a run beside other
    threads could not be repeated.

    Parameters
    ----------
    num_classes : int
        Length of the logits.
    stride : int
        Stride of the first convolution; the original's is 2.
    """
    network = models.efficientnet_b0(num_classes=num_classes, stochastic_depth_prob=0.0)
    stem = network.features[0]
    assert isinstance(stem, nn.Sequential)
    first = nn.Conv2d(1, 32, kernel_size=3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out")
    stem[0] = first
    return Imported(network, head="classifier")


def efficientnet_b0_stride_1(num_classes: int = 10) -> Imported:
    """EfficientNet-B0 whose first convolution keeps the resolution; 4,019,782 parameters."""
    return efficientnet_b0(num_classes, stride=1)


def vit_tiny(num_classes: int = 10) -> Imported:
    """A vision transformer over 16 patches of 7×7 pixels, 12 layers deep; 5,353,738 parameters.

    Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words", in the width of DeiT-Ti (Touvron et
    al. 2020): 192 numbers a patch, three heads.
    """
    network = models.VisionTransformer(
        image_size=IMAGE_SIZE,
        patch_size=7,
        num_layers=12,
        num_heads=3,
        hidden_dim=192,
        mlp_dim=768,
        num_classes=num_classes,
    )
    patches = nn.Conv2d(1, 192, kernel_size=7, stride=7)
    nn.init.trunc_normal_(patches.weight, std=1 / 7)
    network.conv_proj = patches
    head = nn.Linear(192, num_classes)  # torchvision initializes it to zero, which blocks gradients
    nn.init.trunc_normal_(head.weight, std=0.02)
    network.heads = nn.Sequential(head)
    return Imported(network, head="heads")
