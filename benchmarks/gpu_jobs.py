"""The trainings of a GPU benchmark, the most important first, and their results."""

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from fmnist.data.splits import Protocol
from fmnist.models.registry import MODELS
from fmnist.runs.config import Precision, TrainConfig
from fmnist.runs.recipes import OWN_RECIPE, recipe

Weights = Literal["raw", "averaged"]

_WIDE: Final = "wide-resnet-16-8"
_NEED_TORCHVISION: Final = ("resnet18", "efficientnet-b0-stride-1", "vit-tiny")
_ADAMW: Final[Mapping[str, Any]] = {
    "learning_rate": 2e-3, "optimizer": "adamw", "weight_decay": 0.05,
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes
    ----------
    key : str
        Name of its run's folder.
    config : TrainConfig
        With the highest number of epochs.
    fewest : int
        Number of epochs below which it is not worth its time.
    fixed_by : str or None
        Key of the job that fixes its number of epochs, and its choice between raw and averaged
        weights.
    share : float
        Share of the remaining time that it takes at most, in (0, 1].
    """

    key: str
    config: TrainConfig
    fewest: int = 1
    fixed_by: str | None = None
    share: float = 1.0

    @property
    def title(self) -> str:
        """Name of its run."""
        config = self.config
        parts = [MODELS[config.model].title, "on a GPU"]
        if config.protocol == "full":
            parts.append("all 60,000 images")
        if config.teachers:
            parts.append("taught")
        return ", ".join([*parts, f"seed {config.seed}"])


def large_jobs(precision: Precision, epochs: int | None = None) -> tuple[Job, ...]:
    """WRN-16-8, two small networks that it teaches, and others while there is time.

    Two more runs of WRN-16-8 follow, then three networks of torchvision by recipes of the same
    length.

    Parameters
    ----------
    precision : {"float32", "bfloat16"}
    epochs : int, optional
        Highest number of epochs of each, instead of its own.
    """

    def config(model: str, most: int, **changes: Any) -> TrainConfig:
        settings = {**recipe(OWN_RECIPE, _WIDE), "model": model, "epochs": epochs or most}
        settings |= {"checkpoint": "last", "precision": precision, **changes}
        return TrainConfig(**settings)

    full: Protocol = "full"
    first = f"{_WIDE}-gpu-0"
    # a long training pays where a teacher labels the augmented images (Beyer et al. 2022)
    taught: Mapping[str, Any] = {"teachers": (first,), "tta": "flip"}
    compact = config("residual-compact", 200, weight_decay=2e-4, **taught)
    return (
        Job(first, config(_WIDE, 100), fewest=10, share=0.5),
        Job("preact-resnet-gpu-taught-0", config("preact-resnet", 200, **taught), 20, share=0.55),
        Job("residual-compact-gpu-taught-0", compact, fewest=20),
        Job(f"{_WIDE}-gpu-full-0", config(_WIDE, 100, protocol=full), 10, first),
        Job(f"{_WIDE}-gpu-1", config(_WIDE, 100, seed=1), 10, first),
        Job("resnet18-gpu-0", config("resnet18", 60, tta=None), fewest=20),
        Job(
            "efficientnet-b0-stride-1-gpu-0",
            config("efficientnet-b0-stride-1", 60, tta=None, **_ADAMW),
            fewest=20,
        ),
        Job("vit-tiny-gpu-0", config("vit-tiny", 100, tta=None, **_ADAMW), fewest=20),
    )


def small_jobs(precision: Precision, epochs: int | None = None) -> tuple[Job, ...]:
    """A small network on few images by the recipe of WRN-16-8, to check that everything works.

    Parameters
    ----------
    precision, epochs
        As in `large_jobs`.
    """
    model = "swift"
    settings = {**recipe(OWN_RECIPE, _WIDE), "model": model, "epochs": epochs or 2}
    settings |= {
        "batch_size": 50, "learning_rate": 0.05, "warmup_epochs": 1, "subset": 2000,
        "checkpoint": "last", "precision": precision, "tta": None, "log_every": 5,
    }  # fmt: skip
    first = f"{model}-gpu-0"
    return (
        Job(first, TrainConfig(**settings), fewest=2),
        Job(f"{model}-gpu-taught-0", TrainConfig(**settings, teachers=(first,)), fewest=2),
        Job(f"{model}-gpu-full-0", TrainConfig(**settings, protocol="full"), 2, first),
    )


def can_be_built(job: Job) -> bool:
    """Whether the packages that its network needs are here."""
    if job.config.model not in _NEED_TORCHVISION:
        return True
    try:
        importlib.import_module("torchvision")
    except (ImportError, OSError, RuntimeError):  # one for another torch fails in its own way
        return False
    return True


@dataclass(frozen=True)
class Pace:
    """How fast a network trains on this machine.

    Attributes
    ----------
    step, compiled_step : float
        Seconds per step, without and with `torch.compile`; None where compilation was not tried
        or failed.
    epoch : float
        Seconds per epoch at the better of the two, with its images and its evaluation.
    end : float
        Seconds from the last step to the end of the last evaluation.
    failure : str
        Why the network is not compiled; empty where it is.
    """

    step: float
    compiled_step: float | None
    epoch: float
    end: float
    failure: str = ""


def fitting_epochs(pace: Pace, available: float, most: int) -> int:
    """Number of epochs, at most `most`, that fit into the available seconds with 5% to spare."""
    return max(min(math.floor((0.95 * available - pace.end) / pace.epoch), most), 0)


@dataclass(frozen=True)
class Result:
    """Result of a training.

    Attributes
    ----------
    weights : {"raw", "averaged"}
        The weights that are saved.
    accuracies : mapping
        Accuracy of both on the monitored split, in [0, 1].
    test : float
        Test accuracy of the saved weights, in [0, 1].
    tta : float or None
        The same with test-time augmentation; None where the settings ask for none.
    """

    weights: Weights
    accuracies: Mapping[Weights, float]
    test: float
    tta: float | None
