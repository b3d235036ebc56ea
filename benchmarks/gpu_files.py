"""Files of a GPU benchmark: weights without the safetensors package, and an archive in parts."""

import io
import json
import struct
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from fmnist.checksums import write_checked
from fmnist.data.labels import NUM_CLASSES
from fmnist.files import write_atomic
from fmnist.models.classifier import Normalization

_TYPES: Final = {torch.float16: "F16", torch.float32: "F32", torch.int64: "I64"}

PART_BYTES: Final = 15 * 2**20
PARTS: Final = 4


def to_float16(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy weights to the processor, convolutions and matrices in float16.

    Norms, biases and counts keep their type: they are small, and the variance of a norm can
    be too small for float16.
    """
    return {
        name: (t.half() if t.is_floating_point() and t.ndim > 1 else t.clone()).cpu()
        for name, t in tensors.items()
    }


def safetensors_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A `.safetensors` file: length of the header, header in JSON, bytes of the tensors."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    parts, offset = [], 0
    for name, tensor in tensors.items():
        content = tensor.detach().cpu().contiguous().numpy().tobytes()  # x86 and Arm: little-endian
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(content)],
        }
        parts.append(content)
        offset += len(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((struct.pack("<Q", len(text)), text, *parts))


def write_weights(path: Path, model_name: str, tensors: Mapping[str, Tensor]) -> None:
    """Write a file that `fmnist.models.classifier.Classifier.load` reads."""
    normalization = Normalization()
    description = {
        "models": [model_name],
        "mean": normalization.mean,
        "std": normalization.std,
        "temperature": 1.0,
        "outputs": NUM_CLASSES,
    }
    write_checked(path, safetensors_bytes(tensors, {"fmnist": json.dumps(description)}))


def read_weights(path: Path) -> tuple[str, dict[str, Tensor]]:
    """Read what `write_weights` wrote.

    Returns
    -------
    str
        Name of the network.
    dict of str to Tensor
        On the processor.
    """
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    (model,) = json.loads(header.pop("__metadata__")["fmnist"])["models"]
    values = bytearray(content[8 + length :])  # torch warns about bytes, which it may not write to
    types = {name: dtype for dtype, name in _TYPES.items()}
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        dtype = types[entry["dtype"]]
        tensors[name] = torch.frombuffer(values[start:end], dtype=dtype).reshape(entry["shape"])
    return model, tensors


def pack(runs: Sequence[Path], out: Path) -> list[str]:
    """Write the folders of runs as a tar file in a few parts of bounded size.

    Some machines hand back only few and small files. `cat runs.tar.* | tar -x` unpacks the parts.

    Parameters
    ----------
    runs : sequence of Path
        Folders, the most important first.
    out : Path
        Folder of the parts; parts of an earlier archive are deleted.

    Returns
    -------
    list of str
        Files that did not fit.
    """
    files = [
        (path, folder, index)
        for index, folder in enumerate(runs)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    # first the small files of all runs, then run by run the weights and the epochs' logits
    files.sort(key=lambda f: (f[0].stat().st_size > 2**20, f[2], f[0].name == "epochs.npz"))
    buffer, left_out = io.BytesIO(), []
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        room = PARTS * PART_BYTES - 2**16  # less than all: an archive ends with empty blocks
        for path, folder, _ in files:
            name = str(path.relative_to(folder.parent))
            if buffer.tell() + path.stat().st_size > room:
                left_out.append(name)
            else:
                archive.add(path, name)
    content = buffer.getvalue()
    for stale in out.glob("runs.tar.*"):
        stale.unlink()
    for number, start in enumerate(range(0, len(content), PART_BYTES)):
        part = content[start : start + PART_BYTES]
        write_atomic(out / f"runs.tar.{number:02}", part, make_folder=True)
    return left_out
