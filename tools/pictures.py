"""Take the README's pictures from the real app: python -m tools.pictures

Starts the app, trains a quick look by clicking and a small sweep, and saves each page to
docs/<page>.png, light, at 1280 pixels; with --check FOLDER also dark and at 390 pixels, to look at.
--pages takes some of them only. Needs Playwright and Chromium (requirements-dev.txt), and the real
data set (FMNIST_DATA or ./data).
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from fmnist import paths
from tools import driver

PAGES = {
    "start": "",
    "train": "train",
    "sweeps": "sweeps",
    "confusion": "confusion?true=6&predicted=0&correctness=all",
    "errors": "errors",
    "detail": "errors?split=validation&true=6&predicted=2&correctness=all&image=56584",
    "confidence": "confidence",
    "explain": "explain?split=test&image=2914",
    "map": "map?correctness=all",
    "compare": "compare",
    "export": "export",
    "draw": "draw",
    "data": "data",
}


TALLEST = 1600  # a wall of images goes on


def train_quick_look(browser: Browser, url: str) -> str:
    """Train a run from the Train page; returns the page's address."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(driver.SLOW)
    page.goto(f"{url}/train")
    driver.settle(page)
    driver.start_training(page)
    head = page.locator(".st-key-progress-head")
    head.get_by_text(re.compile("Finished$")).first.wait_for(timeout=600_000)
    address = page.url
    page.close()
    return address


def sweep_a_little(artifacts: str) -> None:
    """Train a small sweep, which the Sweeps page then shows."""
    subprocess.run(
        [
            sys.executable, "-m", "fmnist", "sweep", "--name", "Small sweep", "--runs", "12",
            "--try", "learning_rate=0.0001..0.1:log", "--try", "optimizer=adam,sgd",
            "--try", "batch_size=32,64,128", "--model", "mlp", "--epochs", "4", "--subset", "2000",
        ],
        cwd=paths.PROJECT, env=os.environ | {"FMNIST_ARTIFACTS": artifacts}, check=True,
    )  # fmt: skip


def put_on_the_sheet(page: Page, example: str) -> None:
    """Have an example drawn, and wait for the answer."""
    page.get_by_role("button", name=example, exact=True).click()
    page.locator(".st-key-draw-prediction .prediction:not([data-tone=none])").wait_for()
    page.mouse.move(0, 0)  # away from the button, whose look differs below the pointer


def take(browser: Browser, address: str, path: Path, *, width: int, dark: bool) -> None:
    """Save a picture of a whole page."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    page.set_default_timeout(driver.SLOW)
    page.goto(address)
    driver.settle(page)
    page.wait_for_load_state("networkidle")
    driver.settle(page)  # what was still to be fetched is drawn
    if path.stem.startswith("explain"):
        page.locator(".st-key-explain-maps img").nth(1).wait_for()
        driver.settle(page)
    if path.stem.startswith("map"):
        page.locator(".stage").wait_for()
        compute = page.get_by_role("button", name="Compute the PaCMAP map")
        if compute.is_visible():
            compute.click()
        page.get_by_text("Trustworthiness").wait_for(timeout=600_000)
        driver.settle(page)
    if path.stem.startswith("export"):
        start = page.get_by_role("button", name="Export as ONNX", exact=True)
        if start.is_visible():
            start.click()
        page.get_by_text("Checked on all").wait_for(timeout=600_000)
        driver.settle(page)
    if path.stem.startswith("draw"):
        put_on_the_sheet(page, "Ankle boot")
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(int(height), 900), TALLEST)})
    page.wait_for_timeout(2000)  # charts redraw to the new size, which no event tells
    page.screenshot(path=path)
    page.close()
    print(path)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path, metavar="FOLDER")
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES), metavar="PAGE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url, server = driver.start_app(Path(folder) / "log", FMNIST_ARTIFACTS=folder)
        try:
            with driver.browser() as browser:
                for name in arguments.pages:
                    path = PAGES[name]
                    joint = "&" if "?" in path else "?"
                    address = f"{url}/{path}{joint}run=fashion-cnn"
                    if name == "train":
                        address = train_quick_look(browser, url)
                    if name == "sweeps":
                        sweep_a_little(folder)
                    take(
                        browser,
                        address,
                        paths.PROJECT / "docs" / f"{name}.png",
                        width=1280,
                        dark=False,
                    )
                    if arguments.check:
                        arguments.check.mkdir(parents=True, exist_ok=True)
                        for width, dark in ((1280, True), (390, False), (390, True)):
                            target = f"{name}-{width}{'-dark' if dark else ''}.png"
                            take(browser, address, arguments.check / target, width=width, dark=dark)
        finally:
            driver.stop_app(server)


if __name__ == "__main__":
    main()
