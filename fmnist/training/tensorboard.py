"""Event files of a run, which TensorBoard reads."""

import importlib.util
import shutil
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
    """Writes what a run logs as scalars; each is on the disk when the call returns.

    Parameters
    ----------
    folder : Path
        One folder a run. Each start of the training adds a file.
    last_step : int
        The last step of the history so far; TensorBoard drops what an earlier file has of later
        ones, which will be logged again. 0 begins anew.
    """

    def __init__(self, folder: Path, last_step: int) -> None:
        import tensorboardX  # here, since it takes a while and is not always there

        if last_step == 0:
            shutil.rmtree(folder, ignore_errors=True)
        # TensorBoard reads the files in the order of their names, which have whole seconds
        number = len(list(folder.glob("events.*")))
        self._writer: tensorboardX.SummaryWriter = tensorboardX.SummaryWriter(
            str(folder),
            purge_step=last_step + 1 if last_step else None,
            filename_suffix=f".{number:04d}",
        )

    def add(self, entry: StepEntry | EpochEntry) -> None:
        """Write a line of the history."""
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
            self._writer.add_scalar(tag, value, entry.step)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
