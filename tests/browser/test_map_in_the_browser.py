"""A person at a browser on the Map page, with real images if available."""

import itertools
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.explain import map_sources
from fmnist.explain.embeddings import Projection, centered
from fmnist.explain.map_files import EpochLayouts
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import train
from tests.browser.conftest import Server
from tests.browser.drawing import BOX, stroke
from tools.driver import DEEP, settle
from tools.small import drawn_dataset


def real_images() -> bool:
    named = os.environ.get("FMNIST_DATA")
    try:
        return bool(named and datasets.find_files(Path(named)))
    except DatasetError:
        return False


@dataclass(frozen=True)
class World:
    """A server and a run that it shows."""

    url: str
    run: Run

    @property
    def test(self) -> Evaluation:
        return Evaluation.load(self.run.evaluation_path("test"))

    def open(self, page: Page, path: str = "map", query: str = "") -> None:
        page.goto(f"{self.url}/{path}?run={self.run.run_id}{query}")
        settle(page)
        if path == "map":
            wait_for_points(page)


@pytest.fixture(scope="module")
def world(data_server: Server) -> World:
    artifacts = data_server.artifacts
    run = store.open_run(paths.pretrained_folder(), "fashion-cnn")
    maps = artifacts / "cache" / "maps" / run.run_id
    if not real_images():
        config = TrainConfig(
            dataset="synthetic-garments", epochs=3, subset=600, batch_size=50, log_every=4
        )
        data_server.runs.mkdir(parents=True, exist_ok=True)
        run = store.create_run(data_server.runs, config, name="On drawn garments")
        with store.owning(run):
            train(run, drawn_dataset())
        run = store.open_run(run.folder.parent, run.run_id)
        maps = run.folder / "maps"
    # principal components stand in for PaCMAP, which takes its time
    epochs = EpochEvaluations.load(run.epochs_path)
    projection = Projection.fit(epochs.logits[-1])
    layouts = [centered(projection(each)[:, :2]) for each in epochs.logits.astype(np.float32)]
    maps.parent.mkdir(parents=True, exist_ok=True)
    EpochLayouts(
        map_sources.epochs_source(run, epochs).digest, np.stack(layouts).astype(np.float16)
    ).save(maps / f"{epochs.split}-epochs.npz")
    return World(data_server.url, run)


CANVAS = f"{DEEP} const canvas = deep('.st-key-map-0', 'canvas.points');"


PINCH = f"""() => {{
  {CANVAS}
  canvas.setPointerCapture = () => {{}};  // there is no real finger to capture
  const box = canvas.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const finger = (type, pointerId, dx) => canvas.dispatchEvent(new PointerEvent(type, {{
    pointerId, pointerType: 'touch', clientX: x + dx, clientY: y, bubbles: true,
  }}));
  finger('pointerdown', 1, -50);
  finger('pointerdown', 2, 50);
  finger('pointermove', 1, -100);
  finger('pointermove', 2, 100);
  finger('pointerup', 1, -100);
  finger('pointerup', 2, 100);
}}"""
"""Two fingers that go to twice their distance."""


def wait_for_points(page: Page) -> None:
    page.wait_for_function(f"() => {{ {CANVAS} return canvas && canvas.dataset.paints > 0; }}")
    page.locator(".stage").first.scroll_into_view_if_needed()


def on_screen(page: Page, position: int) -> tuple[float, float]:
    """Where an image of the evaluation is in the window."""
    x, y = page.evaluate(f"(i) => {{ {CANVAS} return canvas.screenOf(i); }}", position)
    return x, y


def stage(page: Page, name: str) -> str:
    """What the map says of itself."""
    found = page.locator(".stage").first.get_attribute(f"data-{name}")
    assert found is not None, name
    return found


def lasso(page: Page, x: float, y: float, radius: float) -> None:
    """Draw a circle with the lasso."""
    page.get_by_role("button", name="Select with a lasso").first.click()
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for step in range(1, 25):
        angle = step / 24 * 2 * math.pi
        page.mouse.move(x + radius * math.cos(angle), y + radius * math.sin(angle))
    page.mouse.up()


def shown_images(page: Page) -> int:
    text = page.locator(".st-key-selection-chips").inner_text()
    found = re.search(r"([\d,]+) images?", text)
    assert found is not None, text
    return int(found[1].replace(",", ""))


