"""The smallest changes that change a prediction, on rules whose answers are known."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from fmnist.explain import flips
from fmnist.explain.flips import Wanted
from fmnist.models.classifier import Classifier, Normalization
from fmnist.models.layers import Chain


@pytest.fixture
def bar() -> NDArray[np.uint8]:
    """A bright bar, 4 pixels wide and 8 high."""
    image = np.zeros((28, 28), np.uint8)
    image[10:18, 12:16] = 200
    return image


def _as_labels(values: NDArray[Any]) -> NDArray[np.integer]:
    labels: NDArray[np.int64] = values.astype(np.int64)
    return labels


def test_the_smallest_erased_square(bar: NDArray[np.uint8]) -> None:
    def predict(images: NDArray[np.uint8]) -> NDArray[np.integer]:
        return _as_labels(images[:, 12:15, 12:15].sum((1, 2)) == 0)

    found = flips.erased_square(predict, bar, Wanted(0))
    assert found is not None
    assert (found.label, found.size, found.place) == (1, 3.0, (12, 12))
    assert not found.image[12:15, 12:15].any()
    assert (found.image == bar).sum() == 784 - 9
    assert flips.erased_square(lambda images: np.zeros(len(images), int), bar, Wanted(0)) is None


def test_a_chosen_class_is_looked_for(bar: NDArray[np.uint8]) -> None:
    def predict(images: NDArray[np.uint8]) -> NDArray[np.integer]:  # how many corners are black
        corners = images[:, [10, 10, 17, 17], [12, 15, 12, 15]]
        return _as_labels((corners == 0).sum(1))

    any_other = flips.erased_square(predict, bar, Wanted(0))
    two = flips.erased_square(predict, bar, Wanted(0, target=2))
    assert any_other and (any_other.label, any_other.size) == (1, 1.0)
    assert two and (two.label, two.size) == (2, 4.0)


def test_the_smallest_shift(bar: NDArray[np.uint8]) -> None:
    def predict(images: NDArray[np.uint8]) -> NDArray[np.integer]:
        return (images[:, 9, 17] > 0).astype(int)  # a pixel above and two to the right

    found = flips.smallest_shift(predict, bar, Wanted(0))
    assert found is not None
    assert found.place == (-1, 2)
    assert found.size == pytest.approx(5**0.5)
    assert np.array_equal(found.image, flips.shifted(bar, -1, 2))
    assert found.image[9:17, 14:18].min() == 200 and found.image.sum() == bar.sum()


def test_a_shift_takes_pixels_out_of_the_image() -> None:
    image = np.full((28, 28), 9, np.uint8)
    moved = flips.shifted(image, 3, -2)
    assert not moved[:3].any() and not moved[:, -2:].any()
    assert (moved[3:, :-2] == 9).all()


def test_the_smallest_rotation(bar: NDArray[np.uint8]) -> None:
    def predict(images: NDArray[np.uint8]) -> NDArray[np.integer]:
        return (images[:, 12, 11] > 60).astype(int)  # left of the bar's upper half

    found = flips.smallest_rotation(predict, bar, Wanted(0))
    assert found is not None
    assert 0 < found.size < 45  # counterclockwise takes the upper half to the left
    assert found.image[12, 11] > 60


def test_the_smallest_change_of_brightness(bar: NDArray[np.uint8]) -> None:
    darker = flips.smallest_brightness(
        lambda images: (images.max((1, 2)) < 100).astype(int), bar, Wanted(0)
    )
    assert darker and darker.size == pytest.approx(2 ** (-21 / 20))  # 200 · 0.5 is 100 still
    brighter = flips.smallest_brightness(
        lambda images: (images.max((1, 2)) == 255).astype(int), bar, Wanted(0)
    )
    assert brighter and brighter.size == pytest.approx(2 ** (7 / 20))


def linear() -> Classifier:
    """Class 1 beats class 0 where the left half has a mean above 9.5."""
    layer = nn.Linear(784, 10)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.0, -0.14 * 28 * 9.5] + [-1e6] * 8))
        sides = torch.ones(28, 28)
        sides[:, 14:] = 0
        layer.weight[1] = sides.ravel() / 100
    model = Chain(nn.Flatten(), layer)
    return Classifier(model, models=["linear"], normalization=Normalization(0.0, 1 / 255))


@pytest.mark.parametrize("steps", [1, flips.PGD_STEPS])
def test_an_adversarial_change_of_a_linear_model(steps: int) -> None:
    image = np.full((28, 28), 100, np.uint8)
    image[:, :14] = 4  # class 1 wins from 9.5 on the left: 6 levels more
    classifier = linear()
    found = flips.adversarial(classifier, image, Wanted(0), steps=steps)
    assert found is not None
    assert (found.label, found.size) == (1, 6.0)
    assert (found.image[:, :14] == 10).all() and (found.image[:, 14:] == 100).all()
    assert classifier.model[1].weight.grad is None  # type: ignore[index]


def test_an_adversarial_change_toward_a_class() -> None:
    image = np.full((28, 28), 12, np.uint8)
    found = flips.adversarial(linear(), image, Wanted(1, target=0), steps=1)
    assert found is not None
    assert (found.label, found.size) == (0, 3.0)
    assert flips.adversarial(linear(), image, Wanted(1, target=5), steps=1) is None
