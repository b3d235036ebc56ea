"""The networks: their layers, where their random numbers come from, what importing costs."""

import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fmnist import paths
from fmnist.models.initialization import DrawFrom
from fmnist.models.layers import Dropout, set_dropout_generator
from fmnist.models.networks.fashion_cnn import FashionCNN
from fmnist.models.registry import MODELS, create_model
from fmnist.models.summary import summarize

ROOT = paths.PROJECT


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same_weights(left: nn.Module, right: nn.Module) -> bool:
    others = right.state_dict()
    assert left.state_dict().keys() == others.keys()
    return all(torch.equal(tensor, others[name]) for name, tensor in left.state_dict().items())


def test_layers_of_fashion_cnn() -> None:
    layers = [type(layer).__name__ for layer in FashionCNN()]
    assert layers == [
        "Conv2d", "ReLU", "Conv2d", "MaxPool2d", "ReLU", "Dropout", "Flatten",
        "Linear", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    model = FashionCNN()
    assert (model.dropout1.p, model.dropout2.p) == (0.25, 0.5)


def test_parameters_of_fashion_cnn() -> None:
    model = FashionCNN()
    counts = {
        name: sum(p.numel() for p in layer.parameters()) for name, layer in model.named_children()
    }
    assert {name: count for name, count in counts.items() if count} == {
        "conv1": 320, "conv2": 18_496, "fc1": 1_605_760, "fc2": 1_290
    }  # fmt: skip
    assert sum(counts.values()) == 1_625_866


def test_summary_counts_the_same() -> None:
    rows = summarize("fashion-cnn")
    assert sum(row.parameters for row in rows) == 1_625_866
    shapes = {row.name: row.output_shape for row in rows}
    assert shapes["conv1"] == "32 × 28 × 28"
    assert shapes["pool"] == "64 × 14 × 14"
    assert (shapes["flatten"], shapes["fc1"], shapes["fc2"]) == ("12544", "128", "10")
    counted = {row.name: row.multiply_adds for row in rows if row.multiply_adds}
    assert counted == {
        "conv1": 9 * 32 * 784, "conv2": 9 * 32 * 64 * 784, "fc1": 12_544 * 128, "fc2": 1_280
    }  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_summary_counts_what_torch_counts(name: str) -> None:
    model = create_model(name, seed=0).eval()
    rows = summarize(name)
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())
    # attention's short cut for evaluation is one operation that the counter does not know
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, 1, 28, 28))
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert 2 * sum(row.multiply_adds for row in rows) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fashion-cnn-no-dropout", 1_625_866),
        ("fashion-cnn-one-convolution", 804_554),
        ("fashion-cnn-64", 822_346),
        ("fashion-cnn-unnormalized", 1_625_866),
        ("logistic", 7_850),
        ("mlp", 203_530),
        ("lenet-5", 61_706),
        ("residual", 464_106),
        ("residual-small", 98_042),
        ("residual-compact", 98_042),
        ("residual-large", 472_874),
        ("residual-deep", 873_074),
        ("preact-resnet", 695_658),
        ("wide-resnet-16-8", 10_961_082),
        ("deep-cnn", 288_170),
        ("swift", 232_506),
        ("swift-muon", 242_746),
        ("resnet18", 11_172_810),
        ("efficientnet-b0", 4_019_782),
        ("efficientnet-b0-stride-1", 4_019_782),
        ("vit-tiny", 5_353_738),
    ],
)
def test_every_model_has_the_parameters_its_docstring_names(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in create_model(name, seed=0).parameters()) == parameters
    module, _, attribute = MODELS[name].factory.partition(":")
    described = getattr(importlib.import_module(module), attribute).__doc__
    assert f"{parameters:,} parameters" in described


def test_without_dropout_there_is_none() -> None:
    kinds = [type(layer) for layer in create_model("fashion-cnn-no-dropout", seed=0).children()]
    assert Dropout not in kinds and nn.Conv2d in kinds


def test_without_normalization_pixels_come_from_0_to_1() -> None:
    model, raw = (create_model(f"fashion-cnn{end}", seed=0) for end in ("", "-unnormalized"))
    assert same_weights(model, raw)
    pixels = torch.rand(2, 1, 28, 28, generator=generator(0))
    torch.testing.assert_close(raw.eval()(2 * pixels - 1), model.eval()(pixels))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("num_classes", [10, 3])
def test_logits_have_a_column_for_every_class(name: str, num_classes: int) -> None:
    model = create_model(name, seed=0, num_classes=num_classes).eval()
    logits = model(torch.zeros(5, 1, 28, 28))
    assert logits.shape == (5, num_classes)
    assert logits.dtype == torch.float32


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no model 'vgg'; choose one of fashion-cnn"):
        create_model("vgg", seed=0)


@contextmanager
def busily(work: Callable[[], object]) -> Iterator[None]:
    """Let another thread do something over and over during a `with` block."""
    begun, ended = threading.Event(), threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            work()
            begun.set()

    thread = threading.Thread(target=repeat)
    thread.start()
    assert begun.wait(60)
    try:
        yield
    finally:
        ended.set()
        thread.join()


