"""Computes maps in a process of its own, as `MapProcess` runs it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fmnist.checksums import file_digest
from fmnist.data import fashion_mnist
from fmnist.data.splits import SPLITS, Dataset, SplitName
from fmnist.errors import DamagedFileError
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, stored_evaluation
from fmnist.explain import embeddings, map_sources
from fmnist.explain.embeddings import METHODS, Method
from fmnist.explain.map_files import EpochLayouts, Features, Layout, Source
from fmnist.jobs import Reporter, work
from fmnist.runs import store
from fmnist.runs.run import Run


def features_of(source: Source, dataset: Dataset | None, reporter: Reporter) -> Features:
    """The features of a source: those that are kept, else computed and kept.

    Raises
    ------
    OSError, ValueError
        If the weights are damaged, or the features cannot be written.
    """
    evaluation = source.evaluation
    if source.space == "logits" or dataset is None:
        return Features.of(source.digest, evaluation.logits.astype(np.float32))
    path = source.path("features")
    try:
        kept = Features.load(path, digest=source.digest, images=len(evaluation.labels))
    except (FileNotFoundError, DamagedFileError):
        kept = None
    if kept is None:
        report = reporter(f"Computing features of {source.run.name}")
        from fmnist.models.classifier import Classifier

        values = Classifier.load(source.run.weights_path).features(
            _images(source, dataset), progress=lambda done, total: report(done / total)
        )
        kept = Features.of(source.digest, values)
        kept.save(path)
    return kept


def make_layout(
    source: Source, method: Method, dataset: Dataset | None, reporter: Reporter
) -> Layout:
    """Compute a layout, and keep it.

    Raises
    ------
    OSError, ValueError
        As `features_of`; and if there are too few images.
    """
    values = features_of(source, dataset, reporter.part(0.0, 0.4)).values.astype(np.float32)
    report = reporter.part(0.4, 0.9)(f"Arranging the images of {source.run.name}")
    positions = embeddings.layout(values, method, progress=report)
    report = reporter.part(0.9, 1.0)(f"Measuring the map of {source.run.name}")
    labels = source.evaluation.labels
    medoids = embeddings.medoids(values, labels)
    measured = embeddings.agreement(values, positions, labels)
    made = Layout(source.digest, positions, measured, medoids)
    made.save(source.path(method))
    if method != "pca":  # which costs next to nothing now
        plain = embeddings.layout(values, "pca")
        again = embeddings.agreement(values, plain, labels, full_accuracy=measured.full_accuracy)
        Layout(source.digest, plain, again, medoids).save(source.path("pca"))
    report(1.0)
    return made


def make_epochs(
    source: Source, epochs: EpochEvaluations, dataset: Dataset | None, reporter: Reporter
) -> EpochLayouts:
    """Compute the layouts after every epoch of a run, and keep them.

    Raises
    ------
    OSError, ValueError
        If weights of an epoch are damaged, or the layouts cannot be written.
    """
    values: Sequence[NDArray[np.floating]] | NDArray[np.floating] = epochs.logits
    if source.space == "features" and dataset is not None:
        values = _epoch_features(source, len(epochs.logits), dataset, reporter.part(0.0, 0.5))
        reporter = reporter.part(0.5, 1.0)
    report = reporter(f"Arranging the images of {source.run.name}, epoch by epoch")
    positions = embeddings.epoch_layouts(values, progress=report)
    made = EpochLayouts(source.digest, positions.astype(np.float16))
    made.save(source.path("epochs"))
    return made


def _epoch_features(
    source: Source, count: int, dataset: Dataset, reporter: Reporter
) -> list[NDArray[np.float16]]:
    """Principal components of the features after every epoch, float16 (N, K) each."""
    from fmnist.models.classifier import Classifier

    report = reporter(f"Computing features of {source.run.name}, epoch by epoch")
    images = _images(source, dataset)
    found = []
    for epoch in range(1, count + 1):
        classifier = Classifier.load(source.run.epoch_weights_path(epoch))
        found.append(Features.of(source.digest, classifier.features(images)).values)
        report(epoch / count)
    return found


def _images(source: Source, dataset: Dataset) -> NDArray[np.uint8]:
    images = dataset.test_images if source.split == "test" else dataset.train_images
    chosen: NDArray[np.uint8] = images[source.evaluation.indices]
    return chosen


def _run(options: argparse.Namespace, reporter: Reporter) -> None:
    folders: list[Path] = options.runs
    for number, folder in enumerate(folders):
        part = reporter.part(number / len(folders), (number + 1) / len(folders))
        run = store.open_run(folder.parent, folder.name)
        if options.method == "epochs":
            _run_epochs(run, part)
        else:
            _run_layout(run, options, part)


def _run_epochs(run: Run, reporter: Reporter) -> None:
    epochs = EpochEvaluations.load(run.epochs_path)
    weights = map_sources.epoch_weights_digest(run, len(epochs.logits))
    dataset = _dataset(run, epochs.epoch(1)) if weights else None
    checksum = dataset.checksum if dataset else None
    source = map_sources.epochs_source(run, epochs, weights=weights, checksum=checksum)
    make_epochs(source, epochs, dataset, reporter)


def _run_layout(run: Run, options: argparse.Namespace, reporter: Reporter) -> None:
    weights = dataset = None
    if options.epoch is not None:
        evaluation = EpochEvaluations.load(run.epochs_path).epoch(options.epoch)
    else:
        evaluation = stored_evaluation(run, cast(SplitName, options.split))
        if run.weights_path.exists():
            weights = file_digest(run.weights_path)
            dataset = _dataset(run, evaluation)
    checksum = dataset.checksum if dataset else None
    source = map_sources.source(
        run, evaluation, epoch=options.epoch, weights=weights, checksum=checksum
    )
    make_layout(source, options.method, dataset, reporter)


def _dataset(run: Run, evaluation: Evaluation) -> Dataset | None:
    """The data set of a run; None where it is not on this machine."""
    location = fashion_mnist.locate()
    if run.config is None or run.config.dataset != location.name:
        return None
    dataset = fashion_mnist.load(location)
    return dataset if map_sources.fits(dataset, run, evaluation) else None


def main() -> int:
    """Compute the maps that the arguments name; 0 for success."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=(*METHODS, "epochs"))
    parser.add_argument("split", choices=SPLITS)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--epoch", type=int)
    options = parser.parse_args()
    return work(lambda reporter: _run(options, reporter))


if __name__ == "__main__":
    sys.exit(main())
