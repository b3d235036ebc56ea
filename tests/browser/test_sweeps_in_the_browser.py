"""A sweep from its start on the page to the run that is measured, through a dead server."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.sweeps import sweep as sweeps
from fmnist.sweeps.sweep import Sweep
from fmnist.sweeps.trials import Trial, Trials
from tests.browser.conftest import Server
from tools.driver import SLOW, choose_preset, fits_the_screen, settle, small_run

StartServer = Callable[..., Server]
LONG = 600_000  # ms for all runs, on a busy machine


def choose(page: Page, label: str, *options: str) -> None:
    """Add options to a list."""
    for option in options:
        page.get_by_label(label, exact=True).first.click()
        page.get_by_role("option", name=option, exact=True).click()
        page.keyboard.press("Escape")
        settle(page)


def start_sweep(page: Page, server: Server, *, runs: int) -> None:
    """Start a sweep over learning rate and batch size from the Train page."""
    page.goto(f"{server.url}/train")
    settle(page)
    choose_preset(page, "Original recipe")
    small_run(page, epochs=3, images=300)
    settle(page)
    page.get_by_role("button", name="Try several").click()
    page.get_by_role("heading", name="Sweeps", level=1).wait_for()
    settle(page)
    choose(page, "Settings to try", "Batch size")
    field = page.get_by_role("spinbutton", name="Runs", exact=True)
    field.fill(str(runs))
    field.press("Enter")
    settle(page)
    page.get_by_role("button", name="Start sweep").click()


def only_sweep() -> Sweep:
    (sweep,) = sweeps.list_sweeps()
    return sweep


def trials() -> list[Trial]:
    return Trials(only_sweep()).all()


def wait_for_runs(page: Page, number: int, of: int) -> None:
    done = "|".join(map(str, range(number, of + 1)))
    bar = page.get_by_text(re.compile(f"^({done}) of {of} runs done"))
    expect(bar).to_be_visible(timeout=LONG)


@pytest.mark.slow
def test_ten_runs_one_killed_resumed_and_its_charts_clicked(
    page: Page, start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    server = start_server()
    start_sweep(page, server, runs=10)
    wait_for_runs(page, 3, 10)
    address = page.url
    server.process.send_signal(signal.SIGKILL)  # in the middle of a run
    server.process.wait()
    before = trials()
    assert "running" in {trial.state for trial in before} and only_sweep().workers() == 0

    again = start_server()
    page.goto(address.replace(server.url, again.url))
    settle(page)
    page.get_by_role("button", name="Resume", exact=True).click()
    wait_for_runs(page, 10, 10)
    head = page.locator(".st-key-sweep-head")
    expect(head.get_by_text(re.compile("Finished$")).first).to_be_visible(timeout=SLOW)
    found = trials()
    runs: dict[str, Run] = {run.run_id: run for run in store.list_runs(again.runs)}
    assert [t.params for t in found[: len(before)]] == [t.params for t in before]
    assert [t.run_id for t in found[: len(before)]] == [t.run_id for t in before]
    assert len([t for t in found if t.state != "failed"]) == 10 and len(runs) == len(found)
    assert not any(run.evaluation_path("test").exists() for run in runs.values())
    for trial in found:
        assert [*trial.accuracies] == [e.epoch for e in runs[str(trial.run_id)].history.epochs]

    click_the_charts(page, found)
    measure(page, found, runs)
    fits_the_screen(page)


POINTS = """() => [...document.querySelectorAll("[class*='st-key-sweep-curves'] svg path")]
    .filter(path => path.getAttribute('fill') == '#fff')
    .map(path => path.getBoundingClientRect())
    .map(box => [box.x + box.width / 2, box.y + box.height / 2])"""
LINES = """() => [...document.querySelectorAll("[class*='st-key-sweep-values'] svg path")]
    .filter(path => path.getAttribute('fill') == 'none')
    .filter(path => path.getBoundingClientRect().width > 200)
    .map(path => {
        const at = path.getPointAtLength(0.04 * path.getTotalLength()), to = path.getScreenCTM();
        return [at.x * to.a + to.e, at.y * to.d + to.f];
    })"""


def click_one(page: Page, chart: str, places: str, number: int, run: str) -> None:
    """Click a point or a line of a chart, and wait until the page shows that run."""
    page.locator(f"[class*='st-key-{chart}']").scroll_into_view_if_needed()
    page.wait_for_function(f"({places})().length > 2")
    settle(page)
    x, y = page.evaluate(places)[number]
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    settle(page)
    opened = page.locator(".st-key-sweep-opened")
    told = re.compile(f"Run {run} is shown on all pages")
    expect(opened).to_contain_text(told, timeout=SLOW)
    settle(page)


def click_the_charts(page: Page, found: list[Trial]) -> None:
    """A point of a curve, a line of the values and a row open their runs."""
    settle(page)
    click_one(page, "sweep-curves", POINTS, 0, r"\d+")
    drawn = [trial.number + 1 for trial in found if trial.accuracies]
    click_one(page, "sweep-values", LINES, 1, str(drawn[1]))
    table = page.locator("[class*='st-key-sweep-runs']").get_by_test_id("stDataFrameResizable")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 20, "y": 55})  # its first row
    opened = page.locator(".st-key-sweep-opened")
    expect(opened).to_contain_text("Run 1 is shown on all pages", timeout=SLOW)
    settle(page)
    opened.get_by_role("link", name="Its training").click()
    page.get_by_role("heading", name="Train", level=1).wait_for()
    settle(page)
    expect(page.locator(".st-key-run-sweep")).to_contain_text("Run 1 of the sweep", timeout=SLOW)
    page.get_by_role("button", name="Show the sweep").click()
    page.get_by_role("heading", name="Sweeps", level=1).wait_for()
    settle(page)


def measure(page: Page, found: list[Trial], runs: dict[str, Run]) -> None:
    """The best run is measured, and no other."""
    page.get_by_role("button", name=re.compile("Measure run .* on the test images")).click()
    expect(page.get_by_text("measured once: test accuracy")).to_be_visible(timeout=LONG)
    (measured,) = [run for run in runs.values() if run.evaluation_path("test").exists()]
    finished = [t for t in found if t.state == "finished" and t.value is not None]
    best = max(finished, key=lambda trial: trial.value or 0.0)
    assert measured.run_id == best.run_id == only_sweep().measured_run()
    expect(page.get_by_role("button", name=re.compile("Measure run"))).to_have_count(0)
