"""Train small runs: whole, up to a step, or into a failure."""

import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from fmnist.data.splits import Dataset, DatasetName
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import Outcome, Signal, TrainingError, train
from fmnist.training.process import Message, Signals, TrainingProcess, outcome_of, serve
from tools.small import small_dataset

CONFIG = TrainConfig(
    model="mlp",  # a small one with dropout
    dataset="synthetic-garments",
    epochs=3,
    subset=200,
    batch_size=32,
    log_every=3,
    seed=7,
)  # 7 steps an epoch, the last of 8 images
FASHION_CNN = replace(CONFIG, model="fashion-cnn")

MANY = TrainConfig.from_json(
    CONFIG.to_json()
    | {
        "model": "residual",
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "schedule": "one-cycle",
        "warmup_epochs": 1,
        "augmentation": ["flip", "shift", "rotate", "rand", "erase", "cutout"],
        "shift_pixels": 3,
        "low_res_side": 20,
        "low_res_share": 0.5,
        "batch_mix": "cutmix",
        "mix_probability": 0.5,
        "label_smoothing": 0.1,
        "ema": 0.9,
        "patience": 5,
        "precision": "bfloat16",
        "tta": "flip",
        "epoch_weights": "float16",
        "training_drawings": "non-garments",
        "left_out_fold": 2,
        "epochs": 2,
        "batch_size": 200,
    }
)
"""Every option at once."""


def run_whole(root: Path, config: TrainConfig = CONFIG, **named: Any) -> Run:
    """Train a new run to its end."""
    run = store.create_run(root, config)
    with store.owning(run):
        assert train(run, small_dataset(), **named) == "finished"
    return store.open_run(root, run.run_id)


def run_until(run: Run, step: int, signal: Signal, **named: Any) -> Outcome:
    """Train until so many steps of this call are done, then send a signal."""
    asked = 0

    def control() -> Signal:
        nonlocal asked
        asked += 1
        return signal if asked > step else "continue"

    run = reread(run)
    with store.owning(run):
        return train(run, small_dataset(), control=control, **named)


def reread(run: Run) -> Run:
    """The run as its folder is now."""
    return store.open_run(run.folder.parent, run.run_id)


def fails(
    root: Path, dataset: Dataset | None = None, run: Run | None = None, config: TrainConfig = CONFIG
) -> str:
    """Train a run that must fail; returns the reason its folder gives."""
    run = run or store.create_run(root, config)
    with store.owning(run), pytest.raises(TrainingError) as caught:
        train(reread(run), dataset or small_dataset())
    failed = reread(run)
    assert failed.state == "failed"
    assert failed.reason == str(caught.value)
    assert "\n" not in str(caught.value)
    assert failed.read_events()[-1].text == f"Failed: {failed.reason}"
    return str(caught.value)


def raising(error: Exception) -> Callable[..., None]:
    """A function that takes anything and raises an error."""

    def call(*_arguments: object, **_named: object) -> None:
        raise error

    return call


SMALL_PROCESS: Final = (
    "-c",
    "from fmnist.training.process import main; from tools.small import small_dataset; "
    "main(lambda _: small_dataset())",
)
"""What a training's process runs, to train on few images."""


def start_small(run: Run) -> TrainingProcess:
    """Begin to train a run on few images, in a process of its own."""
    return TrainingProcess(run, command=SMALL_PROCESS)


class _Closing(Signals):
    """Signals that end a paused training, too."""

    is_closed = False

    def wait_to_go_on(self) -> None:
        super().wait_to_go_on()
        if self.is_closed:
            raise TrainingError("closed")


class InThread:
    """Stands in for `TrainingProcess`: a thread trains, so that no test waits for torch again."""

    has_begun = True

    def __init__(
        self, run: Run, load_dataset: Callable[[DatasetName], Dataset] = lambda _: small_dataset()
    ) -> None:
        self._signals = _Closing()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        named = (run.folder.parent, run.run_id, load_dataset, self._signals, self._messages.put)
        self._thread = threading.Thread(target=serve, args=named)
        self._thread.start()

    def train(self) -> Outcome:
        while not (outcome := outcome_of(self._messages.get())):
            pass
        return outcome

    def send(self, signal: Signal) -> None:
        self._signals.send(signal)

    def kill(self) -> None:
        """A thread cannot be killed; it ends by itself soon."""

    def close(self) -> None:
        self._signals.is_closed = True
        self._signals.send("stop")
        self._thread.join()
