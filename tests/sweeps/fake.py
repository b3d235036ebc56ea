"""Stand-ins for trainings: histories whose accuracies follow from the settings, at once."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fmnist.files import append_line
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry, Progress
from fmnist.runs.run import Run
from fmnist.training.errors import TrainingError

SOON = 60
"""Seconds that an event may take on a busy machine before a test gives up."""

BASE = TrainConfig(dataset="synthetic-garments", epochs=4)


def accuracy(config: TrainConfig, epoch: int) -> float:
    """Highest for a learning rate of 0.01; it grows with the epochs."""
    return 0.9 - min(0.5, abs(config.learning_rate - 0.01)) + epoch / 1000


def write_epoch(run: Run, epoch: int, value: float) -> None:
    """Append an epoch to the history, and say how far the run is."""
    steps = run.training.epochs if run.training else 1
    entry = EpochEntry(epoch, epoch, 1.0, 0.5, "validation", 1.0, value, 10.0 * epoch, 100.0)
    append_line(run.history_path, json.dumps(entry.to_json()), durable=False)
    run.write_status("running", Progress(epoch, epoch, steps, 10.0 * epoch), durable=False)


@dataclass
class Fake:
    """A training whose epochs take no time.

    Attributes
    ----------
    run : Run
    after_epoch : callable
        Called with the training and each epoch; may wait for a signal, or raise.
    """

    run: Run
    after_epoch: Callable[["Fake", int], None] = lambda _fake, _epoch: None
    has_begun: bool = True
    signal: str = "continue"
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def config(self) -> TrainConfig:
        assert self.run.training is not None
        return self.run.training

    def train(self) -> str:
        read = store.open_run(self.run.folder.parent, self.run.run_id)
        steps, done = self.config.epochs, len(read.history.epochs)
        for epoch in range(done + 1, steps + 1):
            write_epoch(self.run, epoch, accuracy(self.config, epoch))
            try:
                self.after_epoch(self, epoch)
            except TrainingError as error:
                self.run.write_failure(str(error), Progress(epoch, epoch, steps, 10.0 * epoch))
                raise
            ended = {"stop": "stopped", "prune": "pruned", "pause": "paused"}.get(self.signal)
            if ended:
                state = replace(read, state=ended).state  # type: ignore[arg-type]
                self.run.write_status(state, Progress(epoch, epoch, steps, 10.0 * epoch))
                return ended
        self.run.write_status("finished", Progress(steps, steps, steps, 10.0 * steps))
        return "finished"

    def wait_for(self, *signals: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.signal in signals, SOON)

    def send(self, signal: str) -> None:
        with self.changed:
            self.signal = signal
            self.changed.notify_all()

    def kill(self) -> None:
        self.send("stop")

    def close(self) -> None: ...
