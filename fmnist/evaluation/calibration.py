"""Whether confidence can be believed: reliability, temperature, answering only when sure."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation import metrics

Strategy = Literal["uniform", "quantile"]

TEMPERATURE_RANGE: Final = (0.05, 20.0)
"""Where `fit_temperature` looks."""


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
        """Distance of confidence and accuracy, float64 (B,); 0 where the bin is empty."""
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
        Bins of equal width, or of equal numbers of images; of the latter there are fewer where
        many confidences are equal.
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
        Of a split that was held out: of validation, not of test.
    labels : int (N,)

    Returns
    -------
    float
        Within `TEMPERATURE_RANGE`.

    Raises
    ------
    ValueError
        If there are no images, or logits that are no numbers.
    """
    if len(labels) == 0:
        raise ValueError("A temperature cannot be fitted to no images.")
    if not np.isfinite(logits).all():
        raise ValueError("A temperature cannot be fitted to logits that are no numbers.")
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
    """Errors among the answers kept, for every threshold.

    Attributes
    ----------
    thresholds : float64 (K,)
        The distinct confidences, highest first; an answer is kept from the threshold on.
    coverages : float64 (K,)
        Share of the answers kept, in (0, 1].
    risks : float64 (K,)
        Share of errors among them, in [0, 1].
    area, optimal_area : float
        Area under the curve (AURC; Geifman et al. 2019), and that of a perfect order of the same
        answers; lower is better.
    """

    thresholds: NDArray[np.float64]
    coverages: NDArray[np.float64]
    risks: NDArray[np.float64]
    area: float
    optimal_area: float

    def at(self, threshold: float) -> tuple[float, float]:
        """Coverage and risk at a threshold; (0, nan) where no answer is kept."""
        kept = int(np.searchsorted(-self.thresholds, -threshold, side="right"))
        if kept == 0:
            return 0.0, math.nan
        return float(self.coverages[kept - 1]), float(self.risks[kept - 1])


def risk_coverage(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> RiskCoverage:
    """The risk–coverage curve (Geifman and El-Yaniv 2017).

    The area is the mean, over k = 1 … N, of the risk of the k most confident answers. Answers of
    equal confidence come in no order: each of them counts with the risk that a random order of
    them has on average.

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
class Abstention:
    """What comes of answering only from a confidence on.

    Attributes
    ----------
    kept, total : int
        Answers kept, and all.
    errors_kept, errors_avoided, correct_lost : int
        Errors among the answers kept, errors and right answers among the others.
    """

    kept: int
    total: int
    errors_kept: int
    errors_avoided: int
    correct_lost: int

    @property
    def coverage(self) -> float:
        """Share of the answers kept; nan without any images."""
        return self.kept / self.total if self.total else math.nan

    @property
    def accuracy(self) -> float:
        """Of the answers kept; nan without any."""
        return 1 - self.errors_kept / self.kept if self.kept else math.nan


def abstention(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], threshold: float
) -> Abstention:
    """What comes of answering only where confidence is at least `threshold`.

    Parameters
    ----------
    confidence : float (N,)
    correct : bool (N,)
    threshold : float
    """
    kept = confidence >= threshold
    return Abstention(
        kept=int(kept.sum()),
        total=len(kept),
        errors_kept=int((kept & ~correct).sum()),
        errors_avoided=int((~kept & ~correct).sum()),
        correct_lost=int((~kept & correct).sum()),
    )


def abstention_by_class(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    labels: NDArray[np.integer],
    threshold: float,
) -> list[Abstention]:
    """As `abstention`, for the images of each true class; ten of them."""
    members = [labels == label for label in range(NUM_CLASSES)]
    return [abstention(confidence[m], correct[m], threshold) for m in members]
