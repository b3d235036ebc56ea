"""When it ends: the browser's notifications, told once wherever a person is, and the webhook."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Server
from tests.notices.receiver import receiving
from tools.driver import settle, small_run, start_training

OBSERVE = """(() => {
  const note = (name, value) => {
    const known = JSON.parse(localStorage.getItem(name) ?? '[]');
    localStorage.setItem(name, JSON.stringify([...known, value]));
  };
  window.focus = () => note('focused', location.pathname);
  window.Notification = class extends window.Notification {
    constructor(title, options) {
      super(title, options);
      note('shown', { title, ...options });
      window.lastNotification = this;
    }
  };
})();"""
"""JavaScript: what is shown, and that a tab was brought to the front, for all tabs and reloads."""

DISMISSED = """Object.defineProperty(Notification, 'permission', { value: 'default' });
Notification.requestPermission = async () => 'default';"""
DENIED = "Object.defineProperty(Notification, 'permission', { value: 'denied' });"
INSECURE = "Object.defineProperty(window, 'isSecureContext', { value: false });"
MISSING = INSECURE.replace("false", "true") + "delete window.Notification;"


def kept(page: Page, name: str) -> Any:
    return json.loads(page.evaluate(f"localStorage.getItem('{name}') ?? '[]'"))


def wait_for_notification(page: Page, count: int) -> Any:
    wanted = f"JSON.parse(localStorage.getItem('shown') ?? '[]').length >= {count}"
    page.wait_for_function(wanted)
    return kept(page, "shown")


def open_choices(page: Page) -> None:
    page.get_by_role("button", name="When it ends").click()
    page.get_by_text("Notify me in this browser").wait_for()


def turn_on(page: Page) -> None:
    open_choices(page)
    switch = page.get_by_role("switch", name="Notify me in this browser")
    switch.check()
    expect(switch).to_be_checked()


def webhook_field(page: Page) -> Locator:
    return page.get_by_test_id("stPopoverBody").locator("input[type=password]")


def go_to(page: Page, name: str) -> None:
    """Open another page of the app, without a reload."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    page.get_by_role("heading", name=name, level=1).wait_for()
    settle(page)


@pytest.fixture
def person(other_context: BrowserContext) -> Page:
    """A browser that may notify, and whose notifications are observed."""
    other_context.grant_permissions(["notifications"])
    other_context.add_init_script(OBSERVE)
    return other_context.new_page()


def test_an_end_is_told_once_on_another_page_and_to_the_webhook(
    person: Page, own_server: Server
) -> None:
    server = own_server
    with receiving() as receiver:
        person.goto(f"{server.url}/train")
        settle(person)
        small_run(person)
        settle(person)
        turn_on(person)
        field = webhook_field(person)
        field.fill(receiver.url)
        field.press("Enter")
        person.get_by_role("button", name="Send a test").click()
        person.get_by_text("The webhook at 127.0.0.1 has taken it.").wait_for()
        person.keyboard.press("Escape")
        settle(person)
        run_id = start_training(person)
        go_to(person, "Data")
        (shown,) = wait_for_notification(person, 1)
        assert shown["title"] == "Finished: fashion-cnn, 3 epochs"
        assert re.match(r"Best validation accuracy \d+\.\d\d%, test accuracy", shown["body"])
        documents = receiver.wait_for(2)
        assert [each["kind"] for each in documents] == ["test", "run"]
        assert documents[1]["id"] == run_id and shown["body"] in documents[1]["text"]
        assert "secret-token" not in person.url
    for path in server.artifacts.rglob("*"):
        assert not path.is_file() or b"secret-token" not in path.read_bytes(), path
    person.evaluate("window.lastNotification.onclick()")
    assert kept(person, "focused") == ["/data"]

    go_to(person, "Train")
    person.reload()
    settle(person)
    go_to(person, "Sweeps")
    open_choices(person)
    expect(person.get_by_role("switch", name="Notify me in this browser")).to_be_checked()
    expect(webhook_field(person)).to_have_value("")  # a new session
    assert len(kept(person, "shown")) == 1 and kept(person, "fmnist-watched") == {}
    assert len(receiver.documents) == 2


@pytest.mark.slow
def test_a_reload_and_a_second_tab_tell_nothing_twice(person: Page, own_server: Server) -> None:
    server = own_server
    person.goto(f"{server.url}/train")
    settle(person)
    turn_on(person)
    person.keyboard.press("Escape")
    small_run(person, epochs=500)
    settle(person)
    run_id = start_training(person)
    second = person.context.new_page()
    second.goto(f"{server.url}/train?run={run_id}")
    settle(second)
    person.goto(f"{server.url}/data?run=small")  # the run is no longer opened here
    settle(person)
    second.get_by_role("button", name="Pause", exact=True).click()
    assert [each["title"] for each in wait_for_notification(person, 1)] == [
        "Paused: fashion-cnn, 500 epochs"
    ]
    second.get_by_test_id("stMain").get_by_role("button", name="Resume", exact=True).click()
    second.get_by_role("button", name="Pause", exact=True).wait_for()
    second.wait_for_function(
        "Object.values(JSON.parse(localStorage['fmnist-watched']))[0] === 'running'"
    )
    second.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).click()
    shown = wait_for_notification(person, 2)
    assert [each["title"] for each in shown[1:]] == ["Stopped: fashion-cnn, 500 epochs"]
    second.get_by_role("button", name="Resume training").wait_for()
    for page in (second, person):
        page.reload()
        settle(page)
    assert len(kept(person, "shown")) == 2 and kept(person, "fmnist-watched") == {}


def test_what_a_browser_lacks_is_told_in_a_sentence(page: Page, bare_server: Server) -> None:
    page.goto(f"{bare_server.url}/train")
    settle(page)
    open_choices(page)
    switch = page.get_by_role("switch", name="Notify me in this browser")
    for script, told in (
        (DISMISSED, "The browser was given no permission"),
        (DENIED, "The browser blocks notifications of this page"),
        (INSECURE, "The browser shows notifications only for https:// and for localhost"),
        (MISSING, "This browser shows no notifications of web pages"),
    ):
        page.evaluate(f"() => {{ {script} }}")
        switch.click()
        expect(page.get_by_role("status").filter(has_text=told)).to_be_visible()
        expect(switch).not_to_be_checked()
