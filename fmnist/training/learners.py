"""What of a copy learns a person's drawings: its last layer, or its last block and last layer.

The layers before are frozen, so that what they give is computed once. The loss holds the copy to
what its base says of training images and of sketches (learning without forgetting, Li and Hoiem
2016) and to the base's weights (Li, Grandvalet and Davoine 2018, L2-SP), while it learns the
drawings. For the last layer alone it is convex.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fmnist.models.classifier import Classifier
from fmnist.models.layers import Chain

OWN_WEIGHT: Final = 0.1
"""Weight of the drawings in the loss; what is replayed has 1."""
STAY: Final = 0.001
"""Weight of the distance from the base's weights, measured by how far it moves the logits."""
STEPS: Final = 300
"""Steps of a fit of the last layer at most."""
BLOCK_STEPS: Final = 100
"""Steps of a fit of the last block, after one of the last layer."""

_BLOCK_STAY: Final = 0.01  # as `STAY`, of the weights themselves
_RATE: Final = 1e-3
_REPLAYED: Final = 128  # images a step
_OWN: Final = 64  # drawings and variants a step
_NEW_BIAS: Final = -3.0  # below the base's smallest: nothing is of a new class at first
_BATCH: Final = 500


@dataclass(frozen=True, eq=False)
class Maps:
    """What the layers before the last block give, where that learns.

    Attributes
    ----------
    place : int
        Which of the network's layers begins the block.
    replay : float32 (R, ...)
        Of what is replayed.
    own : float32 (N, V, ...)
        Of the drawings and of their variants.
    """

    place: int
    replay: Tensor
    own: Tensor


@dataclass(frozen=True, eq=False)
class Task:
    """A base, and what its copies learn and keep.

    Attributes
    ----------
    classifier : Classifier
        Of the base.
    own_classes : tuple of str
        Of the copies.
    replay : float32 (R, F)
        Inputs of the last layer, of what is replayed.
    own : float32 (N, V, F)
        The same of the drawings and of their variants.
    labels : int64 (N,)
        Outputs of a copy that the drawings are of.
    seed : int
        Of the order in which the last block sees them.
    maps : Maps or None
        None if the last layer alone learns.
    """

    classifier: Classifier
    own_classes: tuple[str, ...]
    replay: NDArray[np.float32]
    own: NDArray[np.float32]
    labels: Tensor
    seed: int
    maps: Maps | None = None


@dataclass(frozen=True, eq=False)
class Learned:
    """A copy that has learned.

    Attributes
    ----------
    classifier : Classifier
    loss, accuracy : float
        On the drawings that it learned and their variants.
    steps : int
    """

    classifier: Classifier
    loss: float
    accuracy: float
    steps: int


def fit(task: Task, chosen: NDArray[np.intp]) -> Learned:
    """Learn the drawings at these positions; the same ones give the same weights."""
    with _one_thread():
        learned = _fit_last_layer(task, chosen)
        return learned if task.maps is None else _fit_block(task, task.maps, chosen, learned)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The order of additions depends on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# --- The last layer -----------------------------------------------------------------------------


def _start(task: Task) -> tuple[Tensor, Tensor]:
    """The base's weights (C, F) and biases (C,), with those of new classes."""
    layer = task.classifier.last_layer
    added = len(task.own_classes)
    weight, bias = layer.weight.detach(), layer.bias.detach()
    new = bias.new_full((added,), float(bias.min()) + _NEW_BIAS)
    return torch.cat([weight, weight.new_zeros(added, weight.shape[1])]), torch.cat([bias, new])


def _targets(task: Task) -> Tensor:
    """What the base says of what is replayed, (R, C): nothing of it is of a new class."""
    with torch.inference_mode():
        said = task.classifier.last_layer(torch.tensor(task.replay)).softmax(1)
    return functional.pad(said.clone(), (0, len(task.own_classes)))


