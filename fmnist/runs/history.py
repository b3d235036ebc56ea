"""The history of a run: what was logged, and how far the run is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fmnist.data.splits import SplitName
from fmnist.runs.checks import number, whole_number
from fmnist.runs.config import Checkpoint

# the history calls the running mean over the epoch's steps train_loss and train_accuracy
_MEASURED: Final[Mapping[SplitName, str]] = {
    "train": "measured_train", "validation": "validation", "test": "test",
}  # fmt: skip


@dataclass(frozen=True)
class StepEntry:
    """A line of the history that is written every `TrainConfig.log_every` steps.

    Attributes
    ----------
    epoch : int
        From 1.
    step : int
        Steps since the start of the run, from 1.
    loss : float
        Mean training cross-entropy in nats since the line before (dropout on).
    seconds : float
        Training time so far, pauses left out.
    """

    epoch: int
    step: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class EpochEntry:
    """A line of the history that is written after every epoch.

    Attributes
    ----------
    epoch, step : int
        As in `StepEntry`.
    train_loss, train_accuracy : float
        Means over the epoch's steps, measured while the weights move and with dropout on;
        accuracy in [0, 1].
    split : {"train", "validation", "test"}
        What the epoch was measured on: under the full protocol, some of the images trained on.
    loss, accuracy : float
        On that split; accuracy in [0, 1].
    seconds : float
        Training time so far, pauses left out.
    images_per_second : float
        Training images a second of this epoch, without the evaluation.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    split: SplitName
    loss: float
    accuracy: float
    seconds: float
    images_per_second: float

    def to_json(self) -> dict[str, Any]:
        """The history's line; the split's figures are named after it."""
        return {
            "kind": "epoch",
            "epoch": self.epoch,
            "step": self.step,
            "train_loss": self.train_loss,
            "train_accuracy": self.train_accuracy,
            f"{_MEASURED[self.split]}_loss": self.loss,
            f"{_MEASURED[self.split]}_accuracy": self.accuracy,
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> "EpochEntry":
        """The reverse of `to_json`.

        Raises
        ------
        KeyError, ValueError
            If a figure is absent or no number.
        """
        split: SplitName = next((s for s in _MEASURED if f"{_MEASURED[s]}_loss" in line), "test")
        return cls(
            whole_number(line["epoch"]),
            whole_number(line["step"]),
            number(line["train_loss"]),
            number(line["train_accuracy"]),
            split,
            number(line[f"{_MEASURED[split]}_loss"]),
            number(line[f"{_MEASURED[split]}_accuracy"]),
            number(line["seconds"]),
            number(line["images_per_second"]),
        )


@dataclass(frozen=True)
class History:
    """What was logged of a run, oldest first."""

    steps: tuple[StepEntry, ...] = ()
    epochs: tuple[EpochEntry, ...] = ()
    checkpoint: Checkpoint = "best"

    @property
    def selected(self) -> EpochEntry | None:
        """The epoch whose weights the run saves: the best or the last, as `checkpoint` says."""
        if self.checkpoint == "last":
            return self.epochs[-1] if self.epochs else None
        return self.best

    @property
    def best(self) -> EpochEntry | None:
        """The epoch with the highest accuracy on the monitored split; the first of equals."""
        return max(self.epochs, key=lambda e: e.accuracy, default=None)

    @property
    def overfitting_onset(self) -> EpochEntry | None:
        """The epoch with the lowest monitored loss, if the loss has risen since.

        One worse epoch may be chance. At least two must follow the lowest.
        """
        lowest = min(self.epochs, key=lambda e: e.loss, default=None)
        return lowest if lowest and self.epochs[-1].epoch - lowest.epoch >= 2 else None

    @classmethod
    def from_lines(cls, lines: Sequence[str], *, checkpoint: Checkpoint = "best") -> "History":
        """Parse the lines of `history.jsonl`.

        Parameters
        ----------
        lines : sequence of str
        checkpoint : {"best", "last"}
            As in the run's settings.

        Raises
        ------
        ValueError
            If a line is not of a known form.
        """
        steps, epochs = [], []
        for index, text in enumerate(lines, 1):
            try:
                line = json.loads(text)
                kind = line["kind"]
                if kind == "epoch":
                    epochs.append(EpochEntry.from_json(line))
                elif kind == "step":
                    whole = (whole_number(line[k]) for k in ("epoch", "step"))
                    steps.append(StepEntry(*whole, *(number(line[k]) for k in ("loss", "seconds"))))
                else:
                    raise ValueError(f"unknown kind {kind!r}")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(f"line {index} of history.jsonl is damaged.") from error
        return cls(tuple(steps), tuple(epochs), checkpoint)


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    epoch : int
        The epoch under way or just ended, from 1; 0 before the first step.
    step, steps : int
        Steps done since the start of the run, and steps of the whole run.
    seconds : float
        Training time so far, pauses left out.
    images_per_second : float
        Of the last second or so.
    """

    epoch: int = 0
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0

    @property
    def fraction(self) -> float:
        """In [0, 1]."""
        return min(self.step / self.steps, 1.0) if self.steps else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None before there is a pace."""
        return self.seconds * (self.steps - self.step) / self.step if self.step else None
