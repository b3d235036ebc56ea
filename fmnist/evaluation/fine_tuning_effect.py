"""What fine-tuning changed: drawings, sketches and test images, before and after."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fmnist.checksums import verify, write_checked
from fmnist.errors import reason
from fmnist.evaluation.significance import SIGNIFICANCE
from fmnist.files import read_json
from fmnist.runs.run import Run, RunError

_FEW: Final = 10  # with fewer drawings, one more correct is easily luck


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
class FineTuningEffect:
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
    damaged : int
        Labeled drawings that were left out, since their pictures are damaged.
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
    damaged: int = 0

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

    @property
    def says_little(self) -> bool:
        """Whether there are too few drawings to expect the same of the next ones."""
        return len(self.drawings) < _FEW

    def save(self, run: Run) -> None:
        """Keep it with a run."""
        write_checked(run.effect_path, f"{json.dumps(asdict(self), indent=2)}\n".encode())

    @classmethod
    def load(cls, run: Run) -> "FineTuningEffect":
        """Read what was kept with a run.

        Raises
        ------
        RunError
            If it is absent or damaged.
        """
        from fmnist.evaluation.fine_tuning_documents import EffectDocument

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
