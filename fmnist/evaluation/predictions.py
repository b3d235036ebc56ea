"""Predictions of a classifier for the images of a split, stored as logits and labels."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fmnist.checksums import verify, write_checked
from fmnist.data.labels import IMAGE_SIZE, MAX_OWN_CLASSES, NUM_CLASSES
from fmnist.data.splits import DATASET_SIZES, SPLITS, Split, SplitName
from fmnist.errors import DamagedFileError, sentence
from fmnist.evaluation import metrics
from fmnist.files import load_arrays
from fmnist.runs.config import TestTimeAugmentation
from fmnist.runs.run import EVALUATION_ARRAYS, EVALUATION_BYTES, Run, RunError

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Logits of the images of one split.

    Logits are rounded to float16 before anything is computed from them, so that figures are the
    same before and after the logits are stored.

    Attributes
    ----------
    split : {"train", "validation", "test"}
    logits : float16 (N, C)
        Of the ten classes, then of a person's own ones.
    labels : uint8 (N,)
        True classes, of the ten.
    indices : int32 (N,)
        As `Split.indices`.
    temperature : float
        Above 0; the logits are divided by it for everything below. It is stored with the run, not
        in the file.
    """

    split: SplitName
    logits: NDArray[np.float16]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int32]
    temperature: float = 1.0

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """float64 (N, C)."""
        return metrics.softmax(self.logits, temperature=self.temperature)

    @cached_property
    def predicted_labels(self) -> NDArray[np.intp]:
        """intp (N,)."""
        labels: NDArray[np.intp] = self.logits.argmax(axis=1)
        return labels

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Highest probability of each image, float64 (N,) in [1 / C, 1]."""
        highest: NDArray[np.float64] = self.probabilities.max(axis=1)
        return highest

    @cached_property
    def margin(self) -> NDArray[np.float64]:
        """Highest minus second highest probability of each image, float64 (N,) in [0, 1]."""
        return metrics.margins(self.probabilities)

    @cached_property
    def entropy(self) -> NDArray[np.float64]:
        """Entropy of each image's probabilities in nats, float64 (N,) in [0, ln C]."""
        return metrics.entropies(self.probabilities)

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """Cross-entropy of each image in nats, float64 (N,)."""
        return metrics.losses(self.logits, self.labels, temperature=self.temperature)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """bool (N,)."""
        return np.asarray(self.predicted_labels == self.labels)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """int64 (C, C), row = true, column = predicted."""
        return metrics.confusion_matrix(
            self.labels, self.predicted_labels, classes=self.num_classes
        )

    @property
    def num_classes(self) -> int:
        """How many classes can be predicted."""
        return int(self.logits.shape[1])

    @cached_property
    def accuracy(self) -> float:
        """In [0, 1]."""
        return metrics.accuracy(self.logits, self.labels)

    @cached_property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        return float(self.losses.mean())

    def save(self, path: Path) -> None:
        """Write to a `.npz` file, atomically."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            split=np.array(self.split),
            logits=self.logits,
            labels=self.labels,
            indices=self.indices,
        )
        write_checked(path, buffer.getvalue())

    @classmethod
    def mean(cls, evaluations: Sequence["Evaluation"]) -> "Evaluation":
        """Evaluation of an ensemble: the mean probabilities of several classifiers.

        Temperatures are ignored.

        Raises
        ------
        ValueError
            If they cover different images, or the same ones in another order.
        """
        first, *others = evaluations
        for other in others:
            if first.split != other.split or not np.array_equal(first.indices, other.indices):
                raise ValueError("The evaluations cover different images.")
        logits = mean_logits([each.logits for each in evaluations]).astype(np.float16)
        return cls(first.split, logits, first.labels, first.indices)

    @classmethod
    def load(cls, path: Path) -> "Evaluation":
        """Read a file that `save` wrote.

        Raises
        ------
        OSError
            If there is no such file.
        DamagedFileError
            If the file is damaged, or holds something else or numbers that cannot be.
        """
        split, logits, labels, indices = _load(path)
        if logits.ndim != 2:
            raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
        return cls(split, logits, labels, indices)


def evaluate(
    classifier: "Classifier",
    split: Split,
    *,
    tta: TestTimeAugmentation | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Logits of a classifier for all images of a split.

    Parameters
    ----------
    classifier : Classifier
    split : Split
    tta : {"flip", "flip-shift"}, optional
        Test-time augmentation: the logarithm of the mean probabilities over views of each image.
        Without it, of the image alone; "flip" adds its mirror image; "flip-shift" adds to each of
        the two itself moved by one pixel up, down, left and right.
    progress : callable, optional
        Called now and then with (images done, images in all); every view of an image counts.
    """
    shown = list(_views(split.images, tta))
    logits: list[NDArray[np.float32]] = []

    def report(done: int, total: int) -> None:
        if progress:
            progress(len(logits) * total + done, len(shown) * total)

    with np.errstate(over="ignore"):  # logits of diverged weights become inf
        for seen in shown:
            logits.append(classifier.logits(seen, progress=report))
        rounded = (logits[0] if len(logits) == 1 else mean_logits(logits)).astype(np.float16)
    return Evaluation(split.name, rounded, split.labels, split.indices)


