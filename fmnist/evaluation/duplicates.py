"""Duplicates: images that show the same picture, within a split and across splits."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from fmnist import paths
from fmnist.data.labels import IMAGE_SIZE
from fmnist.data.splits import SPLITS, Dataset, Protocol, SplitName
from fmnist.errors import DamagedFileError
from fmnist.files import load_kept_arrays, save_arrays

NEAR: Final = 12
"""Distance up to which two images count as near duplicates, in gray levels of 255."""

FARTHEST: Final = 25
"""Distance up to which pairs are kept: a looser bound can be chosen without computing again."""

PATCH: Final = 4
"""Side of the square over which differences are averaged, in pixels."""

_CANDIDATES: Final = 8  # nearest images of each that are looked at closely
_ROWS: Final = 500  # of the matrix product: 140 MB for 70,000 images
_PAIRS: Final = 20_000
_ARRAYS: Final = ("digest", "first", "second", "distance", "mirrored")
_MAX_BYTES: Final = 2**26

Progress = Callable[[float], None]
"""Called now and then with the share that is done, in [0, 1]."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The images of all splits of a data set, training file first.

    Attributes
    ----------
    images : uint8 (N, 28, 28)
    labels : uint8 (N,)
    splits : uint8 (N,)
        Positions in `SPLITS`.
    indices : int32 (N,)
        As `Split.indices`.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    splits: NDArray[np.uint8]
    indices: NDArray[np.int32]

    @classmethod
    def of(cls, dataset: Dataset, protocol: Protocol = "held-out") -> Self:
        """All images of a data set; only the held-out protocol has validation images."""
        splits = np.zeros(len(dataset.train_labels), np.uint8)
        if protocol == "held-out":
            held_out = dataset.split("validation").indices
            splits[held_out] = SPLITS.index("validation")
        tests = np.full(len(dataset.test_labels), SPLITS.index("test"), np.uint8)
        return cls(
            np.concatenate([dataset.train_images, dataset.test_images]),
            np.concatenate([dataset.train_labels, dataset.test_labels]),
            np.concatenate([splits, tests]),
            np.concatenate([np.arange(len(each), dtype=np.int32) for each in (splits, tests)]),
        )

    def split(self, position: int) -> SplitName:
        """Name of the split of an image."""
        name: SplitName = SPLITS[self.splits[position]]
        return name

    def mask(self, split: SplitName) -> NDArray[np.bool_]:
        """Mark the images of a split, bool (N,)."""
        return np.asarray(self.splits == SPLITS.index(split))

    def by_split(self, positions: NDArray[np.integer]) -> dict[SplitName, list[int]]:
        """Images at positions as `Split.indices`, by the splits that they are in."""
        codes = self.splits[positions]
        return {
            name: self.indices[positions[codes == code]].tolist()
            for code, name in enumerate(SPLITS)
            if code in codes
        }


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of images that are alike.

    Attributes
    ----------
    first, second : int32 (P,)
        Positions of the images; the first is the lower one. Each pair is there once.
    distance : float32 (P,)
        As `distances`, the second one mirrored where that brings it nearer.
    mirrored : bool (P,)
        Where it does.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    distance: NDArray[np.float32]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """The pairs that are marked."""
        return Pairs(*(getattr(self, name)[chosen] for name in _ARRAYS[1:]))

    def within(self, distance: float) -> "Pairs":
        """The pairs up to a distance."""
        return self.take(self.distance <= distance)

    def equal(self, images: NDArray[np.uint8]) -> "Pairs":
        """The pairs whose pixels are all equal; images uint8 (N, 28, 28)."""
        same = (images[self.first] == images[self.second]).all(axis=(1, 2))
        return self.take(np.asarray(same))

    def leaks(self, pool: Pool) -> NDArray[np.int64]:
        """Positions of the test images that are paired with a training image, int64 (M,)."""
        train, test = pool.mask("train"), pool.mask("test")
        found = [
            one[train[other] & test[one]]
            for one, other in ((self.first, self.second), (self.second, self.first))
        ]
        return np.unique(np.concatenate(found)).astype(np.int64)

    def save(self, dataset: Dataset) -> None:
        """Keep them in the cache, atomically.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS[1:]}
        arrays["digest"] = np.array(_digest(dataset))
        save_arrays(pairs_path(dataset), arrays, make_folder=True)

    @classmethod
    def load(cls, dataset: Dataset) -> Self | None:
        """The pairs that are kept; None if there are none, or those of another rule.

        Raises
        ------
        OSError
            If they cannot be read.
        DamagedFileError
            If they are damaged.
        """
        path = pairs_path(dataset)
        digest = _digest(dataset)
        arrays = load_kept_arrays(path, _ARRAYS, digest=digest, max_bytes=_MAX_BYTES)
        if arrays is None:
            return None
        found = cls(*(arrays[name] for name in _ARRAYS[1:]))
        images = len(dataset.train_images) + len(dataset.test_images)
        fits = (
            [arrays[name].dtype for name in _ARRAYS[1:]] == [np.int32, np.int32, np.float32, bool]
            and len({arrays[name].shape for name in _ARRAYS[1:]}) == 1
            and found.first.ndim == 1
            and bool(np.all((found.first >= 0) & (found.first < found.second)))
            and bool(np.all(found.second < images))
            and bool(np.all((found.distance >= 0) & (found.distance <= FARTHEST)))
        )
        if not fits:
            raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
        return found


def pairs_path(dataset: Dataset) -> Path:
    """Where the pairs of a data set are kept."""
    return paths.artifacts_folder() / "cache" / "duplicates" / f"{dataset.checksum[:16]}.npz"


def _digest(dataset: Dataset) -> str:
    """SHA-256 (hex) of the images and of what the rule is made of."""
    known = f"{dataset.checksum} {FARTHEST} {PATCH} {_CANDIDATES}"
    return hashlib.sha256(known.encode()).hexdigest()


def distances(images: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much images differ where they differ most, pair by pair.

    The other image is moved by the shift of at most one pixel, in each direction, that leaves the
    least difference. The distance is then the largest mean absolute difference in any square of
    4×4 pixels. A mean over the whole image would hardly see a print on a plain pullover.

    Parameters
    ----------
    images, others : uint8 (N, 28, 28)

    Returns
    -------
    float32 (N,)
        In gray levels, 0 to 255.
    """
    padded = np.pad(others, ((0, 0), (1, 1), (1, 1)))
    least = np.full(len(images), np.iinfo(np.int64).max)
    difference = np.zeros(images.shape, np.uint8)
    for down in (1, 0, 2):  # unmoved first: of equal differences the first one stays
        for right in (1, 0, 2):
            moved = padded[:, down : down + IMAGE_SIZE, right : right + IMAGE_SIZE]
            found = np.maximum(images, moved) - np.minimum(images, moved)
            total = found.sum(axis=(1, 2), dtype=np.int64)
            better = total < least
            least[better], difference[better] = total[better], found[better]
    sums = np.zeros((len(images), IMAGE_SIZE + 1, IMAGE_SIZE + 1), np.int32)
    np.cumsum(difference, axis=1, out=sums[:, 1:, 1:])
    np.cumsum(sums[:, 1:, 1:], axis=2, out=sums[:, 1:, 1:])
    squares = (
        sums[:, PATCH:, PATCH:]
        - sums[:, :-PATCH, PATCH:]
        - sums[:, PATCH:, :-PATCH]
        + sums[:, :-PATCH, :-PATCH]
    )
    return np.asarray(squares.max(axis=(1, 2)) / PATCH**2, np.float32)


