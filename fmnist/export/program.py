"""A classifier as one module: from images to probabilities, for other runtimes."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fmnist.data.labels import NUM_CLASSES
from fmnist.export.names import IN_DISTRIBUTION, PROBABILITIES
from fmnist.models.classifier import Classifier


class Program(nn.Module):
    """Normalization, network, temperature and softmax.

    Parameters
    ----------
    classifier : Classifier
        Stays as it is; the program has a copy of its network, with batch normalization folded into
        the convolutions.

    Notes
    -----
    Maps uint8 (N, 28, 28), white garment on black, to probabilities float32 (N, C): of the ten
    classes, then of own ones. Where the network knows a class of other things, also to
    in-distribution scores float32 (N,) in [0, 1].
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        network = copy.deepcopy(classifier.model).cpu().eval()
        self.network = fold(network)
        self.normalization = classifier.normalization
        self.temperature = classifier.temperature
        self.has_ood_class = classifier.has_ood_class
        self.class_names = classifier.class_names

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what `forward` returns."""
        return (PROBABILITIES, IN_DISTRIBUTION) if self.has_ood_class else (PROBABILITIES,)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Probabilities, and in-distribution scores if there are any."""
        logits = self.network(self.normalization(images))  # (N, outputs)
        named = logits
        if self.has_ood_class:
            named, own = logits[:, :NUM_CLASSES], logits[:, NUM_CLASSES + 1 :]
            if len(self.class_names) > NUM_CLASSES:
                named = torch.cat([named, own], 1)
        probabilities = (named / self.temperature).softmax(1)
        if not self.has_ood_class:
            return (probabilities,)
        shares = logits.softmax(1)
        if len(self.class_names) > NUM_CLASSES:
            return probabilities, 1 - shares[:, NUM_CLASSES]
        return probabilities, shares[:, :NUM_CLASSES].sum(1)


class _ScaleChannels(nn.Module):
    """Multiplication by a constant and addition of another in each channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.reshape(-1, 1, 1))
        self.register_buffer("shift", shift.reshape(-1, 1, 1))

    def forward(self, input: Tensor) -> Tensor:
        return input * self.scale + self.shift


def fold(module: nn.Module) -> nn.Module:
    """Fold batch normalization into the convolution before it, also across a pooling, in place.

    Runtimes fold normalizations that follow a convolution directly. Ours stand behind the pooling
    (see `fmnist.models.layers.convolution`). Average pooling commutes with the normalization.
    Maximum pooling does where the factor of a channel is positive; elsewhere the factor's sign and
    the shift stay behind the pooling.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    """
    for name, child in module.named_children():
        setattr(module, name, fold(child))
    if isinstance(module, nn.Sequential):
        return _fold_chain(module)
    return module


def _fold_chain(chain: nn.Sequential) -> nn.Module:
    layers = list(chain)
    for place, layer in enumerate(layers):
        if not isinstance(layer, nn.Conv2d):
            continue
        pool = layers[place + 1] if place + 1 < len(layers) else None
        is_pool = isinstance(pool, nn.MaxPool2d | nn.AvgPool2d)
        norm_place = place + 1 + is_pool
        norm = layers[norm_place] if norm_place < len(layers) else None
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        after: nn.Module = nn.Identity()
        if isinstance(pool, nn.MaxPool2d) and not bool((norm.weight > 0).all()):
            after = _ScaleChannels(norm.weight.detach().sign(), norm.bias.detach().clone())
            norm.weight.data = norm.weight.data.abs()
            norm.bias.data = torch.zeros_like(norm.bias)
        layers[place] = fuse_conv_bn_eval(layer, norm)
        layers[norm_place] = after
    if all(new is old for new, old in zip(layers, chain, strict=True)):
        return chain
    for place, layer in enumerate(layers):
        chain[place] = layer
    return chain
