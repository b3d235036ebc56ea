"""Colors of the confusion matrix, and two of its cells compared."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist.reports.charts.theme import MEASURED_COLOR, TRAIN_COLOR, WRONG_COLOR, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def confusion_colors(
    confusion: NDArray[np.integer], *, hide_diagonal: bool = False
) -> list[list[str]]:
    """CSS colors for the cells of a confusion matrix: right blue, mistakes red.

    Each to a scale of its own; that of the mistakes goes with the square root, so that rare
    ones show beside frequent ones.

    Parameters
    ----------
    confusion : int (10, 10)
        Row = true, column = predicted.
    hide_diagonal : bool
    """
    diagonal = np.eye(len(confusion), dtype=bool)
    right = confusion / max(1, confusion[diagonal].max())
    wrong = np.sqrt(confusion / max(1, confusion[~diagonal].max()))
    blue, red = _rgb(MEASURED_COLOR), _rgb(WRONG_COLOR)
    return [
        [
            ("transparent" if hide_diagonal else _tint(blue, right[i, j]))
            if i == j
            else _tint(red, wrong[i, j])
            for j in range(len(confusion))
        ]
        for i in range(len(confusion))
    ]


def difference_colors(difference: NDArray[np.integer]) -> list[list[str]]:
    """CSS colors for the cells of a difference, diverging around 0: orange above, blue below.

    Parameters
    ----------
    difference : int (10, 10)
    """
    strength = np.sqrt(np.abs(difference) / max(1, np.abs(difference).max()))
    orange, blue = _rgb(TRAIN_COLOR), _rgb(MEASURED_COLOR)
    return [
        [
            _tint(orange if difference[i, j] > 0 else blue, strength[i, j])
            for j in range(len(difference))
        ]
        for i in range(len(difference))
    ]


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _tint(rgb: tuple[int, int, int], strength: float) -> str:
    # never opaque: the theme's text stays legible on it, dark on light or light on dark
    return f"rgba({rgb[0]}, {rgb[1]}, {rgb[2]}, {0.75 * strength:.3f})"


def two_confidences(confidences: Sequence[NDArray[np.floating]]) -> "go.Figure":
    """Distributions of confidence of two sets of images, each as shares of its own.

    Parameters
    ----------
    confidences : two arrays of float (N,) in [0, 1]
    """
    figure = new_figure(240)
    edges = np.linspace(0, 1, 21)
    centers = 50 * (edges[:-1] + edges[1:])
    pairs = zip(
        confidences, ("First cell", "Second cell"), (TRAIN_COLOR, MEASURED_COLOR), strict=True
    )
    for values, name, color in pairs:
        counts, _ = np.histogram(values, edges)
        figure.add_bar(
            x=centers,
            y=100 * counts / max(1, len(values)),
            customdata=counts,
            name=name,
            marker={"color": color},
            hovertemplate="%{customdata:,} images (%{y:.1f}%)",
        )
    figure.update_layout(barmode="group", bargap=0.1)
    figure.update_xaxes(title="Confidence (%)", range=[0, 100])
    figure.update_yaxes(title="Images (%)", rangemode="tozero")
    return figure
