"""A program gives a classifier's probabilities; folding a normalization changes nothing."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from fmnist.export.program import Program, fold
from fmnist.models.classifier import Classifier
from fmnist.models.layers import convolution
from fmnist.models.registry import MODELS, create_model

LARGE = ("resnet18", "efficientnet-b0", "efficientnet-b0-stride-1", "vit-tiny", "wide-resnet-16-8")


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def stirred(model: nn.Module) -> nn.Module:
    """Normalizations as after a training: with statistics, shifts, and factors of both signs."""
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.bias.data, module.weight.data):
                assert values is not None
                values.copy_(torch.randn(values.shape, generator=generator))
            assert module.running_var is not None
            module.running_var.copy_(
                torch.rand(module.running_var.shape, generator=generator) + 0.5
            )
    return model.eval()


@pytest.mark.parametrize("pool", [None, nn.MaxPool2d(2), nn.AvgPool2d(2)], ids=str)
def test_folding_moves_a_normalization_across_a_pooling(pool: nn.Module | None) -> None:
    block = stirred(convolution(1, 8, pool=pool))
    folded = fold(copy.deepcopy(block))
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    noise = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(folded(noise.clone()), block(noise.clone()), atol=1e-5)


def test_positive_factors_leave_nothing_behind_the_pooling() -> None:
    block = stirred(convolution(1, 8, pool=nn.MaxPool2d(2)))
    norm = block.get_submodule("2")
    assert isinstance(norm, nn.BatchNorm2d)
    norm.weight.data.abs_()
    assert isinstance(fold(block).get_submodule("2"), nn.Identity)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LARGE])
def test_every_model_s_program_gives_its_probabilities(name: str) -> None:
    classifier = Classifier(stirred(create_model(name, seed=0)), models=[name], temperature=1.7)
    with torch.inference_mode():
        (found,) = Program(classifier)(torch.tensor(images(3)))
    assert found.numpy() == pytest.approx(classifier.predict_proba(images(3)), abs=2e-5)
    assert found.sum(1).numpy() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("has_other", [True, False])
def test_own_classes_have_probabilities_of_their_own(has_other: bool) -> None:
    network = create_model("lenet-5", seed=0, num_classes=11 + has_other)
    classifier = Classifier(stirred(network), models=["lenet-5"], own_classes=["hat"])
    program = Program(classifier)
    with torch.inference_mode():
        found, *scores = program(torch.tensor(images(3)))
    assert found.numpy() == pytest.approx(classifier.predict_proba(images(3)), abs=2e-5)
    assert found.shape == (3, 11) and len(scores) == has_other
    for score in scores:
        known = classifier.in_distribution_scores(images(3))
        assert score.numpy() == pytest.approx(known, abs=2e-5)


def test_an_ensemble_and_scores_of_other_things() -> None:
    names = ("lenet-5", "residual-small")
    network = create_model(*names, seed=0, num_classes=11)
    classifier = Classifier(stirred(network), models=names, temperature=0.5)
    before = copy.deepcopy(classifier.model.state_dict())
    program = Program(classifier)
    assert program.outputs == ("probabilities", "in_distribution")
    with torch.inference_mode():
        found, score = program(torch.tensor(images(3)))
    assert found.numpy() == pytest.approx(classifier.predict_proba(images(3)), abs=2e-5)
    assert score.numpy() == pytest.approx(classifier.in_distribution_scores(images(3)), abs=2e-5)
    after = classifier.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
