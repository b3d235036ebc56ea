"""What a map is made of, and the files in the folder of a run that keep it.

Own runs keep their maps in `maps/`; for runs that come with the project they are in
`artifacts/cache/maps/`. Each file says which weights or logits it was made from, so that a map of
others is made anew.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import SplitName
from fmnist.errors import DamagedFileError
from fmnist.evaluation.predictions import Evaluation
from fmnist.explain.embeddings import (
    MAX_COMPONENTS,
    Agreement,
    Method,
    Positions,
    Projection,
)
from fmnist.files import load_arrays, write_atomic
from fmnist.runs.run import Run

Space = Literal["features", "logits"]
"""What is near in a map: the input of a network's last layer, or its output."""

_MOST_IMAGES: Final = 60_000
_WIDEST: Final = 2**16  # features of any network
_MOST_EPOCHS: Final = 1_000
_FARTHEST: Final = 1.001  # of a layout, but for rounding


@dataclass(frozen=True, eq=False)
class Source:
    """What a map is made from: a run's predictions for a split, and its features if it has them.

    Attributes
    ----------
    run : Run
    evaluation : Evaluation
    space : {"features", "logits"}
    digest : str
        SHA-256 (hex) of what the map is made from.
    epoch : int or None
        Of logits of an epoch; None for the saved weights.
    """

    run: Run
    evaluation: Evaluation
    space: Space
    digest: str
    epoch: int | None = None

    @property
    def split(self) -> SplitName:
        """Name of the split."""
        return self.evaluation.split

    def path(self, what: Method | Literal["features", "epochs"]) -> Path:
        """Where the features, the layout of a method, or those of all epochs are kept."""
        folder = self.run.derived_folder("maps")
        epoch = "" if self.epoch is None else f"-epoch-{self.epoch}"
        name = what if what in ("features", "epochs") else f"{self.space}{epoch}-{what}"
        return folder / f"{self.split}-{name}.npz"


def digest_of_features(weights: str, dataset: str, indices: NDArray[np.int32]) -> str:
    """Digest of features: of weights (their SHA-256) on images of a data set (its checksum)."""
    known = f"{weights} {dataset} ".encode() + np.ascontiguousarray(indices).tobytes()
    return hashlib.sha256(known).hexdigest()