def find_pairs(images: NDArray[np.uint8], *, progress: Progress = lambda _: None) -> Pairs:
    """Pairs of images up to the distance `FARTHEST`.

    Looks at the eight images nearest to each and to its mirror image, by the Euclidean distance
    between images of half the size, and at all images with the same pixels.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
    progress : callable
    """
    rows = _halved(images)
    plain = [
        *_nearest(rows, rows, lambda share: progress(0.35 * share), itself=False),
        *_same_pixels(images),
    ]
    mirror = _nearest(
        _halved(images[:, :, ::-1]), rows, lambda share: progress(0.35 + 0.35 * share), itself=True
    )
    found: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for number, (pairs, others) in enumerate(((plain, images), (mirror, images[:, :, ::-1]))):

        def report(share: float, number: int = number) -> None:
            progress(0.7 + 0.15 * (number + share))

        found.append(_close(_once(pairs, len(images)), images, others, report))
    progress(1.0)
    numbers = np.concatenate([each for each, _ in found])
    distance = np.concatenate([each for _, each in found])
    mirrored = np.repeat([False, True], [len(each) for _, each in found])
    # of a pair that is there plain and mirrored, the nearer one; the plain one of equals
    order = np.lexsort((mirrored, distance, numbers))
    first = np.ones(len(order), np.bool_)
    first[1:] = np.diff(numbers[order]) > 0
    kept = order[first]
    low, high = np.divmod(numbers[kept], max(len(images), 1))
    return Pairs(low.astype(np.int32), high.astype(np.int32), distance[kept], mirrored[kept])


