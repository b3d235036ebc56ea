"""Draw in a browser: strokes with the mouse, what is on the canvas, the prediction."""

from typing import Final

from playwright.sync_api import Locator, Page, expect

from tools.driver import SLOW, settle

Lines = list[list[tuple[float, float]]]

BOX: Final[Lines] = [[(80, 80), (250, 85), (255, 250), (85, 255), (80, 80)]]
SHEET: Final = ".st-key-draw-sheet"
CANVAS: Final = f"{SHEET} :is(canvas.top, .upper-canvas)"
"""Where the mouse draws: on the built-in canvas, or on streamlit-drawable-canvas."""


def open_draw(page: Page, url: str) -> None:
    page.goto(f"{url}/draw")
    expect(page.locator(CANVAS)).to_be_visible()
    expect(headline(page)).to_have_text("Draw a shoe, a shirt, a bag…")
    settle(page)


def headline(page: Page) -> Locator:
    return page.locator(".st-key-draw-prediction .headline")


def button(page: Page, name: str) -> Locator:
    place = page.locator(f"{SHEET} :is(.board, .st-key-draw-steps)")  # drawable-canvas has its own
    return place.get_by_role("button", name=name, exact=True)


def last_event(page: Page) -> int:
    """Number of the canvas event that the prediction on screen answers."""
    return int(page.locator(".st-key-draw-prediction .prediction").get_attribute("data-event") or 0)


def wait_for_prediction(page: Page, after: int) -> None:
    """Wait until the prediction answers a later event, which is about no growing stroke."""
    page.wait_for_function(
        """(after) => {
          const host = document.querySelector('.st-key-draw-prediction');
          for (const e of host.querySelectorAll('*')) {
            const found = e.shadowRoot && e.shadowRoot.querySelector('.prediction');
            if (found)
              return Number(found.dataset.event) > after && found.dataset.growing !== 'true';
          }
        }""",
        arg=after,
        timeout=SLOW,
    )


def draw(page: Page, lines: Lines) -> None:
    """Draw with the mouse: pen down, moves, pen up; wait for the prediction after each stroke."""
    sheet = page.locator(CANVAS)
    sheet.evaluate("sheet => sheet.scrollIntoView({ block: 'center', behavior: 'instant' })")
    for line in lines:
        before = last_event(page)
        stroke(page, line)
        wait_for_prediction(page, before)


def draw_at_once(page: Page, lines: Lines) -> None:
    """Draw stroke upon stroke; wait for the prediction after the last one."""
    page.locator(CANVAS).scroll_into_view_if_needed()
    for line in lines:
        stroke(page, line)
    settle(page)


def stroke(page: Page, line: list[tuple[float, float]]) -> None:
    """Draw a stroke with the mouse, without waiting for its prediction."""
    box = page.locator(CANVAS).bounding_box()
    assert box
    page.mouse.move(box["x"] + line[0][0], box["y"] + line[0][1])
    page.mouse.down()
    for x, y in line[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.up()


INK: Final = """() => {
  const host = document.querySelector('.st-key-draw-sheet');
  for (const e of host ? host.querySelectorAll('*') : []) {
    const canvas = e.shadowRoot && e.shadowRoot.querySelector('canvas.ink, canvas.dc-canvas');
    if (!canvas) continue;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 128 && data[i] + data[i + 1] + data[i + 2] < 300) dark++;
    return dark;
  }
  return NaN;
}"""
"""Counts the dark pixels on the canvas; NaN while there is no canvas."""


def ink(page: Page) -> int:
    """Number of dark pixels on the canvas."""
    return int(page.evaluate(INK))


def wait_for_ink(page: Page, condition: str) -> None:
    """Wait until the number of dark pixels on the canvas, `n`, meets a condition."""
    page.wait_for_function(f"() => {{ const n = ({INK})(); return {condition}; }}", timeout=SLOW)


def choose(page: Page, field: str, option: str) -> None:
    page.get_by_role("combobox", name=field).click()
    page.keyboard.type(option)
    page.get_by_role("option", name=option, exact=True).click()


def no_exception(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)
