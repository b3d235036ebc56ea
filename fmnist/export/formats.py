"""The formats of exported models: how each is written, and how each is run."""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from fmnist.data.labels import IMAGE_SIZE
from fmnist.export.checks import ExportError
from fmnist.export.names import INPUT, INSTALL, Format
from fmnist.export.program import Program
from fmnist.export.quantization import quantize

Runner = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], ...]]
"""From images uint8 (N, 28, 28) to the outputs of `Program`."""

_METADATA: Final = "fmnist.json"
_INSTALL: Final = f"Install what it needs: {INSTALL}"


def write(
    program: Program,
    form: Format,
    path: Path,
    *,
    metadata: Mapping[str, str],
    calibration: NDArray[np.uint8] | None = None,
) -> None:
    """Write a program to a file.

    Parameters
    ----------
    program : Program
    form : {"onnx", "int8", "torch-export", "torchscript"}
    path : Path
    metadata : mapping of str to str
        Written into the file.
    calibration : uint8 (N, 28, 28), optional
        Training images from which the ranges of 8-bit values are taken; "int8" needs them.

    Raises
    ------
    ExportError
        If a package is missing.
    """
    # 1 would be taken for a constant
    example = (torch.zeros(2, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8),)
    batch = {INPUT: {0: torch.export.Dim("batch")}}
    program = program.eval()
    with warnings.catch_warnings():
        # of exporters about their own insides; what they made is checked afterwards
        warnings.simplefilter("ignore")
        if form == "torch-export":
            exported = torch.export.export(program, example, dynamic_shapes=batch)
            files = {_METADATA: json.dumps(metadata)}
            torch.export.save(exported, path, extra_files=files)
        elif form == "torchscript":
            with torch.inference_mode():
                traced = torch.jit.trace(program, example)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, str(path), _extra_files={_METADATA: json.dumps(metadata)})
        else:
            _write_onnx(program, example, batch, path, metadata)
            if form == "int8":
                if calibration is None:
                    raise ExportError("8 bits need training images for the ranges of values.")
                quantize(path, path, calibration)


def _write_onnx(
    program: Program, example: Any, batch: Any, path: Path, metadata: Mapping[str, str]
) -> None:
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter needs it, and says so at length
    except ImportError as error:
        raise ExportError(f"ONNX needs the package {error.name}. {_INSTALL}") from error
    made = torch.onnx.export(
        program, example, dynamo=True, verbose=False, dynamic_shapes=batch, external_data=False,
        input_names=[INPUT], output_names=list(program.outputs),
    )  # fmt: skip
    assert made is not None
    model = made.model_proto
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def open_file(form: Format, path: Path, *, threads: int = 0) -> Runner:
    """Run an exported file. Only for one that this project has just written.

    Parameters
    ----------
    form : {"onnx", "int8", "torch-export", "torchscript"}
    path : Path
    threads : int
        Of ONNX Runtime; 0 for as many as there are cores. The others take torch's.

    Raises
    ------
    ExportError
        If a package is missing.
    """
    if form in ("onnx", "int8"):
        try:
            import onnxruntime
        except ImportError as error:
            raise ExportError(f"ONNX needs the package {error.name}. {_INSTALL}") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        return lambda images: tuple(session.run(None, {INPUT: images}))
    if form == "torch-export":
        module = torch.export.load(path).module()
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # people are told that it is deprecated
            module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]

    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        with torch.inference_mode():
            return tuple(output.numpy() for output in module(torch.tensor(images)))

    return run
