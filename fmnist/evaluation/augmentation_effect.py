"""Whether augmentation in training mended robustness: runs that differ in nothing else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fmnist.data.corruptions import CORRUPTIONS
from fmnist.evaluation.robustness import Robustness
from fmnist.runs.config import Augmenter, TrainConfig

COVERS: Final[Mapping[Augmenter, tuple[str, ...]]] = {
    "flip": ("mirror",),
    "shift": ("translation",),
    "rotate": ("rotation",),
    "rand": ("shear", "contrast"),
    "erase": ("occlusion",),
    "cutout": ("occlusion",),
}
"""Corruptions like what an augmentation does in training, by key of `CORRUPTIONS`."""


@dataclass(frozen=True)
class Effect:
    """What an augmentation brought on the corruptions that are like it.

    Attributes
    ----------
    with_it, without : int
        Positions of the two runs.
    augmenters : tuple of str
        What the first one has and the other has not.
    corruptions : tuple of str
        Keys of those that they cover.
    difference : float
        Mean accuracy over these and all severities, with less without (fraction).
    low, high : float
        Its 95% interval over the test images.
    """

    with_it: int
    without: int
    augmenters: tuple[Augmenter, ...]
    corruptions: tuple[str, ...]
    difference: float
    low: float
    high: float


def effects(runs: Sequence[tuple[TrainConfig | None, Robustness]]) -> list[Effect]:
    """Compare all pairs of runs of which one has augmentations that the other lacks.

    Pairs that differ in anything else, the seed included, say nothing of augmentation and are left
    out.

    Parameters
    ----------
    runs : sequence of (TrainConfig or None, Robustness)
        Measured on the same images.
    """
    found = []
    for one, (config, measured) in enumerate(runs):
        for other, (plain, base) in enumerate(runs):
            if config is None or plain is None or _others(config) != _others(plain):
                continue
            added = tuple(each for each in config.augmentation if each not in plain.augmentation)
            if not added or not set(plain.augmentation) < set(config.augmentation):
                continue
            covered = tuple(
                key for key in CORRUPTIONS if any(key in COVERS[each] for each in added)
            )
            rows = [list(CORRUPTIONS).index(key) for key in covered]
            correct, without = (
                (each.predicted[rows] == each.labels).mean(axis=(0, 1)) for each in (measured, base)
            )
            gain = correct - without  # of each image
            mean = float(gain.mean())
            margin = 1.96 * float(np.std(gain, ddof=1)) / math.sqrt(len(gain))
            found.append(Effect(one, other, added, covered, mean, mean - margin, mean + margin))
    return found


def _others(config: TrainConfig) -> TrainConfig:
    """The settings without what augments images."""
    usual = TrainConfig()
    names = ("augmentation", "shift_pixels", "cutout_side")
    return replace(config, **{name: getattr(usual, name) for name in names})
