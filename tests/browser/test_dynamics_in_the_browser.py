"""A person at a browser who looks how images were learned, and names those of a region."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.evaluation.training_dynamics import REGIONS, TrainingDynamics
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import train
from tests.browser.conftest import Server
from tools.driver import DEEP, settle
from tools.small import drawn_dataset

CANVAS = f"{DEEP} const canvas = deep('.st-key-dynamics-map', 'canvas.points');"


@dataclass(frozen=True)
class World:
    """A server, and a run that follows training images."""

    url: str
    run: Run

    @property
    def known(self) -> tuple[EpochEvaluations, TrainingDynamics]:
        epochs = EpochEvaluations.load(self.run.followed_path)
        return epochs, TrainingDynamics.from_epochs(epochs)

    def open(self, page: Page) -> None:
        page.goto(f"{self.url}/data?run={self.run.run_id}&panel=Training+dynamics")
        settle(page)
        page.wait_for_function(f"() => {{ {CANVAS} return canvas && canvas.dataset.paints > 0; }}")


@pytest.fixture(scope="module")
def world(own_server: Server) -> World:
    config = TrainConfig(
        model="mlp", dataset="synthetic-garments", epochs=4, subset=600, batch_size=50,
        log_every=10, followed_images=300,
    )  # fmt: skip
    run = store.create_run(own_server.runs, config, name="Followed")
    with store.owning(run):
        train(run, drawn_dataset())
    return World(own_server.url, store.open_run(run.folder.parent, run.run_id))


def shown_images(page: Page) -> int:
    text = page.locator(".st-key-selection-chips").inner_text()
    found = re.search(r"([\d,]+) images?", text)
    assert found is not None, text
    return int(found[1].replace(",", ""))


def test_a_box_selects_the_images_that_lie_in_it_on_all_pages(page: Page, world: World) -> None:
    world.open(page)
    _, known = world.known
    stage = page.locator(".stage").first
    expect(stage).to_have_attribute("data-regions", "Easy to learn, Ambiguous, Hard to learn")
    where = f"(n) => {{ {CANVAS} return [...Array(n).keys()].map(i => canvas.screenOf(i)); }}"
    stage.scroll_into_view_if_needed()
    places = np.array(page.evaluate(where, len(known.regions)))
    # up is a higher mean confidence, right a higher variability
    assert (np.diff(places[np.argsort(known.mean_confidence), 1]) <= 0.01).all()
    assert (np.diff(places[np.argsort(known.variability), 0]) >= -0.01).all()
    middle = float(np.median(places[:, 1]))
    right = float(places[:, 0].max())
    page.get_by_role("button", name="Select with a box").first.click()
    page.mouse.move(places[:, 0].min() - 5, middle)
    page.mouse.down()
    page.mouse.move(right, places[:, 1].max())
    page.mouse.move(right + 5, places[:, 1].max() + 5)
    page.mouse.up()
    page.wait_for_url(re.compile("images="))
    settle(page)
    inside = shown_images(page)
    below = places[:, 1]
    assert 0 < (below > middle + 1).sum() <= inside <= (below > middle - 1).sum() < len(below)
    assert "split=train" in page.url
    page.get_by_role("link", name="Errors").first.click()
    expect(page.get_by_role("heading", name="Errors", level=1)).to_be_visible()
    settle(page)
    assert shown_images(page) == inside
    expect(page.get_by_role("button", name=re.compile("images? selected"))).to_be_visible()


def test_a_region_is_named_and_measured_on_the_compare_page(page: Page, world: World) -> None:
    world.open(page)
    epochs, known = world.known
    region = REGIONS[int(np.bincount(known.regions).argmax())]
    images = epochs.indices[known.regions == REGIONS.index(region)]
    page.locator(f".st-key-dynamics-{region} button").click()
    page.wait_for_url(re.compile("images="))
    settle(page)
    assert shown_images(page) == len(images)
    page.get_by_role("link", name="Errors").first.click()
    expect(page.get_by_role("heading", name="Errors", level=1)).to_be_visible()
    settle(page)
    page.get_by_text("Named slices", exact=True).click()
    name = page.get_by_role("textbox", name=f"Name for the {len(images)} filtered images")
    name.fill("Of the region")
    page.get_by_role("button", name="Keep as a slice").click()
    expect(page.get_by_text("Kept as Of the region.")).to_be_visible()

    page.goto(f"{world.url}/compare?panel=Slices&run={world.run.run_id}")
    settle(page)
    table = page.locator(".st-key-compare-slices")
    expect(table.get_by_test_id("glide-cell-1-1")).to_have_text("Of the region")
    train_split = Evaluation.load(world.run.evaluation_path("train"))
    right = int(train_split.correct[np.isin(train_split.indices, images)].sum())
    cells = table.locator("[data-testid^='glide-cell-'][data-testid$='-1']")
    texts = cells.all_inner_texts() or cells.all_text_contents()
    assert any(text.startswith(f"{right / len(images):.1%} (") for text in texts), texts
