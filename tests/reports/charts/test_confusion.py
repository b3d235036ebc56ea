"""Colors of the confusion matrix, and confidence in two of its cells."""

import numpy as np
import pytest

from fmnist.reports import charts

BLUE, RED, ORANGE = (78, 121, 167), (225, 87, 89), (242, 142, 43)
CONFUSION = np.diag([100] * 9 + [50])
CONFUSION[6, 0] = 16
CONFUSION[0, 6] = 4


def test_correct_predictions_are_blue_and_others_red() -> None:
    colors = charts.confusion_colors(CONFUSION)
    assert colors.shape == (10, 10, 4)
    assert 255 * colors[3, 3, :3] == pytest.approx(BLUE)
    assert 255 * colors[6, 0, :3] == pytest.approx(RED)


def test_each_color_has_its_own_scale() -> None:
    opacity = charts.confusion_colors(CONFUSION)[..., 3]
    assert opacity[3, 3] == opacity[6, 0] == 0.75  # the most frequent of each
    assert opacity[9, 9] == 0.375  # half as many
    assert opacity[0, 6] == 0.375  # a quarter, by the square root
    assert opacity[1, 2] == 0


def test_a_hidden_diagonal_is_transparent() -> None:
    hidden = charts.confusion_colors(CONFUSION, hide_diagonal=True)
    assert (np.diagonal(hidden[..., 3]) == 0).all()
    assert hidden[6, 0, 3] == 0.75


def test_a_matrix_without_images_is_transparent() -> None:
    assert (charts.confusion_colors(np.zeros((10, 10), dtype=int))[..., 3] == 0).all()


def test_differences_are_orange_above_zero_and_blue_below() -> None:
    difference = np.zeros((10, 10), dtype=int)
    difference[0, 6], difference[6, 0] = 8, -2
    colors = charts.difference_colors(difference)
    assert 255 * colors[0, 6, :3] == pytest.approx(ORANGE)
    assert 255 * colors[6, 0, :3] == pytest.approx(BLUE)
    assert colors[[0, 6, 1], [6, 0, 1], 3].tolist() == [0.75, 0.375, 0]


def test_colors_are_written_as_css() -> None:
    css = charts.css_colors(charts.confusion_colors(CONFUSION))
    assert (css[9][9], css[6][0]) == ("rgba(78, 121, 167, 0.375)", "rgba(225, 87, 89, 0.750)")


def test_confidence_of_a_cell_is_in_percent_of_its_images() -> None:
    first, second = np.array([0.91, 0.92, 0.93, 0.51]), np.array([0.51])
    figure = charts.confidence_of_two_cells([first, second])
    a, b = figure.data
    assert dict(zip(a.x.tolist(), a.y.tolist(), strict=True))[92.5] == 75
    assert dict(zip(b.x.tolist(), b.y.tolist(), strict=True))[52.5] == 100
    assert (a.customdata.sum(), b.customdata.sum()) == (4, 1)


def test_a_cell_without_images_has_no_bars() -> None:
    figure = charts.confidence_of_two_cells([np.array([]), np.array([0.5])])
    assert figure.data[0].y.tolist() == [0] * 20
