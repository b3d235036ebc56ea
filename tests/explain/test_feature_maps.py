"""Feature maps and sums of units: by hand on tiny networks, and for every registered model."""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from fmnist.explain import feature_maps, unit_sums
from fmnist.explain.feature_maps import Layer
from fmnist.models.classifier import Classifier, Normalization
from fmnist.models.layers import Chain, Dropout
from fmnist.models.registry import MODELS, create_model


def tiny() -> Classifier:
    """A convolution of two filters, ReLU, 2×2 pooling, dropout, and a linear layer."""
    convolution = nn.Conv2d(1, 2, 3, padding=1)
    linear = nn.Linear(2 * 14 * 14, 10)
    assert convolution.bias is not None
    with torch.no_grad():
        convolution.weight.copy_(torch.arange(18.0).reshape(2, 1, 3, 3) - 8)
        convolution.bias.copy_(torch.tensor([0.5, -1.0]))
        linear.weight.copy_(torch.linspace(-1, 1, 3920).reshape(10, 392))
        linear.bias.copy_(torch.arange(10.0))
    layers = (
        convolution, nn.ReLU(inplace=True), nn.MaxPool2d(2), Dropout(0.5), nn.Flatten(), linear
    )  # fmt: skip
    model = Chain(*layers)
    # pixels as they are, so that sums can be done by hand
    return Classifier(model, models=["tiny"], normalization=Normalization(0.0, 1 / 255))


@pytest.fixture
def image() -> NDArray[np.uint8]:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[0, :3] = [1, 2, 3]
    pixels[1, :3] = [4, 5, 6]
    return pixels


@cache
def classifier_of(name: str) -> Classifier:
    return Classifier(create_model(name, seed=0), models=[name])


def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)


def test_the_walk_names_the_layers_with_their_shapes(image: NDArray[np.uint8]) -> None:
    steps = [(step.key, step.title, step.shape) for step in feature_maps.walk(tiny(), image)]
    assert steps == [
        ("0", "Convolution 3×3", "2 × 28 × 28"),
        ("1", "ReLU", "2 × 28 × 28"),
        ("2", "Max-pooling 2×2", "2 × 14 × 14"),
        ("4", "Flatten", "392"),
        ("5", "Fully connected", "10"),
    ]


def test_an_in_place_relu_leaves_what_was_before_as_it_was(image: NDArray[np.uint8]) -> None:
    classifier = tiny()
    convolved, activated, *_ = feature_maps.walk(classifier, image)
    # at the corner, with the weights [[-8, -7, -6], [-5, -4, -3], [-2, -1, 0]] and the bias 0.5
    assert convolved.output[0, 0, 0] == -4 * 1 - 3 * 2 - 1 * 4 - 0 * 5 + 0.5
    assert activated.output[0, 0, 0] == 0
    assert classifier.model[1].inplace  # type: ignore[index]
    _, connected, activated, *_ = feature_maps.walk(classifier_of("mlp"), image)
    assert connected.output.min() < 0 == activated.output.min()


