"""Sanity checks of attributions: does a map depend on what the network has learned?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats
from torch import nn

from fmnist.explain.attributions import Explainer
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model


@dataclass(frozen=True)
class Similarity:
    """How similar two maps are.

    Attributes
    ----------
    spearman : float
        Spearman's rank correlation of the pixels, in [-1, 1]; NaN if a map is constant.
    spearman_absolute : float
        The same of their absolute values.
    ssim : float
        Structural similarity, in [-1, 1].
    """

    spearman: float
    spearman_absolute: float
    ssim: float


def untrained(classifier: Classifier, seed: int) -> Explainer:
    """An explainer of the same network with random initial weights.

    Adebayo et al. 2018, "Sanity Checks for Saliency Maps": a map that stays the same when all
    weights are drawn anew does not show what the network has learned.

    Parameters
    ----------
    classifier : Classifier
    seed : int
        Seed of the weights.
    """
    network = create_model(*classifier.models, seed=seed, num_classes=classifier.outputs)
    switch_on(network)
    return Explainer(
        Classifier(
            network,
            models=classifier.models,
            normalization=classifier.normalization,
            temperature=classifier.temperature,
            own_classes=classifier.own_classes,
        )
    )


def switch_on(network: nn.Module) -> None:
    """Let residual blocks that start switched off, with a norm of weight 0, take part."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.any():
            nn.init.ones_(module.weight)


def similarity(one: NDArray[np.floating], other: NDArray[np.floating]) -> Similarity:
    """Compare two maps, float (H, W), as Adebayo et al. (2018) do."""
    return Similarity(
        _spearman(one, other), _spearman(np.abs(one), np.abs(other)), structural(one, other)
    )


def _spearman(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(stats.spearmanr(one.ravel(), other.ravel()).statistic)


def structural(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Structural similarity of two maps, each scaled to [0, 1]; 0 becomes ½ where one is negative.

    Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity",
    with their Gaussian window (standard deviation 1.5) and constants.

    Parameters
    ----------
    one, other : float (H, W)

    Returns
    -------
    float
        In [-1, 1]; 1 for equal maps.
    """
    a, b = (map.astype(np.float64) / max(np.abs(map).max(), 1e-30) for map in (one, other))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        blurred: NDArray[np.float64] = ndimage.gaussian_filter(values, 1.5, truncate=3.5)
        return blurred

    if min(a.min(), b.min()) < 0:
        a, b = (a + 1) / 2, (b + 1) / 2
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = mean(a), mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    ratio = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    ratio /= (mean_a**2 + mean_b**2 + c1) * (variances + c2)
    return float(ratio.mean())
