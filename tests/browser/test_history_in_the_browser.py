"""Back and Forward of a browser."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tools.driver import DEEP, SLOW, settle

expect.set_options(timeout=SLOW)


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
    chips(page, 89)
    for name, number in (("predicted", 227), ("true", 727), ("verdict", 727)):
        before = page.url
        page.locator(f".st-key-chip-{name}").get_by_role("button").click()
        expect(page).not_to_have_url(before)
        chips(page, number)
    for number in (727, 227, 89):
        page.go_back()
        chips(page, number)
    for number in (227, 727, 727):
        page.go_forward()
        chips(page, number)

    # another page, an image, another run
    page.get_by_role("link", name="Errors", exact=True).first.click()
    expect(page.get_by_role("heading", level=1, name="Errors", exact=True)).to_be_visible()
    chips(page, 727)
    page.evaluate(f"() => {{ {DEEP} deep('.st-key-error-images', '.tile').click(); }}")
    place = page.locator(".st-key-detail-steps")
    expect(place).to_contain_text("1 of 727")
    settle(page)
    page.keyboard.press("ArrowRight")
    expect(place).to_contain_text("2 of 727")
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
    expect(place).to_contain_text("2 of 727")
    assert page.url == image
    page.go_back()
    expect(place).to_contain_text("1 of 727")
    page.go_back()
    chips(page, 727)
    page.go_back()
    heading = page.get_by_role("heading", level=1, name="Confusion matrix", exact=True)
    expect(heading).to_be_visible()
    chips(page, 727)


def test_a_slider_leaves_one_entry(page: Page, bare_server: Server) -> None:
    page.goto(f"{bare_server.url}/confidence?run=fashion-cnn")
    chips(page, 727)
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
