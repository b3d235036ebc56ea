"""The pace of a training on this machine, from a few timed steps in a process of its own."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Dataset
from fmnist.errors import ToldError, sentence
from fmnist.runs import store
from fmnist.runs.config import TrainConfig

if TYPE_CHECKING:
    from fmnist.training.loop import Signal

SECONDS: Final = 3.0
"""How long steps are timed."""

_WARM_UP: Final = 3
"""Steps that are not timed: the first ones allocate memory and choose kernels."""
_LEAST: Final = 3
_TIMEOUT: Final = 300


class TimingError(ToldError):
    """The steps could not be timed."""


def images_per_second(config: TrainConfig, dataset: Dataset, *, seconds: float = SECONDS) -> float:
    """Time the first steps of a training, without its evaluations and drawings.

    Parameters
    ----------
    config : TrainConfig
    dataset : Dataset
        The one that `config` names.
    seconds : float
        How long steps are timed, at least three of them; twice where some epochs use reduced
        images.

    Raises
    ------
    fmnist.training.errors.TrainingError, fmnist.runs.run.RunError
        If nothing can be trained with these settings.
    """
    whole = replace(config, training_drawings=None, low_res_side=None)
    pace = _pace(whole, dataset, seconds)
    if config.low_res_side is None:
        return pace
    share = config.low_res_share
    reduced = _pace(replace(whole, low_res_side=config.low_res_side), dataset, seconds)
    return 1 / (share / reduced + (1 - share) / pace)


def _pace(config: TrainConfig, dataset: Dataset, seconds: float) -> float:
    from fmnist.training.loop import train  # here, since pages import this module without torch

    moments: list[float] = []

    def control() -> "Signal":
        moments.append(time.perf_counter())
        timed = moments[_WARM_UP:]
        return "pause" if len(timed) > _LEAST and timed[-1] - timed[0] >= seconds else "continue"

    with tempfile.TemporaryDirectory() as folder:
        run = store.create_run(Path(folder), config)
        with store.owning(run):
            train(run, dataset, control=control)
    timed = moments[_WARM_UP:]
    if len(timed) < 2:
        raise TimingError("The training has too few steps to be timed; it takes a moment.")
    return config.batch_size * (len(timed) - 1) / (timed[-1] - timed[0])


def time_in_process(config: TrainConfig) -> float:
    """Images a second, as `images_per_second`; in a process, so that pages go on meanwhile.

    Raises
    ------
    TimingError
        If they cannot be timed; the message says why.
    """
    try:
        result = subprocess.run(
            [sys.executable, "-m", "fmnist.training.timing", json.dumps(config.to_json())],
            env=paths.child_environment(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TimingError("A few steps took more than five minutes; choose a smaller model.") from (
            error
        )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["The steps could not be timed."]
        raise TimingError(lines[-1])
    return float(result.stdout.splitlines()[-1])


def main() -> None:
    """Print the pace with the settings in the last argument, in JSON."""
    config = TrainConfig.from_json(json.loads(sys.argv[-1]))
    try:
        pace = images_per_second(config, datasets.load_named(config.dataset))
    except (OSError, ToldError) as error:
        sys.exit(sentence(error))
    sys.stdout.write(f"{pace}\n")


if __name__ == "__main__":
    main()
