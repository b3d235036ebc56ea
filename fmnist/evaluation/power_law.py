"""Power laws through learning curves: what more images would bring, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_POINTS: Final = 5
"""Sizes that an extrapolation takes: three parameters, and something left to tell the misfit."""

POOR: Final = 3.0
"""The fit is poor from this root mean square of the misses in standard errors on."""

_RESAMPLES: Final = 300


@dataclass(frozen=True)
class PowerLaw:
    """error = floor + scale · n^-exponent, and what it says of more images.

    Attributes
    ----------
    floor, scale, exponent : float
        The error is a fraction.
    size : int
        Number of images that it is extrapolated to.
    accuracy : float
        There, in [0, 1].
    low, high : float
        95% interval of that accuracy by resampling the points.
    miss : float
        Largest distance of a point from the law (fraction).
    is_poor : bool
        Whether the law misses the points by more than their errors explain.
    """

    floor: float
    scale: float
    exponent: float
    size: int
    accuracy: float
    low: float
    high: float
    miss: float
    is_poor: bool


def extrapolate(
    images: Sequence[int], errors: Sequence[float], standard_errors: Sequence[float], *, to: int
) -> PowerLaw | None:
    """Fit a power law to a learning curve (Cortes et al. 1994; Hestness et al. 2017).

    Its uncertainty is that of a parametric bootstrap: the law's values plus normal errors, fitted
    again. The errors are those of the points, or as large as the misses where these are larger.

    Parameters
    ----------
    images : sequence of int (P,)
    errors : sequence of float (P,)
        1 - accuracy, in [0, 1].
    standard_errors : sequence of float (P,)
        Above 0.
    to : int
        Number of images to extrapolate to.

    Returns
    -------
    PowerLaw or None
        None with fewer points than `MIN_POINTS`, or if no law can be fitted.
    """
    if len(images) < MIN_POINTS:
        return None
    size, error = np.asarray(images, np.float64), np.asarray(errors, np.float64)
    spread = np.maximum(np.asarray(standard_errors, np.float64), 1e-4)
    best = _fit(size, error, spread)
    if best is None:
        return None
    law = _power_law(size, *best)
    misses = (error - law) / spread
    root = math.sqrt(float((misses**2).sum()) / (len(size) - 3))
    rng = np.random.default_rng(0)
    guesses = []
    for _ in range(_RESAMPLES):
        drawn = law + max(1.0, root) * spread * rng.standard_normal(len(size))
        again = _fit(size, drawn, spread, start=best)
        if again is not None:
            guesses.append(1 - _power_law(np.array([float(to)]), *again)[0])
    if len(guesses) < _RESAMPLES // 2:
        return None
    low, high = np.percentile(guesses, (2.5, 97.5))
    at = 1 - float(_power_law(np.array([float(to)]), *best)[0])
    miss = float(np.abs(error - law).max())
    return PowerLaw(*best, to, at, float(low), float(high), miss, root >= POOR)


def _power_law(
    size: NDArray[np.float64], floor: float, scale: float, exponent: float
) -> NDArray[np.float64]:
    return np.asarray(floor + scale * size**-exponent)


def _slopes(
    size: NDArray[np.float64], _floor: float, scale: float, exponent: float
) -> NDArray[np.float64]:
    """Derivatives of the law (P, 3) by its parameters."""
    power = size**-exponent
    return np.stack([np.ones_like(size), power, -scale * power * np.log(size)], axis=1)


def _fit(
    size: NDArray[np.float64],
    error: NDArray[np.float64],
    spread: NDArray[np.float64],
    start: tuple[float, float, float] | None = None,
) -> tuple[float, float, float] | None:
    """Floor, scale and exponent; None if the search finds no end."""
    from scipy.optimize import curve_fit  # here, since importing it takes a while

    if start is None:
        start = (max(0.0, 0.5 * float(error.min())), float(error[0]) * math.sqrt(size[0]), 0.5)
    limits = ([0.0, 0.0, 0.01], [1.0, 1e4, 3.0])
    try:
        found, _ = curve_fit(
            _power_law, size, error, p0=np.clip(start, *limits), sigma=spread, bounds=limits,
            x_scale=np.maximum(start, 1e-3), max_nfev=2000, jac=_slopes,
        )  # fmt: skip
    except (RuntimeError, ValueError):
        return None
    floor, scale, exponent = (float(value) for value in found)
    return floor, scale, exponent
