"""The pace of a training on this machine, from a few timed steps in a process of its own."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Dataset
from fmnist.errors import ToldError, sentence
from fmnist.runs.config import TrainConfig

if TYPE_CHECKING:
    from fmnist.training.step import Stepper

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
    whole = replace(config, training_drawings=None, corrections=None, low_res_side=None)
    reduced = config.low_res_passes / config.passes
    if not reduced:
        return _pace(whole, dataset, seconds)
    small = replace(whole, low_res_side=config.low_res_side, low_res_share=1.0)
    seconds_an_image = reduced / _pace(small, dataset, seconds)
    if reduced < 1:
        seconds_an_image += (1 - reduced) / _pace(whole, dataset, seconds)
    return 1 / seconds_an_image


def _pace(config: TrainConfig, dataset: Dataset, seconds: float) -> float:
    # here, since pages import this module without torch
    from fmnist.training.data import TrainingData
    from fmnist.training.distillation import read_teachers
    from fmnist.training.errors import TrainingError, failure_message
    from fmnist.training.group import choose_device
    from fmnist.training.optim import resolve_dtype
    from fmnist.training.step import Stepper

    try:
        device = choose_device(None)
        dtype = resolve_dtype(config.precision, device)
        data = TrainingData(config, dataset, device, lambda *_: None)
        teachers = read_teachers(config, device)
        stepper = Stepper.create(config, data, teachers, device=device, dtype=dtype)
        if config.compile:
            stepper.compile()
        return _time_steps(stepper, seconds)
    except TimingError:
        raise
    except Exception as error:
        raise TrainingError(failure_message(error)) from error


def _time_steps(stepper: "Stepper", seconds: float) -> float:
    state, epochs = stepper.state, stepper.config.epochs
    state.model.train()
    done = images = 0
    begun = passed = 0.0
    while state.epoch <= epochs:
        for chosen in state.remaining_batches():
            stepper.step(chosen)
            state.recent.take()  # on a GPU, waits for the step
            done += 1
            if done <= _WARM_UP:
                begun = time.perf_counter()
                continue
            images, passed = images + len(chosen), time.perf_counter() - begun
            if done >= _WARM_UP + _LEAST and passed >= seconds:
                return images / passed
        state.begin_next_epoch()
    if not images:
        raise TimingError("The training has too few steps to be timed; it takes a moment.")
    return images / passed


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