def _halved(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means of 2×2 pixels, float32 (N, 196)."""
    half = images.shape[1] // 2
    squares = images.reshape(len(images), half, 2, half, 2)
    return np.asarray(squares.mean(axis=(2, 4), dtype=np.float32).reshape(len(images), half**2))


Positions = NDArray[np.int64]


def _nearest(
    queries: NDArray[np.float32], rows: NDArray[np.float32], progress: Progress, *, itself: bool
) -> list[tuple[Positions, Positions]]:
    """Each row with those nearest to its query, a block of queries at a time."""
    import torch  # multiplies by as many threads as the process has been given

    matrix = torch.from_numpy(rows)
    squares, k = (matrix**2).sum(dim=1), min(_CANDIDATES + (not itself), len(rows))
    found = []
    for start in range(0, len(rows), _ROWS):
        block = torch.from_numpy(queries[start : start + _ROWS])
        # but for the query's own square, which changes no order
        nearest = (squares - 2 * block @ matrix.T).topk(k, dim=1, largest=False).indices.numpy()
        here = np.arange(start, start + len(block))
        found.append((np.repeat(here, k), nearest.reshape(-1).astype(np.int64)))
        progress(min(start + _ROWS, len(rows)) / len(rows))
    return found


def _same_pixels(images: NDArray[np.uint8]) -> list[tuple[Positions, Positions]]:
    """Images whose pixels are all equal; each with the first of its kind."""
    if not len(images):
        return []
    rows = images.reshape(len(images), math.prod(images.shape[1:]))
    _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return [(first[kind.reshape(-1)], np.arange(len(images)))]


def _once(pairs: list[tuple[Positions, Positions]], images: int) -> Positions:
    """Each pair of two images as one number: the lower position by all images, plus the higher."""
    if not pairs:
        return np.empty(0, np.int64)
    one, other = (np.concatenate(part) for part in zip(*pairs, strict=True))
    low, high = np.minimum(one, other), np.maximum(one, other)
    return np.unique((low * images + high)[low < high])


def _close(
    pairs: Positions, images: NDArray[np.uint8], others: NDArray[np.uint8], progress: Progress
) -> tuple[Positions, NDArray[np.float32]]:
    """The pairs up to the distance that is kept, and their distances."""
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(pairs), _PAIRS):
        low, high = np.divmod(pairs[start : start + _PAIRS], len(images))
        parts.append(distances(images[low], others[high]))
        progress(min(start + _PAIRS, len(pairs)) / len(pairs))
    distance = np.concatenate(parts)
    return pairs[distance <= FARTHEST], distance[distance <= FARTHEST]


@dataclass(frozen=True, eq=False)
class Group:
    """Images that are joined by pairs, directly or through others.

    Attributes
    ----------
    positions : int64 (M,)
        In rising order.
    distance : float
        The largest among the pairs that join them.
    labels_differ : bool
    splits : tuple of str
        Names of the splits that they are in, in the order of `SPLITS`.
    """

    positions: NDArray[np.int64]
    distance: float
    labels_differ: bool
    splits: tuple[SplitName, ...]


def groups(pairs: Pairs, pool: Pool) -> list[Group]:
    """The groups of images that pairs join.

    Returns
    -------
    list of Group
        Those with different labels first, then the closest; equals by their first image.
    """
    if not len(pairs):
        return []
    from scipy import sparse  # here, since importing it takes a while

    images, place = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    first, second = np.split(place, 2)
    graph = sparse.coo_array(
        (np.ones(len(first), np.int8), (first, second)), shape=(len(images), len(images))
    )
    count, group = sparse.csgraph.connected_components(graph, directed=False)
    farthest = np.zeros(count, np.float32)
    np.maximum.at(farthest, group[first], pairs.distance)
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order])) + 1
    found = []
    for number, part in enumerate(np.split(order, ends)):
        positions = images[part].astype(np.int64)
        found.append(
            Group(
                positions,
                float(farthest[number]),
                len(np.unique(pool.labels[positions])) > 1,
                tuple(pool.by_split(positions)),
            )
        )
    return sorted(
        found, key=lambda each: (not each.labels_differ, each.distance, int(each.positions[0]))
    )


@dataclass(frozen=True)
class LeakEffect:
    """What the leaked test images contribute to a run's test accuracy.

    Attributes
    ----------
    leaks : int
        Leaked images among those that the run was tested on.
    correct_leaks : int
        How many of them it classifies correctly.
    accuracy, without : float
        On all test images, and on those that are not leaked; in [0, 1], NaN of no image.
    """

    leaks: int
    correct_leaks: int
    accuracy: float
    without: float


def leak_effect(
    correct: NDArray[np.bool_], indices: NDArray[np.integer], leaked: NDArray[np.integer]
) -> LeakEffect:
    """Accuracy with and without leaked images.

    Parameters
    ----------
    correct : bool (N,)
    indices : int (N,)
        As `Split.indices` of the test split.
    leaked : int (M,)
        Those of leaked images.
    """
    among = np.isin(indices, leaked)
    rest = correct[~among]
    return LeakEffect(
        int(among.sum()),
        int(correct[among].sum()),
        float(correct.mean()) if len(correct) else math.nan,
        float(rest.mean()) if len(rest) else math.nan,
    )
