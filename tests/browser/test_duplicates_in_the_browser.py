"""A person at a browser on the Data page: duplicates and odd images."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from fmnist.data.splits import Dataset
from fmnist.evaluation.duplicates import Pairs
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs.run import Run
from tests.browser.conftest import Server
from tools.driver import settle
from tools.made_up_run import made_up_run
from tools.small import drawn_dataset


@dataclass(frozen=True)
class Served:
    """A server, the run and the data set that it shows."""

    url: str
    run: Run
    dataset: Dataset


@pytest.fixture(scope="module")
def served(own_server: Server) -> Iterator[Served]:
    """A server, and a run that was tested on its synthetic garments."""
    dataset = drawn_dataset()
    test = dataset.split("test")
    run = made_up_run(own_server.runs, dataset="synthetic-garments")
    logits = 5 * np.eye(10, dtype=np.float16)[test.labels]
    Evaluation("test", logits, test.labels, test.indices).save(run.evaluation_path("test"))
    with pytest.MonkeyPatch.context() as patch:
        # the tests keep there what they made up
        patch.setenv("FMNIST_ARTIFACTS", str(own_server.artifacts))
        yield Served(own_server.url, run, dataset)


def test_a_click_on_a_group_selects_it_for_the_other_pages(served: Served, page: Page) -> None:
    page.goto(f"{served.url}/data?panel=Duplicates&run={served.run.run_id}")
    settle(page)
    page.get_by_role("button", name="Look for duplicates").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Look for duplicates")).to_be_visible()
    # as if it had been found: test images 7 and 9 are those of training images
    Pairs(
        np.array([3, 3, 40], np.int32), np.array([8, 10_007, 10_009], np.int32),
        np.array([1, 2, 11], np.float32), np.zeros(3, np.bool_),
    ).save(served.dataset)  # fmt: skip
    page.reload()
    settle(page)
    wall = page.locator(".st-key-duplicates-groups")
    expect(wall.get_by_role("button", name="Training image 8,")).to_be_visible()
    wall.get_by_role("button", name="Training image 8,").click()  # shown is its test image
    expect(page.get_by_text("1 test image selected on all pages")).to_be_visible()
    expect(wall.get_by_text("selected")).to_have_count(1)
    slider = page.get_by_role("slider", name="Largest difference, in gray levels")
    slider.focus()
    slider.press("Home")
    expect(page.get_by_text("No two images are so alike.")).to_be_visible()
    slider.press("End")
    page.locator(".st-key-duplicates-selected").get_by_role("link", name="Errors").click()
    expect(page.get_by_role("heading", name="Errors", level=1)).to_be_visible()
    expect(page.locator(".st-key-selection-chips")).to_contain_text("1 image")


def test_odd_images_open_on_the_errors_page(served: Served, page: Page) -> None:
    oddest = int(served.dataset.test_images.std(axis=(1, 2)).argmin())
    page.goto(f"{served.url}/data?panel=Odd+images&run={served.run.run_id}")
    settle(page)
    wall = page.locator(".st-key-odd-wall").get_by_role("button")
    expect(wall.first).to_be_visible()  # the first rule answers at once
    page.get_by_role("combobox", name="Rule").click()
    page.get_by_role("option", name="Far from all others").click()
    expect(page.get_by_role("button", name="Look for outliers")).to_be_visible()
    settle(page)
    page.get_by_role("combobox", name="Rule").click()
    page.get_by_role("option", name="Low contrast").click()
    page.get_by_role("radio", name="Test", exact=True).click()
    expect(wall.first).to_have_attribute("data-id", str(10_000 + oddest))
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Contact sheet (PNG)").click()
    assert download.value.suggested_filename == "odd-images.png"
    settle(page)
    wall.first.click()
    expect(page.get_by_role("heading", name="Errors", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(rf"image={oddest}\b"))
