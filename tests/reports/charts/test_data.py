"""Charts of a data set: bars per class, and pixel values."""

import numpy as np

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports import charts


def test_class_distribution_has_a_bar_per_class_and_split() -> None:
    counts = {"Training": list(range(10)), "Test": [5] * 10}
    figure = charts.class_distribution(counts)
    assert [bar.name for bar in figure.data] == ["Training", "Test"]
    assert list(figure.data[0].x) == list(CLASS_NAMES)
    assert [list(bar.y) for bar in figure.data] == list(counts.values())
    assert figure.data[0].marker.color != figure.data[1].marker.color


def test_pixel_histogram_counts_values_on_a_logarithmic_axis() -> None:
    figure = charts.pixel_histogram(np.array([0.0, 0.5, 1.0]), np.array([700, 20, 64]))
    (bar,) = figure.data
    assert (list(bar.x), list(bar.y)) == ([0.0, 0.5, 1.0], [700, 20, 64])
    assert figure.layout.yaxis.type == "log"
