"""Exports in another process, with progress and an end at any time."""

from dataclasses import dataclass
from pathlib import Path

from fmnist.export.names import Format
from fmnist.jobs import Job, JobState


@dataclass(frozen=True)
class ExportTask:
    """What is exported.

    Attributes
    ----------
    run : Path
        Folder of the run.
    form : {"onnx", "int8", "torch-export", "torchscript"}
    """

    run: Path
    form: Format

    def arguments(self) -> list[str]:
        """As `fmnist.export.job` takes them."""
        return [self.form, str(self.run)]


ExportState = JobState[ExportTask]


class ExportProcess(Job[ExportTask]):
    """At most one export at a time."""

    def __init__(self) -> None:
        super().__init__("fmnist.export.job", ExportTask.arguments)
