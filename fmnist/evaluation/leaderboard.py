"""Runs side by side: their accuracies, and the settings in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fmnist.evaluation.significance import Correctness
from fmnist.models.registry import describe
from fmnist.models.sizes import Size
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run

Curve = Literal["accuracy", "loss"]
Axis = Literal["epoch", "step", "minutes"]

ENVIRONMENT: Final = {"device": "Device", "threads": "Threads", "torch": "PyTorch"}
"""Facts about machine and software that are listed with the settings."""


@dataclass(frozen=True, eq=False)
class LeaderboardRow:
    """A run as a row of the leaderboard.

    Attributes
    ----------
    run : Run
    name : str
        Differs from the names of all other rows.
    correctness : Correctness or None
        On the test split, from the run's selected epoch; None without one.
    size : Size or None
        None where it has not been counted yet.
    problem : str or None
        Why it cannot be compared, in a sentence.
    """

    run: Run
    name: str
    correctness: Correctness | None = None
    size: Size | None = None
    problem: str | None = None

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self.run.run_id

    @property
    def is_measured(self) -> bool:
        """Whether there is anything to compare."""
        return self.problem is None and bool(self.run.history.epochs or self.correctness)

    @property
    def protocol(self) -> str:
        """ "held-out", "notebook" or "full"; "" where the settings cannot be read."""
        return self.run.config.protocol if self.run.config else ""

    @property
    def validation_accuracy(self) -> float | None:
        """At the selected epoch, in [0, 1]; None under protocols without a validation split."""
        best = self.run.history.selected
        return best.accuracy if best and best.split == "validation" else None

    @property
    def test_accuracy(self) -> float | None:
        """At the selected epoch, in [0, 1]; under the notebook protocol, the best so far."""
        if self.correctness is not None:
            return self.correctness.accuracy
        best = self.run.history.selected
        return best.accuracy if best and best.split == "test" else None

    @property
    def standard_error(self) -> float | None:
        """Standard error of the test accuracy (fraction); None without an evaluation."""
        return self.correctness.standard_error if self.correctness else None

    def on_same_images(self, other: "LeaderboardRow") -> bool:
        """Whether both were evaluated on the same test images; False where one was not."""
        mine, others = (
            (e.run.dataset.get("name"), e.run.dataset.get("checksum")) for e in (self, other)
        )
        return bool(
            mine == others
            and self.correctness
            and other.correctness
            and self.correctness.on_same_images(other.correctness)
        )

    @property
    def minutes(self) -> float:
        """Training time in minutes, without pauses."""
        return self.run.progress.seconds / 60


@dataclass(frozen=True)
class Difference:
    """A setting in which runs differ.

    Attributes
    ----------
    setting : str
    texts : tuple of str
        The value of each run.
    """

    setting: str
    texts: tuple[str, ...]


def settings(run: Run) -> dict[str, str]:
    """Settings, data and machine of a run as text, by title; empty if they are unreadable."""
    if run.config is None:
        return {}
    known = TrainConfig.settings()
    texts = {"Model": describe(*run.config.models).title}
    texts |= {
        known[name].title: known[name].in_words(value)
        for name, value in vars(run.config).items()
        if name in known and name != "model"
    }
    if "precision" in run.environment:  # what the setting came to on the run's machine
        texts[known["precision"].title] = run.environment["precision"]
    if run.fine_tuning:
        texts["Fine-tuned from"] = run.fine_tuning.base
        texts["Learned by"] = run.fine_tuning.part.replace("-", " ")
        texts["Own classes"] = ", ".join(run.fine_tuning.own_classes) or "–"
    texts["Data checksum"] = run.dataset.get("checksum", "–")[:8]
    return texts | {title: run.environment.get(key, "–") for key, title in ENVIRONMENT.items()}


def differences(runs: Sequence[Run]) -> list[Difference]:
    """Settings in which runs differ, in the order of `TrainConfig`'s fields; machine last."""
    texts = [settings(run) for run in runs]
    names = dict.fromkeys(name for each in texts for name in each)
    rows = [Difference(name, tuple(each.get(name, "–") for each in texts)) for name in names]
    return [row for row in rows if len(set(row.texts)) > 1]
