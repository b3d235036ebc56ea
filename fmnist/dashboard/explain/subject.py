"""What the Explain page explains: an image, a drawing, or the average of the filtered images."""

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.dashboard import failures, image_grid
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.draw import models, prediction
from fmnist.dashboard.draw.canvas_state import canvas_state
from fmnist.dashboard.selection import SubjectKind
from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.text import counted
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import plain

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

MOST_AVERAGED: Final = 200
"""Images that an average holds at most; the first in the order of the page."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is explained; gathered once by `gather_subject`, then only read.

    Attributes
    ----------
    kind : {"image", "drawing", "average"}
    title : str
        What it is, in a few words; no text from outside is in it.
    run : Run
    classifier : Classifier
        With the run's saved weights and its temperature.
    other_run, other_classifier : Run and Classifier, or None
        The compared run; None where there is none, or none with weights.
    other_problem : str
        Why the compared run cannot be explained, in a sentence.
    names : tuple of str
        Names of the two runs, which differ; text from outside.
    image : uint8 (28, 28)
        The model input. For an average, the mean image.
    images : uint8 (M, 28, 28)
        The averaged images; else `image` alone.
    labels : uint8 (M,) or None
        Their true classes; None for a drawing.
    index : int or None
        `Split.indices` of the image; None for a drawing and for an average.
    probabilities : float32 (C,)
        What the classifier says about `image`.
    other_probabilities : float32 (C,) or None
        What the compared run's says.
    """

    kind: SubjectKind
    title: str
    run: Run
    classifier: "Classifier"
    other_run: Run | None
    other_classifier: "Classifier | None"
    other_problem: str
    names: tuple[str, str]
    image: NDArray[np.uint8]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None
    index: int | None
    probabilities: NDArray[np.float32]
    other_probabilities: NDArray[np.float32] | None

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classifier can predict; own classes are text from outside."""
        return self.classifier.class_names

    @property
    def predicted_label(self) -> int:
        """The class predicted for `image`."""
        return int(np.argmax(self.probabilities))

    @property
    def true_label(self) -> int | None:
        """The true class, or that of all averaged images; None for a drawing or several classes."""
        if self.labels is None or len(np.unique(self.labels)) > 1:
            return None
        return int(self.labels[0])

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Equal for equal images and equal weights of the run; a key for caches."""
        pixels = zlib.crc32(np.ascontiguousarray(self.images).tobytes())
        return (*weights_key(self.run), self.classifier.temperature, len(self.images), pixels)


class NoSubjectError(Exception):
    """Why nothing can be explained, in a sentence of Markdown that says what to do."""


def mean_image(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean of images, uint8 (N, 28, 28), rounded: uint8 (28, 28)."""
    mean: NDArray[np.uint8] = np.rint(images.mean(0)).astype(np.uint8)
    return mean


def weights_key(run: Run) -> tuple[object, ...]:
    """Equal for equal saved weights."""
    return str(run.weights_path), run.weights_path.stat().st_mtime_ns


def gather_subject(context: PageContext) -> Subject:
    """Read what the selection names; imports torch.

    Raises
    ------
    NoSubjectError
        If there is no such image, no drawing, or no weights.
    OSError, ToldError
        If a file cannot be read or is damaged.
    """
    classifier = _classifier(context.run)
    image, images, labels, index, title = _images(context)
    other, problem = _compared(context.other_run)
    return Subject(
        context.selection.subject,
        title,
        context.run,
        classifier,
        context.other_run if other else None,
        other,
        problem,
        context.names,
        image,
        images,
        labels,
        index,
        classifier.predict_proba(image[None])[0],
        other.predict_proba(image[None])[0] if other else None,
    )


def _classifier(run: Run) -> "Classifier":
    if run.weights_path.exists():
        return models.load_classifier(run)
    if run.state in ACTIVE_STATES:
        raise NoSubjectError(
            f"**{plain(run.name)}** has not saved its weights yet. They appear after the first "
            "epoch."
        )
    raise NoSubjectError(
        f"**{plain(run.name)}** was saved without its weights. Select another run in the sidebar."
    )


def _compared(run: Run | None) -> "tuple[Classifier | None, str]":
    """The compared run's classifier, or why there is none."""
    if run is None:
        return None, ""
    if not run.weights_path.exists():
        return None, f"{run.name} was saved without its weights."
    try:
        return models.load_classifier(run), ""
    except failures.EXPECTED as error:
        return None, models.load_error(error, run)


_Images = tuple[
    NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8] | None, int | None, str
]  # image, images, labels, index, title


def _images(context: PageContext) -> _Images:
    if context.selection.subject == "drawing":
        drawn = prediction.prepare(canvas_state())
        if drawn is None:
            raise NoSubjectError("Nothing is drawn yet. Draw a garment, or upload a picture.")
        return drawn, drawn[None], None, None, "Your drawing"
    if context.source is None:
        raise NoSubjectError(
            f"The images are unavailable. {image_grid.remedy(context)} *Your drawing* can be "
            "explained without them."
        )
    evaluation = context.snapshot.evaluation
    if context.selection.subject == "average":
        positions = context.positions[:MOST_AVERAGED]
        if len(positions) == 0:
            raise NoSubjectError("No image matches. Remove a filter or reset the selection.")
        images = context.source[evaluation.indices[positions]]
        total = len(context.positions)
        first = f"the first {len(images):,} of " if len(images) < total else ""
        title = f"Average of {first}{counted(total, 'image')}"
        return mean_image(images), images, evaluation.labels[positions], None, title
    position = _position(context)
    index = int(evaluation.indices[position])
    image = context.source[index]
    label = evaluation.labels[position : position + 1]
    title = f"{CLASS_NAMES[label[0]]}, image {index:,} of the {context.split} split"
    return image, image[None], label, index, title


def _position(context: PageContext) -> int:
    """The chosen image, or the first of the filtered ones."""
    if context.selection.image is not None:
        found = context.snapshot.position(context.selection.image)
        if found is not None:
            return found
    if len(context.positions) == 0:
        raise NoSubjectError("No image matches. Remove a filter or reset the selection.")
    return int(context.positions[0])
