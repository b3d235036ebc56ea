"""The history of a run: what was logged, and how far the run is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from fmnist.data.splits import SplitName
from fmnist.runs.config import Checkpoint

Phase = Literal["preparing data", "training", "evaluating"]
When = Literal["best", "last"] | int
"""Which epoch: the best, the last, or one by its number."""

MEASURED: Final[Mapping[SplitName, str]] = {
    "train": "measured_train", "validation": "validation", "test": "test",
}  # fmt: skip
"""What `history.jsonl` calls the figures of each split.

`train_loss` and `train_accuracy` are taken: they are the running means over an epoch's steps.
"""


@dataclass(frozen=True)
class StepEntry:
    """A line of the history, written every `TrainConfig.log_every` steps.

    Attributes
    ----------
    epoch : int
        From 1.
    step : int
        Steps since the start of the run, from 1.
    loss : float
        Mean training cross-entropy in nats since the previous line (with dropout).
    seconds : float
        Training time so far, without pauses.
    """

    epoch: int
    step: int
    loss: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The line of the history."""
        return {"kind": "step", **vars(self)}


@dataclass(frozen=True)
class EpochEntry:
    """A line of the history, written after every epoch.

    Attributes
    ----------
    epoch, step : int
        As in `StepEntry`.
    train_loss, train_accuracy : float
        Means over the steps of the epoch, measured while the weights change and with dropout;
        accuracy in [0, 1].
    split : {"train", "validation", "test"}
        The monitored split. Under the full protocol, some of the training images.
    loss, accuracy : float
        On that split; accuracy in [0, 1].
    seconds : float
        Training time so far, without pauses.
    images_per_second : float
        Training images per second in this epoch, without the evaluation.
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
        """The line of the history."""
        return {
            "kind": "epoch",
            "epoch": self.epoch,
            "step": self.step,
            "train_loss": self.train_loss,
            "train_accuracy": self.train_accuracy,
            f"{MEASURED[self.split]}_loss": self.loss,
            f"{MEASURED[self.split]}_accuracy": self.accuracy,
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
        }


@dataclass(frozen=True)
class History:
    """What a run logged, oldest first.

    Attributes
    ----------
    steps : tuple of StepEntry
    epochs : tuple of EpochEntry
    checkpoint : {"best", "last"}
        The epoch whose weights the run saves.
    """

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

    def at(self, when: When) -> EpochEntry | None:
        """The best epoch, the last, or the one of a number; None if there is none."""
        if when == "best":
            return self.best
        if when == "last":
            return self.epochs[-1] if self.epochs else None
        return self.epochs[when - 1] if 1 <= when <= len(self.epochs) else None

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
            As in the settings of the run.

        Raises
        ------
        ValueError
            If a line is not of a known form, or the epochs are not 1, 2, 3, … in this order.
        """
        from fmnist.runs.documents import parse_line

        steps, epochs = [], []
        for index, text in enumerate(lines, 1):
            try:
                entry = parse_line(text)
            except ValueError as error:
                raise ValueError(
                    f"line {index} of history.jsonl is damaged ({error}); restore the file from a "
                    "copy, or delete the run."
                ) from error
            if isinstance(entry, StepEntry):
                steps.append(entry)
            else:
                epochs.append(entry)
        _check_order(steps, epochs)
        return cls(tuple(steps), tuple(epochs), checkpoint)

    def to_lines(self) -> list[str]:
        """The reverse of `from_lines`."""
        # steps first: an epoch is measured after its last step
        entries: list[StepEntry | EpochEntry] = [*self.steps, *self.epochs]
        entries.sort(key=lambda entry: entry.step)
        return [json.dumps(entry.to_json()) for entry in entries]


def _rises(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(numbers))


def _check_order(steps: Sequence[StepEntry], epochs: Sequence[EpochEntry]) -> None:
    """Refuse a history that no training writes."""
    problem = None
    if [entry.epoch for entry in epochs] != list(range(1, len(epochs) + 1)):
        problem = "its epochs are not 1, 2, 3, …"
    elif not (_rises([e.step for e in steps]) and _rises([e.step for e in epochs])):
        problem = "its steps do not rise"
    elif any(not 1 <= entry.epoch <= len(epochs) + 1 for entry in steps):
        problem = "it has steps of epochs that it lacks"
    if problem:
        raise ValueError(
            f"history.jsonl is damaged ({problem}); restore the file from a copy, or delete the "
            "run."
        )


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    epoch : int
        The current or last epoch, from 1; 0 before the first step.
    step, steps : int
        Steps so far, and steps of the whole run.
    seconds : float
        Training time so far, without pauses.
    images_per_second : float
        Training images per second, during the last second or so.
    phase : {"preparing data", "training", "evaluating"} or None
        What a running run does; None in other states.
    phase_fraction : float
        Share of the phase that is done, in [0, 1]; 0 under "training", which has its steps.
    """

    epoch: int = 0
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0
    phase: Phase | None = None
    phase_fraction: float = 0.0

    @property
    def fraction(self) -> float:
        """Share of the steps that are done, in [0, 1]."""
        return min(self.step / self.steps, 1.0) if self.steps else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest will take at the same speed; None before the first step."""
        return self.seconds * (self.steps - self.step) / self.step if self.step else None