def _fit_last_layer(task: Task, chosen: NDArray[np.intp]) -> Learned:
    start, start_bias = _start(task)
    replay, targets = torch.tensor(task.replay), _targets(task)
    own = torch.tensor(task.own[chosen]).flatten(0, 1)
    labels = task.labels[torch.tensor(chosen)].repeat_interleave(task.own.shape[1])
    scale = STAY * float(replay.square().mean())
    weight, bias = start.clone().requires_grad_(), start_bias.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        kept = functional.cross_entropy(functional.linear(replay, weight, bias), targets)
        learned = functional.cross_entropy(functional.linear(own, weight, bias), labels)
        moved = (weight - start).square().sum()
        loss = kept + OWN_WEIGHT * learned + scale * moved
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        loss, accuracy = _figures(functional.linear(own, weight, bias), labels)
    steps = int(optimizer.state[weight]["n_iter"])
    return Learned(_with_layer(task, weight, bias), loss, accuracy, steps)


def _figures(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    accuracy = float((logits.argmax(1) == labels).float().mean())
    return float(functional.cross_entropy(logits, labels)), accuracy


def _with_layer(task: Task, weight: Tensor, bias: Tensor) -> Classifier:
    base = task.classifier
    made = Classifier(
        copy.deepcopy(base.model),
        models=base.models,
        normalization=base.normalization,
        own_classes=task.own_classes,
    )
    layer = made.last_layer
    layer.weight, layer.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    layer.out_features = len(weight)
    return made


# --- The last block -----------------------------------------------------------------------------


def block_place(network: nn.Module) -> int | None:
    """Which layer of a chain begins its last block: the last with matrices before the last layer.

    None where there is none, and for networks that are no chain.
    """
    if not isinstance(network, Chain):
        return None
    for place in reversed(range(len(network) - 1)):
        if any(weights.ndim > 1 for weights in network[place].parameters()):
            return place
    return None


def block_inputs(classifier: Classifier, place: int, images: NDArray[np.uint8]) -> Tensor:
    """What the layers before a place give of images, float32 (N, ...)."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            found = classifier.normalization(torch.tensor(images[start : start + _BATCH]))
            for layer in list(classifier.model.children())[:place]:
                found = layer(found)
            parts.append(found)
        # outside of the inference mode, training may use a copy alone
        return torch.cat(parts)


def _fit_block(task: Task, maps: Maps, chosen: NDArray[np.intp], first: Learned) -> Learned:
    """Go on from a copy whose last layer has learned."""
    network = first.classifier.model  # in evaluation mode: normalization stays as it is
    tail = nn.Sequential(*list(network.children())[maps.place :])
    start, start_bias = _start(task)
    anchors = [weights.detach().clone() for weights in tail.parameters()]
    anchors[-2:] = [start, start_bias]
    targets = _targets(task)
    own = maps.own[torch.tensor(chosen)].flatten(0, 1)
    labels = task.labels[torch.tensor(chosen)].repeat_interleave(task.own.shape[1])
    generator = torch.Generator().manual_seed(task.seed)
    optimizer = torch.optim.Adam(tail.parameters(), lr=_RATE)
    for step in range(BLOCK_STEPS):
        optimizer.param_groups[0]["lr"] = _RATE * (1 - step / BLOCK_STEPS)
        rows = torch.randint(len(maps.replay), (_REPLAYED,), generator=generator)
        some = torch.randint(len(own), (_OWN,), generator=generator)
        # in-place layers would overwrite what is kept, and inference tensors cannot be trained on
        logits = tail(torch.cat([maps.replay[rows], own[some]]).clone())
        kept = functional.cross_entropy(logits[:_REPLAYED], targets[rows])
        learned = functional.cross_entropy(logits[_REPLAYED:], labels[some])
        pairs = zip(tail.parameters(), anchors, strict=True)
        moved = torch.stack([(now - then).square().sum() for now, then in pairs]).sum()
        loss = kept + OWN_WEIGHT * learned + _BLOCK_STAY * moved
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.inference_mode():
        parts = [tail(part.clone()) for part in torch.split(own, _BATCH)]
        figures = _figures(torch.cat(parts), labels)
    return Learned(first.classifier, *figures, first.steps + BLOCK_STEPS)
