"""Photographs with labels: read, and measured with classifiers.

FOLDER/photos holds the pictures, and `labels.csv` with the columns `file`, `class_index` (-1 for
what is no class) and `acceptable` (class indices that count as correct, with `;` between them).
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.models.classifier import Classifier
from fmnist.sketchpad.preprocessing import DEFAULT_PREPARATION, Preparation, to_model_input
from fmnist.sketchpad.recognition import classify_inputs
from fmnist.sketchpad.uploads import read_picture


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph as a model input.

    Attributes
    ----------
    name : str
        The file.
    label : int
        Class index; -1 for what is no class.
    acceptable : tuple of int
        Classes that count as correct; empty for what is no class.
    model_input : uint8 (28, 28)
    """

    name: str
    label: int
    acceptable: tuple[int, ...]
    model_input: NDArray[np.uint8]


@dataclass(frozen=True)
class Share:
    """A number of photographs out of others, and how sure their share is.

    Attributes
    ----------
    count, total : int
    """

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share in [0, 1]; nan of nothing."""
        return self.count / self.total if self.total else float("nan")

    @property
    def standard_error(self) -> float:
        """Binomial standard error of the share."""
        return float(np.sqrt(self.value * (1 - self.value) / self.total)) if self.total else 0.0


@dataclass(frozen=True)
class Measured:
    """What a classifier makes of photographs.

    Attributes
    ----------
    correct : Share
        Acceptable predictions, of the photographs with a class.
    by_class : dict of int to Share
        The same by class index.
    kept, rejected : Share or None
        Photographs with a class whose in-distribution score reaches the threshold, and photographs
        without one whose score does not; None without a model that can tell.
    """

    correct: Share
    by_class: dict[int, Share]
    kept: Share | None
    rejected: Share | None


def read(folder: Path, preparation: Preparation = DEFAULT_PREPARATION) -> list[Photograph]:
    """Read the photographs of FOLDER/photos, and make their model inputs.

    Raises
    ------
    OSError, PictureError
        If a file is missing or damaged.
    """
    photos = folder / "photos"
    with (photos / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Photograph(
            row["file"],
            int(row["class_index"]),
            tuple(int(label) for label in row["acceptable"].split(";") if label),
            to_model_input(read_picture((photos / row["file"]).read_bytes()), preparation),
        )
        for row in rows
    ]


def measure(
    photographs: list[Photograph], model: Classifier, ood_model: Classifier | None = None
) -> Measured:
    """Measure a classifier as the Draw page answers: averaged over small shifts.

    `ood_model` scores if the classifier has no class for other things itself.
    """
    images = np.stack([photograph.model_input for photograph in photographs])
    results = classify_inputs(images, model, ood_model=ood_model)
    totals = Counter(p.label for p in photographs if p.acceptable)
    hits = Counter(
        p.label
        for p, result in zip(photographs, results, strict=True)
        if result.predicted_label in p.acceptable
    )
    by_class = {label: Share(hits[label], totals[label]) for label in sorted(totals)}
    correct = Share(hits.total(), totals.total())
    if not model.has_ood_class and ood_model is None:
        return Measured(correct, by_class, None, None)
    is_kept = np.array([result.is_garment for result in results])
    has_class = np.array([bool(p.acceptable) for p in photographs])
    return Measured(
        correct,
        by_class,
        Share(int(is_kept[has_class].sum()), int(has_class.sum())),
        Share(int((~is_kept[~has_class]).sum()), int((~has_class).sum())),
    )
