"""A loopback server that stands in for the mirror that Fashion-MNIST is downloaded from."""

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = "train-images-idx3-ubyte.gz"
Change = Callable[[str, bytes], bytes]


class Mirror(ThreadingHTTPServer):
    """Serves files; what it sends of one can be changed, and it counts what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.body: Change = lambda _name, content: content
        self.asked: list[str] = []
        self.hold: threading.Event | None = None  # wait for it in the middle of the largest file

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.server.asked.append(name)
        content = self.server.files[name]
        body = self.server.body(name, content)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            half = len(body) // 2
            self.wfile.write(body[:half])
            if name == LARGEST and self.server.hold:
                self.server.hold.wait()
            self.wfile.write(body[half:])

    def log_message(self, format: str, *args: object) -> None:
        pass
