"""Muon: steps of convolution filters that are close to orthogonal."""

import math
from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

MOMENTUM: Final = 0.6
ITERATIONS: Final = 3
ADAM_SHARE: Final = 0.08
ADAM_MATRIX_SHARE: Final = 0.024
ADAM_BETAS: Final = (0.9, 0.95)
_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_EPSILON: Final = 1e-7


def orthogonalize(matrix: Tensor, iterations: int = ITERATIONS) -> Tensor:
    """Approximate the nearest matrix with orthonormal rows or columns, by Newton-Schulz iterations.

    Parameters
    ----------
    matrix : float32 (R, C)
    iterations : int
        At least 1. After five, all singular values lie between about 0.7 and 1.2.

    Returns
    -------
    float32 (R, C)
    """
    a, b, c = _COEFFICIENTS
    tall = len(matrix) > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + _EPSILON)  # now no singular value exceeds 1
    for _ in range(iterations):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for the filters of convolutions, Adam for all other weights.

    Muon orthogonalizes the Nesterov momentum of each layer's filters, so that a step has the same
    length in all directions (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural
    networks"). As in Jordan's airbench94_muon, a layer's filters are first scaled to a mean length
    of 1, so that the learning rate is relative to the weights. This needs batch normalization
    after each convolution, which makes the scale irrelevant. `torch.optim.Muon` takes matrices
    only, and does not scale.

    Parameters
    ----------
    params : iterable of nn.Parameter
        Those with four dimensions are treated as filters.
    lr : float
        Learning rate of the filters. Adam uses `ADAM_SHARE` of it for vectors and
        `ADAM_MATRIX_SHARE` for matrices.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float) -> None:
        params = list(params)
        filters = [p for p in params if p.ndim == 4]
        others = [p for p in params if p.ndim != 4]
        kinds = (("muon", filters), ("adam", others))
        groups = [{"params": chosen, "kind": kind} for kind, chosen in kinds if chosen]
        super().__init__(groups, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Update every weight that has a gradient."""
        for group in self.param_groups:
            update = _muon_step if group["kind"] == "muon" else _adam_step
            for weight in group["params"]:
                if weight.grad is not None:
                    update(weight, weight.grad, self.state[weight], group["lr"])


def _muon_step(weight: Tensor, gradient: Tensor, state: dict[str, Any], rate: float) -> None:
    if not state:
        state["momentum"] = torch.zeros_like(weight)
    momentum = state["momentum"].mul_(MOMENTUM).add_(gradient)
    direction = gradient.add(momentum, alpha=MOMENTUM)
    step = orthogonalize(direction.flatten(1)).view(weight.shape)
    weight.mul_(math.sqrt(len(weight)) / weight.norm())
    weight.sub_(step, alpha=rate)


def _adam_step(weight: Tensor, gradient: Tensor, state: dict[str, Any], rate: float) -> None:
    if not state:
        state.update(step=0, mean=torch.zeros_like(weight), square=torch.zeros_like(weight))
    state["step"] += 1
    first, second = ADAM_BETAS
    mean = state["mean"].lerp_(gradient, 1 - first)
    square = state["square"].lerp_(gradient.square(), 1 - second)
    root = square.div(1 - second ** state["step"]).sqrt_().add_(1e-8)
    share = ADAM_SHARE if weight.ndim == 1 else ADAM_MATRIX_SHARE
    weight.addcdiv_(mean, root, value=-share * rate / (1 - first ** state["step"]))
