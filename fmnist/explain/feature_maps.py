"""What each layer of a network makes of an image: shapes, feature maps, filters."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fmnist.data.labels import IMAGE_SIZE

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

_BATCH: Final = 100
_SKIPPED: Final = (nn.Dropout, nn.Identity)
"""Layers that change nothing while a network classifies."""

_TITLES: Final[Mapping[str, str]] = {
    "Conv2d": "Convolution",
    "Linear": "Fully connected",
    "BatchNorm2d": "Batch normalization",
    "LayerNorm": "Layer normalization",
    "MaxPool2d": "Max-pooling",
    "GridMaxPool2d": "Max-pooling",
    "AdaptiveAvgPool2d": "Global average pooling",
    "MultiheadAttention": "Self-attention",
    "Affine": "Scale and shift",
}
"""Titles of layers whose class has another name."""

_BLOCKS: Final[Mapping[str, str]] = {
    "_Residual": "Residual block",
    "_PreActBlock": "Residual block",
    "BasicBlock": "Residual block",
    "MBConv": "Inverted residual block",
    "EncoderBlock": "Transformer block",
    "_SqueezeExcitation": "Squeeze-and-excitation",
    "SqueezeExcitation": "Squeeze-and-excitation",
}
"""Modules made of layers whose result no single layer gives, such as a sum of two paths."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One step of the way from an image to its logits.

    Attributes
    ----------
    name : str
        Name of the module in its network.
    call : int
        Which use of the module this is, from 1; a network may use a ReLU twice.
    title : str
        What it is, for people.
    is_block : bool
        Whether it is made of the layers before it, as a residual block is.
    input, output : float32
        For one image: (C, H, W), (F,) or, in a transformer, (T, D): T tokens of D numbers.
    """

    name: str
    call: int
    title: str
    is_block: bool
    input: NDArray[np.float32]
    output: NDArray[np.float32]

    @property
    def key(self) -> str:
        """Name that no other step has."""
        return self.name if self.call == 1 else f"{self.name} ({self.call})"

    @property
    def shape(self) -> str:
        """Shape of the output, as "32 × 28 × 28"."""
        return " × ".join(map(str, self.output.shape))

    @property
    def maps(self) -> NDArray[np.float32]:
        """The output as maps, float32 (C, H, W); a vector has one unit a map."""
        return as_maps(self.output)

    @property
    def strength(self) -> NDArray[np.float32]:
        """Mean of the absolute values of each map, float32 (C,)."""
        means: NDArray[np.float32] = np.abs(self.maps).mean((1, 2))
        return means


def as_maps(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of a layer for one image as maps, float32 (C, H, W).

    Of tokens (T, D), each of the D numbers is a map over the patches of the image; the first token,
    which belongs to no patch, is left out.
    """
    if values.ndim == 3:
        return values
    if values.ndim == 1:
        return values[:, None, None]
    tokens, width = values.shape
    side = round((tokens - 1) ** 0.5)
    if side**2 == tokens - 1:
        return values[1:].T.reshape(width, side, side)
    return values.T[:, None, :]


def working_copy(model: nn.Module) -> nn.Module:
    """A copy of a network, in evaluation mode, whose layers leave their inputs as they are.

    In-place layers would overwrite what the layers before them gave.
    """
    made = copy.deepcopy(model).eval()
    for module in made.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010 - mypy takes it for a tensor
    return made


def members(model: nn.Module) -> list[nn.Module]:
    """The networks of an ensemble; of any other network, itself."""
    from fmnist.models.ensemble import Ensemble

    return list(model.networks) if isinstance(model, Ensemble) else [model]


def walk(classifier: "Classifier", image: NDArray[np.uint8], *, member: int = 0) -> list[Layer]:
    """The way of an image through a network, layer by layer.

    Parameters
    ----------
    classifier : Classifier
    image : uint8 (28, 28)
    member : int
        Which network of an ensemble; 0 for others.

    Returns
    -------
    list of Layer
        In the order of the forward pass; the last gives the logits. Dropout, which does nothing
        here, is left out.
    """
    model = working_copy(members(classifier.model)[member])
    found: list[Layer] = []
    calls: dict[str, int] = {}

    def record(name: str, module: nn.Module, inputs: tuple[Tensor, ...], result: object) -> None:
        output = result if isinstance(result, Tensor) else result[0]  # type: ignore[index]
        calls[name] = calls.get(name, 0) + 1
        is_block = type(module).__name__ in _BLOCKS
        found.append(
            Layer(name, calls[name], title(module), is_block, _array(inputs[0]), _array(output))
        )

    for name, module in model.named_modules():
        if _is_step(module):
            module.register_forward_hook(
                lambda module, inputs, result, name=name: record(name, module, inputs, result)
            )
    with torch.inference_mode():
        model(classifier.normalization(torch.tensor(image)[None]))
    return found


