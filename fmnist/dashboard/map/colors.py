"""What the points of a map can be colored by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from fmnist.dashboard import snapshots
from fmnist.dashboard.components.image_map import STEPS, Coloring, color_scale, color_steps
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.map.layouts import RunMap
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.training_dynamics import TrainingDynamics
from fmnist.evaluation.verdicts import VERDICT_TITLES
from fmnist.reports.charts.theme import (
    CLASS_COLORS,
    CORRECT_COLOR,
    MISCLASSIFIED_COLOR,
    OTHER_COLOR,
    OWN_COLORS,
)

_LOSSES: Final = (1e-3, 10.0)
_VERDICT_COLORS: Final = ("#E15759", "#D4A72C", "#4E79A7")
_CLASSES: Final = tuple(zip(CLASS_NAMES, CLASS_COLORS, strict=True))
_CORRECTNESS: Final = (("Correct", CORRECT_COLOR), ("Misclassified", MISCLASSIFIED_COLOR))


def _dynamics(shown: RunMap) -> TrainingDynamics | None:
    """What the run predicted for the images of the map after every epoch."""
    return snapshots.dynamics_of(shown.run, shown.snapshot)


def _true_class(_context: PageContext, shown: RunMap) -> Coloring:
    return Coloring(shown.snapshot.evaluation.labels, CLASS_COLORS, _CLASSES)


def _predicted_class(_context: PageContext, shown: RunMap) -> Coloring:
    labels = shown.snapshot.evaluation.predicted_labels.astype(np.uint8)
    known = _dynamics(shown)
    frames = known.predicted if known else None
    palette = (CLASS_COLORS + OWN_COLORS)[: shown.snapshot.evaluation.num_classes]
    keys = tuple(zip(shown.run.class_names[: len(palette)], palette, strict=True))
    return Coloring(labels, palette, keys, frames=frames)


def _correctness(_context: PageContext, shown: RunMap) -> Coloring:
    wrong = (~shown.snapshot.evaluation.correct).astype(np.uint8)
    known = _dynamics(shown)
    frames = (~known.correct).astype(np.uint8) if known else None
    colors = [color for _, color in _CORRECTNESS]
    return Coloring(wrong, colors, _CORRECTNESS, frames=frames)


def _confidence(_context: PageContext, shown: RunMap) -> Coloring:
    known = _dynamics(shown)
    frames = color_steps(known.confidence) if known else None
    values = color_steps(shown.snapshot.evaluation.confidence)
    return Coloring(values, color_scale(), scale=("Confidence 0%", "100%"), frames=frames)


def _loss(_context: PageContext, shown: RunMap) -> Coloring:
    low, high = np.log(_LOSSES)
    losses = np.log(shown.snapshot.evaluation.losses.clip(*_LOSSES))
    ends = (f"Loss {_LOSSES[0]} or less", f"{_LOSSES[1]:.0f} or more")
    return Coloring(color_steps((losses - low) / (high - low)), color_scale(), scale=ends)


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
    found = known.first_learned
    last = max(int(found.max()), 2)
    values = color_steps((found - 1) / (last - 1))
    values[found == 0] = STEPS
    never = (("Never", MISCLASSIFIED_COLOR),)
    scale = ("Epoch 1", f"epoch {last}")
    return Coloring(values, [*color_scale(), MISCLASSIFIED_COLOR], never, scale)


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
