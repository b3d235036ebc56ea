"""Suspect labels: images whose label is probably wrong, by models that were not trained on them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.splits import FOLDS
from fmnist.errors import ToldError
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run

Folds = dict[int, Run]
"""The runs of a cross-validation, by the number of the fold that each has left out."""


class FoldsError(ToldError):
    """Runs that do not make up a cross-validation."""


def fold_configs(config: TrainConfig) -> list[TrainConfig]:
    """Settings of a cross-validation: the same ones, each with another fold left out."""
    return [replace(config, left_out_fold=fold) for fold in range(1, FOLDS + 1)]


def fold_name(config: TrainConfig) -> str:
    """What people call the run of a fold."""
    return f"Cross-validation, fold {config.left_out_fold} of {FOLDS}"


def cross_validations(runs: Iterable[Run]) -> list[Folds]:
    """Runs that differ in the left-out fold only, together.

    Parameters
    ----------
    runs : iterable of Run
        Those that train on all images are left out.

    Returns
    -------
    list of dict of int to Run
        The one with the newest run first. Of several runs of a fold, the newest finished one, or
        the newest.
    """
    groups: dict[TrainConfig, Folds] = {}
    for run in sorted(runs, key=lambda run: (run.state == "finished", run.created)):
        config = run.training
        if config is not None and config.left_out_fold is not None and run.state != "broken":
            together = replace(config, left_out_fold=None)
            groups.setdefault(together, {})[config.left_out_fold] = run
    return sorted(groups.values(), key=_newest, reverse=True)


def newest_cross_validation(runs: Iterable[Run], dataset: str) -> Folds | None:
    """The newest cross-validation on a data set, a complete one first; None if there is none."""
    found = [
        folds
        for folds in cross_validations(runs)
        if any(run.training and run.training.dataset == dataset for run in folds.values())
    ]
    return next((folds for folds in found if is_complete(folds)), next(iter(found), None))


def _newest(folds: Folds) -> float:
    return max(run.created or 0.0 for run in folds.values())


def is_complete(folds: Folds) -> bool:
    """Whether every image of the training split is predicted."""
    return len(folds) == FOLDS and all(run.state == "finished" for run in folds.values())


def out_of_sample(folds: Folds) -> Evaluation:
    """Predictions for all images of the training split, each by the run that left it out.

    Returns
    -------
    Evaluation
        Of the training split, in the order of `Split.indices`.

    Raises
    ------
    FoldsError
        If a fold is missing, or the folds do not fit together.
    RunError
        If an evaluation is absent or damaged.
    """
    if not is_complete(folds):
        raise FoldsError(f"Only {len(folds)} of {FOLDS} folds are done.")
    parts = [stored_evaluation(run, "train") for _, run in sorted(folds.items())]
    indices = np.concatenate([part.indices for part in parts])
    if len(np.unique(indices)) != len(indices):
        raise FoldsError("The folds overlap; train all of them anew.")
    order = np.argsort(indices)
    return Evaluation(
        "train",
        np.concatenate([part.logits for part in parts])[order],
        np.concatenate([part.labels for part in parts])[order],
        indices[order],
    )


@dataclass(frozen=True, eq=False)
class Suspects:
    """Images with a suspect label, the most suspect first.

    Attributes
    ----------
    positions : intp (M,)
        Positions in the evaluation.
    suggested : intp (M,)
        The most probable class.
    self_confidence : float64 (M,)
        Probability of the given label, in [0, 1].
    """

    positions: NDArray[np.intp]
    suggested: NDArray[np.intp]
    self_confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.positions)


MIN_IMAGES_A_CLASS: Final = 5


def find_suspects(evaluation: Evaluation) -> Suspects:
    """Find labels that are probably wrong, by confident learning (Northcutt et al. 2021).

    For each class, the number of its wrong labels is estimated from the images whose probability of
    another class is above the mean that the other has on its own images. So many are suspect: those
    with the lowest probability of their label. On synthetic garments with flipped labels this finds
    more of them, with fewer others, than the other ways to choose (cleanlab's `filter_by`).

    Parameters
    ----------
    evaluation : Evaluation
        Out of sample: of images that the models were not trained on.

    Raises
    ------
    FoldsError
        If there are too few images of a class.
    """
    counts = np.bincount(evaluation.labels, minlength=evaluation.logits.shape[1])
    if counts.min() < MIN_IMAGES_A_CLASS:
        raise FoldsError(
            f"Suspect labels need at least {MIN_IMAGES_A_CLASS} images of each class; train on "
            "more."
        )
    from cleanlab.filter import find_label_issues  # here, since importing it takes seconds

    labels = evaluation.labels.astype(np.int64)
    probabilities = evaluation.probabilities
    found: NDArray[np.intp] = find_label_issues(
        labels=labels,
        pred_probs=probabilities,
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,  # its processes would fork a program with threads
    )
    return Suspects(
        np.asarray(found, np.intp),
        probabilities[found].argmax(axis=1),
        probabilities[found, labels[found]],
    )
