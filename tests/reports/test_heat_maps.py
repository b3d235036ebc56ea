"""Pictures of attributions."""

import io

import numpy as np
from PIL import Image

from fmnist.reports.heat_maps import AGAINST, FOR, Panel, figure, overlay

GRAY = np.full((28, 28), 100, np.uint8)


def test_orange_speaks_for_and_blue_against() -> None:
    values = np.zeros((28, 28))
    values[0, :3] = (4, -4, 2)
    picture = overlay(GRAY, values, 1.0)
    assert tuple(picture[0, 0]) == FOR
    assert tuple(picture[0, 1]) == AGAINST
    assert tuple(picture[0, 2]) == tuple(np.rint((np.array(FOR) + 100) / 2))
    assert tuple(picture[5, 5]) == (100, 100, 100)


def test_the_strength_lets_the_image_through() -> None:
    values = np.ones((28, 28))
    assert (overlay(GRAY, values, 0.0) == 100).all()
    assert (overlay(GRAY, values, 0.5)[0, 0] == np.rint((np.array(FOR) + 100) / 2)).all()


def test_a_limit_makes_maps_comparable() -> None:
    values = np.full((28, 28), 2.0)
    assert (overlay(GRAY, values, 1.0, limit=4.0) == overlay(GRAY, values, 0.5)).all()


def test_a_map_of_zeros_leaves_the_image() -> None:
    assert (overlay(GRAY, np.zeros((28, 28)), 1.0) == 100).all()


def test_a_figure_has_all_panels() -> None:
    one = figure([Panel(GRAY, ["One"])], title="Why?", legend="Orange")
    painted = overlay(GRAY, np.ones((28, 28)), 1.0)
    two = figure(
        [Panel(GRAY, ["One"]), Panel(painted, ["Two", "lines"])], title="Why?", legend="Orange"
    )
    single, double = Image.open(io.BytesIO(one)), Image.open(io.BytesIO(two))
    assert double.width > single.width + 250
    assert double.height > single.height  # for the second line
    assert any(color == FOR for _, color in double.convert("RGB").getcolors(1 << 20) or [])
