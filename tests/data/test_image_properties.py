"""Properties of images that can be counted by hand."""

import numpy as np
import pytest

from fmnist.data.image_properties import PROPERTIES, measure_all


def blank() -> np.ndarray:
    return np.zeros((28, 28), dtype=np.uint8)


def rectangle(top: int, left: int, height: int, width: int, value: int = 255) -> np.ndarray:
    image = blank()
    image[top : top + height, left : left + width] = value
    return image


def of(image: np.ndarray) -> dict[str, float]:
    return {name: float(values[0]) for name, values in measure_all(image[None]).items()}


def test_a_rectangle_in_the_middle() -> None:
    values = of(rectangle(4, 9, 20, 10, value=51))
    assert values == pytest.approx(
        {
            "area": 200 / 784, "brightness": 0.2, "contrast": 0, "aspect": 0.5, "asymmetry": 0,
            "lean": 0, "edges": 0, "parts": 1, "border": 0,
        },
        abs=1e-6,
    )  # fmt: skip


def test_stripes_sides_parts_and_borders() -> None:
    striped = rectangle(0, 0, 28, 28, value=100)
    striped[::2] = 200
    values = of(striped)
    assert values["edges"] == pytest.approx(27 * 28 * (100 / 255) / (2 * 27 * 28))
    assert values["contrast"] == pytest.approx(50 / 255)
    assert (values["border"], values["aspect"]) == (1, 1)
    # the upper half lies 6 pixels to the right of the lower one
    shaft = rectangle(4, 14, 10, 6) + rectangle(14, 8, 10, 6)
    assert of(shaft)["lean"] == pytest.approx(6)
    assert of(shaft[:, ::-1])["lean"] == pytest.approx(-6)
    assert of(rectangle(4, 0, 5, 5))["asymmetry"] == 1
    # two parts, one that touches at a corner, and a single pixel that does not count
    several = rectangle(2, 2, 3, 3) + rectangle(5, 5, 2, 2) + rectangle(15, 15, 4, 4)
    several[25, 25] = 255
    assert of(several)["parts"] == 2


def test_parts_are_counted_in_each_image_by_itself() -> None:
    images = np.stack(
        [rectangle(2, 2, 3, 3), blank(), rectangle(2, 2, 3, 3) + rectangle(9, 9, 3, 3)]
    )
    assert PROPERTIES["parts"](images).tolist() == [1, 0, 2]


def test_a_black_image_has_zeros_and_no_warning() -> None:
    assert set(of(blank()).values()) == {0.0}
    assert all(len(values) == 0 for values in measure_all(blank()[None][:0]).values())
