"""The calibration temperature saved with a run."""

from dataclasses import dataclass
from pathlib import Path

from fmnist import paths
from fmnist.files import read_json, write_json
from fmnist.runs.checks import number, whole_number
from fmnist.runs.run import Run, RunError


@dataclass(frozen=True)
class Temperature:
    """A temperature kept with a run (Guo et al. 2017).

    Attributes
    ----------
    value : float
        Above 0; logits are divided by it.
    epoch : int
        The epoch whose weights it was fitted to.
    loss_before, loss_after : float
        Cross-entropy on the validation split at temperature 1 and at `value`, in nats.
    """

    value: float
    epoch: int
    loss_before: float
    loss_after: float


def temperature_path(run: Run) -> Path:
    """Where the temperature kept with a run is: the folder of a shipped model stays as it came."""
    if run.folder.parent in (paths.pretrained_folder(), paths.benchmark_folder()):
        return paths.artifacts_folder() / "temperatures" / f"{run.run_id}.json"
    return run.folder / "temperature.json"


def load_temperature(run: Run) -> Temperature | None:
    """The temperature kept with a run; None where there is none for its present weights.

    Raises
    ------
    RunError
        If its file is damaged.
    """
    path = temperature_path(run)
    try:
        values = read_json(path)
        kept = Temperature(
            number(values["temperature"]),
            whole_number(values["epoch"]),
            number(values["loss_before"]),
            number(values["loss_after"]),
        )
        if not kept.value > 0:
            raise ValueError(f"the temperature {kept.value} is not above 0")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"The temperature kept with {run.name} cannot be read ({error}); delete {path}."
        ) from error
    chosen = run.history.selected
    return kept if chosen and chosen.epoch == kept.epoch else None


def save_temperature(run: Run, kept: Temperature | None) -> None:
    """Keep a temperature with a run, or none any more.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = temperature_path(run)
    if kept is None:
        path.unlink(missing_ok=True)
        return
    values = {
        "temperature": kept.value,
        "epoch": kept.epoch,
        "loss_before": kept.loss_before,
        "loss_after": kept.loss_after,
    }
    write_json(path, values)
