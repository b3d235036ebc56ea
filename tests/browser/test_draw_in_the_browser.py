"""Drawing in a browser: with the mouse, with a finger; the gallery, uploads, test images."""

import io
import itertools
import math
import re
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, CDPSession, Locator, Page, expect

from fmnist import paths
from fmnist.sketchpad import canvas
from fmnist.sketchpad.gallery import Gallery
from tests.browser.conftest import Server
from tests.browser.drawing import (
    BOX,
    CANVAS,
    SHEET,
    button,
    choose,
    draw,
    draw_at_once,
    headline,
    ink,
    last_event,
    no_exception,
    open_draw,
    stroke,
    wait_for_ink,
    wait_for_prediction,
)
from tests.sketchpad.drawn import human_sketch
from tools import driver
from tools.driver import QUIET, settle


@pytest.fixture
def sheet(page: Page, data_server: Server) -> Page:
    """The Draw page, ready for a stroke."""
    open_draw(page, data_server.url)
    return page


# --- What people draw ---------------------------------------------------------------------------


def as_a_mouse_moves(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line with a point every few pixels: the pen rounds what lies far apart."""
    passed = line[:1]
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        count = max(1, round(math.hypot(x1 - x0, y1 - y0) / 8))
        passed += [
            (x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count) for i in range(1, count + 1)
        ]
    return passed


needs_sketch_model = pytest.mark.skipif(
    not (paths.pretrained_folder() / "sketch" / "model.safetensors").exists(),
    reason="the sketch model is not shipped with this version",
)


@needs_sketch_model
def test_a_shoe_is_classified_and_a_cat_rejected(sheet: Page) -> None:
    def sketch(file: str, word: str, number: int) -> None:
        draw_at_once(sheet, [as_a_mouse_moves(line) for line in human_sketch(file, word, number)])

    # tests/sketchpad has more of them
    sketch("garments", "shoe", 4)
    expect(headline(sheet)).to_have_text(re.compile(r"^(Sneaker|Ankle boot), \d+%$"))
    button(sheet, "Clear").click()
    expect(headline(sheet)).to_have_text("Draw a shoe, a shirt, a bag…")
    sketch("not-garments", "cat", 1)
    expect(headline(sheet)).to_have_text("This does not look like a garment")
    no_exception(sheet)


# --- The sheet ----------------------------------------------------------------------------------


def test_one_stroke_is_not_enough_to_classify_and_bars_keep_their_place(sheet: Page) -> None:
    names = sheet.locator(".st-key-draw-prediction .name").all_inner_texts()
    row = sheet.locator(".st-key-draw-prediction .row").nth(4)
    place = row.bounding_box()
    handle = row.element_handle()
    draw(sheet, [[(60, 60), (120, 70), (200, 75)]])
    expect(headline(sheet)).to_have_text("Keep drawing…")
    draw(sheet, BOX)
    expect(headline(sheet)).not_to_have_text("Keep drawing…")
    shares = sheet.locator(".st-key-draw-prediction .value").all_inner_texts()
    assert len(shares) == 10
    assert sum(int(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=5)
    assert sheet.locator(".st-key-draw-prediction .name").all_inner_texts() == names
    assert row.bounding_box() == place
    # the same element, changed in place
    assert handle and handle.evaluate("element => element.isConnected")


def test_undo_redo_clear(sheet: Page) -> None:
    draw(sheet, BOX)
    one = ink(sheet)
    draw(sheet, [[(120, 120), (210, 210)]])
    two = ink(sheet)
    assert two > one > 0
    button(sheet, "Undo").click()
    wait_for_ink(sheet, f"n === {one}")
    button(sheet, "Redo").click()
    wait_for_ink(sheet, f"n === {two}")
    button(sheet, "Undo").click()
    wait_for_ink(sheet, f"n === {one}")
    draw(sheet, [[(210, 120), (120, 210)]])  # a new step: the redo is gone
    expect(button(sheet, "Redo")).to_be_disabled()
    button(sheet, "Undo").click()
    wait_for_ink(sheet, f"n === {one}")
    button(sheet, "Undo").click()
    wait_for_ink(sheet, "n === 0")
    expect(headline(sheet)).to_have_text("Draw a shoe, a shirt, a bag…")
    button(sheet, "Redo").click()
    wait_for_ink(sheet, f"n === {one}")
    button(sheet, "Clear").click()
    wait_for_ink(sheet, "n === 0")
    expect(headline(sheet)).to_have_text("Draw a shoe, a shirt, a bag…")
    expect(button(sheet, "Clear")).to_be_disabled()
    button(sheet, "Undo").click()
    wait_for_ink(sheet, f"n === {one}")
    no_exception(sheet)


def test_the_answer_comes_during_the_stroke(sheet: Page) -> None:
    box = sheet.locator(CANVAS).bounding_box()
    assert box
    sheet.mouse.move(box["x"] + 80, box["y"] + 80)
    sheet.mouse.down()
    sheet.mouse.move(box["x"] + 250, box["y"] + 85, steps=3)
    expect(headline(sheet)).to_have_text("Keep drawing…")
    for x, y in BOX[0][2:]:
        sheet.mouse.move(box["x"] + x, box["y"] + y, steps=3)
    expect(headline(sheet)).to_have_text(re.compile(r"\d%$|garment$"))
    answer = sheet.locator(".st-key-draw-prediction .prediction")
    expect(answer).to_have_attribute("data-growing", "true")  # the pen is still down
    expect(button(sheet, "Undo")).to_be_disabled()
    sheet.mouse.up()
    expect(answer).to_have_attribute("data-growing", "false")
    expect(sheet.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    sheet.keyboard.press("Control+z")
    wait_for_ink(sheet, "n === 0")
    expect(headline(sheet)).to_have_text("Draw a shoe, a shirt, a bag…")
    sheet.keyboard.press("Control+y")
    expect(headline(sheet)).to_have_text(re.compile(r"\d%$|garment$"))
    no_exception(sheet)


def test_drawable_canvas_can_be_chosen(sheet: Page) -> None:
    draw(sheet, BOX)
    said = headline(sheet).inner_text()
    choose(sheet, "Canvas", "drawable-canvas")
    expect(sheet.locator(f"{SHEET} .upper-canvas")).to_be_visible()
    wait_for_ink(sheet, "n > 1000")  # it shows the drawing
    settle(sheet)
    expect(headline(sheet)).to_have_text(said)
    dark = ink(sheet)
    draw(sheet, [[(120, 120), (210, 210)]])
    assert ink(sheet) > dark
    button(sheet, "Undo").click()
    wait_for_ink(sheet, f"Math.abs(n - {dark}) < 60")
    expect(headline(sheet)).to_have_text(said)
    choose(sheet, "Canvas", "Built in")
    expect(sheet.locator(f"{SHEET} .upper-canvas")).to_have_count(0)
    settle(sheet)
    wait_for_ink(sheet, f"Math.abs(n - {dark}) < 300")
    draw(sheet, [[(120, 120), (210, 210)]])
    expect(button(sheet, "Redo")).to_be_disabled()
    no_exception(sheet)


def take(page: Page, tool: str) -> None:
    """Choose what to draw with, and wait until the canvas has been told."""
    page.get_by_role("radio", name=tool).or_(page.get_by_role("button", name=tool)).first.click()
    answer = page.locator(".st-key-draw-prediction .prediction")
    expect(answer).to_have_attribute("data-tool", tool)
    page.wait_for_function(QUIET)


def test_the_eraser_erases_and_shapes_are_drawn_from_corner_to_corner(sheet: Page) -> None:
    draw(sheet, BOX)
    before = ink(sheet)
    take(sheet, "Eraser")
    draw(sheet, [[(70, 80), (260, 85)]])
    assert 0 < ink(sheet) < before
    button(sheet, "Clear").click()
    wait_for_ink(sheet, "n === 0")
    seen = set()
    for tool in ("Line", "Circle", "Rectangle"):
        take(sheet, tool)
        draw(sheet, [[(90, 100), (150, 150), (230, 200)]])
        drawn = ink(sheet)
        assert drawn > 500
        seen.add(drawn)
        button(sheet, "Undo").click()
        wait_for_ink(sheet, "n === 0")
        button(sheet, "Redo").click()
        wait_for_ink(sheet, f"n === {drawn}")
        button(sheet, "Undo").click()
        wait_for_ink(sheet, "n === 0")
    assert len(seen) == 3
    no_exception(sheet)


def test_a_polygon_is_closed_by_its_first_corner(sheet: Page) -> None:
    take(sheet, "Polygon")
    expect(sheet.get_by_text("Click to set corners")).to_be_visible()
    sheet.wait_for_function(QUIET)
    box = sheet.locator(CANVAS).bounding_box()
    assert box
    before = last_event(sheet)
    for x, y in [(80, 80), (240, 90), (160, 240), (80, 80)]:
        sheet.mouse.click(box["x"] + x, box["y"] + y)
    wait_for_prediction(sheet, before)
    with_polygon = ink(sheet)
    assert with_polygon > 500
    draw_more = [(100, 250), (150, 300), (60, 310), (100, 250)]
    before = last_event(sheet)
    for x, y in draw_more:
        sheet.mouse.click(box["x"] + x, box["y"] + y)
    wait_for_prediction(sheet, before)
    button(sheet, "Undo").click()
    wait_for_ink(sheet, f"Math.abs(n - {with_polygon}) < 60")
    button(sheet, "Undo").click()
    wait_for_ink(sheet, "n === 0")
    no_exception(sheet)


def test_a_drawing_survives_other_pages(sheet: Page) -> None:
    draw(sheet, BOX)
    said, dark = headline(sheet).inner_text(), ink(sheet)
    sheet.get_by_test_id("stSidebarNavLink").get_by_text("Start", exact=True).click()
    expect(sheet.locator(".st-key-page-links")).to_be_visible()
    sheet.get_by_test_id("stSidebarNavLink").get_by_text("Draw", exact=True).click()
    wait_for_ink(sheet, f"n === {dark}")
    expect(headline(sheet)).to_have_text(said)


def test_undo_takes_the_last_stroke_however_quickly(sheet: Page) -> None:
    draw(sheet, BOX)
    one = ink(sheet)
    stroke(sheet, [(120, 120), (210, 210)])
    button(sheet, "Undo").click()  # before the canvas has sent the stroke
    wait_for_ink(sheet, f"n === {one}")
    button(sheet, "Redo").click()
    wait_for_ink(sheet, f"n > {one}")
    button(sheet, "Clear").click()
    wait_for_ink(sheet, "n === 0")
    rows = [[(60.0, 60.0 + 50 * number), (270.0, 60.0 + 50 * number)] for number in range(5)]
    draw_at_once(sheet, rows)
    five = ink(sheet)
    for left in range(4, -1, -1):
        button(sheet, "Undo").click()
        wait_for_ink(sheet, f"Math.abs(n - {five * left / 5}) < 60")


REMEMBER_RUN: Final = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  new MutationObserver(() => {
    window.__ran ||= app.getAttribute('data-test-script-state') === 'running';
  }).observe(app, { attributes: true });
}"""
"""JavaScript: `window.__ran` is true once the page's script has begun to run again."""


@pytest.mark.slow  # starts the app twice, with three pages to load
def test_a_drawing_outlives_the_server(
    page: Page, other_context: BrowserContext, tmp_path: Path
) -> None:
    environment = {"FMNIST_ARTIFACTS": str(tmp_path), "FMNIST_DOWNLOADS": str(tmp_path / "data")}
    address, process = driver.start_app(tmp_path / "log", **environment)
    # Streamlit builds the page anew for the very first visitor of a server, not for the next one
    first, next_one = page, other_context.new_page()
    for one in (first, next_one):
        open_draw(one, address)
        draw(one, BOX)
        one.context.set_offline(True)
    said, dark = headline(page).inner_text(), ink(page)
    driver.stop_app(process)
    port = int(address.rpartition(":")[2])
    _, process = driver.start_app(tmp_path / "log", driver.ROOT / "app.py", port, **environment)

    def come_back(page: Page, *lines: list[tuple[float, float]]) -> None:
        page.evaluate(REMEMBER_RUN)
        page.context.set_offline(False)
        page.get_by_role("dialog").wait_for(state="detached")  # it says that the server is away
        draw_at_once(page, list(lines))  # before the page is drawn anew
        page.wait_for_function("window.__ran")
        settle(page)

    try:
        come_back(first)
        wait_for_ink(first, f"n === {dark}")
        expect(headline(first)).to_have_text(said)
        come_back(next_one, [(120, 120), (210, 210)])
        wait_for_ink(next_one, f"n > {dark} + 500")
        button(next_one, "Undo").click()
        wait_for_ink(next_one, f"Math.abs(n - {dark}) < 60")
        expect(headline(next_one)).to_have_text(said)
    finally:
        driver.stop_app(process)


def test_an_example_can_be_changed(sheet: Page) -> None:
    sheet.get_by_role("button", name="T-shirt", exact=True).click()
    expect(headline(sheet)).to_have_text(re.compile(r"\d%$|garment$"))
    wait_for_ink(sheet, "n > 1000")
    before = ink(sheet)
    draw(sheet, [[(150, 200), (180, 220)]])
    assert ink(sheet) > before
    button(sheet, "Undo").click()
    wait_for_ink(sheet, f"Math.abs(n - {before}) < 20")
    button(sheet, "Undo").click()
    wait_for_ink(sheet, "n === 0")


# --- A finger -----------------------------------------------------------------------------------


def touch(session: CDPSession, kind: str, x: float = 0, y: float = 0) -> None:
    points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_finger_at_390_pixels(browser: Browser, data_server: Server) -> None:
    context = driver.new_context(browser, width=390, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    open_draw(page, data_server.url)
    page.locator(CANVAS).scroll_into_view_if_needed()
    main = page.get_by_test_id("stMain")
    scrolled = main.evaluate("main => main.scrollTop")
    box = page.locator(CANVAS).bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    session = context.new_cdp_session(page)
    before = last_event(page)
    for number, (x, y) in enumerate(BOX[0]):
        touch(session, "touchMove" if number else "touchStart", box["x"] + x, box["y"] + y)
    touch(session, "touchEnd")
    wait_for_prediction(page, before)
    assert ink(page) > 1000
    expect(headline(page)).to_have_text(re.compile(r"\d%$|garment$"))
    assert main.evaluate("main => main.scrollTop") == scrolled  # the page stays under the finger
    sentence = headline(page).bounding_box()
    assert sentence and sentence["y"] + sentence["height"] <= 844  # the answer is in sight
    button(page, "Undo").tap()
    wait_for_ink(page, "n === 0")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    no_exception(page)
    context.close()


# --- The gallery --------------------------------------------------------------------------------


def test_save_label_reopen_delete_undo(sheet: Page, data_server: Server) -> None:
    store = Gallery(data_server.artifacts / "drawings")
    for drawing in store.all()[0]:
        store.delete(drawing.drawing_id)
    draw(sheet, BOX)
    dark = ink(sheet)
    choose(sheet, "What did you draw?", "Bag")
    expect(sheet.get_by_text("Gallery (1)")).to_be_visible()
    (saved,), problems = store.all()
    assert (saved.label, problems) == ("Bag", [])
    assert (
        sheet.locator(".st-key-draw-prediction .headline")
        .inner_text()
        .startswith(saved.predicted if saved.predicted != "No garment" else "This does not")
    )
    right = int(saved.predicted == "Bag")
    expect(
        sheet.get_by_text(re.compile(rf"^{right} of 1 labeled drawings correct"))
    ).to_be_visible()

    choose(sheet, "What did you draw?", "Coat")  # a change of mind is no second drawing
    expect(sheet.get_by_text(re.compile(r"^Label: Coat"))).to_be_visible()
    draw(sheet, [[(120, 120), (210, 210)]])
    expect(sheet.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    sheet.get_by_role("button", name="Save", exact=True).click()
    expect(sheet.get_by_text("Gallery (2)")).to_be_visible()
    expect(sheet.get_by_role("button", name="Saved")).to_be_disabled()

    card = sheet.locator(f".st-key-draw-card-{saved.drawing_id}")
    card.get_by_role("button", name="Open").click()
    wait_for_ink(sheet, f"Math.abs(n - {dark}) < 20")
    expect(sheet.get_by_role("button", name="Saved")).to_be_disabled()
    sheet.locator(f".st-key-draw-delete-{saved.drawing_id} button").first.click()
    expect(sheet.get_by_text("Gallery (1)")).to_be_visible()
    sheet.locator(".st-key-draw-restore button").first.click()
    expect(sheet.get_by_text("Gallery (2)")).to_be_visible()
    assert len(store.all()[0]) == 2
    no_exception(sheet)


def test_export_as_png(sheet: Page) -> None:
    draw(sheet, BOX)
    with sheet.expect_download() as download:
        sheet.get_by_role("button", name="PNG").click()
    picture = Image.open(download.value.path())
    assert picture.format == "PNG" and picture.size == (canvas.SIDE, canvas.SIDE)
    dark = sum(1 for pixel in picture.convert("L").tobytes() if pixel < 100)
    assert dark == pytest.approx(ink(sheet), rel=0.05)


# --- Pictures -----------------------------------------------------------------------------------


def png_of_a_shirt() -> bytes:
    picture = Image.new("RGB", (400, 300), "white")
    picture.paste((30, 30, 120), (120, 40, 280, 260))
    picture.paste((30, 30, 120), (70, 40, 330, 110))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def upload(page: Page, name: str, content: bytes) -> None:
    settle(page)  # while a page is drawn, a file given to it may be lost
    field: Any = {"name": name, "mimeType": "image/png", "buffer": content}
    page.locator(".st-key-draw-sources input[type=file]").first.set_input_files(field)


def picture_title(page: Page) -> Locator:
    return page.locator(".st-key-draw-picture .title")


def test_upload_of_a_picture_and_of_a_broken_file(sheet: Page) -> None:
    # opened before the drawing, whose answer tells that the page has been drawn with the tab open:
    # a file given to the page in the midst of that may be lost
    sheet.get_by_role("tab", name="Your picture").click()
    draw(sheet, BOX)
    dark = ink(sheet)
    upload(sheet, "shirt.png", png_of_a_shirt())
    expect(picture_title(sheet)).to_be_visible()
    expect(headline(sheet)).to_have_text(re.compile(r"\d%$|garment$"))
    upload(sheet, "broken.png", png_of_a_shirt()[:200])
    expect(sheet.get_by_text("The picture is damaged or truncated")).to_be_visible()
    expect(picture_title(sheet)).to_be_visible()  # the one before stays
    upload(sheet, "again.png", png_of_a_shirt())
    expect(sheet.get_by_text("The picture is damaged or truncated")).to_have_count(0)
    sheet.get_by_role("button", name="Back to the canvas").click()
    wait_for_ink(sheet, f"n === {dark}")  # the drawing has waited
    no_exception(sheet)


def test_paste_a_picture(sheet: Page) -> None:
    sheet.get_by_role("tab", name="Your picture").click()
    field = sheet.get_by_role("textbox", name="Paste a picture here")
    field.focus()
    sheet.evaluate(
        """(bytes) => {
          const file = new File([Uint8Array.from(bytes)], 'shirt.png', { type: 'image/png' });
          const clipboard = new DataTransfer();
          clipboard.items.add(file);
          document.activeElement.dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: clipboard, bubbles: true }));
        }""",
        list(png_of_a_shirt()),
    )
    send = sheet.get_by_test_id("stChatInputSubmitButton")
    send.click()  # which it can be once the file has arrived
    expect(picture_title(sheet)).to_be_visible()
    field.fill("a shirt")
    field.press("Enter")
    expect(sheet.get_by_text("Only pictures can be pasted")).to_be_visible()
    no_exception(sheet)


def test_paint_on_a_test_image(sheet: Page) -> None:
    sheet.get_by_role("tab", name="Test image").click()
    choose(sheet, "Class", "Trouser")
    sheet.get_by_role("button", name="Random image").click()
    expect(sheet.get_by_text(re.compile(r"^Trouser, test image [\d,]+$"))).to_be_visible()
    said = sheet.locator(".st-key-draw-prediction .note")
    expect(said).to_have_text(re.compile("^Paint on it"))
    assert "".join(sheet.locator(".st-key-draw-prediction .change").all_inner_texts()) == ""
    sheet.locator(CANVAS).scroll_into_view_if_needed()
    width = sheet.get_by_role("slider", name="Width")
    for _ in range(16):
        width.press("ArrowRight")
    sheet.wait_for_function(QUIET)
    sheet.locator(CANVAS).scroll_into_view_if_needed()
    draw_at_once(sheet, [[(10, row), (325, row)] for row in range(24, 330, 22)])
    changes = sheet.locator(".st-key-draw-prediction .change").all_inner_texts()
    assert any(change.startswith("+") for change in changes)
    assert any(change.startswith("−") for change in changes)
    expect(said).to_have_text(re.compile("^Changed from|before you painted"))
    button(sheet, "Clear").click()
    button(sheet, "New drawing").click()
    expect(headline(sheet)).to_have_text("Draw a shoe, a shirt, a bag…")
    no_exception(sheet)
