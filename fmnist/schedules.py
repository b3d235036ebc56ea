"""How the learning rate changes while a model trains."""

from typing import Final

from fmnist.config import Schedule

WARM_UP: Final = 0.2  # share of the steps


def learning_rate(schedule: Schedule, *, highest: float, step: int, steps: int) -> float:
    """The learning rate of one step.

    Parameters
    ----------
    schedule : {"constant", "one-cycle"}
        "constant" keeps the highest; "one-cycle" rises to it evenly over the first fifth of the
        steps and falls evenly to almost 0 over the rest (after Smith and Topin 2018,
        "Super-Convergence").
    highest : float
    step : int
        From 0.
    steps : int
        Of the whole run.

    Returns
    -------
    float
        Above 0, at most `highest`.
    """
    if schedule == "constant":
        return highest
    warm_up = max(round(WARM_UP * steps), 1)
    if step < warm_up:
        return highest * (step + 1) / warm_up
    return highest * (steps - step) / (steps - warm_up + 1)
