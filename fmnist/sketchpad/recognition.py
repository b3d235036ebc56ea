"""What a classifier says about a drawing or a picture: probabilities of the classes, and whether it
is a garment at all.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES, NO_GARMENT, NUM_CLASSES
from fmnist.sketchpad.preprocessing import DEFAULT_PREPARATION, Preparation, to_model_input

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

OOD_MODEL: Final = "sketch"
"""Name of the shipped model that detects drawings of other things (out of distribution)."""

IN_DISTRIBUTION_THRESHOLD: Final = 0.35
"""In-distribution score below which a drawing counts as a non-garment.

Chosen on the development drawings of `benchmarks/sketches.py`: about one in ten of the garments
is refused.
"""

_SHIFTS: Final = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # pixels down and to the right


@dataclass(frozen=True, eq=False)
class SketchResult:
    """What a classifier says about a drawing or a picture.

    Attributes
    ----------
    probabilities : float32 (C,)
        Probabilities of the classes, given that it is of one of them.
    in_distribution_score : float
        Probability, in [0, 1], that it is a garment; 1 without a model that can tell, 0 for a
        blank image.
    model_input : uint8 (28, 28)
        The image that was classified.
    class_names : tuple of str
        The ten classes, then a person's own ones.
    """

    probabilities: NDArray[np.float32]
    in_distribution_score: float
    model_input: NDArray[np.uint8]
    class_names: tuple[str, ...] = field(default=CLASS_NAMES, kw_only=True)

    @property
    def predicted_class(self) -> str:
        """Name of the class with the highest probability."""
        return self.class_names[self.predicted_label]

    @property
    def label_choice(self) -> str:
        """The prediction as a label of the gallery: a class, or no garment."""
        return self.predicted_class if self.is_garment else NO_GARMENT

    @property
    def predicted_garment(self) -> int:
        """The most probable of the ten classes."""
        return int(np.argmax(self.probabilities[:NUM_CLASSES]))

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
    return classify_inputs(to_model_input(rgba, preparation)[None], model, ood_model=ood_model)[0]


def classify_inputs(
    model_inputs: NDArray[np.uint8],
    model: "Classifier",
    *,
    ood_model: "Classifier | None" = None,
) -> list[SketchResult]:
    """Classify the model inputs of drawings or pictures, each as the average over small shifts.

    Parameters
    ----------
    model_inputs : uint8 (N, 28, 28)
        As `to_model_input` makes them.
    model, ood_model
        As in `classify`.

    Raises
    ------
    ValueError
        If the array has another shape or type.
    """
    images = shifted(model_inputs)
    detector = model if model.has_ood_class else ood_model
    probabilities, scores = averaged(
        model.predict_proba(images), detector.in_distribution_scores(images) if detector else None
    )
    if scores is not None and detector is not model:
        scores = with_own_classes(scores, probabilities)
    return results(model_inputs, probabilities, scores, class_names=model.class_names)


def shifted(model_inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each image, and the same moved by a pixel to each of the four sides.

    Answers are averaged over them, since a line that moves by less than anybody sees should not
    change an answer.

    Parameters
    ----------
    model_inputs : uint8 (N, 28, 28)

    Returns
    -------
    uint8 (5 N, 28, 28)
        The five of the first image first.

    Raises
    ------
    ValueError
        If the array has another number of dimensions.
    """
    if model_inputs.ndim != 3:
        raise ValueError(f"model inputs must have shape (N, 28, 28), not {model_inputs.shape}.")
    _, height, width = model_inputs.shape
    padded = np.pad(model_inputs, ((0, 0), (1, 1), (1, 1)))
    moved = [padded[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in _SHIFTS]
    return np.stack(moved, axis=1).reshape(-1, height, width)


def averaged(
    probabilities: NDArray[np.float32], scores: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """What a classifier says about images, from what it says about their `shifted` versions.

    Parameters
    ----------
    probabilities : float32 (5 N, C)
    scores : float32 (5 N,) or None

    Returns
    -------
    probabilities : float32 (N, C)
        Their means.
    scores : float32 (N,) or None
        The scores of the mean logits, so that one sure answer counts more than a doubtful one.
    """
    views = len(_SHIFTS)
    means: NDArray[np.float32] = probabilities.reshape(-1, views, probabilities.shape[1]).mean(1)
    if scores is None:
        return means, None
    from scipy import special  # here, since importing it takes a while

    tiny = 1e-6  # a score of exactly 0 or 1 would outweigh all others
    logits = special.logit(np.clip(scores.astype(np.float64), tiny, 1 - tiny))
    together: NDArray[np.float32] = special.expit(logits.reshape(-1, views).mean(1))
    return means, together.astype(np.float32)


def with_own_classes(
    scores: NDArray[np.float32], probabilities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """In-distribution scores of a model that does not know the own classes of another.

    What the other is sure to be of an own class is not refused.

    Parameters
    ----------
    scores : float32 (N,)
    probabilities : float32 (N, C)
        Of the other model.

    Returns
    -------
    float32 (N,)
        The same scores where there are no own classes.
    """
    own = probabilities[:, NUM_CLASSES:].sum(axis=1)
    combined: NDArray[np.float32] = own + (1 - own) * scores
    return combined


def results(
    model_inputs: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    scores: NDArray[np.float32] | None,
    *,
    class_names: tuple[str, ...] = CLASS_NAMES,
) -> list[SketchResult]:
    """What a classifier's outputs say about model inputs.

    Parameters
    ----------
    model_inputs : uint8 (N, 28, 28)
    probabilities : float32 (N, C)
    scores : float32 (N,) or None
        In-distribution scores; None without a model that can tell.
    class_names : tuple of str (C)
    """
    known = np.ones(len(model_inputs), np.float32) if scores is None else scores
    return [
        # a blank image is no garment, whatever a model says
        SketchResult(row, float(score) if image.any() else 0.0, image, class_names=class_names)
        for row, score, image in zip(probabilities, known, model_inputs, strict=True)
    ]
