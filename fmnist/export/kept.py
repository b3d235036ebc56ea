"""Exported files that are kept with their run, each made once.

Own runs keep them in `exports/<format>/`, runs that come with the project in
`artifacts/cache/exports/`. Beside each file, `export.json` says what it was made from and how it
compares with the run: a file of other weights, or of another temperature, is made again.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fmnist
from fmnist.checksums import file_digest
from fmnist.data.splits import Dataset, DatasetName
from fmnist.errors import DamagedFileError
from fmnist.export.checks import Check, ExportError
from fmnist.export.names import FORMATS, Format
from fmnist.files import read_json, write_json
from fmnist.runs.making import making
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.runs.temperature import load_temperature

if TYPE_CHECKING:
    from fmnist.export.documents import ExportDocument

VERSION: Final = 1
"""To be raised when files are made in another way: those of before are then made again."""

_ABOUT: Final = "export.json"


@dataclass(frozen=True)
class KeptExport:
    """An exported file that is kept with its run.

    Attributes
    ----------
    form : {"onnx", "int8", "torch-export", "torchscript"}
    path : Path
    check : Check
    made : float
        Seconds since 1970.
    """

    form: Format
    path: Path
    check: Check
    made: float
    _sha256: str

    def read(self) -> bytes:
        """The file.

        Raises
        ------
        OSError
            If it cannot be read.
        DamagedFileError
            If it is not as it was written.
        """
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self._sha256:
            raise DamagedFileError(f"the file {self.path.name} is damaged; delete it, then export.")
        return content


def why_not(run: Run) -> str | None:
    """Why a run cannot be exported, in a sentence; None if it can."""
    if run.config is None or run.state == "broken":
        return f"The run {run.name} is broken: {run.reason}"
    if run.state in ACTIVE_STATES:
        return f"{run.name} is still training; export it when it has ended."
    if not run.weights_path.exists():
        return (
            f"{run.name} has no weights to export: it has not finished an epoch, or comes without "
            "them. Choose another run."
        )
    return None


def folder(run: Run) -> Path:
    """Where the exports of a run are kept."""
    return run.derived_folder(run.exports_folder.name)


def find(run: Run, form: Format, *, weights: str) -> KeptExport | None:
    """The file that is kept; None if there is none, or if it is damaged or of something else.

    Parameters
    ----------
    run : Run
    form : {"onnx", "int8", "torch-export", "torchscript"}
    weights : str
        SHA-256 (hex) of the run's weights.

    Raises
    ------
    RunError
        If the run's temperature is damaged.
    """
    path = folder(run) / form / _file_name(run, form)
    try:
        about = _read(path.with_name(_ABOUT))
        size = path.stat().st_size
    except (OSError, ValueError):  # made again, in its place
        return None
    known = (about.version, about.format, about.name, about.weights, about.temperature)
    if known != (VERSION, form, run.name, weights, _temperature(run)):
        return None
    check = about.check.check()
    return KeptExport(form, path, check, about.made, about.sha256) if size == check.bytes else None


def make(
    run: Run,
    form: Format,
    dataset: Dataset | Callable[[DatasetName], Dataset],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> KeptExport:
    """Export a run and keep the file, unless it is kept already. Imports torch.

    Parameters
    ----------
    run : Run
    form : {"onnx", "int8", "torch-export", "torchscript"}
    dataset : Dataset or callable
        The run's, or what loads it by its name; it is called only if something is made.
    progress : callable, optional
        As `fmnist.export.exporting.export` takes it.

    Raises
    ------
    ExportError
        If the run cannot be exported, a package is missing, or the file differs from the run.
    OSError
        If it cannot be read or written.
    RunError
        If the run's weights or its temperature are damaged.
    """
    problem = why_not(run)
    if problem or run.config is None:
        raise ExportError(problem or "")
    weights = file_digest(run.weights_path)
    kept = find(run, form, weights=weights)
    if kept is not None:
        return kept
    from fmnist.export.exporting import export
    from fmnist.runs.loading import load_run

    temperature = _temperature(run)
    classifier = load_run(run.run_id, folder=run.folder.parent)
    loaded = dataset(run.config.dataset) if callable(dataset) else dataset
    target = run.make_derived_folder(run.exports_folder.name)  # last: loading takes seconds
    with making(target / form) as hidden:
        path = hidden / _file_name(run, form)
        check = export(run, classifier, form, path, loaded, progress=progress)
        values = {
            "version": VERSION,
            "format": form,
            "name": run.name,
            "weights": weights,
            "temperature": temperature,
            "sha256": file_digest(path),
            "made": time.time(),
            "fmnist": fmnist.__version__,
            "check": asdict(check),
        }
        write_json(path.with_name(_ABOUT), values)
    kept = find(run, form, weights=weights)
    if kept is None:
        raise ExportError(f"{run.name} has changed meanwhile; export it again.")
    return kept


def _file_name(run: Run, form: Format) -> str:
    return f"{run.run_id}{FORMATS[form].suffix}"


def _temperature(run: Run) -> float | None:
    """The temperature that is saved with a run; the weights' own is part of their checksum."""
    saved = load_temperature(run)
    return saved.value if saved else None


def _read(path: Path) -> "ExportDocument":
    from fmnist.export.documents import ExportDocument

    return ExportDocument.parse(read_json(path))
