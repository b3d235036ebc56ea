"""A person at a browser who decides on suspect labels, and another one who gives an opinion."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fmnist.evaluation.label_errors import find_suspects, out_of_sample
from fmnist.evaluation.label_verdicts import FILE, LabelVerdictStore
from tests.browser.conftest import Server
from tools.driver import settle
from tools.made_up_folds import made_up_folds
from tools.small import drawn_dataset


@dataclass(frozen=True)
class World:
    """A server, and the suspects of a cross-validation in order, with their suggestions."""

    url: str
    artifacts: Path
    suspects: list[tuple[int, int]]

    def open(self, page: Page) -> None:
        page.goto(f"{self.url}/data?panel=Suspect+labels")
        settle(page)

    def given(self, reviewer: str) -> dict[int, int | None]:
        """What a reviewer has said, by image."""
        opinions, _ = LabelVerdictStore(self.artifacts / FILE).read("synthetic-garments")
        return {image: of[reviewer].label for image, of in opinions.items() if reviewer in of}


@pytest.fixture(scope="module")
def world(own_server: Server) -> World:
    runs, _ = made_up_folds(own_server.runs, drawn_dataset(), wrong=60)
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    found = find_suspects(evaluation)
    images = evaluation.indices[found.positions].tolist()
    suspects = list(zip(images, found.suggested.tolist(), strict=True))
    return World(own_server.url, own_server.artifacts, suspects)


def decided(page: Page, count: int, world: World) -> None:
    """Wait until the page counts so many verdicts."""
    total = len(world.suspects)
    expect(page.get_by_text(f"{count} of {total} decided", exact=True)).to_be_visible()
    settle(page)


def test_keys_decide_and_nothing_is_lost(
    page: Page, other_context: BrowserContext, world: World
) -> None:
    world.open(page)
    images = [image for image, _ in world.suspects]
    suggested = dict(world.suspects)
    decided(page, 0, world)  # the buttons are there, and listen to their keys
    for count, key in enumerate("1231", start=1):
        page.keyboard.press(key)
        decided(page, count, world)
    page.keyboard.press("u")
    decided(page, 3, world)
    given = world.given("Reviewer 1")
    assert list(given) == sorted(images[:3])
    assert given[images[0]] == suggested[images[0]] and given[images[2]] is None
    # an arrow key moves on without a verdict
    page.keyboard.press("ArrowRight")
    marked = page.locator(".st-key-suspects-wall .tile[aria-current]")
    expect(marked).to_have_attribute("data-id", str(images[4]))
    page.keyboard.press("1")
    decided(page, 4, world)
    assert images[4] in world.given("Reviewer 1") and images[3] not in world.given("Reviewer 1")
    # another page and back, and the open image is still there
    for name in ("Draw", "Data"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        settle(page)
    decided(page, 4, world)
    expect(marked).to_have_attribute("data-id", str(images[5]))

    # some are selected on the wall and left out together
    page.locator(".st-key-suspects-pick label").first.click()
    wall = page.locator(".st-key-suspects-wall")
    # until the wall is drawn anew, a click opens an image
    expect(wall.locator(".tile").first).to_have_attribute("aria-pressed", "false")
    settle(page)
    for image in images[10:13]:
        tile = wall.locator(f".tile[data-id='{image}']")
        tile.click()
        expect(tile).to_have_attribute("aria-pressed", "true")
        settle(page)
    page.get_by_role("button", name="Exclude", exact=True).click()
    decided(page, 7, world)
    assert {world.given("Reviewer 1")[image] for image in images[10:13]} == {None}

    # another person, at another browser
    second = other_context.new_page()
    world.open(second)
    decided(second, 7, world)  # as the first reviewer, until another name is entered
    field = second.locator(".st-key-label-reviewer input")
    field.fill("Bo")
    field.press("Enter")
    decided(second, 0, world)
    second.locator(f".st-key-suspects-keep-{images[0]} button").click()
    decided(second, 1, world)
    expect(second.get_by_text("you agree on 0 and disagree on 1")).to_be_visible()
    expect(second.locator(f".tile[data-id='{images[0]}']")).to_contain_text("✓ keep ≠")
    assert set(world.given("Bo")) == {images[0]}
