"""What a fine-tuned model must not forget: features of images and drawings from its base.

They are kept in `artifacts/cache/fine-tuning`: only the last layer changes, so that the features of
one base serve all of its fine-tuned copies.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist import paths
from fmnist.checksums import file_digest
from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import Dataset, Split, monitored_split, stratified_subset
from fmnist.data.synthetic.training_drawings import sketched_garments, sketched_non_garments
from fmnist.errors import DamagedFileError
from fmnist.files import load_kept_arrays, save_arrays
from fmnist.models.classifier import Classifier
from fmnist.runs import corrections
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.data import training_split

IMAGES: Final = 3_000
"""Training images that are replayed."""
DRAWINGS: Final = 600
"""Sketched garments that are replayed; and as many sketches of other things."""
OTHERS: Final = 200
"""Sketched garments that are only measured on; and as many sketches of other things."""
MONITORED: Final = 5_000
"""Training images that are measured under the full protocol, which has no validation images."""

_VERSION: Final = f"3 {IMAGES} {DRAWINGS} {OTHERS}"
_MAX_BYTES: Final = 2**29
_SKETCHING: Final = 0.35  # share of the time that sketches of either kind take

Progress = Callable[[str, float], None]
"""Called with what is being done, and the share of all that is done."""


@dataclass(frozen=True, eq=False)
class Features:
    """Inputs of a base's last layer, and images that it has to get right.

    Attributes
    ----------
    replay : float32 (R, F)
        Of training images, sketched garments, sketches of other things.
    replay_images : uint8 (R, 28, 28)
        These images.
    other_images : uint8 (O, 28, 28)
        Other sketched garments, then other sketches of other things, that are only measured on.
    other_labels : uint8 (O,)
        Their classes; 10 for other things.
    monitored : float32 (M, F)
        Of `monitored_images`.
    test : float32 (T, F)
        Of the test split.
    """

    replay: NDArray[np.float32]
    replay_images: NDArray[np.uint8]
    other_images: NDArray[np.uint8]
    other_labels: NDArray[np.uint8]
    monitored: NDArray[np.float32]
    test: NDArray[np.float32]


def monitored_images(config: TrainConfig, dataset: Dataset) -> Split:
    """Images that the history of a fine-tuned model tells of: the monitored split of its base."""
    name = monitored_split(config.protocol)
    if name != "train":
        return dataset.split(name, protocol=config.protocol)
    split = training_split(config, dataset)
    if len(split) > MONITORED:
        split = split.take(stratified_subset(split.labels, MONITORED, seed=0))
    return split


def features_of(
    base: Run, classifier: Classifier, dataset: Dataset, *, seed: int, progress: Progress
) -> Features:
    """Features of a base, computed once.

    Parameters
    ----------
    base : Run
        A training.
    classifier : Classifier
        Its own.
    dataset : Dataset
        The run's.
    seed : int
        Chooses training images and makes sketches.
    progress : callable

    Raises
    ------
    OSError
        If they cannot be written.
    fmnist.data.corrections.CorrectionsError
        If the base's corrections cannot be read.
    """
    assert base.training is not None
    names = [field.name for field in fields(Features)]
    weights = file_digest(base.weights_path)
    key = f"{_VERSION} {weights} {dataset.checksum} {seed}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    path = paths.artifacts_folder() / "cache" / "fine-tuning" / f"{digest[:16]}.npz"
    try:
        kept = load_kept_arrays(path, [*names, "digest"], digest=digest, max_bytes=_MAX_BYTES)
        if kept is not None:
            return Features(**{name: kept[name] for name in names})
    except DamagedFileError:
        pass  # made again
    made = _compute(base, base.training, classifier, dataset, seed=seed, progress=progress)
    arrays = {name: getattr(made, name) for name in names}
    save_arrays(path, arrays | {"digest": np.array(digest)}, make_folder=True)
    return made


def _compute(
    base: Run,
    config: TrainConfig,
    classifier: Classifier,
    dataset: Dataset,
    *,
    seed: int,
    progress: Progress,
) -> Features:
    changes = None
    if config.corrections is not None:
        changes = corrections.load(config.corrections, run_folder=base.folder)
    train = training_split(config, dataset, changes)
    if len(train) > IMAGES:
        train = train.take(stratified_subset(train.labels, IMAGES, seed=seed))

    def sketching(before: float) -> Callable[[int, int], None]:
        return lambda done, count: progress("Making sketches", _SKETCHING * (before + done / count))

    progress("Making sketches", 0.0)
    count = DRAWINGS + OTHERS
    garments, labels = sketched_garments(count, seed=seed, progress=sketching(0.0))
    things, _ = sketched_non_garments(count, seed=seed, progress=sketching(1.0))
    parts = {
        "replay": np.concatenate([train.images, garments[OTHERS:], things[OTHERS:]]),
        "monitored": monitored_images(config, dataset).images,
        "test": dataset.test_images,
    }
    found, total, before = {}, sum(map(len, parts.values())), 0
    for name, images in parts.items():

        def report(done: int, _all: int, before: int = before) -> None:
            start = 2 * _SKETCHING
            progress("Looking at images", start + (1 - start) * (before + done) / total)

        found[name] = classifier.features(images, progress=report)
        before += len(images)
    other_labels = np.concatenate([labels[:OTHERS], np.full(OTHERS, NUM_CLASSES, np.uint8)])
    return Features(
        replay_images=parts["replay"],
        other_images=np.concatenate([garments[:OTHERS], things[:OTHERS]]),
        other_labels=other_labels,
        **found,
    )
