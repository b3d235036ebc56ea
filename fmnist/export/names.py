"""The formats of exported models, by name; without torch, for `--help`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Format = Literal["onnx", "int8", "torch-export", "torchscript"]


@dataclass(frozen=True)
class FormatText:
    """What people read of a format, and how its files end."""

    title: str
    suffix: str


FORMATS: Final[Mapping[Format, FormatText]] = {
    "onnx": FormatText("ONNX", ".onnx"),
    "int8": FormatText("ONNX, 8 bits", ".int8.onnx"),
    "torch-export": FormatText("torch.export", ".pt2"),
    "torchscript": FormatText("TorchScript", ".pt"),
}
