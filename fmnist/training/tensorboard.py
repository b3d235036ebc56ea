"""Event files of a run, which TensorBoard reads."""

import importlib.util
import shutil
import time
from contextlib import suppress
from pathlib import Path

from fmnist.runs.config import TrainConfig
from fmnist.runs.history import MEASURED, EpochEntry, StepEntry
from fmnist.training.errors import TrainingError


def check_installed(config: TrainConfig) -> None:
    """Refuse settings that ask for event files where nothing can write them.

    Raises
    ------
    TrainingError
    """
    if config.tensorboard and importlib.util.find_spec("tensorboardX") is None:
        raise TrainingError(
            "Event files for TensorBoard need tensorboardX: run pip install -e .[tensorboard], or "
            "turn the setting TensorBoard off."
        )


class EventFiles:
    """Writes what a run logs as scalars; what a call has written outlives the process.

    Not by tensorboardX's `SummaryWriter`: that one leaves the writing to a thread, and a kill takes
    what it has not written yet, though the run's checkpoint and history have it.

    Parameters
    ----------
    folder : Path
        One folder a run. Each start of the training adds a file.
    last_step : int
        The last step of the history so far; TensorBoard drops what an earlier file has of later
        ones, which will be logged again. 0 begins anew.
    """

    def __init__(self, folder: Path, last_step: int) -> None:
        # here, since it takes a while and is not always there
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import SessionLog

        if last_step == 0:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        # TensorBoard reads the files in the order of their names, which have whole seconds
        number = len(list(folder.glob("events.*")))
        self._writer = EventsWriter(str(folder / "events"), filename_suffix=f".{number:04d}")
        if last_step:
            first = last_step + 1
            self._write(first, file_version="brain.Event:2")
            self._write(first, session_log=SessionLog(status=SessionLog.START))
        self._writer.flush()

    def _write(self, step: int, **values: object) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(wall_time=time.time(), step=step, **values))

    def add(self, entry: StepEntry | EpochEntry) -> None:
        """Write a line of the history."""
        from tensorboardX.summary import scalar

        if isinstance(entry, StepEntry):
            values = {"loss/train": entry.loss}
        else:
            measured = MEASURED[entry.split]
            values = {
                "loss/train_epoch": entry.train_loss,
                "accuracy/train": entry.train_accuracy,
                f"loss/{measured}": entry.loss,
                f"accuracy/{measured}": entry.accuracy,
                "pace/images_per_second": entry.images_per_second,
            }
        for tag, value in values.items():
            self._write(entry.step, summary=scalar(tag, value))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # all is written; where that failed, the training has ended by it
            self._writer.close()
