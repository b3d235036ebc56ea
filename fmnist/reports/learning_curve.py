"""What a learning curve says, in sentences: more images, and images chosen by a model."""

from collections.abc import Sequence
from typing import Final

from fmnist.evaluation.learning_curve import Gain, Measured, Way
from fmnist.evaluation.power_law import MIN_POINTS, PowerLaw, extrapolate
from fmnist.reports.text import percent, percent_range, points

_NAMES: Final[dict[Way, str]] = {
    "random": "random images",
    "margin": "images of the smallest margin",
    "entropy": "images of the highest entropy",
}


def law_of(curve: Sequence[Measured], *, to: int) -> PowerLaw | None:
    """The power law of a curve, extrapolated to a number of images; None without one."""
    sizes = [point.size for point in curve]
    errors = [1 - point.accuracy for point in curve]
    return extrapolate(sizes, errors, [point.error for point in curve], to=to)


def extrapolation_in_words(curve: Sequence[Measured], law: PowerLaw | None, *, to: int) -> str:
    """What more random images would bring, in a sentence that says how sure that is."""
    if len(curve) < MIN_POINTS:
        return (
            f"Too few points to say what more images would bring: {len(curve)} of at least "
            f"{MIN_POINTS} sizes are measured."
        )
    if law is None:
        return "No power law fits these points, so nothing can be said of more images."
    miss = f"the law misses the points by up to {points(law.miss)}"
    if law.is_poor:
        return (
            f"A power law fits these points poorly ({miss}, more than the test images explain), so "
            f"its guess for {to:,} images, {percent(law.accuracy, 1)}, is not to be relied on."
        )
    gain = 100 * (law.accuracy - curve[-1].accuracy)
    return (
        f"By the power law through these points, {to:,} random images would bring about "
        f"{percent(law.accuracy, 1)} (95% interval {percent_range(law.low, law.high)}), "
        f"{gain:+.1f} points beside {curve[-1].size:,}, if the law goes on ({miss})."
    )


def gain_in_words(way: Way, gain: Gain | None, seeds: int) -> str:
    """Whether chosen images are better than random ones, in a sentence."""
    if gain is None:
        return f"No size is measured both with {_NAMES[way]} and with random images yet."
    counts = f"{len(gain.sizes)} size{'s' * (len(gain.sizes) > 1)}"
    found = (
        f"{gain.sizes[0]:,} to {gain.sizes[-1]:,}" if len(gain.sizes) > 1 else f"{gain.sizes[0]:,}"
    )
    interval = f"95% interval {100 * gain.low:+.2f} to {100 * gain.high:+.2f}"
    chance = "one seed, whose chance is not in it" if seeds == 1 else f"{seeds} seeds"
    verdict = "better than"
    if gain.high < 0:
        verdict = "worse than"
    elif gain.low <= 0:
        verdict = "not clearly different from"
    return (
        f"{_NAMES[way].capitalize()} are {verdict} random ones: "
        f"{100 * gain.difference:+.2f} points on average over {counts} ({found}; {interval} over "
        f"the test images, {chance})."
    )
