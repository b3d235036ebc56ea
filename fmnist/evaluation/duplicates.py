"""Duplicates: images that are the same, or nearly so, within a split and across splits."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NEAR: Final = 0.995
"""Cosine similarity of pixels from which on two images count as near duplicates."""
_ROWS: Final = 1024


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of images that are alike.

    Attributes
    ----------
    first, second : int64 (P,)
        Positions of the images; the first is the lower one.
    similarity : float32 (P,)
        Cosine similarity, in [0, 1].
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float32]


def exact_pairs(images: NDArray[np.uint8]) -> Pairs:
    """Images whose pixels are all equal; each with the first of its kind.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
    """
    rows = images.reshape(len(images), math.prod(images.shape[1:]))
    _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    of_kind = first[kind.reshape(-1)]
    second = np.flatnonzero(of_kind != np.arange(len(images)))
    return Pairs(of_kind[second], second, np.ones(len(second), np.float32))


def near_pairs(
    values: NDArray[np.floating] | NDArray[np.uint8],
    *,
    similarity: float = NEAR,
    progress: Callable[[float], None] | None = None,
) -> Pairs:
    """Pairs of rows whose cosine similarity is high.

    Compares all pairs, a block of rows at a time: 70,000 images of 784 pixels take 4·10¹² floating
    point operations.

    Parameters
    ----------
    values : float (N, F) or uint8 (N, 28, 28)
        Features or images. A row of zeros is like no other.
    similarity : float
        Lowest cosine similarity, in (0, 1].
    progress : callable, optional
        Called with the share that is done, in [0, 1].
    """
    import torch  # multiplies by as many threads as the process has been given

    rows = values.reshape(len(values), math.prod(values.shape[1:])).astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, lengths, out=rows, where=lengths > 0)
    matrix = torch.from_numpy(rows)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    for start in range(0, len(rows), _ROWS):
        # each pair once: a block meets only what follows
        block = (matrix[start : start + _ROWS] @ matrix[start:].T).numpy()
        first, second = np.nonzero(block >= similarity)
        later = second > first
        first, second = first[later], second[later]
        found.append((start + first, start + second, block[first, second]))
        if progress:
            progress(1 - ((len(rows) - min(start + _ROWS, len(rows))) / len(rows)) ** 2)
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    first, second, alike = (np.concatenate(part) for part in zip(*found, strict=True))
    return Pairs(first, second, np.minimum(alike, 1))


def groups(pairs: Pairs) -> list[NDArray[np.int64]]:
    """Images that are joined by pairs, directly or through others.

    Returns
    -------
    list of int64 (M,)
        Positions in rising order; the largest groups first, equals by their first image.
    """
    if not len(pairs.first):
        return []
    from scipy import sparse  # here, since importing it takes a while

    images, place = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    first, second = np.split(place, 2)
    graph = sparse.coo_array(
        (np.ones(len(first), np.int8), (first, second)), shape=(len(images), len(images))
    )
    _, group = sparse.csgraph.connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order])) + 1
    found = [images[part] for part in np.split(order, ends)]
    return sorted(found, key=lambda group: (-len(group), int(group[0])))