def title(module: nn.Module) -> str:
    """What a layer is, for people: "Convolution 3×3, stride 2"."""
    kind = type(module).__name__
    text = _TITLES.get(kind) or _BLOCKS.get(kind) or kind.lstrip("_")
    match module:
        case nn.Conv2d():
            height, width = module.kernel_size
            grouped = ", depthwise" if module.groups > 1 else ""
            stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
            return f"{text} {height}×{width}{stride}{grouped}"
        case nn.MaxPool2d():
            return f"{text} {module.kernel_size}×{module.kernel_size}"
        case _:
            return text


def _is_step(module: nn.Module) -> bool:
    if isinstance(module, _SKIPPED) or "StochasticDepth" in type(module).__name__:
        return False
    return (
        type(module).__name__ in _BLOCKS
        or isinstance(module, nn.MultiheadAttention)  # uses its last layer without calling it
        or not list(module.children())
    )


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values[0].float().contiguous().cpu().numpy()
    return array


def first_filters(model: nn.Module) -> tuple[str, NDArray[np.float32]]:
    """Weights of the first layer with weights, which looks at pixels.

    Returns
    -------
    name : str
        Name of the layer.
    weights : float32 (K, h, w)
        A picture per filter: of a convolution its kernel, of a fully connected layer a weight per
        pixel.
    """
    for name, module in model.named_modules():  # which need not be in the order of their use
        if isinstance(module, nn.Conv2d) and module.in_channels == 1:
            return name, _weights(module)[:, 0]
        if isinstance(module, nn.Linear) and module.in_features == IMAGE_SIZE**2:
            return name, _weights(module).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
    raise ValueError("The network has no layer that looks at pixels.")


def _weights(module: nn.Conv2d | nn.Linear) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = module.weight.detach().float().cpu().numpy()
    return weights


def excitement(
    classifier: "Classifier",
    images: NDArray[np.uint8],
    layer: str,
    *,
    call: int = 1,
    member: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """How strongly images excite each channel of a layer.

    Parameters
    ----------
    classifier : Classifier
    images : uint8 (N, 28, 28)
    layer, call, member
        As `Layer.name`, `Layer.call` and in `walk`.
    progress : callable, optional
        Called after each batch with (images done, images in all).

    Returns
    -------
    float32 (N, C)
        Highest value of each channel's map.
    """
    model = working_copy(members(classifier.model)[member])
    peaks: list[NDArray[np.float32]] = []
    uses = 0

    def record(_module: nn.Module, _inputs: object, result: object) -> None:
        nonlocal uses
        uses += 1
        if uses == call:
            output = result if isinstance(result, Tensor) else result[0]  # type: ignore[index]
            raise _Reached(_peaks(output))  # the layers after it are not needed

    model.get_submodule(layer).register_forward_hook(record)
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            uses = 0
            batch = torch.tensor(images[start : start + _BATCH])
            try:
                model(classifier.normalization(batch).contiguous(memory_format=torch.channels_last))
            except _Reached as reached:
                peaks.append(reached.peaks)
            if progress:
                progress(min(start + _BATCH, len(images)), len(images))
    return np.concatenate(peaks)


class _Reached(Exception):
    """The layer in question has given its result."""

    def __init__(self, peaks: NDArray[np.float32]) -> None:
        super().__init__()
        self.peaks = peaks


def _peaks(output: Tensor) -> NDArray[np.float32]:
    """Highest value of each channel, float32 (B, C)."""
    match output.ndim:
        case 4:
            highest = output.amax((2, 3))
        case 3:  # (B, T, D): the first token belongs to no patch
            highest = output[:, 1:].amax(1)
        case _:
            highest = output
    peaks: NDArray[np.float32] = highest.float().cpu().numpy()
    return peaks
