"""What an exported file must agree on with its run; without torch, for pages."""

import math
from dataclasses import dataclass
from typing import Final

from fmnist.errors import ToldError
from fmnist.export.names import FORMATS, Format

TOLERANCE: Final = 1e-4
"""Largest difference of a probability, for formats in 32 bits."""
LARGEST_LOSS: Final = 0.005
"""How much accuracy 8 bits may cost."""


class ExportError(ToldError):
    """A model cannot be exported; the message says why."""


@dataclass(frozen=True)
class Check:
    """A file held against the run that it comes from.

    Attributes
    ----------
    images : int
        How many were compared: all of the test split.
    changed : int
        Images whose predicted class differs; ties are no difference.
    difference : float
        Largest difference of a probability, in [0, 1].
    accuracy, run_accuracy : float
        Of the file and of the run, in [0, 1].
    bytes : int
        Size of the file.
    outputs : tuple of str
        Names of what the file gives: probabilities, and in-distribution scores if it has them.
    """

    images: int
    changed: int
    difference: float
    accuracy: float
    run_accuracy: float
    bytes: int
    outputs: tuple[str, ...]

    def require(self, form: Format) -> None:
        """Refuse a file that differs more than its format may.

        Raises
        ------
        ExportError
            With the reason.
        """
        title, loss = FORMATS[form].title, self.run_accuracy - self.accuracy
        if not math.isfinite(self.difference):
            raise ExportError(f"The {title} file gives values that are no finite numbers.")
        if form == "int8":
            if loss > LARGEST_LOSS + 1e-9:  # but for rounding
                raise ExportError(
                    f"In 8 bits the model loses {100 * loss:.2f} points of accuracy on the test "
                    "images, more than 0.5. Export it as ONNX instead."
                )
        elif self.changed or self.difference > TOLERANCE:
            raise ExportError(
                f"The {title} file predicts another class for {self.changed:,} of "
                f"{self.images:,} test images (largest difference of a probability: "
                f"{self.difference:.2g}). It was not kept."
            )
