"""Data sets and their splits: the images for training, validation and test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES

DatasetName = Literal["fashion-mnist", "synthetic-garments"]
"""Data sets by the name that settings and files give them."""

DATASET_TITLES: Final[Mapping[str, str]] = {
    "fashion-mnist": "Fashion-MNIST",
    "synthetic-garments": "Synthetic garments",
}
"""Names of the data sets for people."""

DATASET_SIZES: Final[Mapping[str, Mapping[str, int]]] = {
    "fashion-mnist": {"train": 60_000, "test": 10_000},
    "synthetic-garments": {"train": 10_000, "test": 2_000},
}
"""Number of images in the two files of each data set; validation images are in "train"."""

RENAMED_DATASETS: Final[Mapping[str, str]] = {"drawn-garments": "synthetic-garments"}
"""Names of data sets in files of earlier versions, and their names now."""

Protocol = Literal["held-out", "notebook", "full"]
"""How training images are split and when the test split is measured.

"held-out" keeps 5,000 training images for validation and measures the test split once, at the end;
"notebook" trains on all 60,000 and measures the test split every epoch; "full" trains on all
60,000 and measures the test split once.
"""

SplitName = Literal["train", "validation", "test"]
SPLITS: Final = get_args(SplitName)

_MONITORED: Final[Mapping[Protocol, SplitName]] = {
    "held-out": "validation", "notebook": "test", "full": "train",
}  # fmt: skip

VALIDATION_SHARE: Final = 1 / 12  # 5,000 of 60,000
VALIDATION_SEED: Final = 0

FOLDS: Final = 5
"""Parts of the training split in cross-validation."""


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split.

    Attributes
    ----------
    name : {"train", "validation", "test"}
    images : uint8 (N, 28, 28)
        White garment on black.
    labels : uint8 (N,)
        Class indices, 0 to 9.
    indices : int32 (N,)
        Positions in the file of the images: the training images for "train" and "validation", the
        test images for "test".
    """

    name: SplitName
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, positions: NDArray[np.intp]) -> "Split":
        """The images at some positions."""
        return Split(
            self.name, self.images[positions], self.labels[positions], self.indices[positions]
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images with their labels.

    Attributes
    ----------
    name : {"fashion-mnist", "synthetic-garments"}
    source : str
        Where the images come from, for people.
    train_images, test_images : uint8 (N, 28, 28)
    train_labels, test_labels : uint8 (N,)
    checksum : str
        SHA-256 (hex) of the bytes of train images, train labels, test images, test labels.
    """

    name: DatasetName
    source: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    checksum: str

    def split(self, name: SplitName, *, protocol: Protocol = "held-out") -> Split:
        """Return one split under a protocol.

        Raises
        ------
        ValueError
            If the split is "validation" and the protocol is not "held-out".
        """
        if name == "test":
            indices = np.arange(len(self.test_labels), dtype=np.int32)
            return Split(name, self.test_images, self.test_labels, indices)
        if protocol != "held-out":
            if name == "validation":
                raise ValueError(f"The {protocol} protocol has no validation split.")
            indices = np.arange(len(self.train_labels), dtype=np.int32)
            return Split(name, self.train_images, self.train_labels, indices)
        held_out = held_out_mask(self.train_labels)
        indices = np.flatnonzero(held_out if name == "validation" else ~held_out).astype(np.int32)
        return Split(name, self.train_images[indices], self.train_labels[indices], indices)


def monitored_split(protocol: Protocol) -> SplitName:
    """Name of the split that a training measures after every epoch."""
    return _MONITORED[protocol]


def held_out_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark the training images that the held-out protocol keeps for validation.

    Parameters
    ----------
    labels : uint8 (N,)

    Returns
    -------
    bool (N,)
        True for one twelfth of each class, chosen with a fixed seed.
    """
    # RandomState's stream never changes (NEP 19); that of default_rng may change with a release
    order = np.random.RandomState(VALIDATION_SEED).permutation(len(labels))
    mask = np.zeros(len(labels), dtype=np.bool_)
    for label in range(NUM_CLASSES):
        members = order[labels[order] == label]
        mask[members[: round(len(members) * VALIDATION_SHARE)]] = True
    return mask


def folds(labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Number the parts of cross-validation, spread evenly over the classes.

    Parameters
    ----------
    labels : uint8 (N,)

    Returns
    -------
    intp (N,)
        From 1 to `FOLDS`, with a fixed seed; the sizes of the parts differ by at most one, in each
        class too.
    """
    fold = np.zeros(len(labels), dtype=np.intp)
    for number in range(FOLDS, 1, -1):
        rest = np.flatnonzero(fold == 0)
        size = round(len(rest) / number)
        fold[rest[stratified_subset(labels[rest], size, seed=VALIDATION_SEED)]] = number
    fold[fold == 0] = 1
    return fold


def stratified_subset(labels: NDArray[np.uint8], size: int, *, seed: int) -> NDArray[np.intp]:
    """Choose `size` images, spread evenly over the classes.

    Parameters
    ----------
    labels : uint8 (N,)
    size : int
        Number of images; at most N are returned.
    seed : int

    Returns
    -------
    intp (min(size, N),)
        Sorted positions in `labels`. Class counts differ by at most one if every class has enough
        images.
    """
    order = np.random.RandomState(seed).permutation(len(labels))
    # number the images of each class in random order: the lowest numbers take from all classes
    rank = np.empty(len(labels), dtype=np.intp)
    for label in range(NUM_CLASSES):
        members = order[labels[order] == label]
        rank[members] = np.arange(len(members))
    turn = order[np.argsort(rank[order], kind="stable")]
    return np.sort(turn[:size])
