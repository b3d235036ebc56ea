"""All pages without data: their width, and what they ask of the network."""

import http.client
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, WebSocket, expect

from fmnist.dashboard import navigation
from tests.browser.conftest import Server
from tools.driver import fits_the_screen, settle

PAGES = ("", *tuple(navigation.PAGES)[1:])  # the first is the server's own address


def test_pages_without_data_fit_the_screen_and_ask_no_other_machine(
    page: Page, bare_server: Server
) -> None:
    asked: set[str] = set()

    def note(request: Request | WebSocket) -> None:
        asked.add(request.url)

    page.on("request", note)
    page.on("websocket", note)
    for name in PAGES:
        page.goto(f"{bare_server.url}/{name}")
        settle(page)
        page.wait_for_load_state("networkidle")
        icon = page.locator("link[rel*=icon]").first.get_attribute("href")
        assert icon, name
        asked.add(icon)  # headless Chromium fetches no favicon
        expect(page.get_by_test_id("stException")).to_have_count(0)
        if name in ("", "train", "compare", "data"):
            expect(page.get_by_text("Showing synthetic images")).to_be_visible()
            download = page.get_by_role("button", name="Download Fashion-MNIST (31 MB)")
            expect(download).to_be_visible()
            fits_the_screen(page)
            page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{bare_server.url}/errors?image=0")
    settle(page)
    server = urlsplit(bare_server.url).netloc
    elsewhere = {url for url in asked if urlsplit(url).netloc not in {server, ""}}
    assert elsewhere == set()
    assert any("_stcore" in url for url in asked)


@pytest.mark.parametrize(("name", "answer"), [("localhost", 101), ("elsewhere.example", 403)])
def test_the_app_answers_to_its_own_name_only(bare_server: Server, name: str, answer: int) -> None:
    port = urlsplit(bare_server.url).port
    connection = http.client.HTTPConnection("127.0.0.1", port)
    upgrade = {
        "Host": f"{name}:{port}",
        "Origin": f"http://{name}:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    connection.request("GET", "/_stcore/stream", headers=upgrade)
    assert connection.getresponse().status == answer
    connection.close()
