"""Reports in a browser: downloaded from the pages, and opened without network."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request

from fmnist.reports.reporting import report
from tests.browser.conftest import Server
from tests.reports.html_file import check_self_contained
from tests.reports.test_comparison_report import two_runs
from tests.reports.test_run_report import of_pixels
from tools import driver
from tools.made_up_run import made_up_run

LONG = "Ein-sehr-langer-Name-ohne-Leerzeichen-" * 2


def run_file(folder: Path) -> Path:
    path = folder / "run.html"
    run = made_up_run(folder / "one", name=LONG, epochs=12)
    path.write_text(report([run], dataset=of_pixels()), "utf-8")
    return path


def comparison_file(folder: Path) -> Path:
    path = folder / "comparison.html"
    runs = [*two_runs(folder / "two"), made_up_run(folder / "two", name=LONG)]
    path.write_text(report(runs, dataset=of_pixels()), "utf-8")
    return path


@pytest.mark.parametrize("make", [run_file, comparison_file])
def test_a_report_opens_without_network(
    browser: Browser, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    backgrounds = set()
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                offline=True,
            )
            page = context.new_page()
            complaints = _complaints(page)
            page.goto(path.as_uri())
            for opened in page.locator("summary").all():
                opened.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(_CUT) == []
            assert page.evaluate("[...document.images].every(i => i.naturalWidth === 28)")
            backgrounds.add(
                (scheme, page.evaluate("getComputedStyle(document.body).backgroundColor"))
            )
            assert complaints == []
            _check_print(page, tmp_path / "print.pdf")
            context.close()
    assert len(backgrounds) == 2 and len({color for _, color in backgrounds}) == 2


_CUT = """() => [...document.querySelectorAll('p, h1, h2, h3, dd, li, figcaption, .matrix td')]
  .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
    && getComputedStyle(e).display !== 'inline')
  .map(e => e.textContent.slice(0, 60))"""
"""JavaScript: texts that are wider than their place."""


def _complaints(page: Page) -> list[str]:
    """What the console says, and what the page asks of the network, from now on."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))

    def ask(request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            told.append(request.url)

    page.on("request", ask)
    return told


def _check_print(page: Page, path: Path) -> None:
    """Printed, the page is light, as wide as A4 allows, and several sheets long."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1000})  # 182 mm
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.pdf(path=path, prefer_css_page_size=True)
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 3
    assert set(re.findall(rb"/MediaBox \[0 0 (\d+)", content)) <= {b"594", b"595", b"596"}


def test_reports_are_downloaded_from_the_pages(
    bare_server: Server, page: Page, tmp_path: Path
) -> None:
    for address, button, name, says in (
        ("export?run=small", "Download the report", "report-small.html", "Report of a run"),
        (
            "compare?runs=small~strong", "Report", "comparison-small-strong.html",
            "Comparison of 2 runs",
        ),
    ):  # fmt: skip
        page.goto(f"{bare_server.url}/{address}")
        driver.settle(page)
        with page.expect_download(timeout=driver.SLOW) as download:
            page.get_by_test_id("stMain").get_by_role("button", name=button, exact=True).click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
        file = check_self_contained((tmp_path / name).read_text("utf-8"))
        assert says in file.text and "98,042" in file.text
