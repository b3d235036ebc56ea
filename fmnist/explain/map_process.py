"""The computation of maps in another process, with progress and an end at any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fmnist.data.splits import SplitName
from fmnist.explain.embeddings import Method
from fmnist.jobs import Job, JobState


@dataclass(frozen=True)
class MapTask:
    """What is computed.

    Attributes
    ----------
    method : {"pca", "pacmap", "tsne", "umap", "epochs"}
    split : {"train", "validation", "test"}
    runs : sequence of Path
        Folders of runs, one after the other.
    epoch : int or None
        None for the saved weights.
    """

    method: Method | Literal["epochs"]
    split: SplitName
    runs: tuple[Path, ...]
    epoch: int | None = None

    def arguments(self) -> Sequence[str]:
        """As `fmnist.explain.map_job` takes them."""
        epoch = [] if self.epoch is None else [f"--epoch={self.epoch}"]
        return [*epoch, self.method, self.split, *map(str, self.runs)]


MapState = JobState[MapTask]


class MapProcess(Job[MapTask]):
    """At most one computation at a time."""

    def __init__(self) -> None:
        super().__init__("fmnist.explain.map_job", MapTask.arguments)
