"""Three hundred nasty addresses: each is told, renders nothing, and fetches nothing."""

import random
from collections.abc import Callable
from dataclasses import fields
from typing import Final
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fmnist.dashboard.navigation import PAGES
from fmnist.dashboard.selection import Selection
from tests.browser.conftest import Server
from tests.browser.test_text_in_the_browser import MARKUP, NASTY, watch
from tools.driver import settle

NUMBERS: Final = (
    "-1", "10", "1e400", "nan", "inf", "0x10", "1_000", "٣", "9" * 400, "0~1e9", "1~0", "nan~nan",
    "0-0-0", "6-", "~", "",
)  # fmt: skip
TEXTS: Final = (
    "<script>fetch('http://zq.example')</script>", "<img src=http://zq.example/i onerror=alert(1)>",
    "../../../etc/passwd", "/etc/passwd", "..", "fashion-cnn/../small", "C:\\Windows", "\0", "a\nb",
    "\u202eevil", "a" * 3000, "袖" * 500, "javascript:alert(1)", "%s%n", "{0.__class__}", "${7*7}",
    "None", "fashion-cnn~" * 60, "true", "fashion-cnn",
)  # fmt: skip
KNOWN: Final = tuple(field.name for field in fields(Selection))
EACH: Final = 30
"""Addresses of one test."""


def addresses(seed: int) -> list[str]:
    """Addresses with one to four parameters, most of them impossible."""
    chance = random.Random(seed)
    values = (*NASTY, *NUMBERS, *TEXTS)
    made = []
    for _ in range(EACH):
        names = chance.sample([*KNOWN, "unknown", "<b>x</b>"], chance.randint(1, 4))
        query = "&".join(f"{quote(name)}={quote(chance.choice(values))}" for name in names)
        place = chance.choice([name for name in PAGES if name != "start"])
        made.append(f"{place}?{query}")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_nasty_address_is_told_and_renders_nothing(
    page: Page,
    context: BrowserContext,
    bare_server: Server,
    seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("tried", EACH)
    asked = watch(context)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for address in addresses(seed):
        page.goto(f"{bare_server.url}/{address}")
        settle(page)
        expect(page.get_by_test_id("stException"), address).to_have_count(0)
        main = page.get_by_test_id("stMain")
        assert page.locator("[href*='zq'], [src*='zq']").count() == 0, address
        for alert in main.get_by_test_id("stAlert").all():
            assert alert.locator(MARKUP).count() == 0, address
            assert len(alert.inner_text()) < 1000, address
        assert "Traceback" not in main.inner_text(), address
    server = urlsplit(bare_server.url).netloc
    assert {urlsplit(url).netloc for url in asked} <= {server, ""}
