"""Measure the time from pen up to the new probabilities on screen, in a real browser.

    python benchmarks/draw_latency.py --photo FILE --write

Starts the app with the shipped models, and draws with the mouse: pen down, moves, pen up. The
browser measures from pen up to the frame after the bars of the prediction have changed, on the
built-in canvas and on streamlit-drawable-canvas, which waits 0.2 seconds for another stroke before
it sends one. A drawing of five strokes is repeated until there are enough strokes; a first drawing
does not count.

On the built-in canvas it also measures how soon the first answer comes while the pen is still down:
from the first move to the frame after the bars have changed.

With a photograph of a garment, it is uploaded and corrected: strokes of a brush that removes, and
boxes, in each of which the garment is found anew; measured from pen up to the same frame.

The floor is an app with a component that does nothing but send a number and show the number that
comes back, from one run of a fragment. All is repeated while FashionCNN trains in the app; server,
browser and training share the same cores. Needs Playwright and Chromium.
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import Browser, Page

from fmnist import paths
from fmnist.reports.text import markdown_table
from tools import driver, machine

TABLE = paths.BENCHMARK_TABLES / "draw_latency.md"
AIM = 0.3  # seconds, at the 95th percentile
Canvas = Literal["Built in", "drawable-canvas"]
PEN_PLACE: Final = ".st-key-draw-sheet :is(canvas.top, .upper-canvas)"
"""Where the mouse draws, on either canvas."""
BAG = (
    ((70, 130), (60, 270), (275, 272), (265, 128), (72, 130)),
    ((110, 130), (115, 70), (170, 50), (225, 72), (230, 128)),
    ((64, 170), (170, 180), (270, 170)),
    ((160, 165), (182, 165), (182, 195), (160, 195), (160, 165)),
    ((90, 220), (250, 222)),
)
"""Strokes on the canvas, in its pixels."""
PICTURE_PLACE: Final = ".st-key-draw-picture canvas"
"""Where the mouse corrects a picture."""
Correction = Literal["Box", "Remove"]

PREDICTION = (".st-key-draw-prediction", ".prediction")
GRAD_CAM = (".st-key-draw-grad-cam", "canvas")
"""Where the page answers a stroke: a component, and the element within that has its number."""

# The clock starts at the event. An event of the canvas is answered when the prediction, or Grad-CAM
# below it, has its number, and after pen up is about no growing stroke; one frame later it is on
# screen.
LISTEN = """([step, host, inside, event]) => {
  DEEP
  window.answered = new Promise((resolve, reject) => {
    const listen = () => {
      const begun = performance.now();
      const look = () => {
        const answer = deep(host, inside);  // there is no Grad-CAM before the first stroke
        const isDone = event !== 'pointerup' || answer?.dataset.growing !== 'true';
        if (answer && Number(answer.dataset.event) > step && isDone) {
          requestAnimationFrame(() => resolve(performance.now() - begun));
        } else if (performance.now() - begun > 60000) {
          reject(new Error('no answer'));
        } else {
          requestAnimationFrame(look);
        }
      };
      look();
    };
    document.addEventListener(event, listen, { once: true, capture: true });
  });
}""".replace("DEEP", driver.DEEP)

ECHO_APP = '''
import streamlit as st

echo = st.components.v2.component(
    "echo",
    html="<button>0</button>",
    js="""
      export default function ({ data, parentElement, setStateValue }) {
        const button = parentElement.querySelector("button");
        button.textContent = data.number;
        button.onclick = () => setStateValue("number", data.number + 1);
      }
    """,
)


@st.fragment
def show():
    sent = st.session_state.get("echo") or {}
    echo(key="echo", data={"number": sent.get("number") or 0}, on_number_change=lambda: None)


show()
'''
"""The least that a component can do: it sends a number, and shows what comes back."""

ECHO = """async (times) => {
  DEEP
  const found = [];
  const button = deep('body', 'button');
  for (let i = 0; i < times; i++) {
    const [before, begun] = [button.textContent, performance.now()];
    button.click();
    while (button.textContent === before) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    found.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return found;
}""".replace("DEEP", driver.DEEP)


def last_event(page: Page) -> int:
    """Number of the canvas event that the prediction on screen answers."""
    return int(page.locator(".st-key-draw-prediction .prediction").get_attribute("data-event") or 0)


def stroke(
    page: Page,
    points: tuple[tuple[int, int], ...],
    answer: tuple[str, str] = PREDICTION,
    place: str = PEN_PLACE,
) -> float:
    """Draw a stroke; returns milliseconds from pen up to the answer on screen."""
    box = page.locator(place).bounding_box()
    assert box
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    page.evaluate(LISTEN, [last_event(page), *answer, "pointerup"])
    page.mouse.up()
    milliseconds: float = page.evaluate("window.answered")
    return milliseconds


def first_answer(page: Page, points: tuple[tuple[int, int], ...]) -> float:
    """Draw a stroke; returns milliseconds from its first move to an answer while it is drawn."""
    box = page.locator(PEN_PLACE).bounding_box()
    assert box
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    page.evaluate(LISTEN, [last_event(page), *PREDICTION, "pointermove"])
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    milliseconds: float = page.evaluate("window.answered")
    page.evaluate(LISTEN, [last_event(page), *PREDICTION, "pointerup"])
    page.mouse.up()
    page.evaluate("window.answered")
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
    page.locator(".st-key-draw-sheet").get_by_role("button", name="Clear", exact=True).click()
    page.evaluate("window.cleared")


def open_canvas(browser: Browser, url: str, canvas: Canvas) -> Page:
    """The Draw page with a canvas, at rest."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(driver.SLOW)
    page.goto(f"{url}/draw")
    page.locator(PEN_PLACE).wait_for()
    page.locator(".st-key-draw-prediction .prediction").wait_for()
    driver.settle(page)
    if canvas == "drawable-canvas":
        page.get_by_role("combobox", name="Canvas").click()
        page.get_by_role("option", name=canvas).click()
        page.locator(".upper-canvas").wait_for()
        driver.settle(page)
    return page


def measure(
    browser: Browser,
    url: str,
    strokes: int,
    answer: tuple[str, str] = PREDICTION,
    canvas: Canvas = "Built in",
) -> list[float]:
    """Milliseconds of a number of strokes, after a drawing that does not count."""
    page = open_canvas(browser, url, canvas)
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


def measure_first(browser: Browser, url: str, strokes: int) -> list[float]:
    """Milliseconds to the first answer during a stroke, after a drawing that does not count."""
    page = open_canvas(browser, url, "Built in")
    times: list[float] = []
    while len(times) < strokes + len(BAG):
        for points in BAG:
            times.append(first_answer(page, points))
            page.wait_for_timeout(200)
        clear(page)
    page.close()
    return times[len(BAG) : strokes + len(BAG)]


def measure_corrections(
    browser: Browser, url: str, strokes: int, photo: Path, tool: Correction
) -> list[float]:
    """Milliseconds of corrections of a photograph, after five that do not count."""
    page = open_canvas(browser, url, "Built in")
    page.locator(".st-key-draw-sources input[type=file]").first.set_input_files(photo)
    page.locator(PICTURE_PLACE).wait_for()
    driver.settle(page)
    editor = page.locator(".st-key-draw-picture")
    editor.get_by_role("button", name="Adjust").click()
    editor.get_by_role("radio", name=tool).check()
    times: list[float] = []
    for number in range(strokes + 5):
        left = 80 + 5 * (number % 20)  # no two boxes in a row are the same
        points = ((left, 60), (left + 120, 270))
        times.append(stroke(page, points, place=PICTURE_PLACE))
        page.wait_for_timeout(200)
    page.close()
    return times[5:]


def measure_echo(browser: Browser, url: str, times: int) -> list[float]:
    """Milliseconds from an event to its echo, after five that do not count."""
    page = browser.new_page()
    page.set_default_timeout(driver.SLOW)
    page.goto(url)
    page.get_by_role("button", name="0", exact=True).wait_for()
    page.wait_for_function(driver.QUIET)
    found: list[float] = page.evaluate(ECHO, times + 5)
    page.close()
    return found[5:]


def measure_all(
    browser: Browser, url: str, echo_url: str, strokes: int, photo: Path | None
) -> dict[str, list[float]]:
    """Milliseconds by what is measured."""
    found = {
        "floor: the echo of an empty component": measure_echo(browser, echo_url, strokes),
        "built-in canvas: first move to an answer during the stroke": measure_first(
            browser, url, strokes
        ),
        "built-in canvas: pen up to the answer": measure(browser, url, strokes),
        "streamlit-drawable-canvas: pen up to the answer": measure(
            browser, url, strokes, canvas="drawable-canvas"
        ),
    }
    if photo:
        corrections: tuple[tuple[str, Correction], ...] = (
            ("a brush", "Remove"), ("a box", "Box"),
        )  # fmt: skip
        found |= {
            f"photograph corrected by {what}: pen up to the answer": measure_corrections(
                browser, url, strokes, photo, tool
            )
            for what, tool in corrections
        }
    return found


Times = Mapping[str, list[float]]


def table(alone: Times, training: Times, beside: str, photo: Path | None) -> str:
    """Write the result as a Markdown document."""
    count = len(next(iter(alone.values())))
    lines = [
        "# From pen up to the prediction",
        "",
        f"`python benchmarks/draw_latency.py --strokes {count}{' --photo FILE' if photo else ''} "
        f"--write`, {date.today()}; torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores; {count} times each. Seconds "
        "in the browser, until the new probabilities are on screen. streamlit-drawable-canvas "
        "waits for 0.2 of them for another stroke. “While training”: FashionCNN trains in the app "
        "with its original recipe; server, browser and training share the same cores.",
        "",
    ]
    if photo:
        with Image.open(photo) as picture:
            size = f"{picture.width} × {picture.height}"
        lines += [f"The photograph has {size} pixels. In a box, the garment is found anew.", ""]
    lines += [beside, ""] if beside else []
    rows = [
        [name, when, *(f"{np.percentile(times, q) / 1000:.3f}" for q in (50, 95, 100))]
        for when, found in (("alone", alone), ("while training", training))
        for name, times in found.items()
    ]
    lines += [
        markdown_table(["", "", "median", "p95", "longest"], rows),
        "",
        f"The aim is {AIM} at p95, alone, from pen up to the answer.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=50)
    parser.add_argument("--photo", type=Path, metavar="FILE", help="a photograph to correct")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    strokes, photo = arguments.strokes, arguments.photo
    if photo and not photo.is_file():
        parser.error(f"there is no file {photo}")
    beside = machine.other_programs()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        echo_app = folder / "echo.py"
        echo_app.write_text(ECHO_APP, encoding="utf-8")
        servers = []
        try:
            url, server = driver.start_app(folder / "log", FMNIST_ARTIFACTS=name)
            servers.append(server)
            echo_url, server = driver.start_app(folder / "echo-log", echo_app)
            servers.append(server)
            with driver.browser() as browser:
                alone = measure_all(browser, url, echo_url, strokes, photo)
                driver.train_original_recipe(browser, url)
                training = measure_all(browser, url, echo_url, strokes, photo)
        finally:
            for server in servers:
                driver.stop_app(server)
    text = table(alone, training, beside, photo)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
