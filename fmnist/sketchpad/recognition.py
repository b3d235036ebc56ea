"""What a classifier says about a drawing or a picture: ten probabilities, and whether it is a
garment at all.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.sketchpad.preprocessing import DEFAULT_PREPARATION, Preparation, to_model_input

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

OOD_MODEL: Final = "sketch"
"""Name of the shipped model that detects drawings of other things (out of distribution)."""

IN_DISTRIBUTION_THRESHOLD: Final = 0.7
"""In-distribution score below which a drawing counts as a non-garment.

Chosen on the development drawings of `benchmarks/sketches.py`: at this value the sum of garments
accepted (92%) and non-garments rejected (89%) is the highest.
"""


@dataclass(frozen=True, eq=False)
class SketchResult:
    """What a classifier says about a drawing or a picture.

    Attributes
    ----------
    probabilities : float32 (10,)
        Probabilities of the classes, given that it is a garment.
    in_distribution_score : float
        Probability, in [0, 1], that it is a garment; 1 without a model that can tell, 0 for a
        blank image.
    model_input : uint8 (28, 28)
        The image that was classified.
    """

    probabilities: NDArray[np.float32]
    in_distribution_score: float
    model_input: NDArray[np.uint8]

    @property
    def predicted_label(self) -> int:
        """The class with the highest probability."""
        return int(np.argmax(self.probabilities))

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return float(self.probabilities.max())

    @property
    def is_garment(self) -> bool:
        """Whether the in-distribution score reaches the threshold."""
        return self.in_distribution_score >= IN_DISTRIBUTION_THRESHOLD


def classify(
    rgba: NDArray[np.uint8],
    model: "str | Classifier" = OOD_MODEL,
    *,
    preparation: Preparation = DEFAULT_PREPARATION,
    ood_model: "Classifier | None" = None,
) -> SketchResult:
    """Classify a drawing or a picture.

    Parameters
    ----------
    rgba : uint8 (H, W, 4)
        As `to_model_input` takes it.
    model : str or Classifier
        A classifier, or the name of a shipped one.
    preparation : Preparation
    ood_model : Classifier, optional
        Computes the in-distribution score if `model` itself has no class for other things.

    Raises
    ------
    ValueError
        If the array has another shape or type.
    fmnist.runs.run.RunError
        If there is no shipped model of that name, or its files are damaged.
    """
    if isinstance(model, str):
        from fmnist.runs.loading import load_pretrained

        model = load_pretrained(model)
    image = to_model_input(rgba, preparation)[None]
    detector = model if model.has_ood_class else ood_model
    scores = detector.in_distribution_scores(image) if detector else None
    return results(image, model.predict_proba(image), scores)[0]


def results(
    model_inputs: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    scores: NDArray[np.float32] | None,
) -> list[SketchResult]:
    """What a classifier's outputs say about model inputs.

    Parameters
    ----------
    model_inputs : uint8 (N, 28, 28)
    probabilities : float32 (N, 10)
    scores : float32 (N,) or None
        In-distribution scores; None without a model that can tell.
    """
    known = np.ones(len(model_inputs), np.float32) if scores is None else scores
    return [
        # a blank image is no garment, whatever a model says
        SketchResult(row, float(score) if image.any() else 0.0, image)
        for row, score, image in zip(probabilities, known, model_inputs, strict=True)
    ]
