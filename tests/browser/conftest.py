"""A real server and a real browser."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
STILL = """(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('[data-testid="stSkeleton"] { animation: none !important }');
  document.adoptedStyleSheets.push(sheet);
})();"""
"""JavaScript: what stands for parts to come does not pulse, which a machine without a graphics card
draws sixty times a second, at the cost of the server that it waits for."""


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


@contextmanager
def new_profile(browser: Browser) -> Iterator[BrowserContext]:
    context = driver.new_context(browser)
    context.add_init_script(STILL)
    yield context
    context.close()


@pytest.fixture(scope="session")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    with new_profile(browser) as context:
        yield context


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
    with new_profile(browser) as context:
        yield context


@contextmanager
def serving(
    folder: Path, script: Path = driver.ROOT / "app.py", **environment: str
) -> Iterator[Server]:
    """The app with artifacts of its own, until the block ends."""
    settings = {
        "FMNIST_ARTIFACTS": str(folder / "artifacts"),
        # nothing is found there: drawn garments, unless the test names a folder
        "FMNIST_DATA": "",
        "FMNIST_DOWNLOADS": str(folder / "data"),
    }
    url, process = driver.start_app(folder / "server.log", script, **(settings | environment))
    try:
        yield Server(url, folder / "artifacts", process)
    finally:
        driver.stop_app(process)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start the app with artifacts of its own; stopped at the end of the test."""
    with ExitStack() as started:
        yield lambda *script, **environment: started.enter_context(
            serving(tmp_path, *script, **environment)
        )


@pytest.fixture(scope="session")
def own_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app without data set, to which tests give runs of their own, and name them in addresses.

    Shared, since the first pages of a server take ten seconds of a processor: it imports torch,
    and draws its garments.
    """
    with serving(tmp_path_factory.mktemp("own"), no_proxy="*") as server:
        server.runs.mkdir(parents=True)
        yield server


@pytest.fixture(scope="session")
def data_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app with the real data set, where this machine has it; shared like `own_server`."""
    folder = tmp_path_factory.mktemp("real")
    with serving(folder, FMNIST_DATA=os.environ.get("FMNIST_DATA", "")) as server:
        yield server


@pytest.fixture(scope="session")
def bare_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app without data set and without own runs, shared by tests that change neither."""
    with serving(tmp_path_factory.mktemp("bare")) as server:
        yield server
