"""ONNX files with 8-bit weights and activations (ONNX Runtime's static quantization, QDQ)."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.export.checks import ExportError
from fmnist.export.names import INPUT, INSTALL

LAYERS: Final = ("Conv", "Gemm", "MatMul")
"""Operators that have weights."""

_BATCH: Final = 128


@dataclass(frozen=True)
class Quantization:
    """What gets 8 bits, and how their ranges are found.

    `benchmarks/int8.md` has the accuracies on the validation split by which the defaults are
    chosen.

    Attributes
    ----------
    images : int
        Training images from which the ranges of activations are taken.
    ranges : {"minmax", "percentile", "entropy"}
        How.
    layers_only : bool
        Whether only operators with weights get 8 bits, and what lies between them stays as it is.
    first_in_float, last_in_float : bool
        Whether the first and the last operator with weights stay in 32 bits.
    per_channel : bool
        Whether each output channel has a scale of its own.
    seven_bits : bool
        Whether weights have 7 bits: processors without VNNI instructions add two products in 16
        bits, and those of 8 bits may overflow there.
    """

    images: int = 1024
    ranges: Literal["minmax", "percentile", "entropy"] = "minmax"
    layers_only: bool = True
    first_in_float: bool = True
    last_in_float: bool = False
    per_channel: bool = True
    seven_bits: bool = False


CHOSEN: Final = Quantization()


def quantize(
    path: Path, target: Path, images: NDArray[np.uint8], settings: Quantization = CHOSEN
) -> None:
    """Write an ONNX file in 8 bits.

    Parameters
    ----------
    path, target : Path
        May be the same.
    images : uint8 (N, 28, 28)
        Training images.
    settings : Quantization

    Raises
    ------
    ExportError
        If a package is missing.
    """
    try:
        import onnx
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise ExportError(
            f"8 bits need the package {error.name}. Install what it needs: {INSTALL}"
        ) from error

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[NDArray[np.uint8]] = iter(
                np.array_split(images, max(1, len(images) // _BATCH))
            )

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: batch}

    methods = quantization.CalibrationMethod
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        layers = [n.name for n in onnx.load(prepared).graph.node if n.op_type in LAYERS]
        in_float = layers[:1] * settings.first_in_float + layers[-1:] * settings.last_in_float
        quantization.quantize_static(
            str(prepared), str(target), Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=LAYERS if settings.layers_only else None,
            nodes_to_exclude=in_float,
            per_channel=settings.per_channel,
            reduce_range=settings.seven_bits,
            calibrate_method={
                "minmax": methods.MinMax, "percentile": methods.Percentile,
                "entropy": methods.Entropy,
            }[settings.ranges],
        )  # fmt: skip
