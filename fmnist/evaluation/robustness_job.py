"""Measures robustness in a process of its own, as `RobustnessProcess` runs it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fmnist.jobs import Job, Reporter, work


@dataclass(frozen=True)
class RobustnessTask:
    """What is measured.

    Attributes
    ----------
    runs : tuple of Path
        Folders of runs, one after the other.
    """

    runs: tuple[Path, ...]

    def arguments(self) -> Sequence[str]:
        """As this module takes them."""
        return [str(run) for run in self.runs]


class RobustnessProcess(Job[RobustnessTask]):
    """At most one measurement at a time."""

    def __init__(self) -> None:
        super().__init__("fmnist.evaluation.robustness_job", RobustnessTask.arguments)


def _run(folders: Sequence[Path], reporter: Reporter) -> None:
    from fmnist.data import fashion_mnist
    from fmnist.evaluation.robustness import robustness_of
    from fmnist.runs import store
    from fmnist.runs.loading import load_run
    from fmnist.runs.run import RunError

    for number, folder in enumerate(folders):
        part = reporter.part(number / len(folders), (number + 1) / len(folders))
        run = store.open_run(folder.parent, folder.name)
        if run.config is None:
            raise RunError(f"The run {run.name} is broken: {run.reason}")
        report = part(f"{run.name}: predicting corrupted images")
        load = partial(load_run, run.run_id, folder=folder.parent)
        dataset = fashion_mnist.load_named(run.config.dataset)
        robustness_of(run, load, dataset, progress=report)


if __name__ == "__main__":
    sys.exit(work(lambda reporter: _run([Path(each) for each in sys.argv[1:]], reporter)))
