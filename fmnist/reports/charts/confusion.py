"""Colors of the confusion matrix, on screen and in exports; comparison of two of its cells."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fmnist.reports.charts.theme import (
    CORRECT_COLOR,
    MISCLASSIFIED_COLOR,
    MONITORED_COLOR,
    TRAIN_COLOR,
    new_figure,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MAX_OPACITY: Final = 0.75  # text stays legible on it, dark on light and light on dark


def confusion_colors(
    confusion: NDArray[np.integer], *, hide_diagonal: bool = False
) -> NDArray[np.float64]:
    """Color the cells of a confusion matrix: correct predictions blue, the others red.

    Blue and red have a scale each. Red grows with the square root of the count, so that rare
    misclassifications show beside frequent ones.

    Parameters
    ----------
    confusion : int (10, 10)
        Row = true, column = predicted.
    hide_diagonal : bool
        Whether correct predictions are transparent.

    Returns
    -------
    float64 (10, 10, 4)
        Red, green, blue and opacity, in [0, 1].
    """
    diagonal = np.eye(len(confusion), dtype=bool)
    correct = confusion / max(1, confusion[diagonal].max())
    wrong = np.sqrt(confusion / max(1, confusion[~diagonal].max()))
    return np.where(
        diagonal[..., None],
        _tints(CORRECT_COLOR, correct * (not hide_diagonal)),
        _tints(MISCLASSIFIED_COLOR, wrong),
    )


def difference_colors(difference: NDArray[np.integer]) -> NDArray[np.float64]:
    """Color the cells of a difference of two confusion matrices: orange above 0, blue below.

    Parameters
    ----------
    difference : int (10, 10)
        This run less the compared run.

    Returns
    -------
    float64 (10, 10, 4)
        Red, green, blue and opacity, in [0, 1].
    """
    strength = np.sqrt(np.abs(difference) / max(1, np.abs(difference).max()))
    above = (difference > 0)[..., None]
    return np.where(above, _tints(TRAIN_COLOR, strength), _tints(MONITORED_COLOR, strength))


def css_colors(colors: NDArray[np.floating]) -> list[list[str]]:
    """Write colors as CSS.

    Parameters
    ----------
    colors : float (10, 10, 4)
        Red, green, blue and opacity, in [0, 1].

    Returns
    -------
    list of list of str (10, 10)
    """
    return [
        [f"rgba({r:.0f}, {g:.0f}, {b:.0f}, {opacity:.3f})" for r, g, b, opacity in row]
        for row in (colors * (255, 255, 255, 1)).tolist()
    ]


def _tints(color: str, strength: NDArray[np.floating]) -> NDArray[np.float64]:
    """One color (`#rrggbb`), more opaque where the strength in [0, 1] is higher."""
    colors = np.empty((*strength.shape, 4))
    colors[..., :3] = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    colors[..., 3] = _MAX_OPACITY * strength
    return colors


def confidence_of_two_cells(confidences: Sequence[NDArray[np.floating]]) -> "go.Figure":
    """Draw the distribution of confidence in two cells, each in percent of its images.

    Parameters
    ----------
    confidences : sequence of float (N,) in [0, 1]
        Confidence of the images in the first and in the second cell.
    """
    figure = new_figure(240)
    edges = np.linspace(0, 1, 21)
    centers = 50 * (edges[:-1] + edges[1:])
    pairs = zip(
        confidences, ("First cell", "Second cell"), (TRAIN_COLOR, MONITORED_COLOR), strict=True
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
