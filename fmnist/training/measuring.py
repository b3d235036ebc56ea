"""The test split, measured once: at a run's end, or later, when somebody asks for it."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fmnist.errors import sentence
from fmnist.evaluation.predictions import evaluate
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run, RunError

if TYPE_CHECKING:
    from fmnist.data.splits import Dataset
    from fmnist.models.classifier import Classifier

_log = logging.getLogger(__name__)


def measure_test(
    run: Run,
    config: TrainConfig,
    classifier: "Classifier",
    dataset: "Dataset",
    progress: Callable[[int, int], None] | None = None,
) -> float:
    """Predict the test images, and keep that with the run; with TTA, too, if the settings say so.

    Parameters
    ----------
    run : Run
    config : TrainConfig
        Its settings.
    classifier : Classifier
        With the weights of the selected epoch.
    dataset : Dataset
    progress : callable, optional
        Called now and then with (images predicted, images in all), twice with TTA.

    Returns
    -------
    float
        Test accuracy without TTA, in [0, 1].
    """
    test = dataset.split("test")
    evaluation = evaluate(classifier, test, progress=progress)
    evaluation.save(run.evaluation_path("test"))
    if config.tta:
        evaluate(classifier, test, tta=config.tta, progress=progress).save(run.tta_path)
    return evaluation.accuracy


def measure_run(
    run: Run, dataset: "Dataset", progress: Callable[[int, int], None] | None = None
) -> float:
    """Measure a finished run that has not seen the test split yet.

    Parameters
    ----------
    run : Run
    dataset : Dataset
        The one that `run.config` names.
    progress : callable, optional
        As for `measure_test`.

    Returns
    -------
    float
        Test accuracy, in [0, 1].

    Raises
    ------
    RunError
        If it is not finished, was measured before, lacks its weights, is of other images, or is
        being trained.
    """
    from fmnist.models.classifier import Classifier  # imports torch

    check_unmeasured(run)
    config = run.training
    assert config is not None
    if run.dataset.get("checksum", dataset.checksum) != dataset.checksum:
        raise RunError(f"{run.name} was trained on other images than the ones here.")
    with store.owning(run):
        try:
            classifier = Classifier.load(run.weights_path)
        except FileNotFoundError as error:
            raise RunError(f"{run.name} has no weights to measure.") from error
        accuracy = measure_test(run, config, classifier, dataset, progress)
        try:
            run.log_event(f"Measured on the test images: accuracy {accuracy:.2%}", time=time.time())
        except OSError as error:  # it is measured, and that once: it must not be told as failed
            _log.warning(sentence(error, "The log of events was not written"))
    return accuracy


def check_unmeasured(run: Run) -> None:
    """Refuse a run whose test accuracy is known, or is not due.

    Raises
    ------
    RunError
    """
    if run.training is None:
        raise RunError(f"{run.name} is no training; nothing of it is measured later.")
    if run.state != "finished":
        raise RunError(f"{run.name} is {run.state}; only a finished run is measured on test.")
    if run.evaluation_path("test").exists():
        raise RunError(f"{run.name} was measured on the test images before; that is done once.")
