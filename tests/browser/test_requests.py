"""What a page asks of the network."""

import http.client
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, WebSocket

from fmnist.dashboard import navigation
from tests.browser.conftest import Server
from tools.driver import settle

PAGES = ("", *tuple(navigation.PAGES)[1:])  # the first is the server's own address


def test_no_page_asks_any_other_machine(page: Page, bare_server: Server) -> None:
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
