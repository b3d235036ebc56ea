"""Attributions against what can be computed by hand, and on every model."""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from fmnist.explain.attributions import (
    METHODS,
    Explainer,
    MethodName,
    Settings,
    Targets,
    enlarge,
)
from fmnist.explain.sanity import switch_on
from fmnist.models.classifier import Classifier
from fmnist.models.layers import Chain
from fmnist.models.registry import MODELS, create_model


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)


@cache
def classifier(*names: str) -> Classifier:
    return Classifier(create_model(*names, seed=0), models=names, temperature=1.7)


def weights(model: Classifier) -> NDArray[np.float32]:
    """Weights of a logistic regression by class and pixel, float32 (10, 28, 28)."""
    (linear,) = [m for m in model.model.modules() if isinstance(m, nn.Linear)]
    return linear.weight.detach().numpy().reshape(10, 28, 28)


def above_black(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Normalized pixels minus what black is normalized to, in [0, 2]."""
    return images / 127.5


# --- A linear model -----------------------------------------------------------------------------


def test_integrated_gradients_of_a_linear_model(images: NDArray[np.uint8]) -> None:
    model = classifier("logistic")
    maps = Explainer(model).integrated_gradients(images, Targets.of(3, images=3), steps=4)
    expected = weights(model)[3] * above_black(images) / 1.7
    np.testing.assert_allclose(maps, expected, atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (4, 4), (7, 7)])
def test_occlusion_of_a_linear_model_is_the_difference(
    images: NDArray[np.uint8], window: int, stride: int
) -> None:
    model = classifier("logistic")
    maps = Explainer(model).occlusion(images, Targets.of(3, images=3), window, stride)
    shares = weights(model)[3] * above_black(images) / 1.7
    cells = 28 // window
    squares = shares.reshape(3, cells, window, cells, window).sum((2, 4))
    np.testing.assert_allclose(maps, np.kron(squares, np.ones((window, window))), atol=1e-4)


def test_where_squares_overlap_occlusion_is_their_mean(images: NDArray[np.uint8]) -> None:
    model = classifier("logistic")
    maps = Explainer(model).occlusion(images[:1], Targets.of(3), window=14, stride=7)
    shares = (weights(model)[3] * above_black(images[0]) / 1.7).reshape(4, 7, 4, 7).sum((1, 3))
    covering = [shares[i : i + 2, j : j + 2].sum() for i in (0, 1) for j in (0, 1)]
    assert maps[0, 10, 10] == pytest.approx(np.mean(covering), abs=1e-4)


@pytest.mark.parametrize("method", ["occlusion", "integrated-gradients"])
def test_a_contrast_is_the_difference_of_two_classes(
    images: NDArray[np.uint8], method: MethodName
) -> None:
    explainer, settings = Explainer(classifier("mlp")), Settings(method, window=14, steps=3)
    one, other, both = (
        explainer.attribute(images[:1], targets, settings)
        for targets in (Targets.of(6), Targets.of(0), Targets.of(6, 0))
    )
    np.testing.assert_allclose(both, one - other, atol=1e-5)
    assert np.abs(both).max() > 0.01


# --- Networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [["lenet-5"], ["residual-small"], ["mlp", "lenet-5"]])
def test_integrated_gradients_sum_to_the_difference_of_outputs(
    images: NDArray[np.uint8], names: list[str]
) -> None:
    explainer, targets = Explainer(classifier(*names)), Targets.of(2, 4, images=3)
    maps = explainer.integrated_gradients(images, targets, steps=200)
    black = np.zeros_like(images)
    difference = explainer.scores(images, targets) - explainer.scores(black, targets)
    np.testing.assert_allclose(maps.sum((1, 2)), difference, atol=5e-4)


def test_scores_are_the_classifiers_logits(images: NDArray[np.uint8]) -> None:
    model = classifier("lenet-5")
    logits = model.logits(images) / 1.7
    targets = Targets(np.array([1, 2, 3]), np.array([4, 5, 6]))
    expected = logits[[0, 1, 2], [1, 2, 3]] - logits[[0, 1, 2], [4, 5, 6]]
    np.testing.assert_allclose(Explainer(model).scores(images, targets), expected, atol=1e-5)


class OneFilter(Chain):
    """One 1 × 1 filter, an in-place ReLU, the mean over the positions and a linear layer."""

    def __init__(self, filter: float, by_class: tuple[float, ...], relus: int) -> None:
        relu = nn.ReLU(inplace=True)
        super().__init__(
            nn.Conv2d(1, 1, 1, bias=False),
            *[relu] * relus,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(1, 10, bias=False),
        )
        with torch.no_grad():
            for weight, values in zip(self.parameters(), ((filter,), by_class), strict=True):
                weight.copy_(torch.tensor(values).reshape(weight.shape))


def one_filter(relus: int = 1) -> Classifier:
    """Its filter doubles the image; the logits of the classes 0, 1 and 2 are not 0."""
    by_class = (1.0, -1.0, 5.0, *[0.0] * 7)
    return Classifier(OneFilter(2.0, by_class, relus), models=["made by hand"])


def test_grad_cam_of_one_filter(images: NDArray[np.uint8]) -> None:
    explainer = Explainer(one_filter())
    rectified = np.maximum(2 * (images[0] / 127.5 - 1), 0)
    expected = 5 / 784 * rectified  # the mean gradient of the logit of class 2 by the map
    found = explainer.attribute(images[:1], Targets.of(2))[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    against = explainer.attribute(images[:1], Targets.of(1), Settings(relu=False))[0]
    np.testing.assert_allclose(against, -expected / 5, atol=1e-6)
    assert not explainer.attribute(images[:1], Targets.of(1)).any()  # as published: nothing for it
    contrast = explainer.attribute(images[:1], Targets.of(2, 0))[0]
    np.testing.assert_allclose(contrast, expected * 4 / 5, atol=1e-6)


def test_an_in_place_relu_does_not_overwrite_what_is_explained(images: NDArray[np.uint8]) -> None:
    # a ReLU that is used twice cannot be explained: the values before it are
    explainer = Explainer(one_filter(relus=2))
    assert explainer.layer(None).explained == "0"
    values = 2 * (images[0] / 127.5 - 1)
    alpha = 5 / 784 * (values > 0).mean()
    found = explainer.attribute(images[:1], Targets.of(2), Settings(relu=False))[0]
    np.testing.assert_allclose(found, alpha * values, atol=1e-6)


def finite_differences(model: Chain, layer: int, image: torch.Tensor, label: int) -> torch.Tensor:
    """Mean gradient of a logit by each channel of a layer, (C,), without automatic gradients."""
    step = 1e-7  # ReLUs bend at larger ones
    with torch.no_grad():
        before = image
        for module in list(model)[: layer + 1]:
            before = module(before)
        found = []
        for channel in range(before.shape[1]):
            outputs = []
            for sign in (1, -1):
                moved = before.clone()
                moved[:, channel] += sign * step
                for module in list(model)[layer + 1 :]:
                    moved = module(moved)
                outputs.append(moved[0, label])
            found.append((outputs[0] - outputs[1]) / (2 * step) / before[0, 0].numel())
    return torch.stack(found)


@pytest.mark.parametrize(("convolution", "activation"), [("conv1", "relu1"), ("conv2", "relu2")])
def test_gradients_agree_with_finite_differences(
    images: NDArray[np.uint8], convolution: str, activation: str
) -> None:
    network = create_model("fashion-cnn", seed=0).double().eval()
    assert isinstance(network, Chain)
    explainer = Explainer(Classifier(network, models=["fashion-cnn"]))
    assert explainer.layer(convolution).explained == activation
    layer = [name for name, _ in network.named_children()].index(activation)
    inputs = torch.tensor(images[:1, None]).double() / 127.5 - 1
    with torch.no_grad():
        maps = inputs
        for module in list(network)[: layer + 1]:
            maps = module(maps)
    alpha = finite_differences(network, layer, inputs, 3)
    expected = (alpha[:, None, None] * maps[0]).numpy()
    found = explainer.grad_cam_channels(images[:1], Targets.of(3), convolution)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert getattr(network, activation).inplace  # a copy was explained


def test_the_parts_of_grad_cam_sum_to_the_map(images: NDArray[np.uint8]) -> None:
    explainer = Explainer(classifier("lenet-5"))
    parts = explainer.grad_cam_channels(images, Targets.of(1, images=3))
    assert parts.shape == (3, 16, 10, 10)
    whole = explainer.attribute(images, Targets.of(1, images=3), Settings(relu=False))
    np.testing.assert_allclose(whole, enlarge(parts.sum(1)), atol=1e-6)


# --- Layers and methods -------------------------------------------------------------------------


def test_layers_are_those_with_maps_in_the_order_of_the_pass() -> None:
    explainer = Explainer(classifier("residual-small"))
    sizes = [layer.size[0] for layer in explainer.layers]
    assert sizes == sorted(sizes, reverse=True)
    last = explainer.layer(None)
    assert last == explainer.layers[-1]
    assert last.size == (7, 7)
    finer = explainer.finer(last)
    assert finer
    assert finer.size == (14, 14)
    assert finer.title.endswith("channels, 14×14")
    assert explainer.finer(explainer.layers[0]) is None
    # the block ends with a ReLU that is no module of its own
    assert last.name.startswith(last.explained + ".")


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no convolution conv9"):
        Explainer(classifier("lenet-5")).layer("conv9")


def test_without_convolutions_two_methods_are_left(images: NDArray[np.uint8]) -> None:
    explainer = Explainer(classifier("mlp"))
    assert explainer.methods == ("occlusion", "integrated-gradients")
    with pytest.raises(ValueError, match="no convolution"):
        explainer.attribute(images[:1], Targets.of(0))


def test_an_ensembles_layers_name_the_member() -> None:
    layers = Explainer(classifier("mlp", "lenet-5")).layers
    assert [layer.name for layer in layers] == ["networks.1.0", "networks.1.3"]
    assert all("member 2" in layer.title for layer in layers)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_runs_every_method_that_applies(images: NDArray[np.uint8], name: str) -> None:
    network = create_model(name, seed=0)
    switch_on(network)
    explainer = Explainer(Classifier(network, models=[name]))
    expected = [m for m in METHODS if m != "grad-cam" or name not in {"logistic", "mlp"}]
    assert list(explainer.methods) == expected
    assert len({layer.title for layer in explainer.layers}) == len(explainer.layers)
    for method in explainer.methods:
        settings = Settings(method, relu=False, window=14, stride=14, steps=2)
        maps = explainer.attribute(images[:1], Targets.of(1, 2), settings)
        assert maps.shape == (1, 28, 28)
        assert np.isfinite(maps).all()
        assert np.ptp(maps) > 0


def test_progress_counts_the_images(images: NDArray[np.uint8]) -> None:
    calls: list[tuple[int, int]] = []
    Explainer(classifier("mlp")).attribute(
        images,
        Targets.of(0, images=3),
        Settings("integrated-gradients", steps=200),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]
