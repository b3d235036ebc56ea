"""From a run to what its map is made from. Does not import torch."""

import hashlib
from pathlib import Path

import numpy as np

from fmnist.data.splits import Dataset
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.explain.map_files import Source, digest_of_features, digest_of_logits
from fmnist.runs.run import Run


def weights_digest(path: Path) -> str:
    """SHA-256 (hex) of a run's weights.

    Raises
    ------
    OSError
        If there are none.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source(
    run: Run,
    evaluation: Evaluation,
    *,
    epoch: int | None = None,
    weights: str | None = None,
    checksum: str | None = None,
) -> Source:
    """What the map of an evaluation is made from.

    Parameters
    ----------
    run : Run
    evaluation : Evaluation
    epoch : int, optional
        Of the evaluation, unless it is of the saved weights: only those have features.
    weights : str, optional
        `weights_digest` of the run's weights, if it has them.
    checksum : str, optional
        Of the data set with the images, if it is on this machine.
    """
    if epoch is None and weights and checksum:
        digest = digest_of_features(weights, checksum, evaluation.indices)
        return Source(run, evaluation, "features", digest)
    return Source(run, evaluation, "logits", digest_of_logits(evaluation.logits), epoch)


def epochs_source(run: Run, epochs: EpochEvaluations) -> Source:
    """What the maps of all epochs of a run are made from."""
    last = epochs.epoch(len(epochs.logits))
    return Source(run, last, "logits", digest_of_logits(epochs.logits))


def fits(dataset: Dataset, run: Run, evaluation: Evaluation) -> bool:
    """Whether a data set has the very images of an evaluation, by their labels."""
    if run.config is None or run.config.dataset != dataset.name:
        return False
    labels = dataset.test_labels if evaluation.split == "test" else dataset.train_labels
    return bool(
        evaluation.indices.max() < len(labels)
        and np.array_equal(labels[evaluation.indices], evaluation.labels)
    )
