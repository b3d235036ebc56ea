"""A network with broken weights: noise, rounding, zeroed channels, no biases."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fmnist.evaluation.metrics import confusion_matrix
from fmnist.explain.feature_maps import title

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

FULL_BITS: Final = 32


@dataclass(frozen=True)
class Perturbation:
    """What is done to the weights; nothing by default.

    Attributes
    ----------
    noise : float
        Standard deviation of Gaussian noise, as a multiple of that of each weight tensor.
    bits : int
        Each weight tensor is rounded to 2 ** bits values; 32 leaves it as it is.
    layer : str or None
        Name of a layer that is zeroed.
    channel : int or None
        The one channel of it that is zeroed; None for all.
    without_biases : bool
        Whether biases are 0, those of normalization layers included.
    seed : int
        Of the noise.
    """

    noise: float = 0.0
    bits: int = FULL_BITS
    layer: str | None = None
    channel: int | None = None
    without_biases: bool = False
    seed: int = 0

    @property
    def is_none(self) -> bool:
        """Whether it changes nothing."""
        return replace(self, seed=0) == Perturbation()


@dataclass(frozen=True)
class WeightedLayer:
    """A layer that can be zeroed.

    Attributes
    ----------
    name : str
        Name of the module.
    title : str
        What it is.
    channels : int
        Filters of a convolution, units of a fully connected layer.
    """

    name: str
    title: str
    channels: int


def weighted_layers(model: nn.Module) -> list[WeightedLayer]:
    """The convolutions and fully connected layers of a network."""
    return [
        WeightedLayer(name, title(module), len(module.weight))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]


def perturbed(classifier: "Classifier", perturbation: Perturbation) -> "Classifier":
    """A copy of a classifier with broken weights; the classifier stays as it is."""
    from fmnist.models.classifier import Classifier

    model = copy.deepcopy(classifier.model)
    generator = torch.Generator().manual_seed(perturbation.seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim < 2:  # biases and normalization
                continue
            if perturbation.bits < FULL_BITS:
                parameter.copy_(rounded(parameter, perturbation.bits))
            if perturbation.noise:
                spread = perturbation.noise * parameter.std(correction=0)
                parameter.add_(spread * torch.randn(parameter.shape, generator=generator))
        if perturbation.layer is not None:
            _zero(model.get_submodule(perturbation.layer), perturbation.channel)
        if perturbation.without_biases:
            for name, parameter in model.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
    return Classifier(
        model,
        models=classifier.models,
        normalization=classifier.normalization,
        temperature=classifier.temperature,
        own_classes=classifier.own_classes,
    )


def rounded(weights: Tensor, bits: int) -> Tensor:
    """Weights rounded to at most 2 ** `bits` values that are evenly spaced around 0.

    With one bit, only the signs are left, times the mean absolute value (Rastegari et al. 2016,
    "XNOR-Net"). With more, the highest absolute value stays and 0 is among the values, as in the
    symmetric quantization of Jacob et al. 2018, "Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference".
    """
    if bits == 1:
        return torch.where(weights < 0, -1.0, 1.0) * weights.abs().mean()
    step = weights.abs().max() / (2 ** (bits - 1) - 1)
    return weights if step == 0 else (weights / step).round() * step


def _zero(layer: nn.Module, channel: int | None) -> None:
    chosen = slice(None) if channel is None else channel
    for parameter in layer.parameters(recurse=False):
        parameter[chosen] = 0


def confusion(
    classifier: "Classifier",
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.int64]:
    """Confusion matrix of a classifier, int64 (C, C): row = true, column = predicted.

    Parameters
    ----------
    classifier : Classifier
        It may be broken: outputs that are no numbers count as the lowest.
    images : uint8 (N, 28, 28)
    labels : int (N,)
    progress : callable, optional
        Called now and then with (images done, images in all).
    """
    logits = classifier.logits(images, progress=progress)
    predicted = np.nan_to_num(logits, nan=-np.inf, neginf=-np.inf, posinf=np.inf).argmax(1)
    return confusion_matrix(np.asarray(labels), predicted, classes=logits.shape[1])


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Share of images on the diagonal, in [0, 1]."""
    return float(np.trace(matrix) / max(matrix.sum(), 1))


def probabilities(classifier: "Classifier", image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a classifier, broken or not, says of an image; evenly spread where it says no number.

    Parameters
    ----------
    classifier : Classifier
    image : uint8 (28, 28)

    Returns
    -------
    float32 (C,)
    """
    from fmnist.errors import DamagedFileError

    try:
        found: NDArray[np.float32] = classifier.predict_proba(image[None])[0]
    except DamagedFileError:
        classes = len(classifier.class_names)
        return np.full(classes, 1 / classes, np.float32)
    return found
