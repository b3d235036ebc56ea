"""Odd images: what stands out by its pixels, or far from all others in a feature space."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.checksums import file_digest
from fmnist.data.image_properties import INK, PROPERTIES
from fmnist.data.splits import Dataset
from fmnist.errors import DamagedFileError
from fmnist.files import load_kept_arrays, save_arrays
from fmnist.runs.run import Run

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

NEIGHBORS: Final = 10
"""The neighbor whose distance counts."""

_FOLDER: Final = "outliers"
_ARRAYS: Final = ("digest", "distance")
_MAX_BYTES: Final = 2**20
_ROWS: Final = 500  # of the matrix product: 140 MB for 70,000 images
_CORNER: Final = 3

Images = NDArray[np.uint8]
Values = NDArray[np.float32]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Rule:
    """What makes an image odd.

    Attributes
    ----------
    title : str
    explanation : str
        What the rule is, and what it does not tell, for people.
    unit : {"share", "gray levels", "distance"}
        Of what is measured: a share is in [0, 1].
    highest_first : bool
        Whether high values are odd, or low ones.
    """

    title: str
    explanation: str
    unit: str
    highest_first: bool

    def order(self, values: Values) -> NDArray[np.intp]:
        """Positions, the oddest first."""
        return np.argsort(-values if self.highest_first else values, kind="stable")


def _corners(images: Images) -> Values:
    """Mean of the four corners, 3×3 pixels each."""
    sides = slice(None, _CORNER), slice(-_CORNER, None)
    corners = [images[:, rows, columns] for rows in sides for columns in sides]
    return np.asarray(np.mean(corners, axis=(0, 2, 3)), np.float32)


def _contrast(images: Images) -> Values:
    return np.asarray(images.std(axis=(1, 2)), np.float32)


@dataclass(frozen=True)
class PixelRule(Rule):
    """A rule that needs nothing but pixels.

    Attributes
    ----------
    measure : callable
        From uint8 (N, 28, 28) to float32 (N,).
    """

    measure: Callable[[Images], Values]


RULES: Final[Mapping[str, PixelRule]] = {
    "empty": PixelRule(
        "Nearly empty",
        f"The fewest pixels that are not black ({INK} of 255 or more). Thin sandals and very dark "
        "garments come first: few bright pixels do not make a wrong picture.",
        "share", False, PROPERTIES["area"],
    ),
    "cut-off": PixelRule(
        "Cut off",
        "The most pixels of the border that are not black. A garment that goes on beyond the "
        "picture has many; so has a bag that fills the frame.",
        "share", True, PROPERTIES["border"],
    ),
    "bright-background": PixelRule(
        "Bright background",
        f"The brightest corners, as the mean of {_CORNER}×{_CORNER} pixels each. In an inverted "
        "picture all four are near 255; a garment that reaches into two of them has half of that.",
        "gray levels", True, _corners,
    ),
    "low-contrast": PixelRule(
        "Low contrast",
        "The smallest standard deviation of all pixels. Black garments on the black background "
        "come first; their details may be there, but faint.",
        "gray levels", False, _contrast,
    ),
}  # fmt: skip
"""The rules that need nothing but pixels, by key."""

FAR: Final = Rule(
    "Far from all others",
    f"The largest distance to the {NEIGHBORS}th nearest of all images of the data set, in the "
    "feature space of the model (features scaled to length 1; Sun et al. 2022). Rare garments come "
    "first, and what this model finds unlike the rest; another model may find other images.",
    "distance", True,
)  # fmt: skip
"""The rule of `neighbor_distances`, from 0 to 2."""


def neighbor_distances(
    features: NDArray[np.floating], *, progress: Progress = lambda _: None
) -> Values:
    """Distance of each image to its tenth nearest other one.

    Sun, Ming, Zhu and Li: Out-of-distribution detection with deep nearest neighbors, ICML 2022.

    Parameters
    ----------
    features : float (N, F)
        Scaled to length 1 here; rows of zeros stay.
    progress : callable
        Called now and then with the share that is done, in [0, 1].

    Returns
    -------
    float32 (N,)
        In [0, 2]. With fewer than eleven images, to the farthest; 0 for a single one.
    """
    import torch  # multiplies by as many threads as the process has been given

    rows = features.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, lengths, out=rows, where=lengths > 0)
    matrix = torch.from_numpy(rows)
    squares, k = (matrix**2).sum(dim=1), min(NEIGHBORS, len(rows) - 1)
    found = np.zeros(len(rows), np.float32)
    for start in range(0, len(rows) if k > 0 else 0, _ROWS):
        block = matrix[start : start + _ROWS]
        distance = squares - 2 * block @ matrix.T + squares[start : start + _ROWS, None]
        here = torch.arange(len(block))
        distance[here, here + start] = torch.inf  # not itself
        nearest = distance.topk(k, dim=1, largest=False).values[:, -1]
        found[start : start + _ROWS] = nearest.clamp(min=0).sqrt().numpy()
        progress(min(start + _ROWS, len(rows)) / len(rows))
    return found


def distances_path(run: Run) -> Path:
    """Where the distances in a run's feature space are kept."""
    return run.derived_folder(_FOLDER) / "distances.npz"


def digest_of(run: Run, dataset: Dataset, *, weights: str | None = None) -> str:
    """SHA-256 (hex) of what the distances are computed from.

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
    """
    known = [weights or file_digest(run.weights_path), dataset.checksum, NEIGHBORS]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def load_distances(run: Run, dataset: Dataset, *, digest: str) -> Values | None:
    """What is kept with a run; None if there is nothing, or something of other weights or images.

    Returns
    -------
    float32 (N,) or None
        Of the training file's images, then the test file's.

    Raises
    ------
    OSError
        If it cannot be read.
    DamagedFileError
        If it is damaged.
    """
    path = distances_path(run)
    arrays = load_kept_arrays(path, _ARRAYS, digest=digest, max_bytes=_MAX_BYTES)
    if arrays is None:
        return None
    found = arrays["distance"]
    images = len(dataset.train_images) + len(dataset.test_images)
    if found.dtype != np.float32 or found.shape != (images,) or not np.isfinite(found).all():
        raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
    return found


def measure_distances(
    run: Run,
    classifier: "Classifier",
    dataset: Dataset,
    *,
    digest: str,
    progress: Progress = lambda _: None,
) -> Values:
    """Compute the distances of all images in a run's feature space, and keep them.

    Parameters
    ----------
    run : Run
    classifier : Classifier
        With the run's weights.
    dataset : Dataset
    digest : str
        As `digest_of` returns.
    progress : callable

    Raises
    ------
    OSError
        If they cannot be written, or the run is gone.
    """
    images = np.concatenate([dataset.train_images, dataset.test_images])
    features = classifier.features(
        images, progress=lambda done, total: progress(0.7 * done / total)
    )
    found = neighbor_distances(features, progress=lambda share: progress(0.7 + 0.3 * share))
    run.make_derived_folder(_FOLDER)
    save_arrays(distances_path(run), {"digest": np.array(digest), "distance": found})
    return found