def test_a_sum_by_hand(image: NDArray[np.uint8]) -> None:
    classifier = tiny()
    layers = feature_maps.walk(classifier, image)
    found = unit_sums.unit_sum(classifier.model, layers, 0, (1, 0, 1))
    assert found is not None
    assert found.patch.tolist() == [[[0, 0, 0], [1, 2, 3], [4, 5, 6]]]
    assert found.kernel.tolist() == [[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]
    assert found.products.tolist() == [[[0, 0, 0], [4, 10, 18], [28, 40, 54]]]
    assert (found.bias, found.total, found.value) == (-1.0, 153.0, 153.0)
    assert (found.top, found.left) == (-1, 0)


def test_a_fully_connected_layer_sees_the_maps_before_it(image: NDArray[np.uint8]) -> None:
    classifier = tiny()
    layers = feature_maps.walk(classifier, image)
    found = unit_sums.unit_sum(classifier.model, layers, 4, (3, 0, 0))
    assert found is not None
    assert found.patch.shape == (2, 14, 14)
    assert np.array_equal(found.patch, layers[2].output)
    assert found.total == pytest.approx(found.value, rel=1e-5)


def test_other_layers_in_words(image: NDArray[np.uint8]) -> None:
    classifier = tiny()
    _, activated, pooled, *_ = feature_maps.walk(classifier, image)
    assert (
        unit_sums.in_words(classifier.model, activated, (0, 0, 0)) == "max(0, x) of x = −13.5 is 0."
    )
    words = unit_sums.in_words(classifier.model, pooled, (1, 0, 0))
    shown = pooled.input[1, :2, :2].ravel()
    assert words == f"The highest of {', '.join(f'{v:.3g}' for v in shown)} is {shown.max():.3g}."


def test_batch_normalization_in_two_numbers() -> None:
    norm = nn.BatchNorm2d(1, eps=0.0)
    norm.running_mean, norm.running_var = torch.tensor([3.0]), torch.tensor([4.0])
    with torch.no_grad():
        norm.weight.fill_(6.0)
        norm.bias.fill_(1.0)
    assert unit_sums.norm_scale_and_shift(norm, 0) == (3.0, -8.0)
    assert norm.eval()(torch.full((1, 1, 1, 1), 5.0)).item() == 3.0 * 5 - 8


def test_filters_of_the_first_layer() -> None:
    name, filters = feature_maps.first_filters(tiny().model)
    assert (name, filters.shape) == ("0", (2, 3, 3))
    assert filters[0, 0].tolist() == [-8, -7, -6]
    _, pictures = feature_maps.first_filters(create_model("logistic", seed=0))
    assert pictures.shape == (10, 28, 28)


def test_excitement_is_the_highest_value_of_each_map(image: NDArray[np.uint8]) -> None:
    classifier = tiny()
    images = np.stack([image, np.zeros_like(image), noise()])
    told: list[tuple[int, int]] = []
    found = feature_maps.excitement(
        classifier, images, "0", progress=lambda done, total: told.append((done, total))
    )
    by_hand = [feature_maps.walk(classifier, each)[0].output.max((1, 2)) for each in images]
    assert np.allclose(found, by_hand)
    assert told == [(3, 3)]


def test_tokens_are_maps_over_patches() -> None:
    tokens = np.arange(5 * 2, dtype=np.float32).reshape(5, 2)
    assert feature_maps.as_maps(tokens).tolist() == [[[2, 4], [6, 8]], [[3, 5], [7, 9]]]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_walked_through_to_its_logits(name: str) -> None:
    classifier, image = classifier_of(name), noise()
    layers = feature_maps.walk(classifier, image)
    expected = classifier.logits(image[None])[0]
    assert np.allclose(layers[-1].output, expected, atol=1e-4)
    assert len({layer.key for layer in layers}) == len(layers)
    first = next(step.name for step in layers if step.title.startswith(("Conv", "Fully")))
    assert feature_maps.first_filters(classifier.model)[0] == first
    assert all(layer.maps.ndim == 3 for layer in layers)


def _some_units(layer: Layer) -> list[tuple[int, int, int]]:
    channels, height, width = layer.maps.shape
    return [
        (channels - 1, 0, 0),
        (channels // 2, height // 2, width // 2),
        (0, height - 1, width - 1),
    ]


@pytest.mark.parametrize("name", MODELS)
def test_the_sums_of_every_model_add_up(name: str) -> None:
    classifier = classifier_of(name)
    layers = feature_maps.walk(classifier, noise())
    checked = 0
    for index, layer in enumerate(layers):
        scale = float(np.abs(layer.output).max())
        for unit in _some_units(layer):
            found = unit_sums.unit_sum(classifier.model, layers, index, unit)
            if found is None:
                assert unit_sums.in_words(classifier.model, layer, unit).endswith(".")
                continue
            checked += 1
            assert found.value == float(layer.maps[unit])
            assert found.total == pytest.approx(found.value, rel=1e-4, abs=1e-4 * scale), layer.key
    assert checked >= 3


def test_a_network_of_an_ensemble() -> None:
    names = ("logistic", "mlp")
    ensemble = Classifier(create_model(*names, seed=0), models=names)
    image = noise()
    walks = [feature_maps.walk(ensemble, image, member=member) for member in (0, 1)]
    assert [len(steps) for steps in walks] == [2, 4]
    logits = [torch.tensor(steps[-1].output) for steps in walks]
    mean = torch.stack([each.softmax(0) for each in logits]).mean(0)
    assert np.allclose(mean, ensemble.predict_proba(image[None])[0], atol=1e-5)
