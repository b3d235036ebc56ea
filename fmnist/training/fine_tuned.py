"""Which runs can be fine-tuned, and what fine-tuning changed; without torch, for pages."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fmnist.checksums import verify, write_checked
from fmnist.data.labels import NO_GARMENT
from fmnist.errors import ToldError, reason
from fmnist.evaluation.significance import SIGNIFICANCE
from fmnist.files import read_json
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


@dataclass(frozen=True)
class DrawingEffect:
    """What is predicted for a drawing.

    Attributes
    ----------
    drawing_id : str
        Its name in the gallery.
    label : str
        A class, or "No garment".
    before : str
        Prediction of the base.
    after : str
        Prediction of a model that was fine-tuned without the drawing.
    """

    drawing_id: str
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Effect:
    """What fine-tuning changed.

    Attributes
    ----------
    drawings : tuple of DrawingEffect
        Of each drawing that was learned.
    parts : int
        How many models were trained to predict drawings that they had not learned.
    others, others_before, others_after : int
        Sketches that the project draws: all, and those predicted correctly before and after.
    test, test_before, test_after : int
        Test images: all, and those predicted correctly before and after.
    test_own : int
        Test images that are predicted as an own class.
    p_value : float
        Of McNemar's test for equal test accuracies, two-sided.
    """

    drawings: tuple[DrawingEffect, ...]
    parts: int
    others: int
    others_before: int
    others_after: int
    test: int
    test_before: int
    test_after: int
    test_own: int
    p_value: float

    @property
    def drawings_before(self) -> int:
        """Drawings that the base predicts correctly."""
        return sum(one.before == one.label for one in self.drawings)

    @property
    def drawings_after(self) -> int:
        """Drawings predicted correctly by models that were fine-tuned without them."""
        return sum(one.after == one.label for one in self.drawings)

    @property
    def forgets(self) -> bool:
        """Whether the test accuracy fell by more than chance."""
        return self.test_after < self.test_before and self.p_value < SIGNIFICANCE

    def save(self, run: Run) -> None:
        """Keep it with a run."""
        write_checked(run.effect_path, f"{json.dumps(asdict(self), indent=2)}\n".encode())

    @classmethod
    def load(cls, run: Run) -> "Effect":
        """Read what was kept with a run.

        Raises
        ------
        RunError
            If it is absent or damaged.
        """
        from fmnist.training.documents import EffectDocument

        path: Path = run.effect_path
        try:
            verify(path)
            values = EffectDocument.parse(read_json(path)).model_dump()
        except (OSError, ValueError) as error:
            raise RunError(
                f"{path.name} of {run.name} cannot be read ({reason(error)})."
            ) from error
        drawings = tuple(DrawingEffect(**one) for one in values.pop("drawings"))
        return cls(drawings, **values)


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
