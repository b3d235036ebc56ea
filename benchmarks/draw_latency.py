"""Measure the time from pen up to the new probabilities on screen, in a real browser.

    python benchmarks/draw_latency.py --write

Starts the app with the shipped models, and draws on the canvas with the mouse: pen down, moves, pen
up. The browser measures from pen up to the frame after the bars of the prediction have changed. A
drawing of five strokes is repeated until there are enough strokes; a first drawing does not count.
The time includes 0.2 seconds in which the canvas component waits for another stroke. All is
repeated while FashionCNN trains in the app; server, browser and training share the same cores.
Needs Playwright and Chromium.
"""

import argparse
import os
import platform
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import Browser, Page

from fmnist import paths
from fmnist.reports.text import markdown_table
from tools import driver, machine

TABLE = paths.BENCHMARK_TABLES / "draw_latency.md"
AIM = 0.4  # seconds, at the 95th percentile
BAG = (
    ((70, 130), (60, 270), (275, 272), (265, 128), (72, 130)),
    ((110, 130), (115, 70), (170, 50), (225, 72), (230, 128)),
    ((64, 170), (170, 180), (270, 170)),
    ((160, 165), (182, 165), (182, 195), (160, 195), (160, 165)),
    ((90, 220), (250, 222)),
)
"""Strokes on the canvas, in its pixels."""

PREDICTION = (".st-key-draw-prediction", ".prediction")
GRAD_CAM = (".st-key-draw-grad-cam", "canvas")
"""Where the page answers a stroke: a component, and the element within that has its number."""

# The clock starts at the mouseup event. An event of the canvas is answered when the prediction, or
# Grad-CAM below it, has its number; one frame later it is on screen.
LISTEN = """([step, host, inside]) => {
  DEEP
  window.answered = new Promise((resolve, reject) => {
    const listen = () => {
      const begun = performance.now();
      const look = () => {
        const answer = deep(host, inside);  // there is no Grad-CAM before the first stroke
        if (answer && Number(answer.dataset.event) > step) {
          requestAnimationFrame(() => resolve(performance.now() - begun));
        } else if (performance.now() - begun > 60000) {
          reject(new Error('no answer'));
        } else {
          requestAnimationFrame(look);
        }
      };
      look();
    };
    document.addEventListener('mouseup', listen, { once: true, capture: true });
  });
}""".replace("DEEP", driver.DEEP)


def last_event(page: Page) -> int:
    """Number of the canvas event that the prediction on screen answers."""
    return int(page.locator(".st-key-draw-prediction .prediction").get_attribute("data-event") or 0)


def stroke(
    page: Page, points: tuple[tuple[int, int], ...], answer: tuple[str, str] = PREDICTION
) -> float:
    """Draw a stroke; returns milliseconds from pen up to the answer on screen."""
    box = page.locator(".st-key-draw-sheet .upper-canvas").bounding_box()
    assert box
    page.evaluate(LISTEN, [last_event(page), *answer])
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    page.mouse.up()
    milliseconds: float = page.evaluate("window.answered")
    return milliseconds


def clear(page: Page) -> None:
    """Clear the canvas, and wait for its event, so that strokes do not mix."""
    page.evaluate(
        """(step) => {
          DEEP
          window.cleared = (async () => {
            while (!(Number(deep('.st-key-draw-prediction', '.prediction').dataset.event) > step))
              await new Promise(requestAnimationFrame);
          })();
        }""".replace("DEEP", driver.DEEP),
        last_event(page),
    )
    page.locator(".st-key-draw-clear button").click()
    page.evaluate("window.cleared")


def measure(
    browser: Browser, url: str, strokes: int, answer: tuple[str, str] = PREDICTION
) -> list[float]:
    """Milliseconds of a number of strokes, after a drawing that does not count."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(driver.SLOW)
    page.goto(f"{url}/draw")
    page.locator(".st-key-draw-sheet .upper-canvas").wait_for()
    page.locator(".st-key-draw-prediction .prediction").wait_for()
    page.wait_for_function(driver.QUIET)
    if answer == GRAD_CAM:
        page.locator(".st-key-draw-inside label").click()
        page.get_by_text("Draw something to see where").wait_for()
    for points in BAG:
        stroke(page, points, answer)
    clear(page)
    times: list[float] = []
    while len(times) < strokes:
        for points in BAG:
            times.append(stroke(page, points, answer))
            page.wait_for_timeout(200)  # a hand moves to the next stroke
        clear(page)
    page.close()
    return times[:strokes]


def table(quiet: list[float], busy: list[float], beside: str) -> str:
    """Write the result as a Markdown document."""
    cores = os.cpu_count()
    lines = [
        "# From pen up to the prediction",
        "",
        f"`python benchmarks/draw_latency.py --strokes {len(quiet)} --write`, {date.today()}; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, Python "
        f"{platform.python_version()}, {cores} cores; {len(quiet)} strokes each. Seconds in the "
        "browser, from pen up to the new probabilities on screen; the canvas waits for 0.2 of "
        "them for another stroke. “While training”: FashionCNN trains in the app with its "
        "original recipe; server, browser and training share the same cores.",
        "",
    ]
    lines += [beside, ""] if beside else []
    rows = []
    for name, times in (("alone", quiet), ("while training", busy)):
        cells = [f"{np.percentile(times, q) / 1000:.2f}" for q in (50, 95, 100)]
        rows.append([name, *cells])
    lines += [
        markdown_table(["", "median", "p95", "longest"], rows),
        "",
        f"The aim is {AIM} at p95.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=50)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    beside = machine.other_programs()
    with tempfile.TemporaryDirectory() as folder:
        url, server = driver.start_app(Path(folder) / "log", FMNIST_ARTIFACTS=folder)
        try:
            with driver.browser() as browser:
                quiet = measure(browser, url, arguments.strokes)
                driver.train_original_recipe(browser, url)
                busy = measure(browser, url, arguments.strokes)
        finally:
            driver.stop_app(server)
    text = table(quiet, busy, beside)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
