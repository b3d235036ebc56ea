"""Measure the shipped models on corrupted test images.

    python -m benchmarks.robustness [--models small strong …] --write

Takes about half an hour on one core, and some hours with Ensemble; what was measured is kept, so
that the command can be interrupted. Needs the real data set. The same figures are on the Compare
page, Robustness.
"""

import argparse
import platform
from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final

import torch
from tqdm import tqdm

from fmnist import paths
from fmnist.data import fashion_mnist
from fmnist.data.corruptions import CORRUPTIONS, SEVERITIES
from fmnist.evaluation.robustness import IMAGES, Robustness, robustness_of
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.loading import load_pretrained
from fmnist.runs.run import Run

TABLE: Final = paths.BENCHMARK_TABLES / "robustness.md"


def measured(models: Sequence[str]) -> dict[str, Robustness]:
    """What was found for shipped models with weights, by name; for all if none are named."""
    dataset = fashion_mnist.load_named("fashion-mnist")
    found = {}
    for run in _shipped():
        if models and run.run_id not in models:
            continue
        with tqdm(desc=run.run_id, total=100, unit="%", leave=False) as bar:
            found[run.name] = robustness_of(
                run,
                partial(load_pretrained, run.run_id),
                dataset,
                progress=lambda share, bar=bar: bar.update(round(100 * share) - bar.n),  # type: ignore[misc]
            )
    return found


def _shipped() -> list[Run]:
    runs = store.list_runs(paths.pretrained_folder())
    able = [run for run in runs if run.weights_path.exists()]
    return sorted(able, key=lambda run: run.weights_path.stat().st_size)  # the quick ones first


def page(found: dict[str, Robustness], models: Sequence[str]) -> str:
    """The tables as Markdown, and the models that the command named."""
    named = f"--models {' '.join(models)} " if models else ""
    names = list(found)
    by_corruption = [
        ["none", *(percent(each.clean_accuracy, 1) for each in found.values())],
        ["**mean of all**", *(f"**{percent(e.mean_accuracy, 1)}**" for e in found.values())],
        *(
            [
                corruption.title.lower(),
                *(percent(e.accuracies[row].mean(), 1) for e in found.values()),
            ]
            for row, corruption in enumerate(CORRUPTIONS.values())
        ),
    ]
    by_severity = [
        [str(severity), *(percent(e.accuracies[:, column].mean(), 1) for e in found.values())]
        for column, severity in enumerate(SEVERITIES)
    ]
    strengths = [
        [each.title.lower(), each.explanation, *(f"{strength:g}" for strength in each.strengths)]
        for each in CORRUPTIONS.values()
    ]
    return "\n".join(
        [
            "# Robustness",
            "",
            f"`python -m benchmarks.robustness {named}--write`, {date.today()}; torch "
            f"{torch.__version__}, Python {platform.python_version()}. Accuracy on {IMAGES:,} test "
            f"images (the same number of each class), corrupted in {len(CORRUPTIONS)} ways and "
            f"{len(SEVERITIES)} severities. One run of each model. No model was trained or chosen "
            "for it. The idea is that of Hendrycks and Dietterich (2019) and of Fashion-MNIST-C "
            "(Weiss and Tonella 2022); strengths are this project's own, so that the figures "
            "cannot be compared with theirs.",
            "",
            "Mean over the severities:",
            "",
            markdown_table(["Corruption", *names], by_corruption),
            "",
            "Mean over the corruptions:",
            "",
            markdown_table(["Severity", *names], by_severity),
            "",
            "What the severities are:",
            "",
            markdown_table(
                ["Corruption", "What it does", *map(str, SEVERITIES)], strengths, "ll" + "r" * 5
            ),
            "",
        ]
    )


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="default: all")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    text = page(measured(arguments.models), arguments.models)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
