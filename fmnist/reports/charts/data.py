"""A data set: images per class and pixel values."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.charts.theme import BEST_COLOR, MONITORED_COLOR, TRAIN_COLOR, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def class_distribution(counts: Mapping[str, Sequence[int]]) -> "go.Figure":
    """Draw the number of images of each class: a group of bars per class, a bar per split.

    Parameters
    ----------
    counts : mapping of str to sequence of int (10,)
        Number of images of each class, by title of the split; at most three splits.
    """
    figure = new_figure(320)
    colors = (TRAIN_COLOR, MONITORED_COLOR, BEST_COLOR)
    for (split, values), color in zip(counts.items(), colors, strict=False):
        figure.add_bar(
            x=CLASS_NAMES,
            y=list(values),
            name=split,
            marker={"color": color},
            hovertemplate="%{y:,}",
        )
    figure.update_layout(barmode="group")
    figure.update_yaxes(title="Images")
    return figure


def pixel_histogram(values: NDArray[np.floating], counts: NDArray[np.integer]) -> "go.Figure":
    """Draw how often each pixel value occurs, on a logarithmic axis.

    Parameters
    ----------
    values : float (V,)
        Pixel values, raw or normalized.
    counts : int (V,)
        Number of pixels with that value.
    """
    figure = new_figure(280)
    figure.add_bar(
        x=values,
        y=counts,
        marker={"color": MONITORED_COLOR, "line": {"width": 0}},
        hovertemplate="%{x:.3g}: %{y:,} pixels<extra></extra>",
    )
    figure.update_layout(bargap=0, hovermode="closest", margin={"t": 8})
    figure.update_xaxes(title="Pixel value")
    figure.update_yaxes(title="Pixels (log)", type="log")
    return figure
