"""A loopback mirror of Fashion-MNIST, which stands in for the real one."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

LARGEST = "train-images-idx3-ubyte.gz"
Change = Callable[[str, bytes], bytes]


@pytest.fixture(scope="session")
def mirror_files(fashion_mnist_folder: Path) -> dict[str, bytes]:
    """The four original files, to be served on loopback."""
    for root in (fashion_mnist_folder, *fashion_mnist_folder.parents):
        folder = root / "mirror"
        if folder.is_dir():
            return {path.name: path.read_bytes() for path in folder.glob("*.gz")}
    pytest.skip("no folder 'mirror' with the four .gz files beside the data set")


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


@pytest.fixture
def mirror(mirror_files: dict[str, bytes]) -> Iterator[Mirror]:
    with Mirror(mirror_files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        if server.hold:
            server.hold.set()
        server.shutdown()
        thread.join()
