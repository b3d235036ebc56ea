"""Measure how long maps of images take, and how smoothly they move.

    python -m benchmarks.map --write

Computes the maps of FashionCNN's 10,000 test images step by step, in this process, after a first
time that does not count. Then drags the map of a page in a real browser, without a GPU, and counts
what it paints. Needs the real data set (FMNIST_DATA), Playwright and Chromium.
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
from typing import Final

import numpy as np
import torch
from playwright.sync_api import Browser

from fmnist import paths
from fmnist.data import fashion_mnist
from fmnist.evaluation.predictions import EpochEvaluations
from fmnist.explain import embeddings
from fmnist.explain.map_files import Features
from fmnist.models.classifier import Classifier
from fmnist.reports.text import markdown_table
from fmnist.runs import store
from tools import driver, machine

TABLE: Final = paths.BENCHMARK_TABLES / "map.md"
_WIDTHS: Final = (1280, 390)

_DRAG: Final = f"""async (seconds) => {{
  {driver.DEEP}
  const canvas = deep('.st-key-map-0', 'canvas.points');
  const box = canvas.getBoundingClientRect();
  const point = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, {{
    pointerId: 1, pointerType: 'mouse', clientX: x, clientY: y, bubbles: true,
  }}));
  canvas.setPointerCapture = () => {{}};  // there is no real pointer to capture
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  point('pointerdown', x, y);
  const paints = () => Number(canvas.dataset.paints);
  const times = [];
  const began = performance.now();
  let last = began, seen = paints();
  while (last - began < 1000 * seconds) {{
    const now = await new Promise((done) => requestAnimationFrame(done));
    const angle = (now - began) / 300;
    point('pointermove', x + 60 * Math.cos(angle), y + 60 * Math.sin(angle));
    if (paints() > seen) {{
      times.push(performance.now() - last);
      [last, seen] = [performance.now(), paints()];
    }}
  }}
  point('pointerup', x, y);
  return times;
}}"""


def medians(action: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of an action by the clock, and of all processors together.

    A first time, which compiles and fills caches, does not count where there are several.
    """
    times = []
    for number in range(repeats + (repeats > 1)):
        begun, used = time.perf_counter(), time.process_time()
        action()
        if number or repeats == 1:
            times.append((time.perf_counter() - begun, time.process_time() - used))
    elapsed, busy = np.median(times, axis=0)
    return float(elapsed), float(busy)


def computation(repeats: int) -> list[str]:
    """Seconds of each step of a map."""
    dataset = fashion_mnist.load(fashion_mnist.locate())
    run = store.open_run(paths.pretrained_folder(), "fashion-cnn")
    classifier = Classifier.load(run.weights_path)
    features = classifier.features(dataset.test_images)
    values = Features.of("", features).values.astype(np.float32)
    positions = embeddings.layout(values, "pacmap")
    labels = dataset.test_labels
    epochs = EpochEvaluations.load(run.epochs_path)
    count = f"{len(labels):,} × {features.shape[1]}"
    steps: list[tuple[str, str, Callable[[], object], int]] = [
        ("Features", count, partial(classifier.features, dataset.test_images), repeats),
        ("PCA", count, partial(Features.of, "", features), repeats),
        ("PaCMAP", count, partial(embeddings.layout, values, "pacmap"), repeats),
        ("t-SNE (openTSNE)", count, partial(embeddings.layout, values, "tsne"), 1),
        ("Agreement", count, partial(embeddings.agreement, values, positions, labels), repeats),
        (
            "A drawing placed",
            count,
            partial(embeddings.place, values[0], values, positions, "pacmap"),
            repeats,
        ),
        (
            "The map after every epoch (PaCMAP)",
            " × ".join(f"{n:,}" for n in epochs.logits.shape),
            partial(embeddings.epoch_layouts, epochs.logits),
            1,
        ),
    ]
    rows = []
    for name, size, action, times in steps:
        elapsed, busy = medians(action, times)
        rows.append([name, size, f"{elapsed:.2f}", f"{busy:.2f}", str(times)])
        print(*rows[-1], flush=True)
    titles = ["Step", "Size", "Seconds", "of the processors", "Times"]
    return [
        "## Computation",
        "",
        "Seconds by the clock, and seconds of all processors together, which grow less when other "
        "programs want the processors, too. Medians of so many times.",
        "",
        markdown_table(titles, rows),
    ]


def frames(browser: Browser, url: str, width: int, seconds: float) -> list[str]:
    """Milliseconds from frame to frame while the map of a page is dragged."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(driver.SLOW)
    page.goto(f"{url}/map?run=fashion-cnn")
    driver.settle(page)
    page.locator(".stage").scroll_into_view_if_needed()
    page.evaluate(_DRAG, 1)
    times = np.array(page.evaluate(_DRAG, seconds))
    size = page.locator(".stage").bounding_box()
    page.close()
    assert size is not None
    return [
        f"{width}",
        f"{size['width']:.0f} × {size['height']:.0f}",
        f"{1000 / np.median(times):.0f}",
        f"{np.median(times):.1f}",
        f"{np.percentile(times, 95):.1f}",
    ]


def panning(seconds: float) -> list[str]:
    """Frames a second while the map is dragged."""
    with tempfile.TemporaryDirectory() as folder:
        url, server = driver.start_app(Path(folder) / "log", FMNIST_ARTIFACTS=folder)
        try:
            with driver.browser() as browser:
                rows = [frames(browser, url, width, seconds) for width in _WIDTHS]
        finally:
            driver.stop_app(server)
    titles = ["Window", "Map", "Frames a second", "Milliseconds a frame", "p95"]
    return [
        "## Panning",
        "",
        f"10,000 points, all in view, dragged for {seconds:.0f} seconds in headless Chromium "
        "without a GPU; medians. The browser paints at most 60 frames a second.",
        "",
        markdown_table(titles, rows),
    ]


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    beside = machine.other_programs()
    parts = [panning(arguments.seconds), computation(arguments.repeats)]
    head = [
        "# How long maps take, and how smoothly they move",
        "",
        f"`python -m benchmarks.map --repeats {arguments.repeats} --write`, {date.today()}; "
        f"{machine.processor()}, {os.cpu_count()} cores, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, Python {platform.python_version()}.",
    ]
    head += ["", beside] if beside else []
    text = "\n".join([*head, *(line for part in parts for line in ("", *part))]) + "\n"
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
