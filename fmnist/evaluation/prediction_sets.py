"""Prediction sets: as many classes as it takes to hold the true one with a chosen coverage."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import NUM_CLASSES

BAND: Final = 0.95
"""Probability that a measured coverage lies within `coverage_band`."""


def calibrate(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    coverage: float,
    *,
    by_class: bool = False,
) -> NDArray[np.float64]:
    """The probability from which on a class belongs to the set.

    Split conformal prediction (Vovk et al. 2005; Papadopoulos et al. 2002) with the score of
    Sadinle et al. (2019), 1 minus the probability of the true class. With images that are
    exchangeable with the calibration images, the set holds the true class with a probability of at
    least `coverage`.

    Parameters
    ----------
    probabilities : float (N, C)
        Of images that the network was not trained on.
    labels : int (N,)
    coverage : float
        In (0, 1).
    by_class : bool
        Whether the coverage holds for the images of each class (Vovk 2012), not only on average.

    Returns
    -------
    float64 (C,)
        A threshold a class, in [0, 1]; 0 where the images are too few for this coverage, which
        puts the class into every set. An own class, which no image is of, has the threshold of all
        classes together.

    Raises
    ------
    ValueError
        If the coverage is not between 0 and 1.
    """
    if not 0 < coverage < 1:
        raise ValueError("The coverage lies between 0 and 1.")
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    thresholds = np.full(probabilities.shape[1], _threshold(of_label, coverage))
    if by_class:
        thresholds[:NUM_CLASSES] = [
            _threshold(of_label[labels == c], coverage) for c in range(NUM_CLASSES)
        ]
    return thresholds


def _threshold(of_label: NDArray[np.float64], coverage: float) -> float:
    kept = _images_kept(len(of_label), coverage)
    return 0.0 if kept > len(of_label) else float(np.sort(of_label)[::-1][kept - 1])


def _images_kept(images: int, coverage: float) -> int:
    """How many calibration images must have a set that holds their class."""
    # not more than asked for by a rounding error, such as 0.9 × 10 = 9.000000000000002
    return max(1, math.ceil(round((images + 1) * coverage, 9)))


@dataclass(frozen=True, eq=False)
class PredictionSets:
    """The sets of the images of a split.

    Attributes
    ----------
    members : bool (N, C)
        Which classes belong to the set of each image.
    labels : int (N,)
        True classes.
    """

    members: NDArray[np.bool_]
    labels: NDArray[np.integer]

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer],
        thresholds: NDArray[np.floating],
    ) -> "PredictionSets":
        """Sets of images with these probabilities, by the thresholds of `calibrate`."""
        return cls(probabilities >= thresholds, labels)

    @cached_property
    def sizes(self) -> NDArray[np.intp]:
        """Number of classes in each set, intp (N,) from 0 to C."""
        return np.asarray(self.members.sum(axis=1), dtype=np.intp)

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Whether each set holds the true class, bool (N,)."""
        found: NDArray[np.bool_] = self.members[np.arange(len(self.labels)), self.labels]
        return found

    @property
    def coverage(self) -> float:
        """Fraction of the sets that hold the true class; nan without images."""
        return _mean(self.covered)

    @property
    def mean_size(self) -> float:
        """Mean number of classes in a set; nan without images."""
        return _mean(self.sizes)

    def of_class(self, label: int) -> "PredictionSets":
        """The sets of the images of a class."""
        chosen = self.labels == label
        return PredictionSets(self.members[chosen], self.labels[chosen])

    def largest_groups(self, count: int) -> list[tuple[tuple[int, ...], NDArray[np.intp]]]:
        """The most frequent sets of two and more classes.

        Returns
        -------
        list of (tuple of int, intp (M,))
            The classes, and the positions of the images with this set; most images first.
        """
        several = np.flatnonzero(self.sizes > 1)
        if not len(several):
            return []
        kinds, group = np.unique(self.members[several], axis=0, return_inverse=True)
        groups = [
            (tuple(int(c) for c in np.flatnonzero(kind)), several[group == number])
            for number, kind in enumerate(kinds)
        ]
        return sorted(groups, key=lambda found: (-len(found[1]), found[0]))[:count]


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if len(values) else math.nan


def coverage_band(calibration_images: int, images: int, coverage: float) -> tuple[float, float]:
    """Where the coverage of a measured split lies with probability `BAND`.

    If the two splits are exchangeable, the number of covered images has a beta-binomial
    distribution (Angelopoulos and Bates 2023, section 3 of "Conformal Prediction: A Gentle
    Introduction"); this is its central interval.

    Parameters
    ----------
    calibration_images, images : int
        Of the calibration split, and of the split on which the coverage is measured; at least 1.
    coverage : float
        As `calibrate` takes it.

    Returns
    -------
    tuple of float
        Lowest and highest coverage, in [0, 1].
    """
    from scipy import special  # here, since importing it takes a while

    kept = _images_kept(calibration_images, coverage)
    if kept > calibration_images:
        return 1.0, 1.0
    a, b = kept, calibration_images + 1 - kept
    # scipy.stats.betabinom, without the seconds that importing scipy.stats takes
    k = np.arange(images + 1)
    log_mass = (
        special.betaln(k + a, images - k + b)
        - special.betaln(a, b)
        - special.betaln(k + 1, images - k + 1)
        - math.log(images + 1)
    )
    below = np.cumsum(np.exp(log_mass))
    low, high = np.searchsorted(below, [(1 - BAND) / 2, (1 + BAND) / 2])
    return float(low / images), float(min(high, images) / images)
