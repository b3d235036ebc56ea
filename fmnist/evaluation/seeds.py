"""Several seeds of one setting: mean and spread of their accuracy, and a test of two settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

LEAST_SEEDS: Final = 3
"""Runs of each group for a test: two say next to nothing of their spread."""


@dataclass(frozen=True)
class Spread:
    """Mean and spread of a figure over seeds.

    Attributes
    ----------
    count : int
    mean : float
    deviation : float or None
        Sample standard deviation; None of a single one.
    """

    count: int
    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(len(values), fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Welch:
    """Result of Welch's test for equal means of two groups.

    Attributes
    ----------
    difference : float
        Mean of the first minus mean of the second.
    low, high : float
        Ends of the 95% interval of the difference.
    p_value : float
        Two-sided.
    """

    difference: float
    low: float
    high: float
    p_value: float


def welch(first: Sequence[float], second: Sequence[float]) -> Welch:
    """Welch's t-test (Welch 1947), which lets the spreads of the two groups differ.

    Parameters
    ----------
    first, second : sequence of float
        At least three values each.

    Raises
    ------
    ValueError
        If there are fewer.
    """
    if min(len(first), len(second)) < LEAST_SEEDS:
        raise ValueError(f"Welch's test is for at least {LEAST_SEEDS} values each")
    errors = [stdev(values) ** 2 / len(values) for values in (first, second)]
    difference, error = fmean(first) - fmean(second), math.sqrt(sum(errors))
    if error < 1e-12:  # all runs of each group came out alike
        return Welch(difference, difference, difference, 1.0 if abs(difference) < 1e-12 else 0.0)
    freedom = sum(errors) ** 2 / sum(
        each**2 / (len(values) - 1) for each, values in zip(errors, (first, second), strict=True)
    )
    from scipy import special  # here, since importing it takes a while

    p_value = 2 * float(special.stdtr(freedom, -abs(difference) / error))
    margin = float(special.stdtrit(freedom, 0.975)) * error
    return Welch(difference, difference - margin, difference + margin, p_value)
