"""A real server and a real browser."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tools import driver

expect.set_options(timeout=driver.SLOW)

FORGET = """try {
  if (!sessionStorage.getItem('begun')) localStorage.clear();
  sessionStorage.setItem('begun', 'yes');
} catch {}"""
"""JavaScript: a new tab knows nothing of what earlier tests have kept in the profile."""


@dataclass(frozen=True)
class Server:
    """A running app.

    Attributes
    ----------
    url : str
    artifacts : Path
        Where its runs are kept.
    process : subprocess.Popen
    """

    url: str
    artifacts: Path
    process: "subprocess.Popen[bytes]"

    @property
    def runs(self) -> Path:
        return self.artifacts / "runs"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if driver.find_chromium() is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium, or set CHROMIUM")
    with driver.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    context = driver.new_context(browser)
    yield context
    context.close()


@pytest.fixture
def context(shared_context: BrowserContext) -> Iterator[BrowserContext]:
    """The profile of all tests: a new one would read megabytes of scripts again for each test."""
    yield shared_context
    for page in shared_context.pages:
        page.close()
    shared_context.clear_cookies()
    shared_context.set_offline(False)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.add_init_script(FORGET)
    return page


@pytest.fixture
def other_context(browser: Browser) -> Iterator[BrowserContext]:
    """The browser of somebody else."""
    context = driver.new_context(browser)
    yield context
    context.close()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start the app with artifacts of its own; stopped at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(script: Path = driver.ROOT / "app.py", **environment: str) -> Server:
        settings = {
            "FMNIST_ARTIFACTS": str(tmp_path / "artifacts"),
            # nothing is found there: drawn garments, unless the test names a folder
            "FMNIST_DATA": "",
            "FMNIST_DOWNLOADS": str(tmp_path / "data"),
        }
        url, process = driver.start_app(tmp_path / "server.log", script, **(settings | environment))
        started.append(process)
        return Server(url, tmp_path / "artifacts", process)

    yield start
    for process in started:
        driver.stop_app(process)


@pytest.fixture(scope="session")
def bare_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app without data set and without own runs, shared by tests that change neither."""
    folder = tmp_path_factory.mktemp("bare")
    url, process = driver.start_app(
        folder / "server.log",
        FMNIST_ARTIFACTS=str(folder / "artifacts"),
        FMNIST_DATA="",
        FMNIST_DOWNLOADS=str(folder / "data"),
    )
    yield Server(url, folder / "artifacts", process)
    driver.stop_app(process)
