"""How long a training will take on this machine, from the pace of earlier runs."""

import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fmnist.data.splits import FOLDS, VALIDATION_SHARE
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run

_TRAINING_IMAGES: Final = {"fashion-mnist": 60_000, "synthetic-garments": 10_000}
_EVALUATION_COST: Final = 1 / 3  # of a training step's: the forward pass alone


def estimate_seconds(
    config: TrainConfig, earlier: Iterable[Run], *, timed: float | None = None
) -> float | None:
    """Estimate the training time of settings.

    Parameters
    ----------
    config : TrainConfig
    earlier : iterable of Run
        Runs of this machine, newest first. Those of the same model, precision, drawings and
        reduced image size tell the pace.
    timed : float, optional
        Images a second of a few timed steps; counts where no run tells the pace.

    Returns
    -------
    float or None
        Seconds, evaluations included, drawings not; None without a pace.
    """
    paces = [pace for run in earlier if (pace := _images_per_second(config, run)) is not None]
    paces = paces or ([timed] if timed else [])
    if not paces:
        return None
    images = config.subset or _TRAINING_IMAGES[config.dataset]
    evaluated = VALIDATION_SHARE * images
    if config.subset is None and config.protocol == "held-out":
        images = round((1 - VALIDATION_SHARE) * images)
        if config.left_out_fold is not None:
            images = round((1 - 1 / FOLDS) * images)
    shown = images * (1 + (config.epochs - 1) * config.epoch_share)
    evaluated += config.followed_images or 0
    work = shown + _EVALUATION_COST * config.epochs * evaluated
    return work / statistics.median(paces[:3])


def _images_per_second(config: TrainConfig, run: Run) -> float | None:
    """Pace of a run that does the same work per image; None if it does other work."""
    alike = ("model", "precision", "training_drawings", "low_res_side", "teachers", "epoch_share")
    other = run.training
    if other is None:
        return None
    if run.environment.get("device") == "cpu":  # where these two are the same
        config, other = (
            replace(each, precision="float32") if each.precision == "bfloat16-on-gpu" else each
            for each in (config, other)
        )
    if any(getattr(config, name) != getattr(other, name) for name in alike):
        return None
    paces = [entry.images_per_second for entry in run.history.epochs]
    return statistics.median(paces) if paces else None
