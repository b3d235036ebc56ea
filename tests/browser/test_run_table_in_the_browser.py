"""A person at a browser works with the table of runs: from its rows, and with several at once."""

import re
import shutil

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from fmnist.runs import store
from fmnist.runs.run import Run
from tests.browser.conftest import Server
from tools import driver
from tools.driver import settle
from tools.made_up_run import made_up_run

HEADER, ROW = 36, 35  # pixels
STAR, NAME = 1, 2  # columns of the table, after the one that selects rows

BUTTONS = {"star": 53, "open": 285, "actions": 347}
"""Where they are in a row, in pixels."""


@pytest.fixture
def server(own_server: Server) -> Server:
    """Three runs and no others, the newest first: Gamma, Beta, Alpha."""
    for path in own_server.runs.iterdir():
        shutil.rmtree(path)
    for name in ("Alpha", "Beta", "Gamma"):
        made_up_run(own_server.runs, name=name, folder=name.lower())
    return own_server


def table(page: Page) -> Locator:
    return page.locator("[class*='st-key-run-table-']")


def rows(page: Page, *names: str) -> None:
    """The table has exactly these rows, in this order."""
    settle(page)
    table(page).scroll_into_view_if_needed()  # elsewhere it has no cells
    for row, name in enumerate(names):
        expect(table(page).get_by_test_id(f"glide-cell-{NAME}-{row}")).to_have_text(name)
    expect(table(page).get_by_test_id(f"glide-cell-{NAME}-{len(names)}")).to_have_count(0)
    settle(page)


def click(page: Page, x: float, row: int) -> None:
    position = {"x": x, "y": HEADER + ROW * (row + 0.5)}
    table(page).locator(".dvn-scroller").click(position=position)  # type: ignore[arg-type]


def press(page: Page, button: str, row: int) -> None:
    """Press one of a row's `BUTTONS`."""
    settle(page)
    click(page, BUTTONS[button], row)


def act(page: Page, row: int, action: str) -> None:
    """Choose one of a row's actions."""
    press(page, "actions", row)
    page.get_by_role("menuitem", name=action).click()


def runs_on_disk(server: Server) -> dict[str, Run]:
    return {run.run_id: run for run in store.list_runs(server.runs)}


def test_a_run_is_opened_starred_renamed_and_deleted_from_its_row(
    page: Page, server: Server
) -> None:
    page.goto(f"{server.url}/train")
    rows(page, "Gamma", "Beta", "Alpha")
    press(page, "open", 1)
    expect(page).to_have_url(re.compile(r"run=beta(&|$)"))
    expect(page.locator(".st-key-progress-head").get_by_text("Beta")).to_be_visible()

    press(page, "star", 0)
    expect(table(page).get_by_test_id(f"glide-cell-{STAR}-0")).to_have_text("★")
    expect(page.get_by_text("Favorites only")).to_be_visible()

    act(page, 0, "Edit")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Delta")
    dialog.get_by_label("Notes").fill("renamed")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    rows(page, "Delta", "Beta", "Alpha")
    run = runs_on_disk(server)["gamma"]
    assert (run.name, run.annotations.notes, run.annotations.favorite) == ("Delta", "renamed", True)

    act(page, 2, "Delete")
    expect(page.get_by_text("Alpha was deleted.")).to_be_visible()
    rows(page, "Delta", "Beta")
    page.get_by_role("button", name="Undo").click()
    rows(page, "Delta", "Beta", "Alpha")
    page.reload()
    rows(page, "Delta", "Beta", "Alpha")


def test_several_are_deleted_and_brought_back(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/train")
    rows(page, "Gamma", "Beta", "Alpha")
    for row in (0, 2):
        click(page, 16, row)
        settle(page)
    page.get_by_role("button", name="Delete 2 runs").click()
    expect(page.get_by_text("2 runs were deleted.")).to_be_visible()
    rows(page, "Beta")
    assert runs_on_disk(server).keys() == {"beta"}
    page.get_by_role("button", name="Undo").click()
    rows(page, "Gamma", "Beta", "Alpha")
    page.reload()
    rows(page, "Gamma", "Beta", "Alpha")
    assert runs_on_disk(server).keys() == {"alpha", "beta", "gamma"}


def test_the_browser_remembers_how_the_table_was_left(
    page: Page, browser: Browser, server: Server
) -> None:
    page.goto(f"{server.url}/train")
    rows(page, "Gamma", "Beta", "Alpha")
    page.get_by_role("button", name="View").click()
    page.get_by_text("Descending", exact=True).click()
    settle(page)
    page.keyboard.press("Escape")
    rows(page, "Alpha", "Beta", "Gamma")
    search = page.get_by_role("searchbox", name="Search")
    search.fill("beta")
    search.press("Enter")
    settle(page)
    page.wait_for_function("document.cookie.includes('beta')")
    kept = page.context.storage_state()
    (cookie,) = [each for each in kept["cookies"] if each["name"] == "fmnist-runs"]
    assert cookie["expires"] > 0  # it stays when the browser is closed

    again = driver.new_context(browser, storage_state=kept)
    visit = again.new_page()
    visit.goto(f"{server.url}/train")
    settle(visit)
    expect(visit.get_by_role("searchbox", name="Search")).to_have_value("beta")
    visit.get_by_role("searchbox", name="Search").fill("")
    visit.get_by_role("searchbox", name="Search").press("Enter")
    rows(visit, "Alpha", "Beta", "Gamma")
    again.close()

    others = driver.new_context(browser)
    theirs = others.new_page()
    theirs.goto(f"{server.url}/train")
    rows(theirs, "Gamma", "Beta", "Alpha")
    others.close()
