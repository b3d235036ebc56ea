"""Notes on a shipped model for its card: the runs toward it, and how fast it answers.

    python benchmarks/shipped.py strong small ensemble
    python benchmarks/shipped.py --keep-times strong small ensemble

Writes `notes.md` into the folder of each model, and its card. The runs are those of
`benchmarks/strong.md` with the network of the model; the ingredients are those of
`benchmarks/ingredients.md`. The times are measured in a process that has imported everything:
reading the weights, and then classifying one image.
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
from fmnist.reports import benchmarks as bench
from fmnist.reports.model_card import write_card
from fmnist.reports.text import UNKNOWN, markdown_table, percent
from fmnist.runs import store
from fmnist.runs.loading import load_pretrained
from fmnist.runs.run import Run
from tools.machine import processor

AIM: Final = 0.3  # seconds to load the model and classify an image
TIMES: Final = 15
SPEED: Final = "## Speed"


def seconds(action: Callable[[], object]) -> float:
    """Median of `TIMES` measurements after one to warm up, in seconds."""
    taken = []
    for _ in range(TIMES + 1):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def runs_towards(run: Run) -> str:
    """Table of the runs with the network of this model."""
    assert run.config is not None
    wanted = {run.config.models, *((model,) for model in run.config.models)}
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
        if result.row.models in wanted
    ]
    titles = ["Run", "Validation", "Test", "Epochs", "Minutes", "What was learned"]
    return markdown_table(titles, rows)


def ingredients() -> str:
    """Table of the short runs, each compared with the first."""
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
    return markdown_table(["Ingredient", "Validation", "Points", "Test", "Points"], rows)


def points(value: float | None, base: float | None) -> str:
    """Difference in percentage points, with its sign."""
    return UNKNOWN if value is None or base is None else f"{100 * (value - base):+.2f}"


def speed(run: Run) -> str:
    """Size of the weights, and times to read them and to classify one image."""
    image = np.random.default_rng(0).integers(0, 256, (1, 28, 28), dtype=np.uint8)
    loading = seconds(lambda: load_pretrained(run.run_id))
    model = load_pretrained(run.run_id)
    classifying = seconds(lambda: model.predict_proba(image))
    rows = [
        ["Size of the weights", f"{run.weights_path.stat().st_size / 1e6:.2f} MB"],
        ["Loading the weights", f"{loading:.3f} s"],
        ["Classifying one image", f"{classifying:.4f} s"],
        [f"Together (aim: {AIM} s)", f"{loading + classifying:.3f} s"],
    ]
    return f"""{markdown_table(["", "Value"], rows)}

Medians of {TIMES}, by `python benchmarks/shipped.py {run.run_id}`, {processor()}, \
{torch.get_num_threads()} threads, {datetime.now(UTC):%Y-%m-%d}, Python \
{platform.python_version()}, torch {torch.__version__}."""


def notes(run: Run, times: str) -> str:
    """Text of `notes.md`."""
    return f"""## Runs toward this model

Compared on validation; the test images were not used for selection. All runs: \
[benchmarks/strong.md](../../../benchmarks/strong.md).

{runs_towards(run)}

## Ingredients

Short runs of the Compact ResidualNet with one change at a time, one seed each. *Points* is the \
difference from the first row. The standard error of an accuracy is 0.3 points on validation and \
0.25 on test. The runs are in [benchmarks/ingredients.md](../../../benchmarks/ingredients.md).

{ingredients()}

{SPEED}

{times}
"""


def main() -> None:
    """Write notes and card of each model."""
    parser = argparse.ArgumentParser(prog="python benchmarks/shipped.py")
    parser.add_argument("models", nargs="+", metavar="NAME")
    parser.add_argument(
        "--keep-times", action="store_true", help="write the tables again, measure nothing"
    )
    options = parser.parse_args()
    for name in options.models:
        run = store.open_run(paths.pretrained_folder(), name)
        path = run.folder / "notes.md"
        kept = path.read_text(encoding="utf-8").partition(SPEED)[2] if options.keep_times else ""
        text = notes(run, kept.strip() or speed(run))
        write_atomic(path, text.encode())
        write_card(paths.pretrained_folder(), name)
        print(text)


if __name__ == "__main__":
    main()
