"""The app and a browser, started for tests, benchmarks and pictures."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
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
"""Milliseconds to wait for what takes one: a machine of two cores, busy training, is slow."""

QUIET: Final = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') !== 'running'
    && !document.querySelector('[data-testid="stSkeleton"]');
}"""
"""True once the page's script has ended and everything is drawn."""


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


def start_app(log: Path, **environment: str) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Start the app on a free port and wait until it answers.

    Parameters
    ----------
    log : Path
        What the server prints is appended to it.
    **environment : str
        Environment variables, on top of this process's.

    Returns
    -------
    tuple of str and subprocess.Popen
        Its address and its process.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true",
                f"--server.port={port}", "--server.address=127.0.0.1",
                "--server.fileWatcherType=none",
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


def choose_preset(page: Page, name: str) -> None:
    """Press one of the Train page's presets."""
    main = page.get_by_test_id("stMain")
    main.get_by_role("radio", name=name).or_(main.get_by_role("button", name=name)).first.click()
