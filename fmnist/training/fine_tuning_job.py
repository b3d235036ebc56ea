"""Fine-tunes a run in a process of its own, as `FineTuneProcess` runs it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fmnist.jobs import Job, Reporter, work
from fmnist.runs.config import LearnedPart


@dataclass(frozen=True)
class FineTuneTask:
    """What is fine-tuned, on what.

    Attributes
    ----------
    base : Path
        Folder of the run.
    gallery : Path
        Folder of the drawings: all that have a label are learned.
    root : Path
        Folder of the new run's folder.
    part : {"last-layer", "last-block"}
        What learns.
    """

    base: Path
    gallery: Path
    root: Path
    part: LearnedPart = "last-layer"

    def arguments(self) -> Sequence[str]:
        """As this module takes them."""
        return [str(self.base), str(self.gallery), str(self.root), self.part]


class FineTuneProcess(Job[FineTuneTask]):
    """At most one fine-tuning at a time."""

    def __init__(self) -> None:
        super().__init__("fmnist.training.fine_tuning_job", FineTuneTask.arguments)


def _run(arguments: Sequence[str], reporter: Reporter) -> None:
    from fmnist.data import fashion_mnist
    from fmnist.runs import store
    from fmnist.runs.run import RunError
    from fmnist.sketchpad.gallery import Gallery
    from fmnist.training.fine_tuning import fine_tune
    from fmnist.training.own_drawings import OwnDrawings

    folder, gallery, root = map(Path, arguments[:3])
    part = cast(LearnedPart, arguments[3])
    base = store.open_run(folder.parent, folder.name)
    if base.config is None:
        raise RunError(f"The run {base.name} is broken: {base.reason}")
    saved, _ = Gallery(gallery).all()  # damaged ones are told on the page
    dataset = fashion_mnist.load_named(base.config.dataset)
    drawings = OwnDrawings.of(saved)

    def report(text: str, share: float) -> None:
        reporter(text, share)

    fine_tune(base, drawings, root, dataset, part=part, report=report)


if __name__ == "__main__":
    sys.exit(work(lambda reporter: _run(sys.argv[1:], reporter)))
