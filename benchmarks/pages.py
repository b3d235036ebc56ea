"""How long a person waits on the pages, in a real browser.

    python benchmarks/pages.py --write

Starts the real app with the shipped model and the real data set (FMNIST_DATA), 10,000 test images.
Measured in the browser itself, from the click to the moment the result is in the page: a click on
a cell of the confusion matrix until its images are shown; a click on a page's link until that page
is drawn; and, in a fresh browser context each time, the first load of a page. Everything is done
once beforehand (warm). The same again while a training of FashionCNN runs in the app, started from
the Train page; server, browser and training share the same cores. Needs Playwright and Chromium.

The floors are what Streamlit itself takes, measured in turn with the rest: an app of two empty
pages, on a server of its own, which switches between them and echoes a button.
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

CELL, ECHO, EMPTY = "click on a cell → its images", "echoed button", "switch of an empty page"
FLOOR = """
import streamlit as st

def one():
    st.title("One")
    st.button("Count", on_click=lambda: st.session_state.update(n=st.session_state.get("n", 0) + 1))
    st.text(f"Count {st.session_state.get('n', 0)}")

def two():
    st.title("Two")

st.navigation([st.Page(one, title="One"), st.Page(two, title="Two")]).run()
"""
"""An app that does nothing but what the floors need."""

# A frame after the last change, when it is on screen; asked anew at every frame. Chromium draws the
# page in front alone: one behind it has about a frame a second.
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
    page.bring_to_front()
    where = f'{{"true":{true},"predicted":{predicted}}}'
    shown = min(count, 100)
    first = f"{CLASS_NAMES[true]}, predicted as {CLASS_NAMES[predicted]}"
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
    page.bring_to_front()
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


def echo(page: Page, count: int) -> float:
    """Milliseconds from the click on the floor app's button to its echo."""
    page.bring_to_front()
    milliseconds: float = page.evaluate(
        f"""async echoed => {{
          const main = document.querySelector('[data-testid="stMain"]');
          const begun = performance.now();
          main.querySelector('button').click();
          await {WAIT % "main.innerText.includes(echoed)"}();
          return performance.now() - begun;
        }}""",
        f"Count {count}",
    )
    page.wait_for_timeout(200)
    return milliseconds


def switch_empty(page: Page, title: str) -> float:
    """Milliseconds from the click on the link of one of the floor app's pages to that page."""
    page.bring_to_front()
    milliseconds: float = page.evaluate(
        f"""async title => {{
          const link = [...document.querySelectorAll('[data-testid="stSidebarNavLink"]')]
            .find(link => link.innerText.trim().endsWith(title));
          const begun = performance.now();
          link.click();
          await {WAIT % "document.querySelector('h1')?.innerText.startsWith(title)"}();
          await {WAIT % QUIET}();
          return performance.now() - begun;
        }}""",
        title,
    )
    page.wait_for_timeout(300)
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


def measure(browser: Browser, url: str, floor_url: str, repetitions: int) -> dict[str, list[float]]:
    """Milliseconds of everything, `repetitions` times, after once without counting."""
    run = store.open_run(paths.pretrained_folder(), MODEL)
    confusion = Evaluation.load(run.evaluation_path("test")).confusion
    pairs = most_confused_pairs(confusion, 10)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(driver.SLOW)
    page = context.new_page()
    page.goto(f"{url}/confusion?run={MODEL}")
    page.locator(".st-key-confusion-images .tile").first.wait_for()
    floor = context.new_page()
    floor.goto(floor_url)
    floor.get_by_role("button", name="Count").wait_for()
    result: dict[str, list[float]] = {ECHO: [], CELL: [], EMPTY: []}
    for number in range(repetitions + 1):
        pair = pairs[number % len(pairs)]
        taken = click_cell(page, pair.true_label, pair.predicted_label, pair.count)
        echoed = echo(floor, number + 1)
        if number:
            result[CELL].append(taken)
            result[ECHO].append(echoed)
        page.wait_for_timeout(200)
    for number in range(repetitions + 1):
        for title in SWITCHES:
            taken = switch(page, title)
            if number:
                result.setdefault(f"switch to {title}", []).append(taken)
        empty = [switch_empty(floor, title) for title in ("Two", "One")]
        if number:
            result[EMPTY].extend(empty)
    context.close()
    for number in range(repetitions + 1):
        taken = first_load(browser, url)
        if number:
            result.setdefault("first load of Confusion", []).append(taken)
    return result


def table(quiet: dict[str, list[float]], busy: dict[str, list[float]], repetitions: int) -> str:
    """The result as a Markdown document."""
    switches = [name for name in quiet if name.startswith("switch to")]
    everything = "all page switches"
    for times in (quiet, busy):
        times[everything] = [value for name in switches for value in times[name]]
    floors = {CELL: ECHO} | dict.fromkeys((*switches, everything), EMPTY)
    rows = []
    for name in quiet:
        cells = [name]
        for times in (quiet, busy):
            p50, p95 = np.percentile(times[name], (50, 95)) / 1000
            cells += [f"{p50:.2f}", f"{p95:.2f}"]
            floor = floors.get(name)
            ratio = 1000 * p95 / np.percentile(times[floor], 95) if floor else None
            cells.append("–" if ratio is None else f"{ratio:.2f}")
        rows.append(cells)
    lines = [
        "# How long a person waits",
        "",
        f"`python benchmarks/pages.py --repetitions {repetitions} --write`, {date.today()}; torch "
        f"{torch.__version__}, {torch.get_num_threads()} threads, Python "
        f"{platform.python_version()}; 10,000 test images, {repetitions} repetitions each, warm. "
        "Seconds in the browser, from the click to the result on screen. “Training”: "
        "FashionCNN's original recipe runs in the app; server, browser and training share the same "
        f"cores. The ratio is that of the 95th percentiles to the floor's: of “{CELL}” to "
        f"“{ECHO}”, of the switches to “{EMPTY}”. The floors are an app of two empty pages on a "
        "server of its own, measured in turn.",
        "",
        markdown_table(
            [
                "", "median", "p95", "p95 / floor", "median, training", "p95, training",
                "p95 / floor, training",
            ],
            rows,
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        floor_script = Path(folder) / "floor.py"
        floor_script.write_text(FLOOR, encoding="utf-8")
        url, server = driver.start_app(Path(folder) / "log", FMNIST_ARTIFACTS=folder)
        floor_url, floor_server = driver.start_app(Path(folder) / "floor.log", floor_script)
        try:
            with driver.browser() as browser:
                quiet = measure(browser, url, floor_url, arguments.repetitions)
                driver.train_original_recipe(browser, url)
                busy = measure(browser, url, floor_url, arguments.repetitions)
        finally:
            driver.stop_app(server)
            driver.stop_app(floor_server)
    text = table(quiet, busy, arguments.repetitions)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