def test_pointing_shows_the_image_and_a_lasso_selects_it_on_all_pages(
    page: Page, world: World
) -> None:
    world.open(page)
    position = 3
    evaluation = world.test
    page.mouse.move(*on_screen(page, position))
    tip = page.locator(".tip").first
    expect(tip).to_be_visible()
    pointed = int(stage(page, "pointed"))  # the nearest, which may lie on top of the wanted one
    found = int(np.flatnonzero(evaluation.indices == pointed)[0])
    expect(tip).to_contain_text(CLASS_NAMES[evaluation.labels[found]])
    expect(tip).to_contain_text(f"confidence {100 * evaluation.confidence[found]:.1f}%")
    pixels = "c => Array.from(c.getContext('2d').getImageData(0, 0, 28, 28).data)"
    assert max(tip.locator("canvas").evaluate(pixels)[::4]) > 99  # of an image, not of an empty one

    x, y = on_screen(page, position)
    count = len(evaluation.labels)
    where = f"(n) => {{ {CANVAS} return [...Array(n).keys()].map(i => canvas.screenOf(i)); }}"
    away = np.linalg.norm(np.array(page.evaluate(where, count)) - (x, y), axis=1)
    lasso(page, x, y, 60)
    page.wait_for_url(re.compile("images="))
    inside = int(stage(page, "inside"))
    # the circle has 24 corners: it is a little smaller between them
    assert 0 < (away < 59).sum() <= inside <= (away < 61).sum() < count
    expect(page.get_by_role("button", name=re.compile("images? selected"))).to_be_visible()
    settle(page)
    assert shown_images(page) == inside
    expect(page.locator(".stage").first).to_have_attribute("data-marked", str(inside))
    address = page.url

    page.goto(address.replace("/map?", "/errors?"))
    expect(page.locator(".st-key-selection-chips")).to_be_visible()
    settle(page)
    assert shown_images(page) == inside
    assert "correctness=all" in address

    page.goto(address)
    settle(page)
    wait_for_points(page)
    assert shown_images(page) == inside
    chip = page.get_by_role("button", name=re.compile("images? selected"))
    chip.click()
    expect(page).not_to_have_url(re.compile("images="))
    expect(chip).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(re.compile("images="))
    expect(chip).to_be_visible()


def test_colors_change_without_losing_zoom_and_lasso(page: Page, world: World) -> None:
    world.open(page)
    x, y = on_screen(page, 3)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    expect(page.locator(".stage").first).not_to_have_attribute("data-view", "0 0 1")
    lasso(page, x, y, 50)
    page.wait_for_url(re.compile("images="))
    settle(page)
    view, inside = stage(page, "view"), stage(page, "inside")
    page.get_by_role("combobox", name="Color").click()
    page.get_by_role("option", name="Confidence").click()
    expect(page.locator(".legend").first).to_contain_text("100%")
    settle(page)
    assert (stage(page, "view"), stage(page, "inside")) == (view, inside)
    page.locator(".stage").first.focus()
    page.keyboard.press("0")
    expect(page.locator(".stage").first).to_have_attribute("data-view", "0 0 1")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".stage").first).not_to_have_attribute("data-view", "0 0 1")
    page.keyboard.press("0")
    expect(page.locator(".stage").first).to_have_attribute("data-view", "0 0 1")
    page.evaluate(PINCH)
    expect(page.locator(".stage").first).to_have_attribute("data-view", re.compile(r" 2$"))
    assert stage(page, "inside") == inside  # two fingers zoom, with the lasso in hand, too


def test_a_drawing_is_placed_and_the_epochs_are_played(page: Page, world: World) -> None:
    world.open(page)
    page.get_by_text("Place my drawing").click()
    expect(page.get_by_text("Draw something to see where it lies.")).to_be_visible()
    settle(page)
    stroke(page, BOX[0])
    expect(page.get_by_text(re.compile("of its ten nearest images are"))).to_be_visible()
    settle(page)
    page.get_by_text("Place my drawing").click()
    settle(page)
    world.open(page, query="&split=validation")
    page.get_by_text("Over the epochs").click()
    expect(page.locator(".stage").first).to_have_attribute("data-epoch", re.compile(r"\d"))
    settle(page)
    last = stage(page, "epoch")
    at_last = on_screen(page, 3)
    play = page.get_by_role("button", name="Play the epochs")
    play.click()
    expect(page.locator(".stage").first).to_have_attribute("data-epoch", "2")
    page.get_by_role("button", name="Pause the epochs").click()
    expect(play).to_be_visible()
    slider = page.get_by_role("slider", name="Epoch")
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator(".stage").first).to_have_attribute("data-epoch", last)
    assert on_screen(page, 3) == at_last
    page.keyboard.press("Home")
    expect(page.locator(".stage").first).to_have_attribute("data-epoch", "1")
    assert on_screen(page, 3) != at_last


def test_on_a_phone_the_map_is_on_the_first_screen_and_no_names_overlap(
    page: Page, world: World
) -> None:
    for width, height in ((390, 844), (1280, 900)):
        page.set_viewport_size({"width": width, "height": height})
        world.open(page)
        page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
        top = page.locator(".stage").first.evaluate("e => e.getBoundingClientRect().top")
        assert top < height - 50, f"the map begins at {top} of {height} pixels"
        names = json.loads(stage(page, "names"))
        assert len(names) > 5
        for one, other in itertools.combinations(names, 2):
            left, above, right, below = one
            assert (
                right <= other[0] + 1
                or left >= other[2] - 1
                or (below <= other[1] + 1 or above >= other[3] - 1)
            ), (one, other)
