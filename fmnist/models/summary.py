"""Layers of a network with shapes, parameters and multiply-adds, from the module itself."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fmnist.data.labels import IMAGE_SIZE
from fmnist.models.registry import create_model


@dataclass(frozen=True)
class LayerSummary:
    """One layer of a network.

    Attributes
    ----------
    name : str
        Name in the module.
    layer : str
        Type and settings.
    output_shape : str
        For one image, without the batch: channels × height × width, or features.
    parameters : int
        Number of trainable parameters.
    multiply_adds : int
        Multiply-add operations of convolutions and matrix products for one image.
    """

    name: str
    layer: str
    output_shape: str
    parameters: int
    multiply_adds: int


def summarize(model_name: str) -> list[LayerSummary]:
    """The layers of a registered model, in the order of the forward pass.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    model = create_model(model_name, seed=0).eval()
    rows: list[LayerSummary] = []

    def record(name: str, module: nn.Module, result: Tensor | tuple[Tensor, ...]) -> None:
        output = result if isinstance(result, Tensor) else result[0]
        shape = " × ".join(str(size) for size in output.shape[1:])
        is_leaf = _is_leaf(module)
        parameters = sum(p.numel() for p in module.parameters(recurse=is_leaf))
        layer = str(module) if is_leaf else type(module).__name__
        rows.append(LayerSummary(name, layer, shape, parameters, _multiply_adds(module, output)))

    hooks = [
        module.register_forward_hook(
            lambda module, _inputs, output, name=name: record(name, module, output)
        )
        for name, module in model.named_modules()
        # other modules have no parameters of their own, except e.g. a position embedding
        if _is_leaf(module) or list(module.parameters(recurse=False))
    ]
    with torch.inference_mode():
        model(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE))
    for hook in hooks:
        hook.remove()
    return rows


def _is_leaf(module: nn.Module) -> bool:
    # attention uses its last layer's weights without calling it
    return isinstance(module, nn.MultiheadAttention) or not list(module.children())


def _multiply_adds(module: nn.Module, output: Tensor) -> int:
    """Multiply-adds for one image, from a layer's output for a batch of one."""
    match module:
        case nn.Conv2d():
            return module.weight.numel() * output[0, 0].numel()
        case nn.Linear():
            return module.weight.numel() * (output.numel() // module.out_features)
        case nn.MultiheadAttention():  # (1, T, D): four products by D × D, two by T × T
            tokens, width = output.shape[1:]
            return int(4 * tokens * width**2 + 2 * tokens**2 * width)
        case _:
            return 0
