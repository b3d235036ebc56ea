"""A picture on the Draw page: recognized, its mask corrected with the mouse and a finger."""

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, WebSocket, expect

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.sketchpad.mask import Box, Correctable, Step, Stroke
from fmnist.sketchpad.preprocessing import Preparation, prepare
from fmnist.sketchpad.uploads import read_picture
from tests.browser.conftest import Server
from tests.browser.drawing import headline, last_event, no_exception, wait_for_prediction
from tests.sketchpad.drawn import photograph
from tools import driver
from tools.driver import DEEP, SLOW, fits_the_screen, settle

SEEN: Final = f"""() => {{ {DEEP}
  const canvas = deep('.st-key-draw-input', 'canvas');
  const {{ data }} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return [...data].filter((_, i) => i % 4 === 0);
}}"""
PAINTED: Final = f"""() => {{ {DEEP}
  const canvas = deep('.st-key-draw-picture', 'canvas');
  if (!canvas) return false;
  const middle = [canvas.width / 2, canvas.height / 2, 1, 1];
  const {{ data }} = canvas.getContext('2d').getImageData(...middle);
  return data[3] === 255 && Math.max(data[0], data[1], data[2]) < 255;
}}"""
"""Whether the picture is seen."""
PHOTO: Final = "1_Trouser_pants_03.jpg"


def seen(page: Page) -> list[int]:
    """The model input on the page, pixel by pixel."""
    found: list[int] = page.evaluate(SEEN)
    return found


def wait_for_input(page: Page, pixels: list[int]) -> None:
    page.wait_for_function(f"(all) => String(({SEEN})()) === String(all)", arg=pixels, timeout=SLOW)


def wait_for_other_input(page: Page, pixels: list[int]) -> None:
    page.wait_for_function(f"(all) => String(({SEEN})()) !== String(all)", arg=pixels, timeout=SLOW)


def open_picture(page: Page, url: str, content: bytes) -> None:
    """Upload a picture, and wait until it is classified."""
    page.goto(f"{url}/draw")
    expect(headline(page)).to_have_text("Draw a shoe, a shirt, a bag…")
    settle(page)
    # in a tab that is closed: opening it draws the page again, and a file given to it may be lost
    field = page.locator(".st-key-draw-sources input[type=file]").first
    file: Any = {"name": "picture.jpg", "mimeType": "image/jpeg", "buffer": content}
    field.set_input_files(file)
    expect(stage(page)).to_be_visible()
    expect(headline(page)).not_to_have_text("Draw a shoe, a shirt, a bag…")
    settle(page)


def stage(page: Page) -> Locator:
    return page.locator(".st-key-draw-picture canvas")


