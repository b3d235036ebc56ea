"""Webhooks: addresses, tries, redirects, slow receivers, and secrets that stay secret."""

import socket
import struct
import threading
from contextlib import suppress

import pytest

from fmnist.notices import webhook as webhooks
from fmnist.notices.notice import Notice, trial_notice
from fmnist.notices.webhook import Notifier, Webhook, WebhookError, send
from tests.notices.receiver import SOON, receiving

NOTICE = Notice("run", "r1", "Mine", "finished", facts="1 epoch in 2 s.")
DOCUMENT = {"text": "done"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def problem_of(address: str, **named: object) -> str:
    with pytest.raises(WebhookError) as caught:
        send(Webhook.parse(address), DOCUMENT, **named)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "whole address"),
        ("hooks.example.com/secret", "whole address"),
        ("ftp://hooks.example.com/secret", "whole address"),
        ("file:///etc/secret", "whole address"),
        ("javascript:secret", "whole address"),
        ("https://", "whole address"),
        ("https://ann:secret@hooks.example.com/", "user name"),
        ("https://hooks.example.com:secret/", "valid host or port"),
        ("http://[::1/secret", "valid host or port"),
        ("https://hooks..example.com/secret", "valid host or port"),
        ("https://.example.com/secret", "valid host or port"),
        (f"https://{'x' * 64}.example.com/secret", "valid host or port"),
        ("https://hooks.example.com/a secret", "%20"),
        ("https://bücher.example/secret", "xn--"),
        ("https://hooks.example.com/secret\r\nX-Header: 1", "%20"),
        ("https://hooks.example.com/secret" + "x" * 2000, "2000 characters"),
    ],
)
def test_an_address_that_is_none_gets_a_sentence_without_it(address: str, told: str) -> None:
    with pytest.raises(WebhookError) as caught:
        Webhook.parse(address)
    assert told in str(caught.value) and "secret" not in str(caught.value)
    assert caught.value.__cause__ is None  # a log would quote it


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "hooks.example.com.", f"{'x' * 63}.example"]
)
def test_every_host_that_there_can_be_is_taken(host: str) -> None:
    assert Webhook.parse(f"http://{host}:8080/").host == host.strip("[]")


def test_an_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Webhook.parse(" https://hooks.example.com:8443/T0/secret?key=secret#part ")
    assert found.address == "https://hooks.example.com:8443/T0/secret?key=secret"
    assert str(found) == repr(found) == "Webhook(host='hooks.example.com')"
    monkeypatch.setenv(webhooks.VARIABLE, "")
    assert Webhook.of_environment() is None
    monkeypatch.setenv(webhooks.VARIABLE, found.address)
    assert Webhook.of_environment() == found
    monkeypatch.setenv(webhooks.VARIABLE, "secret")
    with pytest.raises(WebhookError, match="^FMNIST_WEBHOOK: Give .* whole address"):
        Webhook.of_environment()


def test_a_document_arrives_once() -> None:
    with receiving() as receiver:
        send(Webhook.parse(receiver.url), DOCUMENT, pauses=(0, 0))
    assert receiver.documents == [DOCUMENT]
    assert receiver.headers[0]["Content-Type"].startswith("application/json")
    assert receiver.headers[0]["User-Agent"].startswith("fmnist/")


def test_a_receiver_that_is_busy_is_told_again() -> None:
    with receiving(503, 429) as receiver:
        send(Webhook.parse(receiver.url), DOCUMENT, pauses=(0, 0))
        assert len(receiver.documents) == 3
    with receiving(500, 500, 500) as receiver:
        told = problem_of(receiver.url, pauses=(0, 0))
    assert told == "The webhook at 127.0.0.1 was not told: it answers 500; try again later."
    assert len(receiver.documents) == 3


def test_tries_end_when_the_caller_says_so() -> None:
    with receiving(503, 503) as receiver:
        problem_of(receiver.url, pauses=(1000,), wait=lambda _: True)
        assert len(receiver.documents) == 1


def test_a_wrong_address_is_told_once() -> None:
    with receiving(404) as receiver:
        told = problem_of(receiver.url, pauses=(0, 0))
        assert len(receiver.documents) == 1
    assert told == "The webhook at 127.0.0.1 was not told: it answers 404; check the address."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with receiving() as other, receiving(status) as receiver:
        receiver.location = other.url
        told = problem_of(receiver.url, pauses=(0, 0))
        assert len(receiver.documents) == 1 and other.documents == []
    assert f"redirect ({status}), which is not followed" in told and "secret" not in told


def test_a_redirect_to_no_address_is_told() -> None:
    with receiving(302) as receiver:
        receiver.location = "http://[secret"
        told = problem_of(receiver.url, pauses=(0, 0))
        assert len(receiver.documents) == 1
    assert "redirect (302), which is not followed" in told and "secret" not in told


