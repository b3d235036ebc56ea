"""The calibration temperature saved with a run."""

from dataclasses import dataclass
from pathlib import Path

from fmnist import paths
from fmnist.errors import reason
from fmnist.files import read_json, write_json
from fmnist.runs.run import Run, RunError


@dataclass(frozen=True)
class Temperature:
    """A calibration temperature (Guo et al. 2017).

    Attributes
    ----------
    value : float
        Divisor of the logits, above 0.
    epoch : int
        Epoch of the weights that it was fitted to.
    loss_before, loss_after : float
        Cross-entropy on the validation split at temperature 1 and at `value`, in nats.
    """

    value: float
    epoch: int
    loss_before: float
    loss_after: float


def temperature_path(run: Run) -> Path:
    """File of the temperature; outside the folder if the run is shipped, so that it stays as is."""
    if run.folder.parent in (paths.pretrained_folder(), paths.benchmark_folder()):
        return paths.artifacts_folder() / "temperatures" / f"{run.run_id}.json"
    return run.folder / "temperature.json"


def load_temperature(run: Run) -> Temperature | None:
    """The temperature saved with a run; None if there is none for the weights it has now.

    Raises
    ------
    RunError
        If its file is damaged, or the run is broken: nobody knows then which epoch it has.
    """
    if run.state == "broken":
        raise RunError(f"The run {run.name} is broken: {run.reason}")
    from fmnist.runs.documents import TemperatureDocument

    path = temperature_path(run)
    try:
        document = TemperatureDocument.parse(read_json(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(
            f"The temperature of {run.name} cannot be read ({reason(error)}); delete {path}."
        ) from error
    selected = run.history.selected
    if selected is None or selected.epoch != document.epoch:
        return None
    return Temperature(
        document.temperature, document.epoch, document.loss_before, document.loss_after
    )


def save_temperature(run: Run, temperature: Temperature | None) -> None:
    """Save a temperature with a run; None deletes the saved one.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = temperature_path(run)
    is_inside = path.parent == run.folder
    if temperature is None:
        path.unlink(missing_ok=True)
        return
    values = {
        "temperature": temperature.value,
        "epoch": temperature.epoch,
        "loss_before": temperature.loss_before,
        "loss_after": temperature.loss_after,
    }
    write_json(path, values, make_folder=not is_inside)
