"""Calibration of confidence: reliability, temperature scaling, selective prediction."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation import metrics

Strategy = Literal["uniform", "quantile"]

TEMPERATURE_RANGE: Final = (0.05, 20.0)
"""Lowest and highest temperature that `fit_temperature` tries."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Accuracy and confidence in bins of confidence.

    Attributes
    ----------
    edges : float64 (B + 1,)
        From 0 to 1; a bin is [low, high), the last one closed.
    counts : int64 (B,)
    confidences, accuracies : float64 (B,)
        Means in the bin, in [0, 1]; nan where it is empty.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidences: NDArray[np.float64]
    accuracies: NDArray[np.float64]

    @property
    def gaps(self) -> NDArray[np.float64]:
        """Difference of confidence and accuracy, float64 (B,); 0 where the bin is empty."""
        return np.nan_to_num(np.abs(self.confidences - self.accuracies))

    @property
    def ece(self) -> float:
        """Expected calibration error (Naeini et al. 2015; Guo et al. 2017), in [0, 1]."""
        return float((self.gaps * self.counts).sum() / max(1, self.counts.sum()))

    @property
    def mce(self) -> float:
        """Maximum calibration error (Naeini et al. 2015), in [0, 1]."""
        return float(self.gaps.max(initial=0.0))


def reliability(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    *,
    bins: int = 15,
    strategy: Strategy = "uniform",
) -> Reliability:
    """Accuracy against confidence.

    Parameters
    ----------
    confidence : float (N,) in [0, 1]
    correct : bool (N,)
    bins : int
        At least 1.
    strategy : {"uniform", "quantile"}
        Bins of equal width, or with equal numbers of images. Equal confidences stay in one bin, so
        there may be fewer quantile bins.
    """
    if strategy == "uniform":
        edges = np.arange(bins + 1) / bins  # 3 / 5 is 0.6; linspace's is a little more
    else:
        inner = (
            np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1]) if len(confidence) else []
        )
        edges = np.unique(np.concatenate([[0.0], inner, [1.0]]))
    bin_of = np.searchsorted(edges[1:-1], confidence, side="right")
    size = len(edges) - 1
    counts = np.bincount(bin_of, minlength=size)
    with np.errstate(invalid="ignore"):  # an empty bin: nan
        confidences = np.bincount(bin_of, weights=confidence, minlength=size) / counts
        accuracies = np.bincount(bin_of, weights=correct, minlength=size) / counts
    return Reliability(edges, counts, confidences, accuracies)


def brier_score(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Mean squared distance of the probabilities to the one-hot label (Brier 1950).

    Parameters
    ----------
    probabilities : float (N, C)
    labels : int (N,)

    Returns
    -------
    float
        In [0, 2]; 0 is best.
    """
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    squares = (probabilities.astype(np.float64) ** 2).sum(axis=1)
    return float(np.mean(squares - 2 * of_label + 1))


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature with the lowest cross-entropy (Guo et al. 2017).

    Parameters
    ----------
    logits : float (N, C)
        Logits of a held-out split: the validation split, not the test split.
    labels : int (N,)

    Returns
    -------
    float
        Within `TEMPERATURE_RANGE`.

    Raises
    ------
    ValueError
        If there are no images, or a logit is not finite.
    """
    if len(labels) == 0:
        raise ValueError("A temperature cannot be fitted without images.")
    if not np.isfinite(logits).all():
        raise ValueError("A temperature cannot be fitted to logits that are not finite.")
    from scipy.optimize import minimize_scalar  # here, since importing it takes a while

    low, high = (math.log(edge) for edge in TEMPERATURE_RANGE)
    found = minimize_scalar(
        lambda log: metrics.cross_entropy(logits, labels, temperature=math.exp(log)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return math.exp(float(found.x))


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk and coverage at every confidence threshold (selective prediction).

    Attributes
    ----------
    thresholds : float64 (K,)
        The distinct confidences, highest first; predictions at or above the threshold are kept.
    coverages : float64 (K,)
        Fraction of the predictions kept, in (0, 1].
    risks : float64 (K,)
        Error rate among them, in [0, 1].
    area, optimal_area : float
        Area under the curve (AURC; Geifman et al. 2019), and the area if all errors came last;
        lower is better.
    """

    thresholds: NDArray[np.float64]
    coverages: NDArray[np.float64]
    risks: NDArray[np.float64]
    area: float
    optimal_area: float

    def at(self, threshold: float) -> tuple[float, float]:
        """Coverage and risk at a threshold; (0, nan) where no prediction is kept."""
        kept = int(np.searchsorted(-self.thresholds, -threshold, side="right"))
        if kept == 0:
            return 0.0, math.nan
        return float(self.coverages[kept - 1]), float(self.risks[kept - 1])


def risk_coverage(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> RiskCoverage:
    """The risk–coverage curve (Geifman and El-Yaniv 2017).

    The area is the mean, over k = 1 … N, of the risk of the k most confident predictions. Among
    predictions of equal confidence the order is undefined, so the mean over all orders counts.

    Parameters
    ----------
    confidence : float (N,)
    correct : bool (N,)
        N at least 1.
    """
    total = len(confidence)
    thresholds, group = np.unique(-confidence, return_inverse=True)
    sizes = np.bincount(group)
    errors = np.bincount(group, weights=~correct)
    kept, wrong = np.cumsum(sizes), np.cumsum(errors)
    # expected errors among the k most confident: they grow evenly within a group of equals
    k = np.arange(1, total + 1)
    expected = np.interp(k, np.concatenate([[0], kept]), np.concatenate([[0], wrong]))
    all_wrong = int(wrong[-1])
    perfect = np.maximum(0, k - (total - all_wrong))
    return RiskCoverage(
        -thresholds.astype(np.float64),
        kept / total,
        wrong / kept,
        float(np.mean(expected / k)),
        float(np.mean(perfect / k)),
    )


@dataclass(frozen=True)
class SelectiveResult:
    """Result of selective prediction at one confidence threshold.

    Attributes
    ----------
    kept, total : int
        Predictions kept, and all predictions.
    errors_kept, errors_avoided, correct_lost : int
        Errors among the predictions kept; errors and correct predictions among the others.
    """

    kept: int
    total: int
    errors_kept: int
    errors_avoided: int
    correct_lost: int

    @property
    def coverage(self) -> float:
        """Fraction of the predictions kept; nan without images."""
        return self.kept / self.total if self.total else math.nan

    @property
    def accuracy(self) -> float:
        """Accuracy of the predictions kept; nan without any."""
        return 1 - self.errors_kept / self.kept if self.kept else math.nan


def selective_prediction(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], threshold: float
) -> SelectiveResult:
    """Keep only predictions whose confidence is at least `threshold`.

    Parameters
    ----------
    confidence : float (N,)
    correct : bool (N,)
    threshold : float
    """
    kept = confidence >= threshold
    return SelectiveResult(
        kept=int(kept.sum()),
        total=len(kept),
        errors_kept=int((kept & ~correct).sum()),
        errors_avoided=int((~kept & ~correct).sum()),
        correct_lost=int((~kept & correct).sum()),
    )


def selective_prediction_by_class(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    labels: NDArray[np.integer],
    threshold: float,
) -> list[SelectiveResult]:
    """As `selective_prediction`, for the images of each true class; ten results."""
    members = [labels == label for label in range(NUM_CLASSES)]
    return [selective_prediction(confidence[m], correct[m], threshold) for m in members]
