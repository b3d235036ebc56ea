"""Runs side by side: their figures, and the settings in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fmnist.data.splits import DATASET_TITLES
from fmnist.evaluation.significance import Correctness
from fmnist.models.registry import describe
from fmnist.models.sizes import Size
from fmnist.runs.store import Run

Curve = Literal["accuracy", "loss"]
Axis = Literal["epoch", "step", "minutes"]

ENVIRONMENT: Final = {"device": "Device", "threads": "Threads", "torch": "PyTorch"}
"""What is told of the machine and the software, beside the settings."""

_TITLES: Final = {
    "dataset": "Data",
    "subset": "Images",
    "log_every": "Log every … steps",
}


@dataclass(frozen=True, eq=False)
class LeaderboardRow:
    """A run as one of several.

    Attributes
    ----------
    run : Run
    name : str
        Of no other entry.
    answers : Correctness or None
        About the test images, from the weights that the run keeps; None where it has none yet.
    size : Size or None
        None where it was not counted yet.
    problem : str or None
        Why it cannot be compared, in a sentence.
    """

    run: Run
    name: str
    answers: Correctness | None = None
    size: Size | None = None
    problem: str | None = None

    @property
    def run_id(self) -> str:
        """Of the run."""
        return self.run.run_id

    @property
    def is_measured(self) -> bool:
        """Whether there is anything to compare."""
        return self.problem is None and bool(self.run.history.epochs or self.answers)

    @property
    def protocol(self) -> str:
        """ "held-out", "notebook" or "full"; "" where the settings cannot be read."""
        return self.run.config.protocol if self.run.config else ""

    @property
    def validation_accuracy(self) -> float | None:
        """Of the best epoch, in [0, 1]; None where the protocol keeps no validation split."""
        best = self.run.history.kept
        return best.accuracy if best and best.split == "validation" else None

    @property
    def test_accuracy(self) -> float | None:
        """Of the weights kept, in [0, 1]; under the notebook protocol, of the best epoch so far."""
        if self.answers is not None:
            return self.answers.accuracy
        best = self.run.history.kept
        return best.accuracy if best and best.split == "test" else None

    @property
    def standard_error(self) -> float | None:
        """Of the test accuracy, a fraction; None where the number of images is not known."""
        return self.answers.standard_error if self.answers else None

    @property
    def minutes(self) -> float:
        """Spent training, pauses left out."""
        return self.run.progress.seconds / 60


def unique_names(runs: Sequence[Run]) -> list[str]:
    """Names of runs, with the end of the id where several have the same name."""
    names = [run.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} ({run.run_id.rpartition('-')[2]})"
        for name, run in zip(names, runs, strict=True)
    ]


@dataclass(frozen=True)
class Difference:
    """A setting in which runs differ.

    Attributes
    ----------
    setting : str
    told : tuple of str
        What each run says.
    """

    setting: str
    told: tuple[str, ...]


def settings(run: Run) -> dict[str, str]:
    """A run's settings, data and machine in words, by title; none where they cannot be read."""
    if run.config is None:
        return {}
    told = {
        _TITLES.get(name, name.replace("_", " ").capitalize()): _in_words(name, value)
        for name, value in run.config.to_json().items()
    }
    told["Checksum of the data"] = run.dataset.get("checksum", "–")[:8]
    return told | {title: run.environment.get(key, "–") for key, title in ENVIRONMENT.items()}


def _in_words(name: str, value: object) -> str:
    if name == "model":
        return describe(str(value)).title
    if name == "dataset":
        return DATASET_TITLES[value]  # type: ignore[index]
    if value is None:
        return "all"
    if name == "subset":
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def differences(runs: Sequence[Run]) -> list[Difference]:
    """Settings in which runs differ, in the order of `TrainConfig`'s fields; machine last."""
    told = [settings(run) for run in runs]
    names = dict.fromkeys(name for each in told for name in each)
    rows = [Difference(name, tuple(each.get(name, "–") for each in told)) for name in names]
    return [row for row in rows if len(set(row.told)) > 1]
