"""What a network made of an image after each epoch of its training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.explain import feature_maps
from fmnist.explain.attributions import Explainer, Targets
from fmnist.models.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Frame:
    """One epoch.

    Attributes
    ----------
    probabilities : float32 (10,)
    filters : float32 (K, h, w)
        Of the first layer.
    maps : float32 (C, H, W)
        Feature maps of the chosen channels.
    grad_cam : float32 (28, 28) or None
        For the chosen class, at the last convolution; None for a network without convolutions.
    """

    probabilities: NDArray[np.float32]
    filters: NDArray[np.float32]
    maps: NDArray[np.float32]
    grad_cam: NDArray[np.float32] | None


def frame(
    classifier: Classifier,
    image: NDArray[np.uint8],
    *,
    layer: str,
    channels: Sequence[int],
    label: int,
) -> Frame:
    """What a classifier, with the weights of an epoch, makes of an image.

    Parameters
    ----------
    classifier : Classifier
    image : uint8 (28, 28)
    layer : str
        As `feature_maps.Layer.key`.
    channels : sequence of int
        Which channels of the layer.
    label : int
        Class that Grad-CAM explains.

    Raises
    ------
    ValueError
        If the network has no such layer.
    """
    steps = {step.key: step for step in feature_maps.walk(classifier, image)}
    if layer not in steps:
        raise ValueError(f"The network has no layer {layer}.")
    explainer = Explainer(classifier)
    return Frame(
        classifier.predict_proba(image[None])[0],
        feature_maps.first_filters(classifier.model)[1],
        steps[layer].maps[list(channels)],
        explainer.attribute(image[None], Targets.of(label))[0] if explainer.layers else None,
    )


def strongest_channels(step: feature_maps.Layer, count: int) -> tuple[int, ...]:
    """The channels with the highest mean absolute values, the strongest first."""
    order = np.argsort(-step.strength, kind="stable")[:count]
    return tuple(int(channel) for channel in order)
