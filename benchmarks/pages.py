"""How long a person waits on the pages, in a real browser.

    python benchmarks/pages.py --write

Starts the real app with the shipped model and the real data set (FMNIST_DATA), 10,000 test images.
Measured in the browser itself, from the click to the moment the result is in the page: a click on
a cell of the confusion matrix until its images are shown; a click on a page's link until that page
is drawn; and, in a fresh browser context each time, the first load of a page. Everything is done
once beforehand (warm). The same again while a training of FashionCNN runs in the app, started from
the Train page; server, browser and training share the same cores. Needs Playwright and Chromium.
"""

import argparse
import platform
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import Browser, Page

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.metrics import most_confused_pairs
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports.text import markdown_table
from fmnist.runs import store
from tools import driver

TABLE = paths.BENCHMARK_TABLES / "pages.md"
MODEL = "fashion-cnn"
SWITCHES = {
    "Errors": ".st-key-error-images",
    "Confidence": ".js-plotly-plot .barlayer",
    "Start": ".st-key-page-links",
    "Data": ".st-key-distribution",
    "Confusion": ".st-key-matrix",
}
"""Titles of the pages, and what is there once a page is drawn."""

# a frame after the last change, when it is on screen; asked anew at every frame
WAIT = """(async () => {
  const begun = performance.now();
  while (!(%s)) {
    if (performance.now() - begun > 60000) throw new Error('nothing came');
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
})"""
QUIET = "(() => { const q = %s; return q(); })()" % driver.QUIET  # noqa: UP031


def click_cell(page: Page, true: int, predicted: int, count: int) -> float:
    """Milliseconds from the click on a cell to its images."""
    where = f'{{"true":{true},"predicted":{predicted}}}'
    shown = min(count, 100)
    first = f"{CLASS_NAMES[true]}, taken for {CLASS_NAMES[predicted]}"
    milliseconds: float = page.evaluate(
        f"""async ([where, label, first]) => {{
          {driver.DEEP}
          const cell = deep('.st-key-matrix', `[data-where='${{where}}']`);
          const begun = performance.now();
          cell.click();
          await {
            WAIT % "(() => { const wall = deep('.st-key-confusion-images', '.wall');"
            " return wall && wall.getAttribute('aria-label') === label"
            " && wall.firstChild.title.startsWith(first); })()"
        }();
          return performance.now() - begun;
        }}""",
        [where, f"{shown} images", first],
    )
    return milliseconds


def switch(page: Page, title: str) -> float:
    """Milliseconds from the click on a page's link to the page."""
    milliseconds: float = page.evaluate(
        f"""async ([title, selector]) => {{
          const link = [...document.querySelectorAll('[data-testid="stSidebarNavLink"]')]
            .find(link => link.innerText.trim().endsWith(title));
          const begun = performance.now();
          link.click();
          await {WAIT % "document.querySelector(selector)"}();
          await {WAIT % QUIET}();
          return performance.now() - begun;
        }}""",
        [title, SWITCHES[title]],
    )
    page.wait_for_timeout(300)  # what goes on behind the scenes is not the next switch's
    return milliseconds


def first_load(browser: Browser, url: str) -> float:
    """Milliseconds from an address, in a browser that was never here, to the matrix's images."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(driver.SLOW)
    page = context.new_page()
    page.goto(f"{url}/confusion?run={MODEL}")
    milliseconds: float = page.evaluate(
        f"""async () => {{
          {driver.DEEP}
          await {WAIT % "deep('.st-key-confusion-images', '.tile')"}();
          return performance.now();
        }}"""
    )
    context.close()
    return milliseconds


def measure(browser: Browser, url: str, repetitions: int) -> dict[str, list[float]]:
    """Milliseconds of everything, `repetitions` times, after once without counting."""
    run = store.open_run(paths.pretrained_folder(), MODEL)
    confusion = Evaluation.load(run.evaluation_path("test")).confusion
    pairs = most_confused_pairs(confusion, 10)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(driver.SLOW)
    page = context.new_page()
    page.goto(f"{url}/confusion?run={MODEL}")
    page.locator(".st-key-confusion-images .tile").first.wait_for()
    result: dict[str, list[float]] = {"click on a cell → its images": []}
    for number in range(repetitions + 1):
        pair = pairs[number % len(pairs)]
        taken = click_cell(page, pair.true_label, pair.predicted_label, pair.count)
        if number:
            result["click on a cell → its images"].append(taken)
        page.wait_for_timeout(200)
    for number in range(repetitions + 1):
        for title in SWITCHES:
            taken = switch(page, title)
            if number:
                result.setdefault(f"switch to {title}", []).append(taken)
    context.close()
    for number in range(repetitions + 1):
        taken = first_load(browser, url)
        if number:
            result.setdefault("first load of Confusion", []).append(taken)
    return result


def table(quiet: dict[str, list[float]], busy: dict[str, list[float]], repetitions: int) -> str:
    """The result as a Markdown document."""
    lines = [
        "# How long a person waits",
        "",
        f"`python benchmarks/pages.py --repetitions {repetitions} --write`, {date.today()}; torch "
        f"{torch.__version__}, {torch.get_num_threads()} threads, Python "
        f"{platform.python_version()}; 10,000 test images, {repetitions} repetitions each, warm. "
        "Seconds in the browser, from the click to the result on screen. “While training”: "
        "FashionCNN's original recipe runs in the app; server, browser and training share the same "
        "cores.",
        "",
    ]
    rows = []
    for name, values in quiet.items():
        cells = [
            f"{np.percentile(times, q) / 1000:.2f}"
            for times in (values, busy[name])
            for q in (50, 95)
        ]
        rows.append([name, *cells])
    switches = [name for name in quiet if name.startswith("switch")]
    cells = [
        f"{np.percentile(np.concatenate([times[name] for name in switches]), q) / 1000:.2f}"
        for times in (quiet, busy)
        for q in (50, 95)
    ]
    rows.append(["all page switches", *cells])
    titles = ["", "median", "p95", "median while training", "p95 while training"]
    lines.append(markdown_table(titles, rows))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url, server = driver.start_app(Path(folder) / "log", FMNIST_ARTIFACTS=folder)
        try:
            with driver.browser() as browser:
                quiet = measure(browser, url, arguments.repetitions)
                driver.train_original_recipe(browser, url)
                busy = measure(browser, url, arguments.repetitions)
        finally:
            driver.stop_app(server)
    text = table(quiet, busy, arguments.repetitions)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
