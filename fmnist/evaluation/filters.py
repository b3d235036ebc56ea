"""Which images of an evaluation to show, and in what order."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.metrics import in_range
from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.significance import GROUPS

CorrectnessFilter = Literal["wrong", "correct", "all"]
Range = tuple[float, float]
Sort = Literal["confidence", "margin", "loss", "entropy", "index"]

SORTS: Final = ("confidence", "margin", "loss", "entropy", "index")

MEASURES: Final[Mapping[str, float]] = {
    "confidence": 1.0,
    "margin": 1.0,
    "entropy": math.log(NUM_CLASSES),
}
"""The measures that can be filtered by a range, and the highest value of each."""


@dataclass(frozen=True)
class Filters:
    """Conditions that an image has to meet, all of them; the defaults admit every image.

    Attributes
    ----------
    true, predicted : tuple of int
        Classes; empty for all.
    correctness : {"wrong", "correct", "all"}
    confidence, margin, entropy : tuple of float or None
        Lowest and highest value, as `fmnist.evaluation.metrics.in_range` takes them.
    error_type : str or None
        One of `fmnist.evaluation.misclassifications.ERROR_TYPES`.
    verdict : str or None
        A verdict, "any", or "none" for images without one.
    group : str or None
        One of `fmnist.evaluation.significance.GROUPS`: which of two runs is correct.
    images : ImageSet or None
        Images chosen one by one, such as with a lasso.
    """

    true: tuple[int, ...] = ()
    predicted: tuple[int, ...] = ()
    correctness: CorrectnessFilter = "all"
    confidence: Range | None = None
    margin: Range | None = None
    entropy: Range | None = None
    error_type: str | None = None
    verdict: str | None = None
    group: str | None = None
    images: ImageSet | None = None


def matching(
    evaluation: Evaluation,
    filters: Filters,
    *,
    error_types: NDArray[np.integer] | None = None,
    groups: NDArray[np.integer] | None = None,
    verdicts: Mapping[int, str] | None = None,
) -> NDArray[np.bool_]:
    """Mark the images that meet all conditions.

    Parameters
    ----------
    evaluation : Evaluation
    filters : Filters
    error_types : int (N,), optional
        As `fmnist.evaluation.misclassifications.error_types` returns; required for `error_type`.
    groups : int (N,), optional
        As `fmnist.evaluation.significance.agreement` returns. Without it `group` is ignored.
    verdicts : mapping of int to str, optional
        Verdict by `Evaluation.indices`.

    Returns
    -------
    bool (N,)

    Raises
    ------
    ValueError
        If `error_type` is asked for without `error_types`.
    """
    mask = np.ones(len(evaluation.labels), dtype=np.bool_)
    if filters.true:
        mask &= np.isin(evaluation.labels, filters.true)
    if filters.predicted:
        mask &= np.isin(evaluation.predicted_labels, filters.predicted)
    if filters.correctness != "all":
        mask &= evaluation.correct == (filters.correctness == "correct")
    for name, highest in MEASURES.items():
        limits = getattr(filters, name)
        if limits is not None:
            mask &= in_range(getattr(evaluation, name), *limits, top=highest)
    if filters.error_type is not None:
        if error_types is None:
            raise ValueError("Filtering by error type needs the error types.")
        mask &= error_types == ERROR_TYPES.index(filters.error_type)
    if filters.group is not None and groups is not None:
        mask &= groups == GROUPS.index(filters.group)
    if filters.images is not None:
        mask &= np.isin(evaluation.indices, filters.images.indices)
    if filters.verdict is not None:
        wanted = filters.verdict
        found = [i for i, given in (verdicts or {}).items() if wanted in ("any", "none", given)]
        mask &= np.isin(evaluation.indices, found) != (wanted == "none")
    return mask


def sort_positions(
    evaluation: Evaluation,
    positions: NDArray[np.integer],
    sort: Sort,
    *,
    descending: bool = True,
) -> NDArray[np.intp]:
    """Sort images by a measure; ties by index.

    Parameters
    ----------
    evaluation : Evaluation
    positions : int (M,)
        Positions of images in the evaluation.
    sort : {"confidence", "margin", "loss", "entropy", "index"}
    descending : bool

    Returns
    -------
    intp (M,)
        The same positions, sorted.
    """
    attribute = {"loss": "losses", "index": "indices"}.get(sort, sort)
    values = getattr(evaluation, attribute)[positions]
    order = np.lexsort([evaluation.indices[positions], -values if descending else values])
    return positions[order].astype(np.intp)


def rank_by_confidence(evaluation: Evaluation, position: int) -> tuple[int, int] | None:
    """Rank of an image among all misclassified images, the most confident first.

    Returns
    -------
    tuple of int, or None
        Rank from 1, and number of misclassified images; None for a correct image.
    """
    if evaluation.correct[position]:
        return None
    wrong = np.flatnonzero(~evaluation.correct)
    order = sort_positions(evaluation, wrong, "confidence")
    return int(np.flatnonzero(order == position)[0]) + 1, len(wrong)
