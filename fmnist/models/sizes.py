"""Sizes of the models, stored on disk because counting needs torch and builds each model."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fmnist.files import read_json, write_json


@dataclass(frozen=True)
class Size:
    """The size of a model.

    Attributes
    ----------
    parameters : int
        Number of trainable parameters.
    multiply_adds : int
        For one image, as `fmnist.models.summary.LayerSummary` counts them.
    """

    parameters: int
    multiply_adds: int

    def __post_init__(self) -> None:
        for number in (self.parameters, self.multiply_adds):
            if type(number) is not int or not 0 <= number < 1e15:
                raise ValueError(f"a size cannot be {number!r}")


@cache
def _code() -> str:
    """Checksum of the models' code: sizes counted from other code are not used."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def load_sizes(path: Path) -> dict[str, Size]:
    """Sizes in a file, by model; empty if it is damaged or the models' code has changed."""
    try:
        document = read_json(path)
        if document["code"] != _code():
            return {}
        return {name: Size(**size) for name, size in document["sizes"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # the caller counts again


def save_sizes(path: Path, sizes: Mapping[str, Size]) -> None:
    """Write sizes to a file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    values = {"code": _code(), "sizes": {name: vars(s) for name, s in sizes.items()}}
    write_json(path, values, make_folder=True)


def total(models: Sequence[str], sizes: Mapping[str, Size]) -> Size | None:
    """Size of a model, or of all in an ensemble together; None if one has not been counted."""
    known = [sizes[name] for name in models if name in sizes]
    if len(known) < len(models):
        return None
    return Size(sum(s.parameters for s in known), sum(s.multiply_adds for s in known))


def count(names: Iterable[str]) -> dict[str, Size]:
    """Count the sizes of registered models from their modules. Imports torch.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    from fmnist.models.summary import summarize

    return {
        name: Size(sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows))
        for name, rows in ((name, summarize(name)) for name in names)
    }
