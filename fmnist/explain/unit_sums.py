"""How a layer computes one of its numbers: the sum behind a unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from fmnist.explain.feature_maps import Layer, as_maps
from fmnist.text import number

Unit = tuple[int, int, int]
"""Channel, row and column in `Layer.maps`."""

_ACTIVATIONS: Final = {
    "ReLU": "max(0, x)",
    "SiLU": "x · sigmoid(x)",
    "GELU": "x · Φ(x)",
    "Sigmoid": "sigmoid(x)",
}


@dataclass(frozen=True, eq=False)
class UnitSum:
    """Inputs times weights, added up.

    Attributes
    ----------
    patch, kernel : float64 (C, h, w)
        What the unit looks at, 0 beyond the border, and its weights. For a fully connected layer
        all of its input, as maps where it comes from maps.
    channels : int (C,)
        Numbers of the input's channels.
    bias : float
        0 without one.
    value : float
        What the layer gave.
    top, left : int
        Place of the patch in the input; negative beyond the border.
    """

    patch: NDArray[np.float64]
    kernel: NDArray[np.float64]
    channels: NDArray[np.intp]
    bias: float
    value: float
    top: int = 0
    left: int = 0

    @property
    def products(self) -> NDArray[np.float64]:
        """Input times weight, float64 (C, h, w)."""
        return self.patch * self.kernel

    @property
    def sums(self) -> NDArray[np.float64]:
        """Sum of the products of each channel, float64 (C,)."""
        sums: NDArray[np.float64] = self.products.sum((1, 2))
        return sums

    @property
    def total(self) -> float:
        """All products and the bias; equals `value` up to rounding."""
        return float(self.sums.sum() + self.bias)


def unit_sum(model: nn.Module, layers: Sequence[Layer], index: int, unit: Unit) -> UnitSum | None:
    """The sum that gave a unit of a convolution or a fully connected layer; None for other layers.

    Parameters
    ----------
    model : torch.nn.Module
        The network that `layers` went through.
    layers : sequence of Layer
        As `feature_maps.walk` gives them.
    index : int
        Position of the layer in `layers`.
    unit : (int, int, int)
        Channel, row and column in the layer's maps.
    """
    layer = layers[index]
    module = model.get_submodule(layer.name)
    channel, row, column = unit
    if isinstance(module, nn.Conv2d):
        return _of_convolution(module, layer, channel, row, column)
    if isinstance(module, nn.Linear) and layer.input.ndim == 1:
        shape = _shape_before_flattening(layers, index)
        return UnitSum(
            layer.input.astype(np.float64).reshape(shape),
            _numbers(module.weight[channel]).reshape(shape),
            np.arange(shape[0]),
            _bias(module, channel),
            float(layer.output[channel]),
        )
    return None


def _of_convolution(
    module: nn.Conv2d, layer: Layer, channel: int, row: int, column: int
) -> UnitSum:
    kernel = _numbers(module.weight[channel])  # (C / groups, h, w)
    each = len(kernel)
    first = channel // (module.out_channels // module.groups) * each
    above, beside = (int(p) for p in module.padding)
    height, width = kernel.shape[1:]
    top, left = row * module.stride[0] - above, column * module.stride[1] - beside
    return UnitSum(
        _patch(layer.input[first : first + each], top, left, height, width),
        kernel,
        np.arange(first, first + each),
        _bias(module, channel),
        float(layer.output[channel, row, column]),
        top,
        left,
    )


def _patch(
    maps: NDArray[np.float32], top: int, left: int, height: int, width: int, fill: float = 0.0
) -> NDArray[np.float64]:
    """A part of maps, float64 (C, height, width); `fill` beyond the border."""
    patch = np.full((len(maps), height, width), fill)
    rows = slice(max(top, 0), min(top + height, maps.shape[1]))
    columns = slice(max(left, 0), min(left + width, maps.shape[2]))
    patch[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = maps[
        :, rows, columns
    ]
    return patch


def _shape_before_flattening(layers: Sequence[Layer], index: int) -> tuple[int, int, int]:
    """Shape of the maps that a fully connected layer's input was made of."""
    size = layers[index].input.size
    for before in reversed(layers[:index]):
        if before.title == "Flatten" and before.output.size == size:
            channels, height, width = before.input.shape
            return channels, height, width
        if before.output.ndim == 3:
            break
        if before.title == "Fully connected":
            break
    return size, 1, 1


def in_words(model: nn.Module, layer: Layer, unit: Unit) -> str:
    """How a layer that is neither convolution nor fully connected gave a unit, in a sentence."""
    module = model.get_submodule(layer.name)
    channel, row, column = unit
    value = float(layer.maps[unit])
    kind = type(module).__name__
    if kind in _ACTIVATIONS and layer.input.shape == layer.output.shape:
        before = float(as_maps(layer.input)[unit])
        return f"{_ACTIVATIONS[kind]} of x = {number(before)} is {number(value)}."
    if isinstance(module, nn.BatchNorm2d):
        return _of_norm(module, layer, unit)
    if isinstance(module, nn.MaxPool2d):
        size, stride, padding = (
            _side(v) for v in (module.kernel_size, module.stride, module.padding)
        )
        top, left = row * stride - padding, column * stride - padding
        maps = layer.input[channel : channel + 1]
        patch = _patch(maps, top, left, size, size, fill=-np.inf)
        seen = ", ".join(number(v) for v in patch.ravel() if np.isfinite(v))
        return f"The highest of {seen} is {number(value)}."
    if isinstance(module, nn.AdaptiveAvgPool2d) and layer.output.shape[1:] == (1, 1):
        count = layer.input[channel].size
        return f"The mean of the {count:,} values of this channel is {number(value)}."
    if layer.is_block:
        return (
            f"{layer.title}: the layers before it in this list, and what passes them by, give "
            f"{number(value)}."
        )
    if kind == "Flatten":
        return f"Number {channel} of the input in one row is {number(value)}."
    return f"{layer.title} gives {number(value)} here."


def _of_norm(module: nn.BatchNorm2d, layer: Layer, unit: Unit) -> str:
    """Batch normalization of a unit with the means and variances of the training."""
    channel = unit[0]
    scale, shift = norm_scale_and_shift(module, channel)
    before, value = float(layer.input[unit]), float(layer.output[unit])
    return (
        f"{number(scale)} · x + {number(shift)} for x = {number(before)} is {number(value)}; "
        "factor and summand come from the mean and the variance of this channel in training, and "
        "two learned numbers."
    )


def norm_scale_and_shift(module: nn.BatchNorm2d, channel: int) -> tuple[float, float]:
    """What batch normalization multiplies a channel by, and then adds.

    Ioffe and Szegedy 2015, "Batch Normalization".
    """
    assert module.running_mean is not None and module.running_var is not None
    spread = float(module.running_var[channel] + module.eps) ** 0.5
    scale = float(_numbers(module.weight[channel])) / spread
    return scale, _bias(module, channel) - scale * float(module.running_mean[channel])


def _bias(module: nn.Conv2d | nn.Linear | nn.BatchNorm2d, channel: int) -> float:
    return 0.0 if module.bias is None else float(_numbers(module.bias[channel]))


def _side(size: int | tuple[int, ...]) -> int:
    """Side of a square that a layer is given as one number or as two equal ones."""
    return size if isinstance(size, int) else size[0]


def _numbers(values: Tensor) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.detach().double().cpu().numpy()
    return numbers
