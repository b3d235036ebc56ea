"""What the points of a map can be colored by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.dashboard import snapshots
from fmnist.dashboard.components.image_map import Coloring
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.map.layouts import RunMap, epoch_order
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.training_dynamics import TrainingDynamics
from fmnist.evaluation.verdicts import VERDICT_TITLES
from fmnist.reports.charts.theme import (
    CLASS_COLORS,
    CORRECT_COLOR,
    MISCLASSIFIED_COLOR,
    OTHER_COLOR,
)

_STOPS: Final = ("#482878", "#3E4A89", "#31688E", "#26828E", "#1F9E89", "#6DCD59", "#FDE725")
"""Of viridis, without its darkest end, which a dark page swallows."""
_STEPS: Final = 64
_LOSSES: Final = (1e-3, 10.0)
_VERDICT_COLORS: Final = ("#E15759", "#D4A72C", "#4E79A7")
_CLASSES: Final = tuple(zip(CLASS_NAMES, CLASS_COLORS, strict=True))
_CORRECTNESS: Final = (("Correct", CORRECT_COLOR), ("Misclassified", MISCLASSIFIED_COLOR))


def _scale() -> list[str]:
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in _STOPS])
    at = np.linspace(0, len(stops) - 1, _STEPS)
    mixed = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return [f"#{round(r):02X}{round(g):02X}{round(b):02X}" for r, g, b in zip(*mixed, strict=True)]


def _steps(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Shares in [0, 1] as colors of the scale."""
    steps: NDArray[np.uint8] = np.rint(shares.clip(0, 1) * (_STEPS - 1)).astype(np.uint8)
    return steps


def _dynamics(shown: RunMap) -> tuple[TrainingDynamics, NDArray[np.intp]] | None:
    """What the run predicted after every epoch, and where each image is in it."""
    dynamics = snapshots.training_dynamics(shown.run)
    order = epoch_order(shown.run, shown.snapshot)
    return None if dynamics is None or order is None else (dynamics, order)


def _true_class(_context: PageContext, shown: RunMap) -> Coloring:
    return Coloring(shown.snapshot.evaluation.labels, CLASS_COLORS, _CLASSES)


def _predicted_class(_context: PageContext, shown: RunMap) -> Coloring:
    labels = shown.snapshot.evaluation.predicted_labels.astype(np.uint8)
    known = _dynamics(shown)
    frames = known[0].predicted[:, known[1]] if known else None
    return Coloring(labels, CLASS_COLORS, _CLASSES, frames=frames)


def _correctness(_context: PageContext, shown: RunMap) -> Coloring:
    wrong = (~shown.snapshot.evaluation.correct).astype(np.uint8)
    known = _dynamics(shown)
    frames = (~known[0].correct[:, known[1]]).astype(np.uint8) if known else None
    colors = [color for _, color in _CORRECTNESS]
    return Coloring(wrong, colors, _CORRECTNESS, frames=frames)


def _confidence(_context: PageContext, shown: RunMap) -> Coloring:
    known = _dynamics(shown)
    frames = _steps(known[0].confidence[:, known[1]]) if known else None
    values = _steps(shown.snapshot.evaluation.confidence)
    return Coloring(values, _scale(), scale=("Confidence 0%", "100%"), frames=frames)


def _loss(_context: PageContext, shown: RunMap) -> Coloring:
    low, high = np.log(_LOSSES)
    losses = np.log(shown.snapshot.evaluation.losses.clip(*_LOSSES))
    ends = (f"Loss {_LOSSES[0]} or less", f"{_LOSSES[1]:.0f} or more")
    return Coloring(_steps((losses - low) / (high - low)), _scale(), scale=ends)


def _verdict(context: PageContext, shown: RunMap) -> Coloring:
    names = list(VERDICT_TITLES)
    values = np.full(len(shown.positions), len(names), dtype=np.uint8)
    for position, image in enumerate(shown.snapshot.evaluation.indices):
        given = context.verdicts.get(int(image))
        if given is not None:
            values[position] = names.index(given.verdict)
    colors = (*_VERDICT_COLORS, OTHER_COLOR)
    titles = (*VERDICT_TITLES.values(), "No verdict")
    return Coloring(values, colors, tuple(zip(titles, colors, strict=True)))


def _first_learned(_context: PageContext, shown: RunMap) -> Coloring:
    known = _dynamics(shown)
    if known is None:  # not among the choices then
        return _true_class(_context, shown)
    found = known[0].first_learned[known[1]]
    last = max(int(found.max()), 2)
    values = _steps((found - 1) / (last - 1))
    values[found == 0] = _STEPS
    never = (("Never", MISCLASSIFIED_COLOR),)
    scale = ("Epoch 1", f"epoch {last}")
    return Coloring(values, [*_scale(), MISCLASSIFIED_COLOR], never, scale)


COLORINGS: Final[Mapping[str, Callable[[PageContext, RunMap], Coloring]]] = {
    "True class": _true_class,
    "Predicted class": _predicted_class,
    "Correctness": _correctness,
    "Confidence": _confidence,
    "Loss": _loss,
    "Verdict": _verdict,
    "Epoch first learned": _first_learned,
}
"""Colorings by their names."""


def available(shown: Sequence[RunMap]) -> list[str]:
    """Names of the colorings that all maps have."""
    knows_epochs = all(_dynamics(each) is not None for each in shown)
    return [name for name in COLORINGS if knows_epochs or name != "Epoch first learned"]
