"""What a run trains on and what it is measured on after every epoch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fmnist.data.corrections import Corrections
from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import (
    VALIDATION_SHARE,
    Dataset,
    Split,
    folds,
    monitored_split,
    stratified_subset,
)
from fmnist.models.classifier import Normalization
from fmnist.runs.config import TrainConfig
from fmnist.training.augmentation import augment, mix


def monitored_images(config: TrainConfig, dataset: Dataset) -> Split:
    """Images that a run measures after every epoch.

    Under the full protocol, a part of the images that the run trains on, as large as the held-out
    split would be.
    """
    name = monitored_split(config.protocol)
    if name != "train":
        return dataset.split(name, protocol=config.protocol)
    split = training_split(config, dataset)
    return _subset(split, max(NUM_CLASSES, round(len(split) * VALIDATION_SHARE)), seed=0)


def training_split(
    config: TrainConfig, dataset: Dataset, corrections: Corrections | None = None
) -> Split:
    """Photographs that a run trains on, with corrected labels if there are corrections."""
    split = dataset.split("train", protocol=config.protocol)
    if config.left_out_fold is not None:
        split = split.take(np.flatnonzero(folds(split.labels) != config.left_out_fold))
    if config.subset is not None and config.subset < len(split):
        split = _subset(split, config.subset, seed=config.seed)
    # last: the same images are drawn with and without them
    return corrections.apply(split) if corrections else split


def followed_images(
    config: TrainConfig, dataset: Dataset, corrections: Corrections | None = None
) -> Split | None:
    """Training images that a run predicts after every epoch, with the labels that it learns.

    The same ones with and without corrections, but for those that these leave out. None if the
    settings ask for none, or the corrections leave none.
    """
    if config.followed_images is None:
        return None
    split = training_split(config, dataset)
    if config.followed_images < len(split):
        split = _subset(split, config.followed_images, seed=config.seed)
    split = corrections.apply(split) if corrections else split
    return split if len(split) else None


def left_out_split(config: TrainConfig, dataset: Dataset) -> Split | None:
    """Training images that the run leaves out to predict them in the end; None if it has all."""
    if config.left_out_fold is None:
        return None
    split = dataset.split("train", protocol=config.protocol)
    return split.take(np.flatnonzero(folds(split.labels) == config.left_out_fold))


def _subset(split: Split, size: int, *, seed: int) -> Split:
    return split.take(stratified_subset(split.labels, size, seed=seed))


def num_outputs(config: TrainConfig) -> int:
    """Number of logits: non-garments, if trained on, are a class of their own."""
    return NUM_CLASSES + 1 if config.has_ood_class else NUM_CLASSES


@dataclass(frozen=True)
class Batch:
    """Images as a step shows them to the network.

    Attributes
    ----------
    images : float32 (B, 1, 28, 28)
        Augmented, normalized, mixed.
    labels : int64 (B,)
    partner_labels : int64 (B,) or None
        Labels of the images mixed in; None where the settings mix none.
    weight : float32 ()
        Weight of `labels`, in [0, 1]; `partner_labels` have the rest.
    """

    images: Tensor
    labels: Tensor
    partner_labels: Tensor | None
    weight: Tensor

    @property
    def main_labels(self) -> Tensor:
        """Labels of the images that have the greater weight, int64 (B,)."""
        if self.partner_labels is None:
            return self.labels
        return torch.where(self.weight >= 0.5, self.labels, self.partner_labels)

    def part(self, places: slice) -> "Batch":
        """Some of its images, as they are in the whole batch."""
        partners = None if self.partner_labels is None else self.partner_labels[places]
        return Batch(self.images[places], self.labels[places], partners, self.weight)


class TrainingData:
    """All images of an epoch, on the device.

    Parameters
    ----------
    config : TrainConfig
    dataset : Dataset
    device : torch.device
    progress : callable
        Called now and then with (drawings made, drawings in all), where the settings ask for
        drawings.
    corrections : Corrections, optional
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: Dataset,
        device: torch.device,
        progress: Callable[[int, int], None],
        corrections: Corrections | None = None,
    ) -> None:
        split = training_split(config, dataset, corrections)
        if config.training_drawings:
            # here, since photographs alone need neither SciPy nor Pillow
            from fmnist.data.synthetic.training_drawings import with_drawings

            split = with_drawings(
                split, config.training_drawings, seed=config.seed, progress=progress
            )
        self._config = config
        self._normalize = Normalization()
        self._images = torch.tensor(split.images, device=device)  # uint8 (N, 28, 28)
        self._labels = torch.tensor(split.labels, dtype=torch.int64, device=device)  # (N,)

    def __len__(self) -> int:
        return len(self._labels)

    def batch(self, chosen: Tensor, generator: torch.Generator) -> Batch:
        """Augment and mix the images at the positions `chosen`, int64 (B,)."""
        config = self._config
        images = augment(
            self._images[chosen],
            config.augmentation,
            generator,
            shift_pixels=config.shift_pixels,
            cutout_side=config.cutout_side,
        )
        images, partners, weight = mix(
            self._normalize(images), config.batch_mix, config.mix_probability, generator
        )
        labels = self._labels[chosen]
        partner_labels = labels[partners] if config.batch_mix else None
        return Batch(images, labels, partner_labels, weight)


def scale_down(images: Tensor, config: TrainConfig, *, epoch: int) -> Tensor:
    """Images (B, 1, 28, 28) at the smaller size of the first epochs, where the settings say so."""
    side = config.low_res_side
    if side is None or not config.is_low_res(epoch):
        return images
    return functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
