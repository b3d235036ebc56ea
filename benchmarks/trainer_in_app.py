"""Images per second of a training in the app: alone, watched by a page, and under clicks.

    python benchmarks/trainer_in_app.py --write

Starts the real app, trains FashionCNN from the Train page's own button, and reads the run's
progress from its folder. "Alone": the browser is closed. "Watched": the Train page is open and
polls. "Under clicks": a page is opened after the other without pause. The three are measured in
turn, several rounds, in one run; what counts is their ratio to "alone", since machines differ and
the browser takes its share of the same cores. Needs Playwright and Chromium (requirements-dev.txt)
and the real data set (FMNIST_DATA).
"""

import argparse
import platform
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

import torch
from playwright.sync_api import Browser, Page

from fmnist import paths
from fmnist.reports.text import markdown_table
from fmnist.runs import store
from tools import driver

TABLE = paths.BENCHMARK_TABLES / "trainer_in_app.md"
NOT_RUNNING = (
    "() => document.querySelector('[data-testid=stApp]')"
    ".getAttribute('data-test-script-state') !== 'running'"
)
WAYS = ("alone", "watched", "under clicks")


def step_now(artifacts: Path) -> tuple[int, float]:
    """Step of the newest run and its training seconds."""
    progress = store.list_runs(artifacts / "runs")[0].progress
    return progress.step, progress.seconds


def pace(artifacts: Path, seconds: float, act: Page | None) -> float:
    """Images a second over a stretch of time, while a person does nothing, or clicks."""
    first_step, first_seconds = step_now(artifacts)
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if act is None:
            time.sleep(0.5)
            continue
        for name in ("Start", "Data", "Train"):
            act.get_by_role("link", name=name, exact=True).first.click()
            act.wait_for_function(NOT_RUNNING)
    last_step, last_seconds = step_now(artifacts)
    return 128 * (last_step - first_step) / (last_seconds - first_seconds)


def measure(browser: Browser, artifacts: Path, url: str, *, rounds: int, seconds: float) -> (
    dict[str, list[float]]
):  # fmt: skip
    """Images a second of each way, in turn, `rounds` times."""
    driver.train_original_recipe(browser, url)
    result: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            viewer = None
            if way != "alone":
                viewer = browser.new_page(viewport={"width": 1280, "height": 900})
                viewer.set_default_timeout(120_000)
                viewer.goto(f"{url}/train")
                viewer.locator(".st-key-loss svg path >> nth=0").wait_for()
            time.sleep(3)  # the status file is a second old at most
            images = pace(artifacts, seconds, viewer if way == "under clicks" else None)
            result[way].append(images)
            print(f"round {number + 1}, {way}: {images:,.0f} images a second", flush=True)
            if viewer:
                viewer.close()
    return result


def table(result: dict[str, list[float]], arguments: argparse.Namespace) -> str:
    """The result as a Markdown document."""
    alone = statistics.median(result["alone"])
    lines = [
        "# A training in the app: alone, watched, under clicks",
        "",
        f"`python benchmarks/trainer_in_app.py --rounds {arguments.rounds} "
        f"--seconds {arguments.seconds:g} --write`, {date.today()}; torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, Python {platform.python_version()}. Images per second "
        "of FashionCNN on the real data set, the three measured in turn; the browser runs on the "
        "same cores as the training.",
        "",
    ]
    titles = ["", *(f"round {i + 1}" for i in range(arguments.rounds)), "median", "ratio to alone"]
    rows = []
    for way, values in result.items():
        median = statistics.median(values)
        cells = [f"{value:,.0f}" for value in (*values, median)]
        rows.append([way, *cells, f"{median / alone:.2f}"])
    lines.append(markdown_table(titles, rows))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder)
        url, server = driver.start_app(artifacts / "log", FMNIST_ARTIFACTS=folder)
        try:
            with driver.browser() as browser:
                result = measure(
                    browser, artifacts, url, rounds=arguments.rounds, seconds=arguments.seconds
                )
        finally:
            driver.stop_app(server)
    text = table(result, arguments)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
