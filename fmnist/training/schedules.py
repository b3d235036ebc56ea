"""Learning rate schedules."""

import math
from typing import Final

from fmnist.runs.config import Schedule

WARM_UP: Final = 0.05  # share of the steps
ONE_CYCLE_WARM_UP: Final = 0.2


def learning_rate(
    schedule: Schedule, *, highest: float, step: int, steps: int, warmup_steps: int | None = None
) -> float:
    """The learning rate of one step.

    Parameters
    ----------
    schedule : {"constant", "warm-up", "cosine", "one-cycle"}
        "constant" stays at the highest rate. "warm-up" rises linearly over the first twentieth of
        the steps, then stays. "cosine" has the same rise, then falls to almost 0 along half a
        cosine (Loshchilov and Hutter 2017, "SGDR"). "one-cycle" rises linearly over the first
        fifth, then falls linearly to almost 0 (after Smith and Topin 2018, "Super-Convergence").
    highest : float
        Highest learning rate, above 0.
    step : int
        Steps done so far, from 0.
    steps : int
        Steps of the whole run.
    warmup_steps : int, optional
        Steps over which the rate rises, at least 1; by default the share named above.

    Returns
    -------
    float
        Above 0, at most `highest`.
    """
    if schedule == "constant":
        return highest
    share = ONE_CYCLE_WARM_UP if schedule == "one-cycle" else WARM_UP
    warm_up = max(round(share * steps), 1) if warmup_steps is None else warmup_steps
    if step < warm_up:
        return highest * (step + 1) / warm_up
    if schedule == "warm-up":
        return highest
    left = (steps - step) / (steps - warm_up + 1)  # from just below 1 to just above 0
    if schedule == "cosine":
        return highest * (1 - math.cos(math.pi * left)) / 2
    return highest * left
