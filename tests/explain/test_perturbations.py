"""Broken weights, by hand on tiny networks; the classifier itself stays whole."""

import numpy as np
import pytest
import torch
from torch import nn

from fmnist.explain import perturbations
from fmnist.explain.perturbations import Perturbation, WeightedLayer
from fmnist.models.classifier import Classifier
from fmnist.models.layers import Chain
from fmnist.models.registry import create_model


@pytest.fixture
def mlp() -> Classifier:
    return Classifier(create_model("mlp", seed=0), models=["mlp"])


def weights(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in classifier.model.state_dict().items()}


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (1, [-0.7, 0.7, 0.7, 0.7]),  # the mean absolute value
        (2, [-1.0, 0.0, 1.0, 1.0]),  # steps of 1
        (3, [-1.0, 1 / 3, 2 / 3, 1.0]),  # steps of 1/3
    ],
)
def test_rounded_weights(bits: int, expected: list[float]) -> None:
    given = torch.tensor([[-1.0, 0.2, 0.6, 1.0]])
    assert perturbations.rounded(given, bits)[0].tolist() == pytest.approx(expected)


def test_weights_of_0_stay_0() -> None:
    assert not perturbations.rounded(torch.zeros(2, 2), 4).any()


def test_a_zeroed_channel_and_no_biases(mlp: Classifier) -> None:
    before = weights(mlp)
    made = weights(perturbations.perturbed(mlp, Perturbation(layer="1", channel=3)))
    assert not made["1.weight"][3].any() and made["1.bias"][3] == 0
    rest = [row for row in range(256) if row != 3]
    assert torch.equal(made["1.weight"][rest], before["1.weight"][rest])
    whole = weights(perturbations.perturbed(mlp, Perturbation(layer="4")))
    assert not whole["4.weight"].any() and not whole["4.bias"].any()
    bare = weights(perturbations.perturbed(mlp, Perturbation(without_biases=True)))
    assert not bare["1.bias"].any() and not bare["4.bias"].any()
    assert torch.equal(bare["1.weight"], before["1.weight"])


def test_noise_is_relative_to_the_weights_and_repeats_by_seed(mlp: Classifier) -> None:
    before = weights(mlp)
    made = [
        weights(perturbations.perturbed(mlp, Perturbation(noise=0.5, seed=seed)))
        for seed in (1, 1, 2)
    ]
    added = made[0]["1.weight"] - before["1.weight"]
    assert (added.std() / before["1.weight"].std()).item() == pytest.approx(0.5, rel=0.01)
    assert torch.equal(made[0]["1.weight"], made[1]["1.weight"])
    assert not torch.equal(made[0]["1.weight"], made[2]["1.weight"])
    assert torch.equal(made[0]["1.bias"], before["1.bias"])


def test_the_classifier_stays_whole(mlp: Classifier) -> None:
    before = weights(mlp)
    everything = Perturbation(noise=1.0, bits=2, layer="1", without_biases=True)
    perturbations.perturbed(mlp, everything)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(mlp).items())
    assert not everything.is_none and Perturbation(seed=5).is_none


def test_without_a_change_the_matrix_is_the_same(mlp: Classifier) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (600, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, 600)
    told: list[tuple[int, int]] = []
    matrix = perturbations.confusion(
        perturbations.perturbed(mlp, Perturbation()), images, labels,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    predicted = mlp.logits(images).argmax(1)
    assert matrix.sum() == 600 and told[-1] == (600, 600)
    assert all(
        matrix[i, j] == np.sum((labels == i) & (predicted == j))
        for i in range(10)
        for j in range(10)
    )
    assert perturbations.accuracy(matrix) == np.mean(predicted == labels)


def test_numbers_that_are_none_do_no_harm() -> None:
    model = Chain(nn.Flatten(), nn.Linear(784, 10))
    nn.init.constant_(model[1].weight, float("nan"))  # type: ignore[arg-type]
    broken = Classifier(model, models=["broken"])
    images = np.zeros((2, 28, 28), np.uint8)
    assert perturbations.confusion(broken, images, np.array([0, 1])).sum() == 2
    assert perturbations.probabilities(broken, images[0]).tolist() == pytest.approx([0.1] * 10)


def test_layers_that_can_be_zeroed() -> None:
    layers = perturbations.weighted_layers(create_model("lenet-5", "mlp", seed=0))
    assert layers[0] == WeightedLayer("networks.0.0", layers[0].title, 6)
    assert layers[-1] == WeightedLayer("networks.1.4", "Fully connected", 10)
