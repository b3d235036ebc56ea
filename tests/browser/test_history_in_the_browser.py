"""Back and Forward of a browser."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from fmnist import paths
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.runs import store
from tests.browser.conftest import Server
from tools.driver import DEEP, settle

TEST = stored_evaluation(store.open_run(paths.pretrained_folder(), "fashion-cnn"), "test")
WRONG = ~TEST.correct
ALL = int(WRONG.sum())
CLASS = int((WRONG & (TEST.labels == 6)).sum())
PAIR = int(TEST.confusion[6, 0])
"""Misclassified images of FashionCNN: all, shirts, shirts predicted as T-shirts."""


def chips(page: Page, number: int) -> None:
    """Wait until the page shows so many images."""
    shown = page.locator(".st-key-selection-chips")
    expect(shown.get_by_text(re.compile(rf"^{number:,} images?$"))).to_be_visible()
    settle(page)


def entries(page: Page) -> int:
    length: int = page.evaluate("history.length")
    return length


def test_back_and_forward_open_what_was_seen(page: Page, bare_server: Server) -> None:
    page.goto(f"{bare_server.url}/confusion?run=fashion-cnn&true=6&predicted=0&verdict=none")
    chips(page, PAIR)
    for name, number in (("predicted", CLASS), ("true", ALL), ("verdict", ALL)):
        before = page.url
        page.locator(f".st-key-chip-{name}").get_by_role("button").click()
        expect(page).not_to_have_url(before)
        chips(page, number)
    for number in (ALL, CLASS, PAIR):
        page.go_back()
        chips(page, number)
    for number in (CLASS, ALL, ALL):
        page.go_forward()
        chips(page, number)

    # another page, an image, another run
    page.get_by_role("link", name="Errors", exact=True).first.click()
    expect(page.get_by_role("heading", level=1, name="Errors", exact=True)).to_be_visible()
    chips(page, ALL)
    page.evaluate(f"() => {{ {DEEP} deep('.st-key-error-images', '.tile').click(); }}")
    place = page.locator(".st-key-detail-steps")
    expect(place).to_contain_text(f"1 of {ALL}")
    settle(page)
    page.keyboard.press("ArrowRight")
    expect(place).to_contain_text(f"2 of {ALL}")
    expect(page).to_have_url(re.compile("image="))
    settle(page)
    picker = page.get_by_test_id("stSidebar").get_by_role("combobox")
    image = page.url
    picker.click()
    page.get_by_role("option", name=re.compile("notebook")).first.click()
    expect(page).to_have_url(re.compile("run=fashion-cnn-notebook"))
    settle(page)
    page.go_back()
    expect(picker).to_have_value(re.compile("held-out"))
    expect(place).to_contain_text(f"2 of {ALL}")
    assert page.url == image
    page.go_back()
    expect(place).to_contain_text(f"1 of {ALL}")
    page.go_back()
    chips(page, ALL)
    page.go_back()
    heading = page.get_by_role("heading", level=1, name="Confusion matrix", exact=True)
    expect(heading).to_be_visible()
    chips(page, ALL)


def test_a_slider_leaves_one_entry(page: Page, bare_server: Server) -> None:
    page.goto(f"{bare_server.url}/confidence?run=fashion-cnn")
    chips(page, ALL)
    before = entries(page)
    slider = page.locator(".st-key-range-confidence").get_by_role("slider").first
    slider.focus()
    for _ in range(6):
        value = slider.get_attribute("aria-valuetext")
        page.keyboard.press("ArrowRight")
        expect(slider).not_to_have_attribute("aria-valuetext", value or "")
    expect(page).to_have_url(re.compile(r"confidence=0\.3"))
    assert parse_qs(urlsplit(page.url).query)["confidence"] == ["0.3~1.0"]
    assert entries(page) == before + 1
    page.go_back()
    expect(page).not_to_have_url(re.compile("confidence="))
    expect(slider).to_have_attribute("aria-valuetext", "0")
