"""What of a walk through a network is looked at: a layer, a channel, a unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st

from fmnist.data.labels import NO_GARMENT

if TYPE_CHECKING:
    from fmnist.explain.feature_maps import Layer

_LAYER: Final = "layers-layer"
_CHANNEL: Final = "layers-channel"
_UNIT: Final = "layers-unit"
SOFTMAX: Final = "softmax"
"""The last row of the walk, which no module gives: the probabilities."""


@dataclass(frozen=True, eq=False)
class Choice:
    """What of a walk is looked at.

    Attributes
    ----------
    layers : sequence of Layer
        The whole walk.
    index : int
        The chosen layer.
    channel, row, column : int
        The chosen unit.
    member : int
        Which network of an ensemble.
    is_softmax : bool
        Whether the probabilities are looked at; the chosen layer is then the last one.
    output_names : tuple of str
        What the network's logits are of.
    """

    layers: "Sequence[Layer]"
    index: int
    channel: int
    row: int
    column: int
    member: int
    is_softmax: bool
    output_names: tuple[str, ...]

    @property
    def layer(self) -> "Layer":
        """The chosen layer."""
        return self.layers[self.index]

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the network can predict."""
        return tuple(name for name in self.output_names if name != NO_GARMENT)

    @property
    def classes(self) -> tuple[str, ...]:
        """What the units of the layer stand for, if they are the logits; else empty."""
        rest = [layer.output.shape for layer in self.layers[self.index :]]
        if rest[0] != rest[-1] or len(set(rest)) > 1 or len(rest[-1]) > 1:
            return ()
        return self.output_names

    def named(self, channel: int) -> str:
        """A channel or a unit of the layer in words: "channel 3", "unit 7", "Shirt (unit 6)"."""
        noun = "channel" if self.layer.maps[0].size > 1 else "unit"
        classes = self.classes
        return f"{classes[channel]} ({noun} {channel})" if classes else f"{noun} {channel}"

    @property
    def unit(self) -> tuple[int, int, int]:
        """Channel, row and column."""
        return self.channel, self.row, self.column


def chosen(layers: "Sequence[Layer]", member: int, output_names: tuple[str, ...]) -> Choice:
    """The choice of this session; at first, the strongest channel of the first convolution.

    Parameters
    ----------
    layers : sequence of Layer
        A whole walk.
    member : int
        Which network of an ensemble.
    output_names : tuple of str
        As `Classifier` has them.
    """
    is_softmax = st.session_state.get(_LAYER) == SOFTMAX
    index = len(layers) - 1 if is_softmax else _chosen_layer(layers)
    return Choice(layers, index, *_chosen_unit(layers[index]), member, is_softmax, output_names)


def pick_layer(key: str) -> None:
    """Choose a layer."""
    st.session_state[_LAYER] = key


def pick_channel(layer: str, channel: int) -> None:
    """Choose a channel."""
    st.session_state[_CHANNEL] = (layer, channel)


def pick_unit(layer: str, channel: int, unit: int) -> None:
    """Choose a unit of a map, counted row by row."""
    pick_channel(layer, channel)
    st.session_state[_UNIT] = ((layer, channel), unit)


def _chosen_layer(layers: "Sequence[Layer]") -> int:
    """Position of the chosen layer; at first, the first one that gives maps."""
    chosen = st.session_state.get(_LAYER)
    for position, layer in enumerate(layers):
        if layer.key == chosen:
            return position
    return next((i for i, layer in enumerate(layers) if layer.output.ndim == 3), 0)


def _chosen_unit(layer: "Layer") -> tuple[int, int, int]:
    """Channel, row and column; at first the strongest channel and its highest value."""
    maps = layer.maps
    name, channel = st.session_state.get(_CHANNEL, ("", 0))
    if name != layer.key or channel >= len(maps):
        channel = int(layer.strength.argmax())
    owner, unit = st.session_state.get(_UNIT, (None, 0))
    if owner != (layer.key, channel) or unit >= maps[channel].size:
        unit = int(maps[channel].argmax())
    row, column = divmod(unit, maps.shape[2])
    return channel, row, column
