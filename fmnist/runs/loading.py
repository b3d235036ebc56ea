"""Classifiers of runs and of shipped models."""

from pathlib import Path

from fmnist import paths
from fmnist.errors import sentence
from fmnist.models.classifier import Classifier
from fmnist.runs.run import RunError
from fmnist.runs.store import open_run
from fmnist.runs.temperature import load_temperature


def load_pretrained(name: str, *, folder: Path | None = None) -> Classifier:
    """A shipped classifier, with the temperature kept with it, if any.

    Parameters
    ----------
    name : str
        Name of a folder in `artifacts/pretrained`, for example "fashion-cnn".
    folder : Path, optional
        Where to look instead.

    Raises
    ------
    fmnist.runs.run.RunError
        If there is no such model, or its files are damaged.
    """
    return _load(folder or paths.pretrained_folder(), name)


def load_run(run_id: str, *, folder: Path | None = None) -> Classifier:
    """The classifier of a run: weights of its best epoch so far, and the temperature kept with it.

    Parameters
    ----------
    run_id : str
    folder : Path, optional
        Where to look instead of `artifacts/runs`.

    Raises
    ------
    fmnist.runs.run.RunError
        If there is no such run, it has no weights yet, or its files are damaged.
    """
    return _load(folder or paths.runs_folder(), run_id)


def _load(root: Path, run_id: str) -> Classifier:
    run = open_run(root, run_id)
    kept = load_temperature(run)
    try:
        classifier = Classifier.load(run.weights_path)
    except FileNotFoundError as error:
        raise RunError(f"The run {run_id} has no weights; it has not finished an epoch.") from error
    except (OSError, ValueError) as error:
        raise RunError(sentence(error, f"The run {run_id} is broken")) from error
    if kept:
        classifier.temperature = kept.value
    return classifier
