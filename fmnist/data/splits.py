"""Data sets and their splits: which images a network trains on, is tuned on, and is measured on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES

DatasetName = Literal["fashion-mnist", "drawn-garments"]
"""Data sets by the name that settings and files give them."""

DATASET_TITLES: Final[Mapping[str, str]] = {
    "fashion-mnist": "Fashion-MNIST",
    "drawn-garments": "Drawn garments",
}
"""Names of the data sets for people."""

Protocol = Literal["held-out", "notebook", "full"]
"""How training images are split and when the test split is measured.

"held-out" keeps 5,000 training images for validation and measures the test split once, at the end;
"notebook" trains on all 60,000 and measures the test split every epoch; "full" trains on all
60,000 and measures the test split once.
"""

SplitName = Literal["train", "validation", "test"]
SPLITS: Final = get_args(SplitName)

VALIDATION_SHARE: Final = 1 / 12  # 5,000 of 60,000
VALIDATION_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class Split:
    """Images of one split.

    Attributes
    ----------
    name : {"train", "validation", "test"}
    images : uint8 (N, 28, 28)
        White garment on black.
    labels : uint8 (N,)
        Class indices, 0 to 9.
    indices : int32 (N,)
        Positions in the file the images come from: the data set's training images for "train"
        and "validation", its test images for "test".
    """

    name: SplitName
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images with their labels.

    Attributes
    ----------
    name : {"fashion-mnist", "drawn-garments"}
    source : str
        Where the images come from, for people to read.
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
        """One split under a protocol.

        Raises
        ------
        ValueError
            If the protocol has no such split ("validation" under all but "held-out").
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


def held_out_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which training images the held-out protocol keeps for validation.

    Parameters
    ----------
    labels : uint8 (N,)

    Returns
    -------
    bool (N,)
        True for one twelfth of each class, chosen with a fixed seed.
    """
    # RandomState's stream is frozen for good (NEP 19); default_rng's may change between releases
    order = np.random.RandomState(VALIDATION_SEED).permutation(len(labels))
    mask = np.zeros(len(labels), dtype=np.bool_)
    for label in range(NUM_CLASSES):
        members = order[labels[order] == label]
        mask[members[: round(len(members) * VALIDATION_SHARE)]] = True
    return mask


def stratified_subset(labels: NDArray[np.uint8], size: int, *, seed: int) -> NDArray[np.intp]:
    """Positions of `size` images, spread evenly over the classes.

    Parameters
    ----------
    labels : uint8 (N,)
    size : int
        At most N positions are returned.
    seed : int

    Returns
    -------
    intp (min(size, N),)
        Sorted positions in `labels`. Class counts differ by one at most where every class has
        enough members.
    """
    order = np.random.RandomState(seed).permutation(len(labels))
    # rank of each image among those of its class, in random order: taking the lowest ranks
    # takes from every class in turn
    rank = np.empty(len(labels), dtype=np.intp)
    for label in range(NUM_CLASSES):
        members = order[labels[order] == label]
        rank[members] = np.arange(len(members))
    turn = order[np.argsort(rank[order], kind="stable")]
    return np.sort(turn[:size])
