"""Robustness: what a run predicts for corrupted test images, kept with the run."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from fmnist.checksums import file_digest
from fmnist.data.corruptions import CORRUPTIONS, SEVERITIES
from fmnist.data.labels import MAX_OWN_CLASSES, NUM_CLASSES
from fmnist.data.splits import Dataset, Split, stratified_subset
from fmnist.errors import DamagedFileError
from fmnist.files import load_kept_arrays, save_arrays
from fmnist.runs.run import Run
from fmnist.runs.temperature import load_temperature

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

IMAGES: Final = 2000
"""Test images that are corrupted, spread evenly over the classes, the same for all runs."""

_FOLDER: Final = "robustness"
_ARRAYS: Final = ("digest", "indices", "labels", "clean", "predicted", "confidence")
_MAX_BYTES: Final = 2**16 + 10_000 * (1 + len(CORRUPTIONS) * len(SEVERITIES) * 3 + 8)


def robustness_split(dataset: Dataset) -> Split:
    """The test images that are corrupted."""
    test = dataset.split("test")
    return test.take(stratified_subset(test.labels, IMAGES, seed=0))


@dataclass(frozen=True, eq=False)
class Robustness:
    """Predictions for the same images, clean and corrupted.

    Attributes
    ----------
    digest : str
        Of what they were computed from.
    indices : int32 (N,)
        As `Split.indices` of the test split.
    labels : uint8 (N,)
        True classes.
    clean : uint8 (N,)
        Predicted classes of the images as they are.
    predicted : uint8 (C, 5, N)
        Predicted classes by corruption (in the order of `CORRUPTIONS`), severity and image.
    confidence : float16 (C, 5, N)
        Highest probabilities.
    """

    digest: str
    indices: NDArray[np.int32]
    labels: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    predicted: NDArray[np.uint8]
    confidence: NDArray[np.float16]

    @cached_property
    def accuracies(self) -> NDArray[np.float64]:
        """Accuracy by corruption and severity, float64 (C, 5) in [0, 1]."""
        return np.asarray((self.predicted == self.labels).mean(axis=2))

    @property
    def clean_accuracy(self) -> float:
        """Accuracy on the images as they are, in [0, 1]."""
        return float((self.clean == self.labels).mean())

    @property
    def mean_accuracy(self) -> float:
        """Mean over all corruptions and severities, in [0, 1]."""
        return float(self.accuracies.mean())

    def worst(self, corruption: str, severity: int, count: int) -> NDArray[np.intp]:
        """Images that are misclassified most confidently, though correct when clean.

        Returns
        -------
        intp (M,)
            At most `count` positions, the most confident first.
        """
        place = list(CORRUPTIONS).index(corruption), SEVERITIES.index(severity)
        lost = (self.predicted[place] != self.labels) & (self.clean == self.labels)
        confidence = np.where(lost, self.confidence[place].astype(np.float32), -1)
        order = np.argsort(-confidence, kind="stable")
        return order[: min(count, int(lost.sum()))]

    def save(self, run: Run) -> None:
        """Keep it with a run, atomically.

        Raises
        ------
        OSError
            If it cannot be written, or the run is gone.
        """
        arrays = {name: np.asarray(getattr(self, name)) for name in _ARRAYS}
        run.make_derived_folder(_FOLDER)
        save_arrays(robustness_path(run), arrays)

    @classmethod
    def load(cls, run: Run, *, digest: str) -> Self | None:
        """What is kept with a run; None if there is none, or if it is of something else.

        Parameters
        ----------
        run : Run
        digest : str
            As `digest_of` returns.

        Raises
        ------
        OSError
            If it cannot be read.
        DamagedFileError
            If it is damaged.
        """
        path = robustness_path(run)
        arrays = load_kept_arrays(path, _ARRAYS, digest=digest, max_bytes=_MAX_BYTES)
        if arrays is None:
            return None
        images = arrays["labels"].shape
        shape = (len(CORRUPTIONS), len(SEVERITIES), *images)
        fits = (
            [arrays[name].dtype for name in _ARRAYS[1:]]
            == [np.int32, np.uint8, np.uint8, np.uint8, np.float16]
            and len(images) == 1
            and arrays["indices"].shape == arrays["clean"].shape == images
            and arrays["predicted"].shape == arrays["confidence"].shape == shape
            and max(arrays[name].max(initial=0) for name in ("labels", "clean", "predicted"))
            < NUM_CLASSES + MAX_OWN_CLASSES
            and bool(np.isfinite(arrays["confidence"]).all())
        )
        if not fits:
            raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
        return cls(digest, **{name: arrays[name] for name in _ARRAYS[1:]})


def robustness_path(run: Run) -> Path:
    """Where it is kept."""
    return run.derived_folder(_FOLDER) / "test.npz"


def digest_of(run: Run, dataset: Dataset, *, weights: str | None = None) -> str:
    """SHA-256 (hex) of what robustness is computed from: weights, temperature, images, strengths.

    Parameters
    ----------
    run : Run
    dataset : Dataset
    weights : str, optional
        SHA-256 (hex) of the run's weights, where it is known.

    Raises
    ------
    OSError
        If the weights cannot be read.
    RunError
        If the run's temperature is damaged.
    """
    temperature = load_temperature(run)
    strengths = {name: each.strengths for name, each in CORRUPTIONS.items()}
    known = [
        weights or file_digest(run.weights_path),
        temperature.value if temperature else 1.0,
        dataset.checksum,
        IMAGES,
        strengths,
    ]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def measure(
    classifier: "Classifier",
    dataset: Dataset,
    *,
    digest: str,
    progress: Callable[[float], None] | None = None,
) -> Robustness:
    """Predict corrupted test images.

    Parameters
    ----------
    classifier : Classifier
    dataset : Dataset
    digest : str
        As `digest_of` returns.
    progress : callable, optional
        Called with the share that is done, in [0, 1].
    """
    split = robustness_split(dataset)
    shape = (len(CORRUPTIONS), len(SEVERITIES), len(split))
    predicted, confidence = np.empty(shape, np.uint8), np.empty(shape, np.float16)
    clean = classifier.predict_proba(split.images).argmax(axis=1).astype(np.uint8)
    for row, corrupt in enumerate(CORRUPTIONS.values()):
        for column, severity in enumerate(SEVERITIES):
            probabilities = classifier.predict_proba(corrupt(split.images, severity))
            predicted[row, column] = probabilities.argmax(axis=1)
            confidence[row, column] = probabilities.max(axis=1)
            if progress:
                progress((row * len(SEVERITIES) + column + 1) / (shape[0] * shape[1]))
    return Robustness(digest, split.indices, split.labels, clean, predicted, confidence)


def robustness_of(
    run: Run,
    load: Callable[[], "Classifier"],
    dataset: Dataset,
    *,
    progress: Callable[[float], None] | None = None,
) -> Robustness:
    """What is kept with a run, else measured and kept.

    Parameters
    ----------
    run : Run
    load : callable
        Gives the run's classifier, with its temperature; called if something is measured.
    dataset : Dataset
        The run's.
    progress : callable, optional
        As for `measure`.

    Raises
    ------
    OSError
        If it cannot be written, or the run is gone.
    """
    digest = digest_of(run, dataset)  # before its weights are read: others may be saved meanwhile
    try:
        kept = Robustness.load(run, digest=digest)
    except DamagedFileError:  # it can be computed again
        kept = None
    if kept is None:
        kept = measure(load(), dataset, digest=digest, progress=progress)
        kept.save(run)
    return kept