def digest_of_logits(logits: NDArray[np.float16]) -> str:
    """Digest of logits."""
    return hashlib.sha256(np.ascontiguousarray(logits).tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the images of a split, as principal components.

    Attributes
    ----------
    digest : str
    values : float16 (N, K)
    projection : Projection
        From the network's own features to these.
    """

    digest: str
    values: NDArray[np.float16]
    projection: Projection

    @classmethod
    def of(cls, digest: str, features: NDArray[np.floating]) -> Self:
        """Of a network's own features, float (N, F)."""
        projection = Projection.fit(features)
        limit = float(np.finfo(np.float16).max)
        return cls(digest, projection(features).clip(-limit, limit).astype(np.float16), projection)

    def save(self, path: Path) -> None:
        """Write to a `.npz` file, atomically; its folder is made, but not that of the run.

        Raises
        ------
        OSError
            If it cannot be written, or the run is gone.
        """
        _save(
            path,
            digest=np.array(self.digest),
            values=self.values,
            mean=self.projection.mean,
            axes=self.projection.axes,
        )

    @classmethod
    def load(cls, path: Path, *, digest: str, images: int) -> Self | None:
        """Read a file that `save` wrote; None if it is of other weights.

        Raises
        ------
        OSError
            If there is no such file.
        DamagedFileError
            If the file is damaged, or holds something else or numbers that cannot be.
        """
        most = 2 * _MOST_IMAGES * MAX_COMPONENTS + 4 * _WIDEST * (MAX_COMPONENTS + 1) + 2**12
        arrays = load_arrays(path, ("digest", "values", "mean", "axes"), max_bytes=most)
        values, mean, axes = arrays["values"], arrays["mean"], arrays["axes"]
        fits = (
            values.dtype == np.float16
            and mean.dtype == axes.dtype == np.float32
            and (values.ndim, mean.ndim, axes.ndim) == (2, 1, 2)
            and axes.shape == (values.shape[1], len(mean))
            and 0 < values.shape[1] <= MAX_COMPONENTS
            and _finite(values, mean, axes)
        )
        _require(fits, path)
        if str(arrays["digest"]) != digest or len(values) != images:
            return None
        return cls(digest, values, Projection(mean, axes))


@dataclass(frozen=True, eq=False)
class Layout:
    """The images of a split in the plane.

    Attributes
    ----------
    digest : str
    positions : float32 (N, 2)
        In [-1, 1], in the order of the evaluation.
    agreement : Agreement
    medoids : int32 (10,)
        Positions of the most central image of each class in the arrays; -1 where there is none.
    """

    digest: str
    positions: Positions
    agreement: Agreement
    medoids: NDArray[np.int32]

    def save(self, path: Path) -> None:
        """As `Features.save`."""
        numbers = self.agreement
        _save(
            path,
            digest=np.array(self.digest),
            positions=self.positions,
            agreement=np.array(
                [numbers.full_accuracy, numbers.plane_accuracy, numbers.trustworthiness]
            ),
            medoids=self.medoids,
        )

    @classmethod
    def load(cls, path: Path, *, digest: str, images: int) -> Self | None:
        """As `Features.load`."""
        names = ("digest", "positions", "agreement", "medoids")
        arrays = load_arrays(path, names, max_bytes=8 * _MOST_IMAGES + 2**12)
        positions, numbers, medoids = (arrays[name] for name in names[1:])
        fits = (
            positions.dtype == np.float32
            and numbers.dtype == np.float64
            and medoids.dtype == np.int32
            and positions.ndim == 2
            and positions.shape[1] == 2
            and len(positions) > 0
            and numbers.shape == (3,)
            and medoids.shape == (NUM_CLASSES,)
            and _finite(positions, numbers)
            and bool((np.abs(positions) <= _FARTHEST).all())
            and bool(((numbers >= 0) & (numbers <= 1)).all())
            and bool(((medoids >= -1) & (medoids < len(positions))).all())
        )
        _require(fits, path)
        if str(arrays["digest"]) != digest or len(positions) != images:
            return None
        return cls(digest, positions, Agreement(*map(float, numbers)), medoids)


@dataclass(frozen=True, eq=False)
class EpochLayouts:
    """The images of the monitored split in the plane, after every epoch.

    Attributes
    ----------
    digest : str
        Of the logits of all epochs.
    positions : float16 (E, N, 2)
        In [-1, 1].
    """

    digest: str
    positions: NDArray[np.float16]

    def save(self, path: Path) -> None:
        """As `Features.save`."""
        _save(path, digest=np.array(self.digest), positions=self.positions)

    @classmethod
    def load(cls, path: Path, *, digest: str, images: int) -> Self | None:
        """As `Features.load`."""
        most = 4 * 10_000 * _MOST_EPOCHS + 2**12
        arrays = load_arrays(path, ("digest", "positions"), max_bytes=most)
        positions = arrays["positions"]
        fits = (
            positions.dtype == np.float16
            and positions.ndim == 3
            and positions.shape[2] == 2
            and positions.size > 0
            and _finite(positions)
            and bool((np.abs(positions) <= _FARTHEST).all())
        )
        _require(fits, path)
        if str(arrays["digest"]) != digest or positions.shape[1] != images:
            return None
        return cls(digest, positions)


def _save(path: Path, **arrays: NDArray[Any]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    if path.parent.name == "maps":
        # without the folders above it: a run that was removed must not come back as a half
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, buffer.getvalue())
    else:
        write_atomic(path, buffer.getvalue(), make_folder=True)


def _finite(*arrays: NDArray[Any]) -> bool:
    return all(bool(np.isfinite(each).all()) for each in arrays)


def _require(fits: bool, path: Path) -> None:
    if not fits:
        raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
