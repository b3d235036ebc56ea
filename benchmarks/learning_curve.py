"""Measure learning curves on Fashion-MNIST: random images, and those that a model chooses.

    python -m benchmarks.learning_curve --write

Trains a run for each number of images by the Swift recipe, one after the other, and begins none
after `--minutes`; runs that are there, or that the Data page has trained, are not trained again.
All of it with one seed takes about half an hour on one core. The table tells what was run. Needs
the real data set.
"""

import argparse
import platform
import time
from collections.abc import Sequence
from datetime import date
from typing import Final, get_args

import numpy as np
import torch

from benchmarks.data_quality import trained
from fmnist import paths
from fmnist.data import fashion_mnist
from fmnist.data.splits import Dataset
from fmnist.evaluation.learning_curve import (
    WAY_TITLES,
    Measured,
    Way,
    chooser,
    gain,
    measured_curves,
    point_config,
    point_name,
    run_of,
    sizes,
    steps,
)
from fmnist.evaluation.learning_curve_job import make_next
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.evaluation.significance import Correctness
from fmnist.reports.learning_curve import extrapolation_in_words, gain_in_words, law_of
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.training.learning_curve import own_curves

TABLE: Final = paths.BENCHMARK_TABLES / "learning_curve.md"


def train_points(dataset: Dataset, ways: Sequence[Way], seeds: int, minutes: float) -> None:
    """Train what is missing, until the time is up."""
    images = len(dataset.split("train"))
    end = time.monotonic() + 60 * minutes
    for step in steps(images, ways, range(seeds)):
        found = own_curves(store.list_runs(paths.runs_folder()), dataset.name, images)
        run = run_of(found, step.way, step.size, step.seed)
        if run is not None and run.state == "finished":
            continue
        if time.monotonic() > end:
            return
        config = run.training if run else None
        if config is None and step.way == "random":
            config = point_config(dataset.name, step.size, images, seed=step.seed)
        elif config is None:
            smaller = chooser(step, images)
            before = run_of(found, smaller.way, smaller.size, step.seed)
            assert before is not None  # the steps are in this order
            config = make_next(before, step.way, step.size, dataset).training
        assert config is not None
        trained(config, dataset, point_name(step.way, step.size, step.seed))


def _correctness(run: Run) -> Correctness:
    found = stored_evaluation(run, "test")
    return Correctness(found.correct, found.labels, found.indices)


def page(curves: dict[Way, tuple[Measured, ...]], images: int) -> str:
    """The table as Markdown."""
    rows = []
    for way, points in curves.items():
        others = {point.size: point for point in curves["random"]}
        for point in points:
            if way != "random" and point is others.get(point.size):
                continue
            low, high = point.interval
            other = others.get(point.size)
            difference = (
                f"{100 * (point.accuracy - other.accuracy):+.2f}"
                if way != "random" and other
                else ""
            )
            rows.append(
                [
                    WAY_TITLES[way], f"{point.size:,}", str(len(point.accuracies)),
                    percent(point.accuracy), f"{percent(low)} to {percent(high)}", difference,
                ]
            )  # fmt: skip
    random = curves["random"]
    law = law_of(random, to=2 * images)
    lines = [extrapolation_in_words(random, law, to=2 * images)]
    lines += [
        gain_in_words(way, gain(points, random), max(len(each.accuracies) for each in points))
        for way, points in curves.items()
        if way != "random"
    ]
    if law:
        lines.append(f"The law: error = {law.floor:.4f} + {law.scale:.3f} · n^-{law.exponent:.3f}.")
    epochs = ", ".join(
        f"{config.epochs} of {config.batch_size} on {size:,}"
        for size in sizes(images)
        for config in [point_config("fashion-mnist", size, images)]
    )
    return "\n".join(
        [
            "# Learning curve",
            "",
            f"`python -m benchmarks.learning_curve --write`, {date.today()}; torch "
            f"{torch.__version__}, NumPy {np.__version__}, Python {platform.python_version()}.",
            "",
            "Test accuracy by the number of training images, held-out protocol, Swift recipe with "
            f"more epochs of smaller batches on fewer images (epochs and batch size: {epochs}). "
            "Margin and entropy: the images that the model of the previous size was least sure of, "
            "beside those it had; the first 500 are random ones. No test image chooses anything.",
            "",
            markdown_table(
                ["Images chosen", "Images", "Seeds", "Test accuracy", "95% interval",
                 "Points beside random"],
                rows,
            ),
            "",
            "The intervals are of the 10,000 test images, and of the seeds if there are several. "
            "With one seed, the chance of training is not in them: on all images, seeds of this "
            "recipe differ by up to 0.6 points ([data_quality.md](data_quality.md)), on few "
            "images by more.",
            "",
            *(f"- {line}" for line in lines),
            "",
        ]
    )  # fmt: skip


def main() -> None:
    """Train, and print the table or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument("--ways", nargs="*", choices=get_args(Way), default=("margin", "entropy"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=20, help="begin no run after so many")
    arguments = parser.parse_args()
    dataset = fashion_mnist.load_named("fashion-mnist")
    images = len(dataset.split("train"))
    train_points(dataset, arguments.ways, arguments.seeds, arguments.minutes)
    found = own_curves(store.list_runs(paths.runs_folder()), "fashion-mnist", images)
    text = page(measured_curves(found, _correctness), images)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
