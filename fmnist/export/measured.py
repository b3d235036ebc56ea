"""What `benchmarks/export.py` measured of the formats; without torch, for pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fmnist.files import read_json

PATH: Final = Path(__file__).with_name("measured.json")
"""Written by the benchmark, beside its table."""


PYTORCH: Final = "pytorch"
"""Stands among the formats for the model before its export."""


@dataclass(frozen=True)
class Measured:
    """A shipped model in a format.

    Attributes
    ----------
    bytes : int
    accuracy : float
        On the test images, in [0, 1].
    one_ms, many_ms : float
        Milliseconds, on one core, of one image and of 256 at once.
    """

    bytes: int
    accuracy: float
    one_ms: float
    many_ms: float


@dataclass(frozen=True)
class MeasuredModel:
    """What was measured of a shipped model.

    Attributes
    ----------
    weights : str
        Digest of the weights, as `fmnist.checksums.file_digest` makes it: figures of a model that
        has been replaced since are not those of its successor.
    formats : mapping
        By format; `PYTORCH` is among them.
    """

    weights: str
    formats: Mapping[str, Measured]


def load() -> Mapping[str, MeasuredModel]:
    """By the id of a shipped model.

    Raises
    ------
    OSError, DamagedFileError
        If it cannot be read.
    """
    values: dict[str, dict[str, Any]] = read_json(PATH)
    return {
        model: MeasuredModel(
            found["weights"], {form: Measured(**row) for form, row in found["formats"].items()}
        )
        for model, found in values.items()
    }
