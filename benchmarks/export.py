"""Measure exported models beside PyTorch: size, accuracy, latency on one core.

    python -m benchmarks.export --write

Exports the shipped models in each format, and checks them on all test images. Then times one image,
and 256 at once, in turn with the classifier in PyTorch, on one thread each; medians, and medians of
the ratios of each turn. Also writes `fmnist/export/measured.json`, which the Export page shows.
Needs the real data set (FMNIST_DATA or ./data); use a machine on which nothing else runs.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from fmnist import paths
from fmnist.checksums import file_digest
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Dataset
from fmnist.export import kept, measured
from fmnist.export.exporting import export
from fmnist.export.formats import Runner, open_file
from fmnist.export.names import FORMATS
from fmnist.models import sizes
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.loading import load_pretrained
from fmnist.runs.run import Run
from tools import machine

TABLE = paths.BENCHMARK_TABLES / "export.md"
MANY: Final = 256
AIM_MS: Final = 1.0
AIM_MULTIPLY_ADDS: Final = 20e6
_Times = Mapping[str, NDArray[np.float64]]


def timed(action: Callable[[], object]) -> float:
    """Milliseconds of an action."""
    begun = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - begun)


def in_turn(runners: Mapping[str, Runner], images: NDArray[np.uint8], turns: int) -> _Times:
    """Milliseconds of each of them in each turn, after a first one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(turns + 1):
        for name, runner in runners.items():
            taken = timed(lambda runner=runner: runner(images))  # type: ignore[misc]
            if turn:
                times[name].append(taken)
    return {name: np.array(each) for name, each in times.items()}


def measure(run: Run, dataset: Dataset, turns: int) -> tuple[dict[str, dict[str, float]], _Times]:
    """What `measured.Measured` holds of each format, and the times of one image in each turn."""
    classifier = load_pretrained(run.run_id)
    runners: dict[str, Runner] = {
        measured.PYTORCH: lambda images: (classifier.predict_proba(images),)
    }
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            path = Path(folder) / f"model{FORMATS[form].suffix}"
            check = export(run, classifier, form, path, dataset)
            rows[form] = {"bytes": check.bytes, "accuracy": check.accuracy}
            size = run.weights_path.stat().st_size
            rows[measured.PYTORCH] = {"bytes": size, "accuracy": check.run_accuracy}
            runners[form] = open_file(form, path, threads=1)
        one = in_turn(runners, dataset.test_images[:1], 10 * turns)
        many = in_turn(runners, dataset.test_images[:MANY], turns)
    for name, row in rows.items():
        row["one_ms"] = round(float(np.median(one[name])), 3)
        row["many_ms"] = round(float(np.median(many[name])), 2)
    return rows, one


def table_rows(
    run: Run, rows: Mapping[str, Mapping[str, float]], one: _Times, multiply_adds: float
) -> list[list[str]]:
    """Rows of the table of a model."""
    titles: dict[str, str] = {measured.PYTORCH: "PyTorch"}
    titles |= {form: text.title for form, text in FORMATS.items()}
    return [
        [
            run.name, f"{multiply_adds / 1e6:.1f}", title, f"{rows[form]['bytes'] / 1e6:.2f}",
            percent(rows[form]["accuracy"]), f"{rows[form]['one_ms']:.2f}",
            f"{np.median(one[form] / one[measured.PYTORCH]):.2f}", f"{rows[form]['many_ms']:.0f}",
            f"{rows[form]['many_ms'] / rows[measured.PYTORCH]['many_ms']:.2f}",
        ]
        for form, title in titles.items()
    ]  # fmt: skip


def page(rows: list[list[str]], aim: str, arguments: argparse.Namespace, beside: str) -> str:
    """The table with its head."""
    asked = f" --models {' '.join(arguments.models)}" if arguments.models else ""
    head = [
        "# Exported models beside PyTorch",
        "",
        f"`python -m benchmarks.export --turns {arguments.turns}{asked} --write`, {date.today()}; "
        f"ONNX Runtime {onnxruntime.__version__}, torch {torch.__version__}, Python "
        f"{platform.python_version()}, one thread, {machine.processor()}.",
        "",
    ]
    head += [beside, ""] if beside else []
    return "\n".join(
        [
            *head,
            "Accuracy on the 10,000 test images. Milliseconds are medians: of one image over "
            f"{10 * arguments.turns} turns, of {MANY} at once over {arguments.turns}. In each turn "
            "all formats are timed one after the other; “× PyTorch” is their time divided by that "
            "of `Classifier.predict_proba`.",
            "",
            markdown_table(
                [
                    "Model", "Multiply-adds (M)", "Format", "MB", "Accuracy", "1 image (ms)",
                    "× PyTorch", f"{MANY} images (ms)", "× PyTorch",
                ],
                rows,
            ),
            "",
            aim,
        ]
    ) + "\n"  # fmt: skip


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--models", nargs="+", metavar="NAME")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    beside = machine.other_programs()
    dataset = datasets.load_named("fashion-mnist")
    runs = [
        run for run in store.list_runs(paths.pretrained_folder())
        if kept.why_not(run) is None and run.run_id in (arguments.models or [run.run_id])
    ]  # fmt: skip
    figures: dict[str, Any] = {}
    rows: list[list[str]] = []
    slow: list[str] = []
    fast: list[str] = []
    for run in sorted(runs, key=lambda run: run.run_id):
        assert run.config
        counted = sizes.total(run.config.models, sizes.count(run.config.models))
        assert counted
        formats, one = measure(run, dataset, arguments.turns)
        figures[run.run_id] = {"weights": file_digest(run.weights_path), "formats": formats}
        rows += table_rows(run, formats, one, counted.multiply_adds)
        if counted.multiply_adds <= AIM_MULTIPLY_ADDS:
            (fast if formats["onnx"]["one_ms"] <= AIM_MS else slow).append(run.name)
        print(*rows[-len(FORMATS) - 1 :], sep="\n", flush=True)
    aim = (
        f"Aim: at most {AIM_MS:g} ms an image as ONNX for networks of up to "
        f"{AIM_MULTIPLY_ADDS / 1e6:g} million multiply-adds. "
        f"Reached by: {', '.join(fast) or 'none'}. Missed by: {', '.join(slow) or 'none'}."
    )
    text = page(rows, aim, arguments, beside)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")
        measured.PATH.write_text(f"{json.dumps(figures, indent=2)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
