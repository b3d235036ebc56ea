"""Explain in a browser: maps of a chosen image, averages, the check, and drawings."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server
from tests.browser.drawing import BOX, draw, no_exception, open_draw
from tests.browser.test_compare_in_the_browser import choose_option
from tools.driver import settle

MAPS = ".st-key-explain-maps"


@pytest.fixture
def url(fashion_mnist_folder: Path, data_server: Server) -> str:
    """An app with the real data set."""
    return data_server.url


def picture(page: Page) -> str:
    """The address of the map over the image, which names its content."""
    source = page.locator(f"{MAPS} img").nth(1).get_attribute("src")
    assert source
    return source


def title(page: Page, text: str) -> Locator:
    return page.locator(MAPS).get_by_text(text, exact=True)


def test_grad_cam_of_a_chosen_image_differs_between_classes(page: Page, url: str) -> None:
    page.goto(f"{url}/explain?run=fashion-cnn&split=test&true=4&predicted=2")
    settle(page)
    first = page.locator(".st-key-explain-images button").nth(2)
    first.click()
    expect(page).to_have_url(re.compile(r"image=\d+"))
    expect(title(page, "Why Pullover?")).to_be_visible()
    settle(page)
    predicted = picture(page)
    choose_option(page, "Why", "True class")
    expect(title(page, "Why Coat?")).to_be_visible()
    settle(page)
    assert picture(page) != predicted
    choose_option(page, "and not", "Pullover")
    expect(title(page, "Why Coat and not Pullover?")).to_be_visible()
    page.get_by_role("radio", name="Integrated gradients").click()
    expect(page.get_by_text(re.compile("the pixels sum to"))).to_be_visible()
    # the average of the same filtered images, by an address that somebody sent
    page.goto(f"{url}/explain?run=fashion-cnn&true=4&predicted=2&subject=average")
    expect(page.get_by_text(re.compile(r"Average of \d+ images"))).to_be_visible()
    expect(title(page, "Why Pullover?")).to_be_visible()
    no_exception(page)


def test_a_drawing_is_explained_with_each_stroke(page: Page, bare_server: Server) -> None:
    open_draw(page, bare_server.url)
    page.locator(".st-key-draw-inside label").click()
    expect(page.get_by_text("Draw something to see where the model looks.")).to_be_visible()
    draw(page, BOX)
    grad_cam = page.locator(".st-key-draw-grad-cam canvas")
    expect(grad_cam).to_be_visible()
    before = grad_cam.evaluate("canvas => canvas.toDataURL()")
    draw(page, [[(100, 200), (240, 120)]])
    page.wait_for_function(
        """before => {
          for (const e of document.querySelector('.st-key-draw-grad-cam').querySelectorAll('*')) {
            const canvas = e.shadowRoot && e.shadowRoot.querySelector('canvas');
            if (canvas) return canvas.toDataURL() !== before;
          }
        }""",
        arg=before,
    )
    page.get_by_role("button", name="Explain this drawing").click()
    expect(page.get_by_text("Your drawing", exact=True).last).to_be_visible()
    expect(page.locator(f"{MAPS} img")).to_have_count(2)
    page.locator(".st-key-explain-check label").click()
    expect(page.get_by_text("Mean rank correlation")).to_be_visible()
    expect(page.locator(".st-key-explain-check-maps img")).to_have_count(3)
    no_exception(page)


def test_a_unit_is_clicked_and_a_broken_model_is_reset(page: Page, url: str) -> None:
    page.goto(f"{url}/explain?run=fashion-cnn&panel=Layers")
    settle(page)
    cell = 224 / 28  # of the map on screen, in pixels
    page.locator(".st-key-unit-output .field").click(position={"x": 3.5 * cell, "y": 5.5 * cell})
    shown = page.get_by_text(re.compile(r"^Channel \d+, row 5, column 3: "))
    expect(shown).to_be_visible()
    settle(page)
    value = shown.inner_text().split(": ")[1]
    expect(page.get_by_text(re.compile(f"add up to {re.escape(value)}\\.$"))).to_be_visible()

    page.goto(f"{url}/explain?run=fashion-cnn&panel=Break+it")
    matrix = page.locator(".st-key-break-matrix table")
    expect(matrix).to_be_visible()
    settle(page)
    first = matrix.inner_text()
    page.get_by_role("slider", name="Noise on the weights").press("End")
    expect(matrix).not_to_have_text(first, use_inner_text=True)
    page.get_by_role("button", name="Reset").click()
    expect(matrix).to_have_text(first, use_inner_text=True)
    no_exception(page)
