"""The file that a run resumes from."""

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from fmnist.checksums import remove_checked, verify, write_checked
from fmnist.errors import DamagedFileError, reason
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import History
from fmnist.training.errors import TrainingError
from fmnist.training.recorder import RunRecorder
from fmnist.training.state import TrainState

FORMAT: Final = 4


class Checkpoint:
    """Saves and loads a training's state; the file is the old one or the new one, never half.

    Parameters
    ----------
    path : Path
    config : TrainConfig
        Settings of the run; a checkpoint of other settings is rejected.
    dataset_checksum : str
        A checkpoint of other data is rejected.
    seconds : float
        The least time between two checkpoints of `save_if_due`.
    """

    def __init__(
        self, path: Path, config: TrainConfig, dataset_checksum: str, *, seconds: float
    ) -> None:
        self._path = path
        self._config = config
        self._dataset_checksum = dataset_checksum
        self._seconds = seconds
        self._saved = time.perf_counter()

    def exists(self) -> bool:
        """Whether there is something to resume from."""
        return self._path.exists()

    def save_if_due(self, state: TrainState, history: History) -> None:
        """Save, if the last checkpoint is old enough."""
        if time.perf_counter() - self._saved >= self._seconds:
            self.save(state, history)

    def save(self, state: TrainState, history: History) -> None:
        """Write the state and the history so far.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        buffer = io.BytesIO()
        torch.save(
            {
                "format": FORMAT,
                "config": json.dumps(self._config.to_json()),
                "dataset": self._dataset_checksum,
                "history": history.to_lines(),
                "state": state.state_dict(),
            },
            buffer,
        )
        write_checked(self._path, buffer.getvalue())
        self._saved = time.perf_counter()

    def load(self, state: TrainState, recorder: RunRecorder, device: torch.device) -> None:
        """Set state and history to those of the file.

        Raises
        ------
        TrainingError
            If the file is damaged or belongs to other settings or other data.
        """
        try:
            verify(self._path)
        except (OSError, DamagedFileError) as error:
            raise TrainingError(
                f"The run cannot be resumed from its checkpoint: {reason(error)}, or start a new "
                "run."
            ) from error
        try:
            values = _read(self._path, device)
            if values["format"] == 3:
                values = _from_format_3(values, state.batches)
            if values["format"] != FORMAT:
                raise ValueError(f"its format is {values['format']}")
            # a setting younger than the file has its default
            if TrainConfig.from_json(json.loads(values["config"])) != self._config:
                raise ValueError("it belongs to other settings")
            if values["dataset"] != self._dataset_checksum:
                raise ValueError("the data set has changed since")
            history = History.from_lines(values["history"], checkpoint=self._config.checkpoint)
            state.load_state_dict(values["state"])
            recorder.restore(history, epochs=state.epoch - 1)
        except (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            # torch and Python tell programmers what is amiss; the log has their words
            told = isinstance(error, OSError | ValueError)
            problem = reason(error) if told else "it lacks a part, or has another's"
            raise TrainingError(
                f"The run cannot be resumed from its checkpoint ({problem}); start a new run."
            ) from error

    def remove(self) -> None:
        """Delete the file of a run that has finished."""
        remove_checked(self._path)


def _read(path: Path, device: torch.device) -> Mapping[str, Any]:
    """What a checkpoint holds.

    Raises
    ------
    OSError
        If it cannot be read.
    DamagedFileError
        If it is none.
    """
    with path.open("rb") as stream:
        try:
            values = torch.load(stream, map_location=device, weights_only=True)
            if isinstance(values, dict) and "format" in values:
                return values
        except Exception as error:  # its advice would be to load the file as a program
            raise DamagedFileError(f"{path.name} is damaged, or no checkpoint") from error
    raise DamagedFileError(f"{path.name} is no checkpoint")


def _from_format_3(values: Mapping[str, Any], batches: int) -> dict[str, Any]:
    """A checkpoint of earlier versions in today's format; `batches` are the steps of an epoch."""
    average = values["average"]
    if average is not None:
        step = (values["epoch"] - 1) * batches + values["batch"]
        average = {f"module.{name}": tensor for name, tensor in average.items()}
        average["n_averaged"] = torch.tensor(step + 1)
    return {
        "format": FORMAT,
        "config": values["config"],
        "dataset": values["dataset"],
        "history": values["lines"],
        "state": {
            "model": values["model"],
            "average": average,
            "optimizer": values["optimizer"] if "optimizer" in values else values["optimiser"],
            "order": values["order_state"],
            "dropout": values["dropout_state"],
            "augmentation": values["augmentation_state"],
            "epoch": values["epoch"],
            "batch": values["batch"],
            "recent": values["recent"],
            "totals": {
                "loss": values["epoch_loss"],
                "correct": values["epoch_correct"],
                "images": values["epoch_images"],
            },
            "seconds": values["seconds"],
            "epoch_seconds": values["epoch_seconds"],
        },
    }
