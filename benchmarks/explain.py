"""Measure how long explanations take.

    python -m benchmarks.explain --write

Explains one synthetic garment with each method and each shipped model, with default settings, after
a first time that does not count. Then draws on the Draw page in a real browser, without and with
the switch that shows where the model looks (`draw_latency.py`). Medians. Needs Playwright and
Chromium.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import draw_latency
from fmnist import paths
from fmnist.data.synthetic.garments import draw_garments
from fmnist.explain import sanity
from fmnist.explain.attributions import METHODS, Explainer, Settings, Targets
from fmnist.models.classifier import Classifier
from fmnist.reports.text import markdown_table
from fmnist.runs import store
from tools import driver, machine

TABLE = paths.BENCHMARK_TABLES / "explain.md"


def median(action: Callable[[], object], repeats: int) -> float:
    """Median seconds of an action, after a first time that does not count."""
    action()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def attributions(repeats: int) -> list[str]:
    """Seconds an image of each method and each shipped model."""
    images, labels = draw_garments(1, seed=0)
    targets = Targets.of(int(labels[0]))
    rows = []
    for run_id in store.run_ids(paths.pretrained_folder()):
        run = store.open_run(paths.pretrained_folder(), run_id)
        if run_id == "fashion-cnn-notebook":
            continue  # the same network as fashion-cnn
        classifier = Classifier.load(run.weights_path)
        explainer = Explainer(classifier)
        cells = []
        for method in METHODS:
            explain = partial(explainer.attribute, images, targets, Settings(method))
            cells.append(f"{median(explain, repeats):.3f}")
        cells.append(f"{median(partial(sanity.untrained, classifier, 0), repeats):.3f}")
        rows.append([run.name, *cells])
    titles = ["Seconds", *(method.title for method in METHODS.values()), "A network drawn anew"]
    return [
        "## Attributions",
        "",
        f"One image, median of {repeats}. Occlusion paints {Settings.window}×{Settings.window} "
        f"pixels black, {Settings.stride} apart; integrated gradients take {Settings.steps} steps.",
        "",
        markdown_table(titles, rows),
    ]


def strokes(count: int) -> list[str]:
    """Seconds from pen up to the prediction, and to Grad-CAM below it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        url, server = driver.start_app(Path(folder) / "log", FMNIST_ARTIFACTS=folder)
        try:
            with driver.browser() as browser:
                for name, answer in (
                    ("to the prediction, switch off", draw_latency.PREDICTION),
                    ("to Grad-CAM, switch on", draw_latency.GRAD_CAM),
                ):
                    times = draw_latency.measure(browser, url, count, answer)
                    rows.append(
                        [name, *(f"{np.percentile(times, q) / 1000:.2f}" for q in (50, 95))]
                    )
        finally:
            driver.stop_app(server)
    return [
        "## With each stroke",
        "",
        f"{count} strokes on the built-in canvas of the Draw page, from pen up to the frame that "
        "shows the answer.",
        "",
        markdown_table(["Seconds", "median", "p95"], rows),
    ]


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--strokes", type=int, default=50)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    beside = machine.other_programs()
    parts = [attributions(arguments.repeats), strokes(arguments.strokes)]
    head = [
        "# How long explanations take",
        "",
        f"`python -m benchmarks.explain --repeats {arguments.repeats} --strokes "
        f"{arguments.strokes} --write`, {date.today()}; torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores.",
    ]
    head += ["", beside] if beside else []
    text = "\n".join([*head, *(line for part in parts for line in ("", *part))]) + "\n"
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
