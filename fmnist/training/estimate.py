"""How long a training will take on this machine, from the pace of earlier runs."""

import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fmnist.data.splits import DATASET_SIZES, FOLDS, VALIDATION_SHARE, monitored_split
from fmnist.runs.config import TestTimeAugmentation, TrainConfig
from fmnist.runs.run import Run

_EVALUATION_COST: Final = 1 / 3  # of a training step's: the forward pass alone
_VIEWS: Final[dict[TestTimeAugmentation | None, int]] = {None: 0, "flip": 2, "flip-shift": 10}


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
    work = config.passes * _training_images(config) + _EVALUATION_COST * _evaluated_images(config)
    return work / statistics.median(paces[:3])


def _training_images(config: TrainConfig) -> int:
    """Images of the first epoch, drawings left out."""
    images = DATASET_SIZES[config.dataset]["train"]
    if config.protocol == "held-out":
        images = round((1 - VALIDATION_SHARE) * images)
    if config.left_out_fold is not None:
        images = round((1 - 1 / FOLDS) * images)
    return min(config.subset or images, images)


def _evaluated_images(config: TrainConfig) -> float:
    """Images that a run predicts, after its epochs and at its end."""
    sizes, images = DATASET_SIZES[config.dataset], _training_images(config)
    monitored = monitored_split(config.protocol)
    an_epoch: float = {
        "validation": VALIDATION_SHARE * sizes["train"],
        "test": sizes["test"],
        "train": VALIDATION_SHARE * images,
    }[monitored]
    an_epoch += min(config.followed_images or 0, images)
    at_the_end = 0.0
    if monitored != "test" and config.measure_test == "end":
        at_the_end = sizes["test"] * (1 + _VIEWS[config.tta])
    if config.left_out_fold is not None:
        at_the_end += (1 - VALIDATION_SHARE) * sizes["train"] / FOLDS
    return config.epochs * an_epoch + at_the_end


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
    paces: dict[bool, list[float]] = {True: [], False: []}  # on reduced images, on whole ones
    for entry in run.history.epochs:
        paces[other.is_low_res(entry.epoch)].append(entry.images_per_second)
    reduced = config.low_res_passes / config.passes
    parts = {kind: part for kind, part in ((True, reduced), (False, 1 - reduced)) if part}
    if not all(paces[kind] for kind in parts):
        return None
    return 1 / sum(part / statistics.median(paces[kind]) for kind, part in parts.items())
