"""Export a run, and check that the file predicts what the run predicts."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import fmnist
from fmnist.checksums import file_digest
from fmnist.data.splits import DATASET_TITLES, Dataset, Split, SplitName
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.export.checks import Check, ExportError
from fmnist.export.formats import Runner, open_file, write
from fmnist.export.names import INPUT, LICENSE, Format
from fmnist.export.program import Program
from fmnist.export.quantization import CHOSEN
from fmnist.files import write_atomic
from fmnist.models.classifier import Classifier
from fmnist.runs.run import Run, RunError

BATCHES: Final = (1, 2, 7, 512)
"""Sizes of the batches that a file is tried with."""
TIE: Final = 1e-5
"""Probabilities that differ by less are equal but for rounding."""


def export(
    run: Run,
    classifier: Classifier,
    form: Format,
    path: Path,
    dataset: Dataset,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Check:
    """Write a run's classifier to a file, unless the file would predict something else.

    Parameters
    ----------
    run : Run
    classifier : Classifier
        The run's, with its temperature.
    form : {"onnx", "int8", "torch-export", "torchscript"}
    path : Path
        Appears as a whole, once it is checked; a file there is replaced.
    dataset : Dataset
        The run's. All test images are compared; 8 bits are calibrated on training images.
    progress : callable, optional
        Called now and then with (images compared, images in all).

    Raises
    ------
    ExportError
        If a package is missing, or the file differs from the run.
    OSError
        If it cannot be written.
    """
    split = dataset.split("test")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        program = Program(classifier)
        write(
            program, form, made, metadata=_metadata(run, program),
            calibration=calibration_images(dataset, CHOSEN.images) if form == "int8" else None,
        )  # fmt: skip
        runner = open_file(form, made)
        check = _compare(runner, classifier, split, made, program.outputs, progress)
        check.require(form)
        write_atomic(path, made.read_bytes())
    return check


def _compare(
    runner: Runner,
    classifier: Classifier,
    split: Split,
    path: Path,
    names: tuple[str, ...],
    progress: Callable[[int, int], None] | None,
) -> Check:
    images = split.images
    for size in BATCHES:
        if len(runner(images[:size])[0]) != min(size, len(images)):
            raise ExportError(f"The exported file does not take {size} images at once.")
    found, known = [], []  # by batch (B, C), or (B, C + 1) with the in-distribution scores
    for start in range(0, len(images), BATCHES[-1]):
        batch = images[start : start + BATCHES[-1]]
        expected = [classifier.predict_proba(batch)]
        if classifier.has_ood_class:
            expected.append(classifier.in_distribution_scores(batch))
        found.append(np.column_stack(runner(batch)))
        known.append(np.column_stack(expected))
        if progress:
            progress(min(start + BATCHES[-1], len(images)), len(images))
    outputs, run_outputs = np.concatenate(found), np.concatenate(known)
    named = len(classifier.class_names)
    changed = count_changed(outputs[:, :named], run_outputs[:, :named])
    probabilities, run_probabilities = outputs[:, :named], run_outputs[:, :named]
    return Check(
        images=len(images),
        changed=changed,
        difference=float(np.abs(outputs - run_outputs).max()),
        accuracy=float((probabilities.argmax(1) == split.labels).mean()),
        run_accuracy=float((run_probabilities.argmax(1) == split.labels).mean()),
        bytes=path.stat().st_size,
        outputs=names,
    )


def count_changed(found: NDArray[np.floating], known: NDArray[np.floating]) -> int:
    """Images whose predicted class differs; a tie, which rounding decides, is no difference.

    Parameters
    ----------
    found, known : float (N, C)
        Probabilities of the file and of the run.
    """
    rows = np.arange(len(known))
    lost = known.max(1) - known[rows, found.argmax(1)]
    return int((lost > TIE).sum())


def calibration_images(dataset: Dataset, count: int) -> NDArray[np.uint8]:
    """Training images for the ranges of 8-bit values, the same each time."""
    images = dataset.split("train", protocol="held-out").images
    chosen = np.random.RandomState(0).permutation(len(images))[:count]
    return images[np.sort(chosen)]


def _metadata(run: Run, program: Program) -> dict[str, str]:
    config, selected = run.config, run.history.selected
    values: dict[str, object] = {
        "name": run.name,
        "run": run.run_id,
        "weights": file_digest(run.weights_path),
        "classes": program.class_names,
        "input": f"{INPUT}: uint8 (N, 28, 28), a white garment on black",
        "outputs": program.outputs,
        "data set": DATASET_TITLES[config.dataset] if config else None,
        "protocol": config.protocol if config else None,
        "accuracy": {split: _accuracy(run, split) for split in ("test", "validation")},
        "epoch": selected.epoch if selected else None,
        "models": config.models if config else None,
        "temperature": program.temperature,
        "license": LICENSE,
        "fmnist": fmnist.__version__,
    }
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}


def _accuracy(run: Run, split: SplitName) -> float | None:
    """Stored accuracy in [0, 1]; None where the run has not been evaluated on the split."""
    try:
        return stored_evaluation(run, split).accuracy
    except RunError:
        return None
