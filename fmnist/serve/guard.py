"""What every request passes: allowed hosts, bounds, security headers, counts."""

import asyncio
import time
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fmnist.serve import limits
from fmnist.serve.metrics import Metrics
from fmnist.serve.problems import problem

LOCAL: Final = ("localhost", "127.0.0.1", "::1")
"""Names of this computer: under no other, so that no website reaches it through a browser."""
_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    # the page of the documentation has a style sheet in its head, and nothing else
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    ),
)
_TOO_LARGE: Final = f"A body has at most {limits.MAX_BODY // 2**20} MB; send less at once."


def is_allowed(host: str | None, allowed: Collection[str]) -> bool:
    """Whether a `Host` header names an allowed host; "*" allows all, "*.a.b" what is below a.b."""
    try:
        name = (urlsplit(f"//{host or ''}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return bool(name) and any(
        pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))
        for pattern in (one.strip().lower().rstrip(".") for one in allowed)
    )


class Guard:
    """ASGI middleware around the whole application.

    Parameters
    ----------
    app : ASGI application
    allowed_hosts : collection of str
        Names that requests may be for; empty for all.
    metrics : Metrics
    paths : collection of str
        The addresses that are counted by name.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Collection[str],
        metrics: Metrics,
        paths: Collection[str],
    ) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts or ("*",)
        self._metrics = metrics
        self._paths = paths
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        exchange = _Exchange(receive, send)
        self._under_way += 1
        self._metrics.under_way.inc()
        try:
            await self._answer(scope, exchange)
        finally:
            self._under_way -= 1
            self._metrics.under_way.dec()
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            path = path if path in self._paths else "other"
            self._metrics.count_request(path, exchange.status, time.perf_counter() - begun)

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        refusal = None
        if not is_allowed(headers.get("host"), self._allowed_hosts):
            refusal = problem(421, "This server does not answer under that name.")
        elif self._under_way > limits.MAX_REQUESTS:
            refusal = problem(
                503, "Too many requests are under way; try again.", {"Retry-After": "1"}
            )
        elif length.isdecimal() and int(length[:20]) > limits.MAX_BODY:
            refusal = problem(413, _TOO_LARGE)
        if refusal is not None:
            await refusal(scope, exchange.receive, exchange.send)
            return
        try:
            async with asyncio.timeout(limits.SECONDS):
                await self._app(scope, exchange.receive, exchange.send)
        except TimeoutError:
            if exchange.status:  # its head is sent; what follows would be taken for its body
                raise
            late = problem(503, "The answer took too long.", {"Retry-After": "1"})
            if exchange.is_waiting:
                late = problem(408, f"The body did not come within {limits.SECONDS:.0f} seconds.")
            await late(scope, exchange.receive, exchange.send)


class _Exchange:
    """A request and its answer on their way."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._bytes = 0
        self.is_waiting = False  # for the body
        self.status = 0

    async def receive(self) -> Message:
        """The next part of the body, as long as it is not too large."""
        self.is_waiting = True
        message = await self._receive()
        self.is_waiting = False
        self._bytes += len(message.get("body", b""))
        if self._bytes > limits.MAX_BODY:
            raise HTTPException(413, _TOO_LARGE)
        return message

    async def send(self, message: Message) -> None:
        """The next part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *_SECURITY]
        await self._send(message)
