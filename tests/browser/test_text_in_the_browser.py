"""Text from outside in a real browser: shown as it is, and nothing is fetched for it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from fmnist.files import read_json, write_json
from fmnist.text import one_line
from tests.browser.conftest import Server
from tools import driver
from tools.driver import settle
from tools.made_up_run import made_up_run

NASTY = (
    "![i](http://zq.example/i.png)",
    "[Sign in](http://zq.example)",
    "<http://zq.example> <b>bold</b> &lt; &#36;",
    "http://zq.example www.zq.example me@zq.example",
    "$5 and $6 $$x$$",
    "# big",
    ":material/delete: :material_delete: :streamlit: :smile: :+1:",
    ":red[red] :red-badge[x] :small[x] a:red b::c :::d",
    "*a* **b** _c_ __d__ a_b_c ~~e~~ `f` ``g``",
    "- a -> b <- c <-> d -- e >= f <= g ~= h",
    "1. one",
    "12) twelve",
    "+ plus",
    "> quote",
    "=== --- ***",
    "| a | b |",
    "[^1] [x] \\ \\* {a=b}",
    "Ärmel → 袖 👩‍👧 العربية",
)

MARKUP = (
    "a, img, em, b, h1, h2, ul, ol, blockquote, code, del, hr, .katex, [role=img], "
    "[class*=stMarkdownColored], [class*=stMarkdownBadge]"
)

SCRIPT = """
import streamlit as st
from fmnist.text import plain
from tests.browser.test_text_in_the_browser import NASTY

st.title("Title")
for number, text in enumerate(NASTY):
    shown = plain(text)
    with st.container(key=f"case-{number}"):
        st.markdown(shown)
        st.markdown(f"**{shown}** was deleted.")
        st.caption(f"Before: {shown}, after")
        st.subheader(shown, anchor=False)
        st.warning(shown)
        st.button(shown, key=f"button-{number}")
        st.progress(0.5, f"Training: {shown}, 5%")
        st.table({shown: shown})
"""


def test_plain_text_looks_like_itself(
    page: Page, context: BrowserContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    url, process = driver.start_app(
        tmp_path / "server.log", script, PYTHONPATH=str(driver.ROOT), FMNIST_DATA=""
    )
    request.addfinalizer(lambda: driver.stop_app(process))
    asked = watch(context)
    page.goto(url)
    settle(page)
    for number, text in enumerate(NASTY):
        case = page.locator(f".st-key-case-{number}")
        seen = case.inner_text().replace("\u2060", "")
        assert seen.count(text) == 9, (text, seen)
        assert case.locator(MARKUP).count() == 0, text
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(url).netloc}


def watch(context: BrowserContext) -> set[str]:
    """The addresses that pages ask from now on."""
    asked: set[str] = set()

    def note(request: Request) -> None:
        asked.add(request.url)

    context.on("request", note)
    return asked


def test_addresses_render_nothing(page: Page, context: BrowserContext, bare_server: Server) -> None:
    asked = watch(context)
    for text in NASTY[:8]:
        page.goto(f"{bare_server.url}/errors?run={quote(text)}&true={quote(text)}")
        settle(page)
        warning = page.get_by_test_id("stAlert").filter(has_text="Ignored unknown values")
        expect(warning).to_be_visible()
        told = warning.inner_text().replace("\u2060", "")
        assert told.count(one_line(text, 40)) == 2, told
        assert warning.locator("a, img, .katex, h1").count() == 0
    server = urlsplit(bare_server.url).netloc
    assert {urlsplit(url).netloc for url in asked} <= {server, ""}


@pytest.mark.slow
def test_no_page_renders_the_name_of_a_run(
    page: Page, context: BrowserContext, start_server: Callable[..., Server]
) -> None:
    server = start_server()
    names = ("![i](http://zq.example/i) <b>zq</b> %{x}", "[zq](http://zq.example) $5 zq $6")
    runs = [made_up_run(server.runs, name=name) for name in names]
    status = read_json(runs[1].status_path)
    write_json(runs[1].status_path, status | {"state": "failed", "reason": " ".join(names)})
    asked = watch(context)
    query = f"run={runs[1].run_id}&compared={runs[0].run_id}&runs={runs[1].run_id}~{runs[0].run_id}"
    for place in ("?", "train?", "confusion?", "errors?image=600&", "confidence?", "compare?"):
        page.goto(f"{server.url}/{place}{query}")
        settle(page)
        shown = page.get_by_test_id("stMain").locator("p, h3").filter(has_text="zq")
        expect(shown.first).to_be_visible()
        assert page.locator("[href*=zq], [src*=zq], .katex").count() == 0, place
    page.goto(f"{server.url}/compare?{query}&panel=Size and time")
    settle(page)
    page.locator(".st-key-compare-minutes .points path").last.hover(force=True)
    hover = page.locator(".st-key-compare-minutes .hovertext")
    expect(hover).to_contain_text("zq")
    told = hover.text_content() or ""
    assert names[0] in told or names[1] in told
    assert page.locator("[href*=zq]").count() == 0
    assert {urlsplit(url).netloc for url in asked} <= {urlsplit(server.url).netloc, ""}