def mean_logits(logits: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Logits whose probabilities are the mean of those of several.

    Parameters
    ----------
    logits : sequence of float (N, C)

    Returns
    -------
    float64 (N, C)
        The logarithm of the mean probabilities.
    """
    mean = np.mean([metrics.softmax(each) for each in logits], axis=0)
    averaged: NDArray[np.float64] = np.log(np.maximum(mean, np.finfo(np.float32).tiny))
    return averaged  # clipped above 0, whose logarithm is infinite


def _views(
    images: NDArray[np.uint8], tta: TestTimeAugmentation | None
) -> Iterator[NDArray[np.uint8]]:
    """Images (N, 28, 28), unchanged first, then each view."""
    mirrored = np.ascontiguousarray(images[:, :, ::-1])
    for seen in (images,) if tta is None else (images, mirrored):
        yield seen
        if tta == "flip-shift":
            padded = np.pad(seen, ((0, 0), (1, 1), (1, 1)))
            for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
                yield padded[:, row : row + IMAGE_SIZE, column : column + IMAGE_SIZE]


@dataclass(frozen=True, eq=False)
class EpochEvaluations:
    """Logits of one split after every epoch of a run.

    Attributes
    ----------
    split : {"train", "validation", "test"}
        The monitored split, or "train" for training images that the run follows.
    logits : float16 (E, N, 10)
        The first axis is the epoch, from epoch 1 on.
    labels : uint8 (N,)
    indices : int32 (N,)
    """

    split: SplitName
    logits: NDArray[np.float16]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int32]

    def epoch(self, number: int) -> Evaluation:
        """The evaluation after epoch `number` (1 is the first).

        Raises
        ------
        IndexError
            If the run has no such epoch.
        """
        if not 1 <= number <= len(self.logits):
            raise IndexError(f"There is no epoch {number}; the run has {len(self.logits)}.")
        return Evaluation(self.split, self.logits[number - 1], self.labels, self.indices)

    def save(self, path: Path) -> None:
        """Write to a `.npz` file, atomically."""
        buffer = io.BytesIO()
        # not compressed: it is written after every epoch of a running training
        np.savez(
            buffer,
            split=np.array(self.split),
            logits=self.logits,
            labels=self.labels,
            indices=self.indices,
        )
        write_checked(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "EpochEvaluations":
        """Read a file that `save` wrote.

        Raises
        ------
        OSError
            If there is no such file.
        DamagedFileError
            If the file is damaged, or holds something else or numbers that cannot be.
        """
        split, logits, labels, indices = _load(path)
        if logits.ndim != 3:
            raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
        return cls(split, logits, labels, indices)


def _load(
    path: Path,
) -> tuple[SplitName, NDArray[np.float16], NDArray[np.uint8], NDArray[np.int32]]:
    """Split, logits (…, N, C), labels and indices (N,) of a file, checked."""
    verify(path)
    values: dict[str, Any] = load_arrays(path, EVALUATION_ARRAYS, max_bytes=EVALUATION_BYTES)
    split = str(values["split"])
    logits, labels, indices = values["logits"], values["labels"], values["indices"]
    fits = (
        split in SPLITS
        and (logits.dtype, labels.dtype, indices.dtype) == (np.float16, np.uint8, np.int32)
        and labels.ndim == 1
        and indices.shape == labels.shape
        and logits.shape[-2:-1] == labels.shape
        and NUM_CLASSES <= logits.shape[-1] <= NUM_CLASSES + MAX_OWN_CLASSES
        and bool(np.all(labels < NUM_CLASSES))
    )
    if not fits:
        raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
    if path.stem in SPLITS and path.stem != split:
        raise DamagedFileError(f"the file {path.name} is of {split} images.")
    if logits.size == 0:
        raise DamagedFileError(f"the file {path.name} has no images.")
    if not np.isfinite(logits).all():
        raise DamagedFileError(f"the file {path.name} has logits that are no finite numbers.")
    largest = max(sizes["test" if split == "test" else "train"] for sizes in DATASET_SIZES.values())
    if not 0 <= indices.min() <= indices.max() < largest or _repeats(indices):
        raise DamagedFileError(f"the file {path.name} has impossible numbers of images.")
    return cast(SplitName, split), logits, labels, indices


def _repeats(values: NDArray[np.int32]) -> bool:
    return len(np.unique(values)) < len(values)


def check_images(
    run: Run, split: SplitName, indices: NDArray[np.int32], *, classes: int = NUM_CLASSES
) -> None:
    """Refuse an evaluation of images or classes that the data set or a run does not have.

    Raises
    ------
    DamagedFileError
    """
    if classes > len(run.class_names):
        raise DamagedFileError(f"it has {classes} classes, not {len(run.class_names)}.")
    part = "test" if split == "test" else "train"
    if run.config and indices.max() >= DATASET_SIZES[run.config.dataset][part]:
        raise DamagedFileError(
            f"it is of image {indices.max():,}, which its data set does not have."
        )


def stored_evaluation(run: Run, split: SplitName) -> Evaluation:
    """Evaluation of a split that was stored when the run ended.

    Raises
    ------
    fmnist.runs.run.RunError
        If the file is absent or damaged.
    """
    try:
        evaluation = Evaluation.load(run.evaluation_path(split))
        check_images(run, evaluation.split, evaluation.indices, classes=evaluation.num_classes)
        return evaluation
    except FileNotFoundError as error:
        raise RunError(f"The run {run.run_id} has no evaluation of the {split} split.") from error
    except (OSError, DamagedFileError) as error:
        raise RunError(sentence(error, f"The run {run.run_id} is broken")) from error