def test_a_host_that_cannot_be_looked_up_keeps_nothing_from_others() -> None:
    said: list[str] = []
    notifier = Notifier(said.append, pauses=(0, 0))
    bad = Webhook("https://hooks..example.com/secret", "hooks..example.com")
    with receiving() as good:
        notifier.tell(lambda: NOTICE, lambda _: [bad, Webhook.parse(good.url)])
        assert good.wait_for(1) == [NOTICE.to_json()]
        assert notifier.wait(SOON)
    assert notifier.problems("run:r1") == tuple(said)
    assert said == [
        "The webhook at hooks..example.com was not told: its host is not valid; check the address."
    ]


def test_nobody_there_is_told_in_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # does not listen
        told = problem_of(f"http://127.0.0.1:{taken.getsockname()[1]}/secret", pauses=(0,))
    assert told == "The webhook at 127.0.0.1 was not told: connection refused."
    told = problem_of("http://nobody.invalid/secret")
    assert told.startswith("The webhook at nobody.invalid was not told: there is no such host")


def test_a_slow_receiver_is_given_up_and_not_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_SECONDS", 0.2)
    with receiving() as receiver:
        receiver.holds.clear()
        told = problem_of(receiver.url, pauses=(0, 0))
        assert len(receiver.documents) == 1  # it may have taken it
    assert "no answer in" in told


def problem_of_answer(answer: bytes, *, resets: bool = False) -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                asked = b""
                while not asked.endswith(b"}"):  # what is left unread resets the connection
                    asked += connection.recv(65_536)
                if resets:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        told = problem_of(f"http://127.0.0.1:{listening.getsockname()[1]}/secret", pauses=(0, 0))
        thread.join()
    assert "secret" not in told
    return told


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"\xff" * 100_000])
def test_an_answer_that_is_not_http_is_told(answer: bytes) -> None:
    assert "not HTTP" in problem_of_answer(answer)


@pytest.mark.parametrize("resets", [False, True])
def test_a_connection_that_is_closed_without_an_answer_is_told(resets: bool) -> None:
    told = problem_of_answer(b"", resets=resets)
    assert told.endswith("was not told: the connection was closed without an answer.")


def test_https_needs_a_valid_certificate() -> None:
    with receiving() as receiver:
        told = problem_of(receiver.url.replace("http:", "https:"))
    assert "does not speak https" in told and receiver.documents == []


def test_a_notifier_tells_in_the_background_and_keeps_problems() -> None:
    said: list[str] = []
    notifier = Notifier(said.append, pauses=(0,))
    with receiving(404) as bad, receiving() as good:
        good.holds.clear()
        notifier.tell(lambda: NOTICE, lambda _: [Webhook.parse(bad.url), Webhook.parse(good.url)])
        good.wait_for(1)
        assert notifier.is_busy() and not notifier.wait(0)
        good.holds.set()
        assert notifier.wait(SOON) and not notifier.is_busy()
        assert good.documents == [NOTICE.to_json()]
        assert notifier.problems("run:r1") == tuple(said)
        assert len(said) == 1 and "404" in said[0]
        # what is told again forgets what went wrong before
        notifier.tell(lambda: NOTICE, lambda _: [Webhook.parse(good.url)])
        assert notifier.wait(SOON) and notifier.problems("run:r1") == ()
    notifier.tell(lambda: None, lambda _: pytest.fail("there is nothing to tell"))
    assert notifier.wait(SOON)


def test_closing_waits_no_longer_than_it_says_and_ends_the_tries() -> None:
    notifier = Notifier(lambda _: None, pauses=(1000,))
    with receiving(503) as receiver:
        notifier.tell(trial_notice, lambda _: [Webhook.parse(receiver.url)])
        receiver.wait_for(1)
        assert notifier.close(SOON)
        assert len(receiver.documents) == 1
    with receiving() as receiver:
        receiver.holds.clear()
        notifier.tell(trial_notice, lambda _: [Webhook.parse(receiver.url)])
        receiver.wait_for(1)
        assert not notifier.close(0)


def test_without_a_thread_it_is_told_at_once_and_tried_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As while Python 3.12 ends."""
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "webhook":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        real(thread)  # those of the receivers

    monkeypatch.setattr(threading.Thread, "start", start)
    said: list[str] = []
    notifier = Notifier(said.append, pauses=(1000,))
    with receiving(503) as refusing, receiving() as taking:
        notifier.tell(trial_notice, lambda _: map(Webhook.parse, (refusing.url, taking.url)))
        assert len(refusing.documents) == len(taking.documents) == 1
    assert len(said) == 1 and "503" in said[0]
    assert not notifier.is_busy() and notifier.wait(0)
