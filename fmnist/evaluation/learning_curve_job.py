"""Chooses images for a learning curve in a process of its own, as `ChoiceProcess` runs it."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.data.corrections import Corrections
from fmnist.evaluation.learning_curve import (
    CurveError,
    Way,
    chosen_config,
    most_uncertain,
    point_config,
    point_name,
)
from fmnist.jobs import Job, Reporter, work
from fmnist.runs.run import Run

if TYPE_CHECKING:
    from fmnist.data.splits import Dataset


@dataclass(frozen=True)
class ChoiceTask:
    """What is chosen.

    Attributes
    ----------
    run : Path
        Folder of the run of the previous size, on images chosen in the same way.
    way : {"margin", "entropy"}
    size : int
        Number of images, those of the run included.
    """

    run: Path
    way: Way
    size: int

    def arguments(self) -> Sequence[str]:
        """As this module takes them."""
        return [str(self.run), self.way, str(self.size)]


class ChoiceProcess(Job[ChoiceTask]):
    """At most one choice at a time."""

    def __init__(self) -> None:
        super().__init__("fmnist.evaluation.learning_curve_job", ChoiceTask.arguments)


def make_next(
    run: Run,
    way: Way,
    size: int,
    dataset: "Dataset",
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Choose images by a run, and make the run that is to be trained on them.

    The images are those of the run, and those that it is least sure of.

    Parameters
    ----------
    run : Run
        Finished, of the previous size.
    way : {"margin", "entropy"}
    size : int
    dataset : Dataset
        The run's.
    progress : callable, optional
        Called now and then with (images predicted, images in all).

    Raises
    ------
    CurveError
        If the run is not on a learning curve.
    """
    import numpy as np

    from fmnist.data.splits import stratified_subset
    from fmnist.evaluation.predictions import evaluate
    from fmnist.runs import corrections, store
    from fmnist.runs.loading import load_run

    config = run.training
    if config is None or config.protocol != "held-out" or config.dataset != dataset.name:
        raise CurveError(f"{run.name} cannot choose images for a learning curve.")
    split = dataset.split("train", protocol=config.protocol)
    used = np.zeros(len(split), dtype=np.bool_)
    if config.corrections is not None:
        before = corrections.load(config.corrections, run_folder=run.folder)
        used = np.isin(split.indices, before.chosen)
    elif config.subset is not None:
        used[stratified_subset(split.labels, config.subset, seed=config.seed)] = True
    if not 0 < used.sum() < size:
        raise CurveError(f"{run.name} has {used.sum():,} images, which are not below {size:,}.")
    classifier = load_run(run.run_id, folder=run.folder.parent)
    probabilities = evaluate(classifier, split, progress=progress).probabilities
    added = most_uncertain(probabilities, used, size - int(used.sum()), way)
    used[added] = True
    chosen = Corrections.of(config.dataset, chosen=split.indices[used].tolist(), chosen_by=way)
    corrections.keep(chosen)
    base = point_config(config.dataset, size, len(split), seed=config.seed)
    name = point_name(way, size, config.seed)
    return store.create_run(run.folder.parent, chosen_config(base, chosen), name=name)


def _run(arguments: Sequence[str], reporter: Reporter) -> None:
    from fmnist.data import fashion_mnist
    from fmnist.runs import store
    from fmnist.runs.run import RunError

    folder, way, size = Path(arguments[0]), arguments[1], int(arguments[2])
    run = store.open_run(folder.parent, folder.name)
    if run.config is None:
        raise RunError(f"The run {run.name} is broken: {run.reason}")
    report = reporter(f"Choosing {size:,} images by {way}")
    dataset = fashion_mnist.load_named(run.config.dataset)
    make_next(
        run, "margin" if way == "margin" else "entropy", size, dataset,
        progress=lambda done, total: report(done / total),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(work(lambda reporter: _run(sys.argv[1:], reporter)))
