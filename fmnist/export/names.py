"""Names of exported models' formats, inputs and outputs; without torch, for pages and `--help`."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

INPUT: Final = "images"
PROBABILITIES: Final = "probabilities"
IN_DISTRIBUTION: Final = "in_distribution"

Format = Literal["onnx", "int8", "torch-export", "torchscript"]

INSTALL: Final = "pip install onnx onnxruntime onnxscript"
"""The command for what ONNX needs."""

LICENSE: Final = "MIT"
"""Of the project, and of the models that it makes."""

_ONNX: Final = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True)
class FormatText:
    """What people read of a format, and how its files end.

    Attributes
    ----------
    title : str
    suffix : str
        Of the file's name.
    purpose : str
        What it is for, in Markdown.
    packages : tuple of str
        What exporting needs besides the app's own packages.
    """

    title: str
    suffix: str
    purpose: str
    packages: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that are not installed."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)


FORMATS: Final[Mapping[Format, FormatText]] = {
    "onnx": FormatText(
        "ONNX",
        ".onnx",
        "For ONNX Runtime: from Python, C++, C#, Java and JavaScript, on servers, on phones and in "
        "browsers.",
        _ONNX,
    ),
    "int8": FormatText(
        "ONNX, 8 bits",
        ".int8.onnx",
        "For ONNX Runtime where a file should be small. Weights and activations have 8 bits, but "
        "for the first layer, so a few predictions change.",
        _ONNX,
    ),
    "torch-export": FormatText(
        "torch.export",
        ".pt2",
        "For PyTorch programs that do not have this project: `torch.export.load`.",
    ),
    "torchscript": FormatText(
        "TorchScript",
        ".pt",
        "For older PyTorch programs, also in C++: `torch.jit.load`. PyTorch has deprecated it; "
        "take torch.export for new programs.",
    ),
}
