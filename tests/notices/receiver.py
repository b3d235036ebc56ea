"""A loopback server that stands in for the receiver of a webhook."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SOON = 60
"""Seconds that an event may take on a busy machine before a test gives up."""


class Receiver(ThreadingHTTPServer):
    """Takes documents, and answers with the statuses it is given, then with 200."""

    daemon_threads = True

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.location = ""
        self.holds = threading.Event()  # set: an answer does not wait for it
        self.holds.set()
        self.documents: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/secret-token"

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The documents, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.documents) >= count, SOON)
            return list(self.documents)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.changed:
            self.server.headers.append(dict(self.headers))
            self.server.documents.append(json.loads(body))
            status = self.server.statuses.pop(0) if self.server.statuses else 200
            self.server.changed.notify_all()
        assert self.server.holds.wait(SOON)
        self.send_response(status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    """A receiver, for the length of a `with` block."""
    with Receiver(statuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.holds.set()
            server.shutdown()
            thread.join()
