"""All images of a split in the plane: near ones are near in a model's feature space.

Heavy libraries are imported where they are used: `fmnist.explain.map_job` runs this in a process
of its own.
"""

import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES

Method = Literal["pca", "pacmap", "tsne", "umap"]
METHODS: Final = get_args(Method)
Positions = NDArray[np.float32]
Progress = Callable[[float], None]
"""Called now and then with the share that is done, in [0, 1]."""

SEED: Final = 0
MAX_COMPONENTS: Final = 100
"""Components of the features that are kept; PaCMAP itself would take as many."""
NEIGHBORS: Final = 10
FEWEST: Final = 30
"""Images that a layout needs at least."""
SAMPLED: Final = 2_000
"""Images whose trustworthiness is computed, drawn at random: it takes all their distances."""

_MANY: Final = 5_000
"""Images from which on openTSNE's interpolation on a grid is faster than its tree."""
_EPOCH_ITERATIONS: Final = (50, 50, 100)
_ITERATION: Final = re.compile(r"Iteration:\s*(\d+)")


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal components of features: where they are kept, and where a new image lies.

    Attributes
    ----------
    mean : float32 (F,)
    axes : float32 (K, F)
        Unit vectors, the one of the largest variance first; each is turned so that its largest
        entry is positive, so that the same features always give the same picture.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def fit(cls, features: NDArray[np.floating]) -> "Projection":
        """The first components (at most `MAX_COMPONENTS`) of features, float (N, F)."""
        # by NumPy: the page does it, too, and scikit-learn takes seconds to import
        values = features.astype(np.float64)
        mean = values.mean(axis=0)
        _, vectors = np.linalg.eigh((values - mean).T @ (values - mean))
        axes = vectors.T[::-1][: min(MAX_COMPONENTS, *features.shape)]
        largest = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
        return cls(mean.astype(np.float32), axes.astype(np.float32))

    def __call__(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Components of features (N, F), float32 (N, K)."""
        projected: NDArray[np.float32] = ((features - self.mean) @ self.axes.T).astype(np.float32)
        return projected


@dataclass(frozen=True)
class Agreement:
    """How well a layout agrees with the feature space it was made from.

    Attributes
    ----------
    full_accuracy, plane_accuracy : float
        Share of the images, in [0, 1], whose 10 nearest neighbors have the image's own class most
        often: in the feature space, and in the plane.
    trustworthiness : float
        In [0, 1]: 1 where the neighbors in the plane are neighbors in the feature space, too.
        Venna and Kaski 2001. Of 2,000 images drawn at random, if there are more.
    """

    full_accuracy: float
    plane_accuracy: float
    trustworthiness: float


def is_available(method: Method) -> bool:
    """Whether the library of a method is installed."""
    library = {"pacmap": "pacmap", "tsne": "openTSNE", "umap": "umap"}.get(method)
    return library is None or importlib.util.find_spec(library) is not None


def layout(
    features: NDArray[np.float32],
    method: Method,
    *,
    seed: int = SEED,
    progress: Progress = lambda _: None,
) -> Positions:
    """Place images in the plane.

    Parameters
    ----------
    features : float32 (N, K)
        Principal components of the features; at least `FEWEST` images.
    method : {"pca", "pacmap", "tsne", "umap"}
        Principal components; PaCMAP (Wang et al. 2021); t-SNE (van der Maaten and Hinton 2008) as
        openTSNE computes it; UMAP (McInnes et al. 2018).
    seed : int
        The same seed gives the same layout.
    progress : callable

    Returns
    -------
    float32 (N, 2)
        In [-1, 1], centered.

    Raises
    ------
    ValueError
        If there are too few images.
    """
    if len(features) < FEWEST:
        raise ValueError(f"A map needs at least {FEWEST} images; there are {len(features)}.")
    if method == "pacmap":
        return centered(_pacmap(features, seed, progress))
    if method == "tsne":
        return centered(_tsne(features, seed, progress))
    return centered(_umap(features, seed) if method == "umap" else _pca(features))


def centered(
    positions: NDArray[np.floating], like: NDArray[np.floating] | None = None
) -> Positions:
    """Positions moved and scaled into [-1, 1]; both axes by the same factor.

    Parameters
    ----------
    positions : float (N, 2)
    like : float (M, 2), optional
        Positions that are moved and scaled into [-1, 1] instead, and these with them.
    """
    frame = positions if like is None else like
    low, high = frame.min(axis=0), frame.max(axis=0)
    half = max(float((high - low).max()) / 2, np.finfo(np.float32).tiny)
    moved: Positions = ((positions - (low + high) / 2) / half).astype(np.float32)
    return moved


def _pca(features: NDArray[np.float32]) -> NDArray[np.floating]:
    return features[:, :2] if features.shape[1] > 1 else np.repeat(features, 2, axis=1)


def _pacmap(
    features: NDArray[np.float32],
    seed: int,
    progress: Progress,
    *,
    iterations: tuple[int, int, int] = (100, 100, 250),
    start: Positions | None = None,
) -> NDArray[np.floating]:
    import pacmap

    reducer = pacmap.PaCMAP(
        n_components=2, n_neighbors=NEIGHBORS, num_iters=iterations, random_state=seed,
        apply_pca=False, verbose=True,
    )  # fmt: skip
    with _iterations(sum(iterations), progress):
        return cast(
            NDArray[np.floating],
            reducer.fit_transform(features.copy(), init="pca" if start is None else start),
        )


class _IterationReader:
    """Takes what PaCMAP prints, which has no other way to tell how far it is."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress

    def write(self, text: str) -> int:
        for number in _ITERATION.findall(text):
            self._progress(min(int(number) / self._total, 1.0))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def _iterations(total: int, progress: Progress) -> Iterator[None]:
    with redirect_stdout(cast(TextIO, _IterationReader(total, progress))):
        yield


def _tsne(features: NDArray[np.float32], seed: int, progress: Progress) -> NDArray[np.floating]:
    import openTSNE

    exaggerated, free = 250, 500
    begun = [0]
    # several threads give another picture than one

    def report(iteration: int, _error: float, _positions: object) -> None:
        # the count starts again after the exaggeration
        if iteration == 50:
            begun[0] += 1
        done = iteration + exaggerated * (begun[0] > 1)
        progress(min(done / (exaggerated + free), 1.0))

    perplexity = min(30.0, (len(features) - 1) / 3)
    made = openTSNE.TSNE(
        n_components=2, perplexity=perplexity, early_exaggeration_iter=exaggerated, n_iter=free,
        random_state=seed, n_jobs=1, neighbors="exact", callbacks=report, callbacks_every_iters=50,
        negative_gradient_method="fft" if len(features) >= _MANY else "bh",
    ).fit(features[:, :50].astype(np.float64))  # fmt: skip
    return np.asarray(made)


def _umap(features: NDArray[np.float32], seed: int) -> NDArray[np.floating]:
    import umap

    reducer: Any = umap.UMAP(random_state=seed, n_jobs=1)
    return np.asarray(reducer.fit_transform(features))


def epoch_layouts(
    epochs: Sequence[NDArray[np.floating]] | NDArray[np.floating],
    *,
    seed: int = SEED,
    progress: Progress = lambda _: None,
) -> Positions:
    """Layouts of the same images after every epoch, each started from the one before.

    By PaCMAP. Each layout is turned and mirrored to lie on the one before as well as it can.

    Parameters
    ----------
    epochs : sequence of float (N, K)
        Features or logits after each of E epochs.
    seed : int
    progress : callable

    Returns
    -------
    float32 (E, N, 2)
        In [-1, 1].
    """
    made: list[Positions] = []
    for number, one in enumerate(epochs):
        each = one.astype(np.float32)

        def report(share: float, number: int = number) -> None:
            progress((number + share) / len(epochs))

        start = made[-1] if made else None
        if start is not None and not bool((start.std(axis=0) > 0).all()):
            start = None
        found = centered(
            _pacmap(each, seed, report, iterations=_EPOCH_ITERATIONS, start=start)
            if len(each) >= FEWEST
            else _pca(each)
        )
        made.append(centered(_turned(found, made[-1])) if made else found)
    return np.stack(made)


def _turned(positions: Positions, onto: Positions) -> Positions:
    """Positions turned or mirrored onto others, with the least squared distances."""
    from scipy.linalg import orthogonal_procrustes

    rotation, _ = orthogonal_procrustes(positions, onto)
    turned: Positions = (positions @ rotation).astype(np.float32)
    return turned


def agreement(
    features: NDArray[np.floating],
    positions: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    seed: int = SEED,
    full_accuracy: float | None = None,
) -> Agreement:
    """How well a layout agrees with the feature space.

    Parameters
    ----------
    features : float (N, K)
    positions : float (N, 2)
    labels : int (N,)
    seed : int
        For the images drawn at random.
    full_accuracy : float, optional
        The one of the feature space, if it is known already.
    """
    from sklearn.manifold import trustworthiness

    some = np.arange(len(labels))
    if len(some) > SAMPLED:
        some = np.random.default_rng(seed).choice(some, SAMPLED, replace=False)
    neighbors = min(NEIGHBORS, (len(some) - 1) // 2)
    return Agreement(
        neighbor_accuracy(features, labels) if full_accuracy is None else full_accuracy,
        neighbor_accuracy(positions, labels),
        float(trustworthiness(features[some], positions[some], n_neighbors=neighbors)),
    )


def neighbor_accuracy(
    points: NDArray[np.floating], labels: NDArray[np.integer], *, k: int = NEIGHBORS
) -> float:
    """Share of points, in [0, 1], whose `k` nearest have their own class most often.

    Parameters
    ----------
    points : float (N, D)
    labels : int (N,)
    k : int
        At most N - 1. Of classes that are equally frequent the lower one counts.
    """
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=min(k, len(points) - 1)).fit(points)
    found = near.kneighbors(return_distance=False)  # without the points themselves
    votes = np.eye(NUM_CLASSES, dtype=np.int64)[labels[found]].sum(axis=1)
    return float((votes.argmax(axis=1) == labels).mean())


def medoids(features: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """The most central image of each class: the least sum of distances to its other images.

    Parameters
    ----------
    features : float (N, K)
    labels : int (N,)

    Returns
    -------
    int32 (10,)
        Positions in the arrays; -1 for a class without images.
    """
    from scipy.spatial.distance import cdist

    found = np.full(NUM_CLASSES, -1, dtype=np.int32)
    for label in range(NUM_CLASSES):
        members = np.flatnonzero(labels == label)
        if len(members):
            distances = cdist(features[members], features[members]).sum(axis=1)
            found[label] = members[distances.argmin()]
    return found


def place(
    query: NDArray[np.floating],
    features: NDArray[np.floating],
    positions: Positions,
    method: Method,
) -> tuple[Positions, NDArray[np.intp]]:
    """Where a new image lies on a finished map.

    On one of principal components, at its own components. On all others it minimizes what PaCMAP's
    `transform` minimizes, the sum of d² / (10 + d²) over the distances d to its ten nearest
    images, from the best of their places on; the others stay where they are.

    Parameters
    ----------
    query : float (K,)
        Principal components of the new image.
    features : float (N, K)
    positions : float32 (N, 2)
    method : {"pca", "pacmap", "tsne", "umap"}

    Returns
    -------
    float32 (2,)
        Its place.
    intp (10,)
        The nearest images, the nearest first.
    """
    distances = np.linalg.norm(features - query, axis=1)
    nearest = np.argsort(distances, kind="stable")[:NEIGHBORS]
    if method == "pca":
        return centered(_pca(query[None]), like=_pca(features))[0], nearest
    # PaCMAP's maps are some 40 wide, and its constant belongs to that scale
    targets = 20.0 * positions[nearest].astype(np.float64)

    def cost(point: NDArray[np.float64]) -> float:
        squares = ((targets - point) ** 2).sum(axis=1)
        return float((squares / (10 + squares)).sum())

    point = min(targets, key=cost)
    for _ in range(50):  # each step is exact for its weights, and never goes up
        weights = 10 / (10 + ((targets - point) ** 2).sum(axis=1)) ** 2
        point = (weights[:, None] * targets).sum(axis=0) / weights.sum()
    return (point / 20).astype(np.float32), nearest
