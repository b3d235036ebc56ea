"""Measures a run on the test images in a process of its own, as `MeasuringProcess` runs it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fmnist.jobs import Job, Reporter, work


@dataclass(frozen=True)
class MeasuringTask:
    """What is measured.

    Attributes
    ----------
    run : Path
        Folder of the run. If a sweep made it, no other run of that sweep can be measured any more.
    """

    run: Path

    def arguments(self) -> Sequence[str]:
        """As this module takes them."""
        return [str(self.run)]


class MeasuringProcess(Job[MeasuringTask]):
    """At most one run at a time."""

    def __init__(self) -> None:
        super().__init__("fmnist.sweeps.measuring_job", MeasuringTask.arguments)


def _run(folder: Path, reporter: Reporter) -> None:
    from fmnist.data import fashion_mnist
    from fmnist.runs import store
    from fmnist.sweeps.measuring import choose_run
    from fmnist.sweeps.sweep import list_sweeps, trial_of
    from fmnist.training.measuring import check_unmeasured, measure_run

    run = store.open_run(folder.parent, folder.name)
    check_unmeasured(run)
    whose = trial_of(run)
    for sweep in list_sweeps() if whose else ():
        if whose and sweep.sweep_id == whose[0]:
            choose_run(sweep, run.run_id)
    assert run.training is not None
    dataset = fashion_mnist.load_named(run.training.dataset)
    report = reporter("Predicting the test images")
    measure_run(run, dataset, lambda done, total: report(done / total))


if __name__ == "__main__":
    sys.exit(work(lambda reporter: _run(Path(sys.argv[1]), reporter)))
