"""The training images nearest to an image in a network's own feature space."""

import hashlib
import io
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fmnist import paths
from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import Split
from fmnist.errors import DamagedFileError
from fmnist.files import load_arrays, write_atomic
from fmnist.runs.run import Run

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier


_MAX_BYTES: Final = 2**19 + 60_000 * 4096 * 2  # float16 features of all training images


@dataclass(frozen=True)
class Neighbor:
    """An image near another.

    Attributes
    ----------
    index : int
        Position in the file of training images.
    label : int
    similarity : float
        Cosine similarity of the features, in [-1, 1].
    """

    index: int
    label: int
    similarity: float


@dataclass(frozen=True, eq=False)
class FeatureIndex:
    """Features of many images, to look for near ones.

    Attributes
    ----------
    features : float16 (N, F)
        Rows of length 1, or 0 where a network has nothing to say.
    labels : uint8 (N,)
    indices : int32 (N,)
        Positions in the file of training images.
    """

    features: NDArray[np.float16]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int32]

    @cached_property
    def _rows(self) -> NDArray[np.float32]:
        return self.features.astype(np.float32)

    def nearest(
        self,
        query: NDArray[np.floating],
        *,
        k: int = 8,
        exclude: int | None = None,
        labels: Collection[int] | None = None,
    ) -> list[Neighbor]:
        """The images with the most similar features.

        Parameters
        ----------
        query : float (F,)
        k : int
        exclude : int, optional
            Position in the file of an image to leave out: the one that is looked at.
        labels : collection of int, optional
            The classes to look among; by default all.

        Returns
        -------
        list of Neighbor
            At most `k`, the most similar first, equals by position.

        Raises
        ------
        DamagedFileError
            If the features have another length.
        """
        if query.shape != self.features.shape[1:]:
            raise DamagedFileError(
                "the stored features are those of another network; delete artifacts/cache/features."
            )
        similarity = self._rows @ _unit(query[None])[0].astype(np.float32)
        if exclude is not None:
            similarity[self.indices == exclude] = -np.inf
        if labels is not None:
            similarity[~np.isin(self.labels, list(labels))] = -np.inf
        order = np.lexsort([self.indices, -similarity])[:k]
        return [
            Neighbor(int(self.indices[i]), int(self.labels[i]), float(similarity[i]))
            for i in order
            if np.isfinite(similarity[i])
        ]

    def save(self, path: Path) -> None:
        """Write to a `.npz` file, atomically."""
        buffer = io.BytesIO()
        np.savez(buffer, features=self.features, labels=self.labels, indices=self.indices)
        write_atomic(path, buffer.getvalue(), make_folder=True)

    @classmethod
    def load(cls, path: Path) -> "FeatureIndex":
        """Read a file that `save` wrote.

        Raises
        ------
        OSError
            If there is no such file.
        DamagedFileError
            If the file is damaged, or holds something else or numbers that cannot be.
        """
        arrays = load_arrays(path, ("features", "labels", "indices"), max_bytes=_MAX_BYTES)
        index = cls(arrays["features"], arrays["labels"], arrays["indices"])
        fits = (
            index.features.dtype == np.float16
            and index.labels.dtype == np.uint8
            and index.indices.dtype == np.int32
            and index.features.ndim == 2
            and index.labels.shape == index.indices.shape == index.features.shape[:1]
            and index.features.size > 0
            and bool(np.isfinite(index.features).all())
            and bool(np.all(index.labels < NUM_CLASSES))
            and bool(np.all(index.indices >= 0))
        )
        if not fits:
            raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
        return index


def build_index(
    classifier: "Classifier",
    split: Split,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureIndex:
    """Features of all images of a split.

    Parameters
    ----------
    classifier : Classifier
    split : Split
    progress : callable, optional
        Called now and then with (images done, images in all).
    """
    features = _unit(classifier.features(split.images, progress=progress))
    return FeatureIndex(features.astype(np.float16), split.labels, split.indices)


def index_path(run: Run, checksum: str) -> Path:
    """Where the features of a data set's training images are kept for a run's present weights.

    Parameters
    ----------
    run : Run
    checksum : str
        Of the data set.

    Raises
    ------
    OSError
        If the run has no weights.
    """
    digest = hashlib.sha256(run.weights_path.read_bytes() + checksum.encode()).hexdigest()
    return paths.artifacts_folder() / "cache" / "features" / f"{digest[:16]}.npz"


def _unit(features: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows of length 1; rows of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)
