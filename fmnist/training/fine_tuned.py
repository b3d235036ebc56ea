"""Which runs can be fine-tuned, and how much of their drawings; without torch, for pages."""

from typing import Final

from fmnist.data.labels import NO_GARMENT
from fmnist.errors import ToldError
from fmnist.runs import store
from fmnist.runs.run import Run, RunError

MIN_DRAWINGS: Final = 3
"""Labeled drawings that fine-tuning needs."""
ENOUGH_OF_OWN: Final = 10
"""Drawings of an own class; with fewer, it is often missed."""
MOST_PARTS: Final = 20
"""Up to so many drawings, each is left out by itself; of more, a part at a time."""
MOST_PARTS_OF_BLOCK: Final = 5
"""The same where the last block learns, which takes longer."""
_NO_BLOCK: Final = (
    "logistic", "resnet18", "efficientnet-b0", "efficientnet-b0-stride-1", "vit-tiny",
)  # fmt: skip


class FineTuneError(ToldError):
    """A model cannot be fine-tuned; the message says why."""


def base_of(run: Run) -> Run:
    """The run to fine-tune where one is chosen: of a fine-tuned model, its base.

    Raises
    ------
    RunError
        If the base is gone.
    """
    if run.fine_tuning is None:
        return run
    try:
        return store.find_run(run.fine_tuning.base)
    except RunError as error:
        raise RunError(f"The base of {run.name} is gone: {error}") from error


def why_not(run: Run) -> str | None:
    """Why a run cannot be fine-tuned, in a sentence; None if it can."""
    if run.state == "broken" or run.config is None:
        return f"The run {run.name} is broken: {run.reason}"
    if run.members:
        return (
            f"{run.name} is an ensemble: its networks have no last layer in common that could "
            "learn. Fine-tune one of its members, or Sketch."
        )
    if run.training is None:
        return f"{run.name} is fine-tuned already; fine-tune its base with all drawings."
    if run.state != "finished" or not run.weights_path.exists():
        return f"{run.name} has not finished, or has no weights; choose another model."
    return None


def has_block(run: Run) -> bool:
    """Whether a run's last block can learn; without torch, for pages."""
    return run.training is not None and run.training.model not in _NO_BLOCK


def left_out(labels: tuple[str, ...], *, has_ood_class: bool) -> int:
    """How many drawings a base cannot learn: those of no garment, if it has no such class."""
    return 0 if has_ood_class else labels.count(NO_GARMENT)
