"""Look for suspect labels in Fashion-MNIST, and measure what leaving them out is worth.

    python -m benchmarks.data_quality --write

Trains five runs of a cross-validation, then runs without the suspects beside control runs, three
seeds each, all by the Swift recipe: about fifteen minutes on one core. The runs are among your own,
and are not trained again. Writes the table, and the most suspect images as docs/suspects.png. Needs
the real data set.
"""

import argparse
import platform
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

import numpy as np
import torch

from fmnist import paths
from fmnist.data import fashion_mnist
from fmnist.data.corrections import Corrections
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.evaluation.label_errors import (
    Suspects,
    find_suspects,
    fold_configs,
    fold_name,
    out_of_sample,
)
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.evaluation.significance import SIGNIFICANCE, mcnemar
from fmnist.files import write_atomic
from fmnist.reports.images import contact_sheet
from fmnist.reports.text import markdown_table, p_value, percent
from fmnist.runs import corrections, store
from fmnist.runs.config import TrainConfig
from fmnist.runs.recipes import RECIPES
from fmnist.runs.run import RESUMABLE_STATES, Run
from fmnist.training.loop import train

TABLE: Final = paths.BENCHMARK_TABLES / "data_quality.md"
SHEET: Final = paths.PROJECT / "docs" / "suspects.png"
SEEDS: Final = (0, 1, 2)
SHOWN: Final = 200
BASE: Final = TrainConfig(**{**RECIPES["swift"], "log_every": 10})


def trained(config: TrainConfig, dataset: Dataset, name: str) -> Run:
    """A finished run with these settings: one that is there, or a new one."""
    root = paths.runs_folder()
    same = [run for run in store.list_runs(root) if run.training == config]
    for run in same:
        if run.state == "finished":
            return run
    begun = next((run for run in same if run.state in RESUMABLE_STATES), None)
    run = begun or store.create_run(root, config, name=name)
    print(name, flush=True)
    with store.owning(run):
        train(run, dataset)
    return store.open_run(root, run.run_id)


def suspects_of(dataset: Dataset) -> tuple[Evaluation, Suspects]:
    """Suspect labels by the cross-validation."""
    folds = {
        number: trained(config, dataset, fold_name(config))
        for number, config in enumerate(fold_configs(BASE), start=1)
    }
    evaluation = out_of_sample(folds)
    return evaluation, find_suspects(evaluation)


def pairs(dataset: Dataset, changes: Corrections, title: str) -> Iterator[list[str]]:
    """A row a seed: accuracy on the test images without and with corrections."""
    corrections.keep(changes)
    gains = []
    for seed in SEEDS:
        config = replace(BASE, seed=seed)
        control = trained(config, dataset, f"Control run, seed {seed}")
        changed = replace(config, corrections=changes.checksum)
        run = trained(changed, dataset, f"Corrected: {title}, seed {seed}")
        before, after = (stored_evaluation(each, "test") for each in (control, run))
        test = mcnemar(after.correct, before.correct)
        gains.append(100 * (after.accuracy - before.accuracy))
        yield [
            title, str(seed), percent(before.accuracy), percent(after.accuracy),
            f"{gains[-1]:+.2f}", f"{test.only_a} / {test.only_b}",
            p_value(test.p_value, SIGNIFICANCE).removeprefix("p = ").removeprefix("p "),
        ]  # fmt: skip
    yield [title, "mean", "", "", f"**{statistics.mean(gains):+.2f}**", "", ""]


def sheet(evaluation: Evaluation, suspects: Suspects, dataset: Dataset) -> bytes:
    """The most suspect images, the worst first, as a PNG."""
    positions = suspects.positions[:SHOWN]
    captions = [
        f"{CLASS_NAMES[evaluation.labels[position]]}\n→ {CLASS_NAMES[suggested]}?"
        for position, suggested in zip(positions, suspects.suggested[:SHOWN], strict=True)
    ]
    return contact_sheet(
        dataset.train_images[evaluation.indices[positions]],
        captions,
        title=f"Fashion-MNIST: the {len(positions)} training images with the most suspect labels",
    )


def page(evaluation: Evaluation, suspects: Suspects, rows: list[list[str]]) -> str:
    """The tables as Markdown."""
    given = evaluation.labels[suspects.positions]
    counts = Counter(zip(given.tolist(), suspects.suggested.tolist(), strict=True))
    common = [
        [CLASS_NAMES[label], CLASS_NAMES[suggested], str(count)]
        for (label, suggested), count in counts.most_common(12)
    ]
    return "\n".join(
        [
            "# Data quality",
            "",
            f"`python -m benchmarks.data_quality --write`, {date.today()}; torch "
            f"{torch.__version__}, NumPy {np.__version__}, Python {platform.python_version()}.",
            "",
            f"Cross-validation over the {len(evaluation.labels):,} training images by the Swift "
            f"recipe, five folds, seed 0: accuracy {percent(evaluation.accuracy)} on what each "
            f"run left out. Confident learning (Northcutt et al. 2021, cleanlab) calls "
            f"{len(suspects):,} labels suspect "
            f"({percent(len(suspects) / len(evaluation.labels), 1)}). The most frequent pairs:",
            "",
            markdown_table(["Label", "Suggested", "Images"], common),
            "",
            f"The [{SHOWN} most suspect images](../docs/{SHEET.name}). Many are hard images whose "
            "label may well be right.",
            "",
            "## Trained without them",
            "",
            "The Swift recipe with and without the corrections, same seed, on the untouched test "
            "images. *Only*: images that only the corrected or only the control run classifies "
            "correctly; p: McNemar's exact test.",
            "",
            markdown_table(
                ["Correction", "Seed", "Control", "Corrected", "Points", "Only", "p"], rows
            ),
            "",
        ]
    )


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name} and {SHEET.name}")
    arguments = parser.parse_args()
    dataset = fashion_mnist.load_named("fashion-mnist")
    evaluation, suspects = suspects_of(dataset)
    images = evaluation.indices[suspects.positions].tolist()
    suggested = dict(zip(images, suspects.suggested.tolist(), strict=True))
    rows = [
        *pairs(dataset, Corrections.of(BASE.dataset, excluded=images), "suspects left out"),
        *pairs(dataset, Corrections.of(BASE.dataset, relabeled=suggested), "suggested labels"),
    ]
    text = page(evaluation, suspects, rows)
    print(text)
    if arguments.write:
        write_atomic(SHEET, sheet(evaluation, suspects, dataset))
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
