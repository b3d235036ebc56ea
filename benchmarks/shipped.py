"""What stands on a shipped model's card beside its figures: its steps, and how soon it answers.

    python benchmarks/shipped.py strong small ensemble

Writes `notes.md` into each model's folder, and its card anew. The steps are those runs of
`benchmarks/strong.md` that have the model's network, the ingredients those of
`benchmarks/ingredients.md`; the times are measured here: in a process
that has imported everything, reading the weights, and then one image from pixels to probabilities.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import numpy as np
import torch

from fmnist import paths
from fmnist.files import write_atomic
from fmnist.models.registry import members
from fmnist.reports import benchmarks as bench
from fmnist.reports.model_card import write_card
from fmnist.reports.text import UNKNOWN, markdown_table, percent
from fmnist.runs import store
from fmnist.runs.loading import load_pretrained
from fmnist.runs.run import Run
from tools.machine import processor

AIM: Final = 0.3  # seconds to load the model and classify an image
TIMES: Final = 15


def seconds(action: Callable[[], object]) -> float:
    """Median over `TIMES`, after one time that does not count."""
    taken = []
    for _ in range(TIMES + 1):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def steps(run: Run) -> str:
    """A table of the runs towards this model, with what each brought on validation."""
    assert run.config is not None
    wanted = {run.config.model, *members(run.config.model)}
    rows = [
        [
            result.row.title,
            percent(result.validation_accuracy),
            percent(result.accuracy),
            result.row.epochs,
            f"{result.minutes:.0f}",
            result.lesson or UNKNOWN,
        ]
        for result in bench.results("strong", store.list_all_runs(), {})
        if result.row.config.model in wanted
    ]
    titles = ["Step", "Validation", "Test", "Epochs", "Minutes", "What was learned"]
    return markdown_table(titles, rows)


def ingredients() -> str:
    """A table of the short runs, each against the first."""
    first, *others = bench.results("ingredients", store.list_all_runs(), {})
    rows = [[first.row.title, percent(first.validation_accuracy), "", percent(first.accuracy), ""]]
    for result in others:
        rows.append(
            [
                result.row.title,
                percent(result.validation_accuracy),
                points(result.validation_accuracy, first.validation_accuracy),
                percent(result.accuracy),
                points(result.accuracy, first.accuracy),
            ]
        )
    return markdown_table(["Ingredient", "Validation", "Points more", "Test", "Points more"], rows)


def points(value: float | None, base: float | None) -> str:
    return "–" if value is None or base is None else f"{100 * (value - base):+.2f}"


def notes(run: Run) -> str:
    """The text of a model's `notes.md`."""
    image = np.random.default_rng(0).integers(0, 256, (1, 28, 28), dtype=np.uint8)
    loading = seconds(lambda: load_pretrained(run.run_id))
    model = load_pretrained(run.run_id)
    answering = seconds(lambda: model.predict_proba(image))
    size = run.weights_path.stat().st_size / 1e6
    text = [
        "## Steps towards it",
        "",
        "Compared on validation; the test images chose nothing. All runs: "
        "[benchmarks/strong.md](../../../benchmarks/strong.md).",
        "",
        steps(run),
        "",
        "## What each ingredient brings",
        "",
        "In short runs of the Compact ResidualNet, one thing done otherwise at a time, one seed "
        "each; the standard error of an accuracy is 0.3 points on validation and 0.25 on test. "
        "[benchmarks/ingredients.md](../../../benchmarks/ingredients.md) has the runs.",
        "",
        ingredients(),
        "",
        "## Answers",
        "",
        markdown_table(
            ["", "Value"],
            [
                ["Weights", f"{size:.2f} MB"],
                ["Loading them", f"{loading:.3f} s"],
                ["One image, from pixels to probabilities", f"{answering:.4f} s"],
                [f"Together (aim: {AIM} s)", f"{loading + answering:.3f} s"],
            ],
        ),
        "",
        f"Medians of {TIMES}, by `python benchmarks/shipped.py {run.run_id}`, {processor()}, "
        f"{torch.get_num_threads()} threads, {datetime.now(UTC):%Y-%m-%d}, Python "
        f"{platform.python_version()}, torch {torch.__version__}.",
    ]
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks/shipped.py")
    parser.add_argument("models", nargs="+", metavar="NAME")
    for name in parser.parse_args().models:
        run = store.open_run(paths.pretrained_folder(), name)
        text = notes(run)
        write_atomic(run.folder / "notes.md", text.encode())
        write_card(paths.pretrained_folder(), name)
        print(text)


if __name__ == "__main__":
    main()
