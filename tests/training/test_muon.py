"""Steps of Muon: orthogonal for filters, Adam's for all other weights."""

import pytest
import torch
from torch import nn

from fmnist.training import muon
from fmnist.training.muon import Muon, orthogonalize


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(16, 9), (9, 16), (32, 288)])
def test_singular_values_come_close_to_one(shape: tuple[int, int]) -> None:
    matrix = normal(*shape)
    close = orthogonalize(matrix, iterations=5)
    assert close.shape == shape
    values = torch.linalg.svdvals(close)
    assert values.min() > 0.6 and values.max() < 1.3
    # the singular vectors stay: where all values are one, the product is symmetric
    product = close.T @ matrix
    assert torch.allclose(product, product.T, atol=1e-3)


def test_length_does_not_matter_and_nothing_stays_nothing() -> None:
    matrix = normal(8, 12)
    torch.testing.assert_close(orthogonalize(1000 * matrix), orthogonalize(matrix))
    assert not orthogonalize(torch.zeros(8, 12)).any()


def test_filters_are_scaled_and_moved_by_the_learning_rate() -> None:
    layer = nn.Conv2d(4, 6, 3, bias=False)
    before, gradient = layer.weight.detach().clone(), normal(6, 4, 3, 3)
    layer.weight.grad = gradient.clone()
    Muon(layer.parameters(), lr=0.1).step()
    scaled = before * 6**0.5 / before.norm()
    # Nesterov's momentum is 1.6 times the gradient at first, of which only the direction counts
    step = orthogonalize(gradient.flatten(1)).view(6, 4, 3, 3)
    torch.testing.assert_close(layer.weight.detach(), scaled - 0.1 * step)


def test_momentum_is_nesterovs() -> None:
    layer = nn.Conv2d(1, 2, 3, bias=False)
    optimizer = Muon(layer.parameters(), lr=0.1)
    first, second = normal(2, 1, 3, 3), normal(4, 1, 3, 3)[2:]
    for gradient in (first, second):
        layer.weight.grad = gradient.clone()
        before = layer.weight.detach().clone()
        optimizer.step()
    momentum = muon.MOMENTUM * first + second
    step = orthogonalize((second + muon.MOMENTUM * momentum).flatten(1)).view(2, 1, 3, 3)
    scaled = before * 2**0.5 / before.norm()
    torch.testing.assert_close(layer.weight.detach(), scaled - 0.1 * step)


def test_all_other_weights_take_the_steps_of_adam() -> None:
    ours, torchs = nn.Linear(3, 2), nn.Linear(3, 2)
    torchs.load_state_dict(ours.state_dict())
    optimizers = (
        Muon(ours.parameters(), lr=0.5),
        torch.optim.Adam(
            [
                {"params": [torchs.weight], "lr": 0.5 * muon.ADAM_MATRIX_SHARE},
                {"params": [torchs.bias], "lr": 0.5 * muon.ADAM_SHARE},
            ],
            betas=muon.ADAM_BETAS,
        ),
    )
    for step in range(4):
        for layer, optimizer in zip((ours, torchs), optimizers, strict=True):
            layer.weight.grad, layer.bias.grad = normal(2, 3) + step, normal(2) - step
            optimizer.step()
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict())


def test_a_weight_without_a_gradient_stays() -> None:
    layer = nn.Conv2d(1, 2, 3)
    before = layer.weight.detach().clone()
    layer.weight.grad, layer.bias = None, None
    Muon(layer.parameters(), lr=0.1).step()
    assert torch.equal(layer.weight, before)
