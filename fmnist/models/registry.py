"""The models by name, and how each is built. Importing this module does not import torch."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ModelSpec:
    """A model that can be trained.

    Attributes
    ----------
    title : str
        Name on screen.
    summary : str
        One sentence.
    factory : str
        "module:callable"; the callable takes `num_classes` and returns a `torch.nn.Module`
        from float32 (N, 1, 28, 28) to logits float32 (N, num_classes).
    recipe : mapping of str to value
        Settings of `fmnist.runs.config.TrainConfig` for this model; others keep their defaults.
    """

    title: str
    summary: str
    factory: str
    recipe: Mapping[str, Any] = field(default_factory=dict)


_STANDARD: Final[Mapping[str, Any]] = {
    "batch_size": 128,
    "learning_rate": 2e-3,
    "optimizer": "adamw",
    "weight_decay": 0.05,
    "schedule": "one-cycle",
    "augmentation": ("flip",),
    "precision": "auto",
}

_ACCURATE: Final[Mapping[str, Any]] = {
    **_STANDARD,
    "epochs": 40,
    "augmentation": ("flip", "shift", "erase"),
    "label_smoothing": 0.1,
    "ema": 0.999,
    "tta": "flip-shift",
}

_LONG: Final[Mapping[str, Any]] = {
    "epochs": 100,
    "batch_size": 128,
    "learning_rate": 0.1,
    "optimizer": "sgd",
    "weight_decay": 4e-4,
    "schedule": "cosine",
    "warmup_epochs": 2,
    "augmentation": ("flip", "shift", "cutout"),
    "shift_pixels": 4,
    "cutout_side": 14,
    "label_smoothing": 0.1,
    "ema": 0.999,
    "precision": "auto",
    "tta": "flip-shift",
}

MODELS: Final[Mapping[str, ModelSpec]] = MappingProxyType(
    {
        "fashion-cnn": ModelSpec(
            title="FashionCNN",
            summary="Two 3×3 convolutions, one max-pooling and two fully connected layers.",
            factory="fmnist.models.networks.fashion_cnn:FashionCNN",
        ),
        "fashion-cnn-no-dropout": ModelSpec(
            title="FashionCNN without dropout",
            summary="FashionCNN without its two dropout layers, to show what they do.",
            factory="fmnist.models.networks.fashion_cnn:without_dropout",
        ),
        "fashion-cnn-one-convolution": ModelSpec(
            title="FashionCNN, one convolution",
            summary="FashionCNN without its second convolution, to show what it does.",
            factory="fmnist.models.networks.fashion_cnn:with_one_convolution",
        ),
        "fashion-cnn-64": ModelSpec(
            title="FashionCNN, 64 units",
            summary="FashionCNN with half the units in its first fully connected layer.",
            factory="fmnist.models.networks.fashion_cnn:with_64_units",
        ),
        "fashion-cnn-unnormalized": ModelSpec(
            title="FashionCNN without normalization",
            summary="FashionCNN on pixels from 0 to 1 instead of -1 to 1.",
            factory="fmnist.models.networks.fashion_cnn:without_normalization",
        ),
        "logistic": ModelSpec(
            title="Logistic regression",
            summary="One weight per pixel and class: a linear baseline.",
            factory="fmnist.models.networks.linear:LogisticRegression",
            recipe={"schedule": "one-cycle"},
        ),
        "mlp": ModelSpec(
            title="MLP",
            summary="One hidden layer of 256 units and no convolutions.",
            factory="fmnist.models.networks.linear:MLP",
            recipe={"schedule": "one-cycle"},
        ),
        "lenet-5": ModelSpec(
            title="LeNet-5",
            summary="Two convolutions and three fully connected layers (LeCun et al. 1998).",
            factory="fmnist.models.networks.lenet:LeNet5",
            recipe={"learning_rate": 2e-3, "schedule": "one-cycle"},
        ),
        "residual": ModelSpec(
            title="ResidualNet",
            summary="Three batch-normalized convolutions and two residual blocks, with less than a "
            "third of FashionCNN's parameters.",
            factory="fmnist.models.networks.residual:ResidualNet",
            recipe={**_STANDARD, "epochs": 15, "batch_size": 256},
        ),
        "residual-small": ModelSpec(
            title="Small ResidualNet",
            summary="A residual network with fewer than 100,000 parameters.",
            factory="fmnist.models.networks.residual:SmallResidualNet",
            recipe={**_STANDARD, "epochs": 15},
        ),
        "residual-compact": ModelSpec(
            title="Compact ResidualNet",
            summary="Fewer than 100,000 parameters, most of them at full resolution.",
            factory="fmnist.models.networks.residual:CompactResidualNet",
            recipe={
                **_STANDARD,
                "epochs": 20,
                "augmentation": ("flip", "shift"),
                "ema": 0.999,
                "tta": "flip-shift",
            },
        ),
        "residual-large": ModelSpec(
            title="Large ResidualNet",
            summary="Four convolutions and two residual blocks, mostly at high resolution: made "
            "for accuracy.",
            factory="fmnist.models.networks.residual:LargeResidualNet",
            recipe=_ACCURATE,
        ),
        "residual-deep": ModelSpec(
            title="Deep ResidualNet",
            summary="Five residual blocks with squeeze-and-excitation: deeper and larger, made for "
            "accuracy.",
            factory="fmnist.models.networks.residual:DeepResidualNet",
            recipe=_ACCURATE,
        ),
        "preact-resnet": ModelSpec(
            title="PreActResNet",
            summary="Six pre-activation residual blocks with 32 to 128 channels; long training "
            "with SGD and cutout, made for accuracy.",
            factory="fmnist.models.networks.preactivation:PreActResNet",
            recipe=_LONG,
        ),
        "wide-resnet-16-8": ModelSpec(
            title="WRN-16-8",
            summary="A wide residual network with 11 million parameters. It needs a GPU.",
            factory="fmnist.models.networks.preactivation:wide_resnet_16_8",
            recipe={**_LONG, "batch_size": 512, "learning_rate": 0.4, "warmup_epochs": 3},
        ),
        "swift": ModelSpec(
            title="Swift",
            summary="Four batch-normalized convolutions with early pooling: made for speed.",
            factory="fmnist.models.networks.swift:Swift",
            recipe={
                **_STANDARD,
                "epochs": 4,
                "batch_size": 256,
                "learning_rate": 8e-3,
                "label_smoothing": 0.1,
                "ema": 0.99,
                "checkpoint": "last",
                "tta": "flip",
            },
        ),
        "swift-muon": ModelSpec(
            title="Swift, Muon",
            summary="Swift without its global pooling, trained with Muon on the hardest images.",
            factory="fmnist.models.networks.swift:FlatSwift",
            recipe={
                "epochs": 4,
                "batch_size": 256,
                "epoch_share": 0.5,
                "low_res_side": 20,
                "low_res_share": 0.25,
                "learning_rate": 0.1,
                "optimizer": "muon",
                "schedule": "one-cycle",
                "augmentation": ("flip",),
                "label_smoothing": 0.1,
                "ema": 0.99,
                "checkpoint": "last",
                "precision": "auto",
                "tta": "flip",
            },
        ),
        "deep-cnn": ModelSpec(
            title="Deeper CNN",
            summary="Six batch-normalized convolutions in three stages.",
            factory="fmnist.models.networks.deep_cnn:DeepCNN",
            recipe={**_STANDARD, "epochs": 10},
        ),
        "resnet18": ModelSpec(
            title="ResNet18",
            summary="torchvision's 18-layer residual network with a first layer for 28×28 pixels.",
            factory="fmnist.models.networks.imported:resnet18",
            recipe={**_STANDARD, "epochs": 5},
        ),
        "efficientnet-b0": ModelSpec(
            title="EfficientNet-B0",
            summary="torchvision's network of depthwise convolutions with squeeze-and-excitation.",
            factory="fmnist.models.networks.imported:efficientnet_b0",
            recipe={**_STANDARD, "epochs": 5},
        ),
        "efficientnet-b0-stride-1": ModelSpec(
            title="EfficientNet-B0, stride 1",
            summary="EfficientNet-B0 at twice the resolution: its first convolution has stride 1.",
            factory="fmnist.models.networks.imported:efficientnet_b0_stride_1",
            recipe={**_STANDARD, "epochs": 5},
        ),
        "vit-tiny": ModelSpec(
            title="ViT-Tiny",
            summary="A vision transformer with 12 layers on 16 patches.",
            factory="fmnist.models.networks.imported:vit_tiny",
            recipe={**_STANDARD, "epochs": 5, "learning_rate": 1e-3},
        ),
    }
)


RENAMED: Final[Mapping[str, str]] = {"fashion-cnn-unnormalised": "fashion-cnn-unnormalized"}
"""Names that files of earlier versions have, and what the models are called now."""


def describe(*names: str) -> ModelSpec:
    """Title and summary of a model, or of an ensemble of several.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    _check(names)
    if len(names) == 1:
        return MODELS[names[0]]
    *others, last = [MODELS[kind].title for kind in dict.fromkeys(names)]
    kinds = f"{', '.join(others)} and {last}" if others else last
    return ModelSpec(
        title=f"Ensemble of {len(names)}: {kinds}",
        summary=f"{len(names)} networks whose probabilities are averaged: {kinds}.",
        factory="fmnist.models.ensemble:Ensemble",
    )


def _check(names: Sequence[str]) -> None:
    for name in names:
        if name not in MODELS:
            raise ValueError(f"There is no model {name!r}; choose one of {', '.join(MODELS)}.")


def create_model(*names: str, seed: int, num_classes: int = 10) -> "nn.Module":
    """A new model; its initial weights depend on `names` and `seed` alone.

    Parameters
    ----------
    *names : str
        Key of `MODELS`; several for an ensemble.
    seed : int
        Seed of the initial weights; torch's global generator is neither read nor changed.
    num_classes : int
        Length of the logits.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    _check(names)
    import torch

    from fmnist.models.initialization import DrawFrom

    with DrawFrom(torch.Generator().manual_seed(seed)):
        networks = [_build(name, num_classes) for name in names]
    if len(networks) == 1:
        return networks[0]
    from fmnist.models.ensemble import Ensemble

    return Ensemble(networks)


def _build(name: str, num_classes: int) -> "nn.Module":
    module, _, attribute = MODELS[name].factory.partition(":")
    network: nn.Module = getattr(importlib.import_module(module), attribute)(
        num_classes=num_classes
    )
    return network
