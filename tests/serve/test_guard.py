"""Bounds of size, time and number; allowed hosts; headers; errors as problem details."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message

from fmnist.serve import limits
from fmnist.serve.guard import LOCAL, is_allowed
from fmnist.serve.models import Models, Served
from tests.serve import loops


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST.", "127.0.0.1:1", "[::1]:8000", "[::1]"],
)
def test_this_computer_s_names_are_allowed(host: str) -> None:
    assert is_allowed(host, LOCAL)


@pytest.mark.parametrize(
    "host",
    [None, "", ":8000", "evil.example", "localhost.evil.example", "localhost@evil.example",
     "evil.example:80", "127.0.0.2", "[::2]", "[::1", "evil.example/localhost"],
)  # fmt: skip
def test_other_names_are_not(host: str | None) -> None:
    assert not is_allowed(host, LOCAL)


def test_patterns_of_hosts() -> None:
    assert is_allowed("a.lab.example", ["*.lab.example"])
    assert not is_allowed("lab.example", ["*.lab.example"])
    assert not is_allowed("evil-lab.example", ["*.lab.example"])
    assert is_allowed("anything", ["*"])


def test_a_request_for_another_host_is_refused(client: TestClient) -> None:
    for path in ("/health", "/", "/openapi.json", "/metrics", "/nothing"):
        response = client.get(path, headers={"host": "evil.example"})
        assert response.status_code == 421
        assert response.json()["detail"] == "This server does not answer under that name."


def ask(
    app: FastAPI, messages: Sequence[Message], headers: dict[str, str], path: str = "/predict"
) -> tuple[int, bytes]:
    """Status and body of a POST whose body comes in these messages, and then never goes on."""
    sent: list[Message] = []

    async def ask_it() -> None:
        rest: AsyncIterator[Message] = _one_by_one(messages)

        async def receive() -> Message:
            return await anext(rest)

        async def send(message: Message) -> None:
            sent.append(message)

        all_headers = {"host": "testserver"} | headers
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "scheme": "http", "server": ("testserver", 80), "client": ("test", 1),
            "headers": [(k.encode(), v.encode()) for k, v in all_headers.items()],
        }  # fmt: skip
        await app(scope, receive, send)

    loops.run(ask_it())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


async def _one_by_one(messages: Sequence[Message]) -> AsyncIterator[Message]:
    for message in messages:
        yield message
    await asyncio.Event().wait()


JSON = {"content-type": "application/json"}
BEGUN = {
    "application/json": b'{"images"',
    "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="pictures"; '
    b'filename="a"\r\n\r\n',
}
"""How a body begins, by its type."""


def test_a_body_that_says_it_is_large_is_not_read(app: FastAPI) -> None:
    status, body = ask(app, [], JSON | {"content-length": str(limits.MAX_BODY + 1)})
    assert status == 413
    assert b"A body has at most 20 MB" in body


def test_a_large_body_without_a_length_is_not_read_to_its_end(app: FastAPI) -> None:
    part = {"type": "http.request", "body": b" " * (1 << 20), "more_body": True}
    for kind, body in BEGUN.items():
        begun = {"type": "http.request", "body": body, "more_body": True}
        status, _ = ask(app, [begun, *[part] * 20], {"content-type": kind})
        assert status == 413


def test_a_body_that_does_not_come_is_not_waited_for(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.05)
    for kind, body in BEGUN.items():
        begun = {"type": "http.request", "body": body, "more_body": True}
        status, told = ask(app, [begun], {"content-type": kind})
        assert status == 408
        assert b"did not come" in told


def test_a_client_that_goes_away_is_no_failure(app: FastAPI) -> None:
    part = {"type": "http.request", "body": b'{"images"', "more_body": True}
    assert ask(app, [part, {"type": "http.disconnect"}], JSON)[0] == 400


def test_an_answer_that_takes_too_long_is_given_up(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_self: Models, _name: str | None = None) -> Served:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Models, "get", never)
    monkeypatch.setattr(limits, "SECONDS", 0.05)
    response = client.get("/model")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["detail"] == "The answer took too long."


def test_too_many_requests_are_sent_away(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_REQUESTS", 0)
    response = client.get("/health")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    monkeypatch.undo()
    assert client.get("/health").status_code == 200


def test_every_answer_has_the_headers_of_security(client: TestClient) -> None:
    for path in ("/health", "/", "/nothing", "/predict", "/model?run=nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("method", "address", "status", "told"),
    [
        ("GET", "/nothing", 404, "There is nothing at this address"),
        ("GET", "/predict", 405, "does not take that method"),
        ("DELETE", "/model", 405, "does not take that method"),
        ("GET", "/model?run=nothing", 404, "There is no model 'nothing' here"),
        ("GET", "/model?run=../../etc", 404, "There is no model '../../etc' here"),
        ("GET", "/model?run=", 404, "There is no model '' here"),
        ("GET", "/model?run=a&run=b", 422, "Name one run."),
        ("GET", "/model?rnu=a", 422, "There is no parameter 'rnu'"),
    ],
)
def test_errors_are_problem_details(
    client: TestClient, method: str, address: str, status: int, told: str
) -> None:
    response = client.request(method, address)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    details = response.json()
    assert details["status"] == status and told in details["detail"]
    if status == 405:
        assert {"/predict": "POST", "/model": "GET"}[address] in response.headers["allow"]


def test_a_mistake_of_the_server_shows_nothing_of_it(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: Models, _name: str | None = None) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(Models, "get", fail)
    response = TestClient(app, raise_server_exceptions=False).get("/model")
    assert response.status_code == 500
    assert response.json()["detail"] == "The server failed; its log says why."
    assert "secret" not in response.text