def tool(page: Page, name: str) -> Locator:
    return page.locator(".st-key-draw-picture").get_by_role("button", name=name)


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Drag the mouse over the picture, by shares of its square; wait for the answer."""
    stage(page).scroll_into_view_if_needed()
    settle(page)
    before, box = last_event(page), stage(page).bounding_box()
    assert box
    for number, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    wait_for_prediction(page, before)


def jpeg() -> bytes:
    """A garment on planks, as a file."""
    file = io.BytesIO()
    Image.fromarray(photograph()).convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture
def photo(fashion_mnist_folder: Path) -> bytes:
    """A phone photo, from the folder beside the data set."""
    for root in fashion_mnist_folder.parents:
        path = root / "photos" / PHOTO
        if path.exists():
            return path.read_bytes()
    pytest.skip("no folder 'photos' with phone photos beside the data set")


def test_a_photo_is_recognized_and_corrected(page: Page, bare_server: Server, photo: bytes) -> None:
    if not (paths.pretrained_folder() / "sketch" / "model.safetensors").exists():
        pytest.skip("the sketch model is not here")
    open_picture(page, bare_server.url, photo)
    name = CLASS_NAMES[int(PHOTO[0])]
    expect(headline(page)).to_contain_text(f"{name}, ")
    first = seen(page)
    middle = [value for value in first if 40 <= value < 215]
    assert len(middle) > 0.5 * sum(value > 0 for value in first)  # tones, not lines
    tool(page, "Adjust").click()
    drag(page, (0.1, 0.1), (0.9, 0.45))  # the upper half
    wait_for_other_input(page, first)
    expect(tool(page, "Undo (1)")).to_be_enabled()
    tool(page, "Reset").click()
    wait_for_input(page, first)
    expect(headline(page)).to_contain_text(f"{name}, ")
    no_exception(page)


def test_brush_turn_and_undo(page: Page, bare_server: Server) -> None:
    open_picture(page, bare_server.url, jpeg())
    expect(page.locator(".st-key-draw-picture")).to_contain_text("Photograph: what is faded")
    first = seen(page)
    tool(page, "Adjust").click()
    page.get_by_role("radio", name="Remove").check()
    drag(page, (0.3, 0.9), (0.3, 0.1), (0.15, 0.9), (0.15, 0.1))  # the left sleeve and more
    wait_for_other_input(page, first)
    removed = seen(page)
    settle(page)
    tool(page, "Rotate").click()
    wait_for_other_input(page, removed)
    turned = np.reshape(seen(page), (28, 28)).astype(int)
    expected = np.rot90(np.reshape(removed, (28, 28)).astype(int), -1)
    assert np.abs(turned - expected).mean() < 4  # of 255
    settle(page)
    tool(page, "Undo (2)").click()
    wait_for_input(page, removed)
    settle(page)
    stage(page).page.keyboard.press("Control+z")  # the button has the focus
    wait_for_input(page, first)
    settle(page)
    tool(page, "Keep the whole picture").click()
    wait_for_other_input(page, first)
    assert min(seen(page)) > 0
    tool(page, "Done").click()
    expect(tool(page, "Rotate")).to_have_count(0)
    fits_the_screen(page)
    no_exception(page)


def test_a_box_and_the_brush_by_keyboard(page: Page, bare_server: Server) -> None:
    content = jpeg()
    open_picture(page, bare_server.url, content)
    editor, hint = page.locator(".st-key-draw-picture"), page.get_by_role("status")
    expect(stage(page)).to_have_role("img")
    first = seen(page)
    tool(page, "Adjust").focus()
    page.keyboard.press("Enter")
    expect(editor.locator(".keys")).to_contain_text("arrow keys move a box, with Shift they resize")
    page.keyboard.press("Shift+Tab")  # the picture is before its button
    expect(stage(page)).to_be_focused()
    expect(stage(page)).to_have_role("application")
    page.keyboard.press("ArrowLeft")
    expect(hint.filter(has_text="Box from 18 to 78% across and 20 to 80% down.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(hint.filter(has_text="Drag a rectangle around the garment.")).to_be_visible()
    expect(tool(page, "Undo")).to_be_disabled()
    for key in ("Enter", "ArrowUp", *["Shift+ArrowUp"] * 10, "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(hint.filter(has_text="Box from 20 to 82% across and 18 to 58% down.")).to_be_visible()
    page.keyboard.press("Enter")
    wait_for_input(page, model_input(content, Box(0.2, 0.18, 0.82, 0.58)))
    expect(tool(page, "Undo (1)")).to_be_enabled()
    settle(page)
    page.get_by_role("radio", name="Remove").check()
    stage(page).focus()
    for key in ("Enter", "ArrowDown", "Enter"):  # shows the brush, moves it, paints
        page.keyboard.press(key)
    removed = Stroke(keeps=False, width=0.08, points=((0.5, 0.52),))
    wait_for_input(page, model_input(content, Box(0.2, 0.18, 0.82, 0.58), removed))
    settle(page)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    wait_for_input(page, first)
    no_exception(page)


def model_input(content: bytes, *steps: Step) -> list[int]:
    """The model input of a photograph that is corrected, pixel by pixel."""
    found = Correctable(read_picture(content)).corrected(steps, is_photograph=True)
    pixels = prepare(found.picture, Preparation(kind="photograph"), found.mask)
    values: list[int] = pixels.ravel().tolist()
    return values


def test_the_answer_is_seen_while_a_picture_is_corrected_on_a_phone(
    browser: Browser, bare_server: Server
) -> None:
    context = driver.new_context(browser, width=390, has_touch=True, reduced_motion="reduce")
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 664})  # between the bars of a phone's browser
    open_picture(page, bare_server.url, jpeg())
    editor = page.locator(".st-key-draw-picture .picture")
    above = top_within(page)
    for part in (editor.locator(".answer"), stage(page), headline(page)):
        expect(part).to_be_in_viewport(ratio=1)  # scrolled to, from the field below
    tool(page, "Adjust").click()
    expect(editor.locator(".answer")).to_have_text(headline(page).inner_text())
    assert top_within(page) == above
    for part in (editor.locator(".answer"), stage(page), tool(page, "Reset")):
        expect(part).to_be_in_viewport(ratio=1)
    box = stage(page).bounding_box()
    drag(page, (0.1, 0.1), (0.9, 0.3))
    settle(page)
    expect(editor.locator(".answer")).to_have_text(headline(page).inner_text())
    assert stage(page).bounding_box() == box  # nothing jumps
    tool(page, "Done").click()
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(editor.locator(".answer")).to_be_hidden()  # it is beside the picture
    assert top_within(page) == above
    no_exception(page)
    context.close()


def top_within(page: Page) -> float:
    """How far below the top of its component the picture begins."""
    top: float = stage(page).evaluate("e => e.offsetTop - e.parentElement.offsetTop")
    return top


def test_a_picture_is_sent_once_and_a_correction_answered_in_one_run(
    page: Page, bare_server: Server
) -> None:
    received, asked = [], []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(b"data:image/webp" in frame))
        socket.on("framesent", lambda frame: asked.append(frame[0] == 0x5A))  # to rerun

    page.on("websocket", listen)
    open_picture(page, bare_server.url, jpeg())
    assert any(received)
    tool(page, "Adjust").click()
    drag(page, (0.1, 0.1), (0.9, 0.45))
    settle(page)
    received.clear()
    asked.clear()
    drag(page, (0.1, 0.1), (0.9, 0.7))
    settle(page)
    assert received and not any(received)
    assert sum(asked) == 1
    page.get_by_role("link", name="Data", exact=True).click()
    expect(stage(page)).to_have_count(0)
    settle(page)
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.locator(".st-key-draw-picture .undo")).to_have_text("Undo (2)")
    page.wait_for_function(f"() => ({PAINTED})()", timeout=SLOW)
    no_exception(page)


def test_a_finger_scrolls_until_the_tools_are_open(browser: Browser, bare_server: Server) -> None:
    context = driver.new_context(browser, width=390, has_touch=True)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    open_picture(page, bare_server.url, jpeg())
    assert stage(page).evaluate("e => getComputedStyle(e).touchAction") == "auto"
    tool(page, "Adjust").click()
    assert stage(page).evaluate("e => getComputedStyle(e).touchAction") == "none"
    page.get_by_role("radio", name="Remove").check()
    first, before = seen(page), last_event(page)
    stage(page).scroll_into_view_if_needed()
    box = stage(page).bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    wait_for_prediction(page, before)
    wait_for_other_input(page, first)
    no_exception(page)
    context.close()