# three small ones: all models are built by the same code
@pytest.mark.parametrize("name", ["fashion-cnn-one-convolution", "residual-small", "swift"])
@pytest.mark.parametrize("other", ["draws", "builds", "seeds"])
def test_other_threads_do_not_change_initial_weights(name: str, other: str) -> None:
    expected = create_model(name, seed=3)
    work: dict[str, Callable[[], object]] = {
        "draws": lambda: torch.rand(100),
        "builds": lambda: create_model(name, seed=4),
        "seeds": lambda: torch.manual_seed(9),
    }
    with torch.random.fork_rng(devices=[]), busily(work[other]):
        built = [create_model(name, seed=3) for _ in range(8)]
    assert all(same_weights(expected, model) for model in built)


@pytest.mark.parametrize("name", MODELS)
def test_initial_weights_depend_on_the_seed_alone(name: str) -> None:
    built = []
    with torch.random.fork_rng(devices=[]):
        for others_seed in (9, 10):
            torch.manual_seed(others_seed)
            before = torch.get_rng_state()
            built.append(create_model(name, seed=3))
            # the global generator is neither read nor moved on
            assert torch.equal(torch.get_rng_state(), before)
    assert same_weights(*built)
    assert not same_weights(built[0], create_model(name, seed=4))


def test_initial_weights_are_those_torch_draws_with_the_seed() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = FashionCNN()
    assert same_weights(expected, create_model("fashion-cnn", seed=3))


def test_draws_that_take_no_generator_are_refused() -> None:
    with DrawFrom(generator(1)), pytest.raises(NotImplementedError, match="fill in place instead"):
        torch.randn(3)


def dropped(p: float, seed: int | None) -> Tensor:
    """What a dropout of its own generator makes of 100,000 ones."""
    layer = Dropout(p)
    if seed is not None:
        set_dropout_generator(layer, generator(seed))
    output: Tensor = layer(torch.ones(100, 1000))
    return output


@pytest.mark.parametrize("seed", [None, 1])  # None: torch's global generator
@pytest.mark.parametrize("p", [0.25, 0.5])
def test_dropout_drops_its_share_and_scales_the_rest(p: float, seed: int | None) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        output = dropped(p, seed)
    assert output[output != 0].numpy() == pytest.approx(1 / (1 - p))
    # five standard deviations of a binomial share
    assert float((output == 0).float().mean()) == pytest.approx(
        p, abs=5 * (p * (1 - p) / output.numel()) ** 0.5
    )


def test_dropout_scales_gradients_as_it_scales_values() -> None:
    layer = Dropout(0.5)
    set_dropout_generator(layer, generator(1))
    values = torch.ones(1000, requires_grad=True)
    output = layer(values)
    output.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, output.detach())


@pytest.mark.parametrize("seed", [None, 1])
def test_dropout_does_nothing_when_evaluating(seed: int | None) -> None:
    layer = Dropout(0.5).eval()
    own = generator(1)
    if seed is not None:
        set_dropout_generator(layer, own)
    values = torch.rand(100, generator=generator(2))
    assert torch.equal(layer(values), values)
    assert torch.equal(own.get_state(), generator(1).get_state())  # nothing was drawn


def test_dropout_draws_from_its_own_generator_alone() -> None:
    before = torch.get_rng_state()
    first = dropped(0.5, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        torch.rand(10)
        assert torch.equal(dropped(0.5, seed=1), first)
    assert not torch.equal(dropped(0.5, seed=2), first)


def test_set_dropout_generator_reaches_every_dropout() -> None:
    model = FashionCNN()
    own = generator(1)
    set_dropout_generator(model, own)
    assert model.dropout1.generator is own
    assert model.dropout2.generator is own
    assert FashionCNN().dropout1.generator is None


@pytest.mark.parametrize(
    "module",
    [
        "fmnist", "fmnist.runs.config", "fmnist.data.fashion_mnist",
        "fmnist.runs.store", "fmnist.evaluation.metrics",
        "fmnist.evaluation.predictions", "fmnist.models.registry",
    ],
)  # fmt: skip
def test_importing_does_not_wait_for_torch(module: str) -> None:
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(result.stdout)
    assert module in loaded
    assert not {"torch", "torchvision", "streamlit"} & set(loaded)


def test_names_of_the_package_are_there_when_asked_for() -> None:
    import fmnist

    assert fmnist.FashionCNN is FashionCNN
    assert all(getattr(fmnist, name) is not None for name in fmnist.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Resnet'"):
        fmnist.Resnet  # noqa: B018


@pytest.mark.parametrize("name", MODELS)
def test_head_of_features_gives_the_logits(name: str) -> None:
    model: Any = create_model(name, seed=0).eval()
    images = torch.rand(2, 1, 28, 28, generator=generator(1)) * 2 - 1
    with torch.no_grad():
        features = model.forward_features(images)
        assert features.ndim == 2
        torch.testing.assert_close(model.forward_head(features), model(images))


def test_weights_of_earlier_versions_have_their_head_inside_the_network() -> None:
    model = create_model("resnet18", seed=0)
    earlier = {
        name.replace("head.", "network.fc."): tensor for name, tensor in model.state_dict().items()
    }
    assert "network.fc.weight" in earlier
    other = create_model("resnet18", seed=1)
    other.load_state_dict(earlier)
    assert same_weights(model, other)
