"""A person teaches a copy of Sketch: what a drawing means, and a class of their own."""

import itertools
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import onnxruntime
import pytest
from playwright.sync_api import Page, expect

from fmnist import paths
from fmnist.data.synthetic.strokes import Drawing, jitter_strokes
from fmnist.sketchpad import canvas
from fmnist.sketchpad.gallery import Gallery, SavedDrawing
from tests.browser.drawing import Lines, button, draw, headline, no_exception, open_draw
from tests.training.test_own_drawings import HAT
from tools import driver
from tools.driver import settle

LADDER: Final[Drawing] = [
    [(0, 0), (0, 100)], [(50, 0), (50, 100)], [(0, 25), (50, 25)], [(0, 50), (50, 50)],
    [(0, 75), (50, 75)],
]  # fmt: skip
TAUGHT: Final = 300_000  # ms; sketches and features are made once, on a busy machine slowly


def drawn_hat() -> Lines:
    """A hat, as large as the canvas, with points along its lines for the mouse."""
    corners = [[(2.4 * x + 45, 2.4 * y + 70) for x, y in line] for line in HAT]
    return [
        [
            (a[0] + (b[0] - a[0]) * i / 8, a[1] + (b[1] - a[1]) * i / 8)
            for a, b in itertools.pairwise(line)
            for i in range(9)
        ]
        for line in corners
    ]


def save(gallery: Gallery, drawing: Drawing, label: str, rng: random.Random, time: float) -> str:
    shapes = canvas.from_strokes(jitter_strokes(drawing, rng, jitter=0.8))
    one = SavedDrawing(shapes, canvas.render_shapes(shapes), "Sketch", "Bag", 0.5, label)
    return gallery.save(replace(one, time=time))


def press(page: Page, name: str | re.Pattern[str]) -> None:
    settle(page)
    page.get_by_role("button", name=name).first.click()


@pytest.mark.slow
def test_a_copy_learns_a_meaning_and_an_own_class(
    page: Page, tmp_path: Path, fashion_mnist_folder: Path
) -> None:
    if not (paths.pretrained_folder() / "sketch" / "model.safetensors").exists():
        pytest.skip("the sketch model is not here")
    artifacts = tmp_path / "artifacts"
    gallery, rng = Gallery(artifacts / "drawings"), random.Random(0)
    gallery.add_class("hat")
    for number in range(5):
        save(gallery, HAT, "hat", rng, 1.6e9 + number)
        ladder = save(gallery, LADDER, "Dress", rng, 1.7e9 + number)
    url, process = driver.start_app(
        tmp_path / "log", FMNIST_ARTIFACTS=str(artifacts), FMNIST_DATA=str(fashion_mnist_folder)
    )
    try:
        open_draw(page, url)
        page.locator(f".st-key-draw-open-{ladder}").get_by_role("button").click()
        expect(headline(page)).not_to_have_text(re.compile("^(Draw a|Dress)"))
        settle(page)
        button(page, "Clear").click()
        expect(headline(page)).to_have_text(re.compile("^Draw a"))
        settle(page)
        draw(page, drawn_hat())
        expect(headline(page)).not_to_have_text(re.compile("^hat"))
        press(page, re.compile(r"^add Add to hat \(5\)|^Add to hat \(5\)"))
        expect(page.get_by_text("hat 6 drawings")).to_be_visible()
        press(page, re.compile("Teach a copy"))
        result = page.locator(".st-key-draw-taught")
        expect(result.get_by_role("table")).to_be_visible(timeout=TAUGHT)
        expect(result).to_contain_text("they chose nothing")
        settle(page)
        draw(page, drawn_hat())
        expect(headline(page)).to_have_text(re.compile("^hat, "))
        settle(page)
        page.locator(f".st-key-draw-open-{ladder}").get_by_role("button").click()
        expect(headline(page)).to_have_text(re.compile("^Dress, "))
        no_exception(page)
        settle(page)
        result.get_by_role("button", name="Export").click()
        page.get_by_role("button", name=re.compile("Export as ONNX")).click()
        with page.expect_download(timeout=TAUGHT) as download:
            page.get_by_role("button", name=re.compile("Download the model file")).click(
                timeout=TAUGHT
            )
        session = onnxruntime.InferenceSession(download.value.path())
        classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
        assert classes[10:] == ["hat"]
        assert session.get_outputs()[0].shape[1] == 11
    finally:
        driver.stop_app(process)
