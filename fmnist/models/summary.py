"""What a network is made of, counted from the module itself."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fmnist.classes import IMAGE_SIZE
from fmnist.models.registry import create_model


@dataclass(frozen=True)
class LayerSummary:
    """One layer of a network.

    Attributes
    ----------
    name : str
        Its name in the module.
    layer : str
        What it is, with its settings.
    output_shape : str
        Of one image, without the batch: channels × height × width, or features.
    parameters : int
        Numbers that training changes.
    multiply_adds : int
        Multiplications that convolutions and products of matrices need for one image, each with
        the addition that follows it.
    """

    name: str
    layer: str
    output_shape: str
    parameters: int
    multiply_adds: int


def summarise(model_name: str) -> list[LayerSummary]:
    """The layers of a model of the registry, in the order an image passes them.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    model = create_model(model_name, seed=0).eval()
    rows: list[LayerSummary] = []

    def record(name: str, module: nn.Module, output: Tensor) -> None:
        shape = " × ".join(str(size) for size in output.shape[1:])
        parameters = sum(p.numel() for p in module.parameters())
        positions = output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        weights = module.weight.numel() if isinstance(module, nn.Conv2d | nn.Linear) else 0
        rows.append(LayerSummary(name, str(module), shape, parameters, weights * positions))

    hooks = [
        module.register_forward_hook(
            lambda module, _inputs, output, name=name: record(name, module, output)
        )
        for name, module in model.named_modules()
        if not list(module.children())
    ]
    with torch.inference_mode():
        model(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE))
    for hook in hooks:
        hook.remove()
    return rows
