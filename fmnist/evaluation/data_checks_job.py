"""Looks for duplicates or outliers in a process of its own, as `DataChecksProcess` runs it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fmnist.data.splits import Dataset, DatasetName
from fmnist.jobs import Job, Reporter, work


@dataclass(frozen=True)
class DataCheck:
    """What is looked for.

    Attributes
    ----------
    dataset : str
        Name of the data set.
    run : Path, optional
        Folder of the run in whose feature space outliers are looked for; without it, duplicates.
    """

    dataset: DatasetName
    run: Path | None = None

    def arguments(self) -> Sequence[str]:
        """As this module takes them."""
        return [self.dataset, *([str(self.run)] if self.run else [])]


class DataChecksProcess(Job[DataCheck]):
    """At most one search at a time."""

    def __init__(self) -> None:
        super().__init__("fmnist.evaluation.data_checks_job", DataCheck.arguments)


def _run(arguments: Sequence[str], reporter: Reporter) -> None:
    from fmnist.data import fashion_mnist

    dataset = fashion_mnist.load_named(cast(DatasetName, arguments[0]))
    if arguments[1:]:
        _find_outliers(Path(arguments[1]), dataset, reporter)
        return
    from fmnist.evaluation.duplicates import Pool, find_pairs

    report = reporter("Comparing all images")
    find_pairs(Pool.of(dataset).images, progress=report).save(dataset)


def _find_outliers(folder: Path, dataset: Dataset, reporter: Reporter) -> None:
    from fmnist.evaluation.odd_images import digest_of, measure_distances
    from fmnist.runs import store
    from fmnist.runs.loading import load_run
    from fmnist.runs.run import RunError

    run = store.open_run(folder.parent, folder.name)
    if run.config is None:
        raise RunError(f"The run {run.name} is broken: {run.reason}")
    digest = digest_of(run, dataset)  # before its weights are read: others may be saved meanwhile
    classifier = load_run(run.run_id, folder=run.folder.parent)
    report = reporter(f"{run.name}: looking for images far from all others")
    measure_distances(run, classifier, dataset, digest=digest, progress=report)


if __name__ == "__main__":
    sys.exit(work(lambda reporter: _run(sys.argv[1:], reporter)))
