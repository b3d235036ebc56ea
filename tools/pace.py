"""Time the steps of a training, by the loop that trains every run."""

import tempfile
import time
from pathlib import Path

from fmnist.data.splits import Dataset
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.training.group import ALONE, Group
from fmnist.training.loop import Signal, train


def seconds_a_step(
    config: TrainConfig, dataset: Dataset, *, warm_up: int, steps: int, group: Group = ALONE
) -> float:
    """Seconds that a step of `fmnist.training.loop.train` takes on the processor.

    Parameters
    ----------
    config : TrainConfig
    dataset : Dataset
        With images for so many steps and one more.
    warm_up : int
        Steps that do not count, before the others.
    steps : int
        Steps that count.
    group : Group
        The processes that train together; this one has rank 0.

    Raises
    ------
    ValueError
        If there are too few images.
    """
    times: list[float] = []

    def control() -> Signal:  # asked before every step
        times.append(time.perf_counter())
        # a pause ends it before the evaluation
        return "pause" if len(times) == warm_up + steps + 1 else "continue"

    with tempfile.TemporaryDirectory() as root:
        run = store.create_run(Path(root), config)
        with store.owning(run):
            train(run, dataset, control=control, device="cpu", group=group)
    if len(times) <= warm_up + steps:
        raise ValueError("there are too few images for so many steps")
    return (times[warm_up + steps] - times[warm_up]) / steps
