"""From a run to what its map is made from. Does not import torch."""

import hashlib

import numpy as np

from fmnist.checksums import file_digest
from fmnist.data.splits import Dataset
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.explain.map_files import Source, digest_of_features, digest_of_logits
from fmnist.runs.run import Run


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
        SHA-256 (hex) of the run's weights, if it has them.
    checksum : str, optional
        Of the data set with the images, if it is on this machine.
    """
    if epoch is None and weights and checksum:
        digest = digest_of_features(weights, checksum, evaluation.indices)
        return Source(run, evaluation, "features", digest)
    return Source(run, evaluation, "logits", digest_of_logits(evaluation.logits), epoch)


def epoch_weights_digest(run: Run, epochs: int) -> str | None:
    """SHA-256 (hex) of the weights of all epochs of a run, from 1 on; None unless all are there."""
    if not set(range(1, epochs + 1)) <= set(run.epochs_with_weights()):
        return None
    each = [file_digest(run.epoch_weights_path(epoch)) for epoch in range(1, epochs + 1)]
    return hashlib.sha256("".join(each).encode()).hexdigest()


def epochs_source(
    run: Run,
    epochs: EpochEvaluations,
    *,
    weights: str | None = None,
    checksum: str | None = None,
) -> Source:
    """What the maps of all epochs of a run are made from.

    Parameters
    ----------
    run : Run
    epochs : EpochEvaluations
    weights : str, optional
        `epoch_weights_digest`, if the run has the weights of its epochs.
    checksum : str, optional
        Of the data set with the images, if it is on this machine.
    """
    last = epochs.epoch(len(epochs.logits))
    if weights and checksum:
        digest = digest_of_features(weights, checksum, epochs.indices)
        return Source(run, last, "features", digest)
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
