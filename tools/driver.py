"""The app and a browser, started for tests, benchmarks and pictures."""

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from fmnist import paths

ROOT: Final = paths.PROJECT
CHROMIUM_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SLOW: Final = 120_000
"""Milliseconds to wait for what takes one: on a machine of two cores that others keep busy, torch
alone may take minutes to import."""

WATCH: Final = """(() => {
  const watch = window.__watch = { pressed: -1e9, told: -1e9, waits: false };
  const note = () => { watch.pressed = performance.now(); };
  for (const kind of ['pointerup', 'keydown', 'input'])
    addEventListener(kind, note, { capture: true, passive: true });
  const seen = new WeakSet();
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (data instanceof Uint8Array && data[0] === 0x5a) {  // BackMsg.rerun_script
      watch.waits = true;
      if (!seen.has(this)) {
        seen.add(this);
        this.addEventListener('message', () => {
          watch.waits = false;
          watch.told = performance.now();
        });
      }
    }
    return send.apply(this, arguments);
  };
})();"""
"""JavaScript, run before a page's own: what was pressed when, and whether the server has answered.

Streamlit says that a script runs once the server has told the page so, which is some time after a
click. A page that was looked at in between would seem to rest.
"""

QUIET: Final = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.getAttribute('data-test-script-state') === 'running') return false;
  if (document.querySelector('[data-testid="stSkeleton"]')) return false;
  const watch = window.__watch, now = performance.now();
  // sliders, tables and text fields wait up to 200 ms for more before they tell the server
  return !watch || (!watch.waits && now - watch.told > 60 && now - watch.pressed > 250);
}"""
"""True once the page's script has ended, everything is drawn, and the server knows all that was
pressed."""

DEEP: Final = """const deep = (key, inside) => {
  const host = document.querySelector(key);
  if (!host) return null;
  for (const e of [host, ...host.querySelectorAll('*')])
    if (e.shadowRoot) { const found = e.shadowRoot.querySelector(inside); if (found) return found; }
  return null;
};"""
"""JavaScript: `deep(host, selector)` finds an element in the shadow tree of a component."""


def new_context(browser: Browser, *, width: int = 1280, **options: Any) -> BrowserContext:
    """A profile of a browser, whose pages `settle` can wait for; options as Playwright's."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(SLOW)
    context.add_init_script(WATCH)
    return context


def find_chromium() -> str | None:
    """Path of a Chromium: the one in `CHROMIUM`, or Debian's."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(CHROMIUM_FLAGS)
        )
        yield started
        started.close()


def start_app(
    log: Path, script: Path = ROOT / "app.py", port: int = 0, /, **environment: str
) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Start an app and wait until it answers.

    Parameters
    ----------
    log : Path
        What the server prints is appended to it.
    script : Path
        The app's script.
    port : int
        0 for a free one.
    **environment : str
        Environment variables, on top of this process's.

    Returns
    -------
    tuple of str and subprocess.Popen
        Its address and its process.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = port or probe.getsockname()[1]
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true",
                f"--server.port={port}", "--server.address=127.0.0.1",
            ],
            cwd=ROOT, env=os.environ | environment, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    # retries stand in for an event: a server has no other way to say that it listens
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return url, process
        except OSError:
            pass
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError("the server did not come up")


def stop_app(process: "subprocess.Popen[bytes]") -> None:
    """End the app; a run under way is written to disk first."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def settle(page: Page) -> None:
    """Wait until the page is drawn and rests, so that it listens to what is pressed next.

    An app whose script has not begun rests, too; the title tells the two apart.
    """
    page.get_by_test_id("stMain").get_by_role("heading", level=1).wait_for()
    page.wait_for_function(QUIET)


def fits_the_screen(page: Page) -> None:
    """Assert that the page is no wider than the screen of a desktop, nor than that of a phone."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        # charts take on the new width a moment later
        page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")


def choose_preset(page: Page, name: str) -> None:
    """Press one of the Train page's presets."""
    page.get_by_test_id("stMain").get_by_role("button", name=name).click()


def _set_number(page: Page, label: str, value: int) -> None:
    field = page.get_by_role("spinbutton", name=label, exact=True)
    field.fill(str(value))
    field.press("Enter")
    expect(field).to_have_value(str(value), timeout=SLOW)


def _wait_for_original_recipe(page: Page) -> None:
    caption = page.locator(".st-key-launch").get_by_text("FashionCNN, 20 epochs.")
    expect(caption).to_be_visible(timeout=SLOW)  # the pressed button's tooltip says so, too
    settle(page)


def small_run(page: Page, *, epochs: int = 3, images: int = 1000, log_every: int = 2) -> None:
    """Choose settings of a run on the Train page, whose epochs take a second or so."""
    choose_preset(page, "Original recipe")
    # its settings come with the page that the server draws next, over whatever is typed until then
    _wait_for_original_recipe(page)
    page.get_by_text("Settings", exact=True).first.click()
    _set_number(page, "Epochs", epochs)
    _set_number(page, "Training images", images)
    _set_number(page, "Steps per log entry", log_every)


def start_training(page: Page) -> str:
    """Press the Train page's button, and wait until it shows the new run and no other.

    The run shown before may look like the new one: it has finished, and has curves and a slider.

    Returns
    -------
    str
        The new run's id.
    """
    shown = parse_qs(urlsplit(page.url).query).get("run", ["none"])[0]
    page.get_by_role("button", name="Start training", exact=True).click()
    # the address of a page just opened may still get the shipped model's name
    new_run = re.compile(rf"[?&]run=(?!{re.escape(shown)}(&|$))\d{{8}}-\d{{6}}-")
    expect(page).to_have_url(new_run, timeout=SLOW)
    run_id = parse_qs(urlsplit(page.url).query)["run"][0]
    watched = page.locator("[class*='st-key-watched-']")
    expect(watched).to_have_count(1, timeout=SLOW)
    expect(watched).to_have_class(re.compile(re.escape(run_id)), timeout=SLOW)
    page.locator(f".st-key-watched-{run_id} .st-key-progress-head").wait_for(timeout=SLOW)
    return run_id


def train_original_recipe(browser: Browser, url: str) -> None:
    """Start FashionCNN's original recipe from the Train page, and wait until it is under way."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SLOW)
    page.goto(f"{url}/train")
    settle(page)
    choose_preset(page, "Original recipe")
    _wait_for_original_recipe(page)
    start_training(page)
    page.get_by_text("evaluated epochs").wait_for()
    page.close()
