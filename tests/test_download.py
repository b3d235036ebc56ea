"""The real download by torchvision, against a loopback mirror that stands in for the real one."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import filelock
import pytest

from fmnist import datasets
from fmnist.__main__ import main
from fmnist.datasets import DatasetError
from fmnist.download import TOTAL_BYTES, DownloadProcess, DownloadState, download

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


def cut_off(name: str, content: bytes) -> bytes:
    return content[: len(content) // 2] if name == LARGEST else content


def wrong_bytes(name: str, content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"wrong" + content[middle + 5 :] if name == LARGEST else content


def gone() -> str:
    """Address of a server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def test_complete(mirror: Mirror, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = download(
        tmp_path, mirrors=[mirror.url], progress=lambda done, total: told.append((done, total))
    )
    assert folder == tmp_path / "FashionMNIST" / "raw"
    assert len(datasets.load_fashion_mnist(folder).train_labels) == 60_000
    assert told[-1] == (TOTAL_BYTES, TOTAL_BYTES)
    assert told == sorted(told)
    assert sorted(path.name for path in folder.iterdir()) == [
        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
    ]  # fmt: skip
    assert not (tmp_path / ".download").exists()


@pytest.mark.parametrize("change", [cut_off, wrong_bytes])
def test_a_broken_download_is_no_data_and_a_second_try_mends_it(
    mirror: Mirror, tmp_path: Path, change: Change
) -> None:
    mirror.body = change
    with pytest.raises(DatasetError, match="could not be downloaded; check the network") as caught:
        download(tmp_path, mirrors=[mirror.url])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "FashionMNIST").exists()
    assert datasets.locate(environ={}, data=tmp_path).name == "drawn-garments"

    mirror.body = lambda _name, content: content
    datasets.load_fashion_mnist(download(tmp_path, mirrors=[mirror.url]))


def test_a_second_try_keeps_what_was_fetched_whole(mirror: Mirror, tmp_path: Path) -> None:
    def last_broken(name: str, content: bytes) -> bytes:
        return content[:-10] if name.startswith("t10k-labels") else content

    mirror.body = last_broken
    with pytest.raises(DatasetError):
        download(tmp_path, mirrors=[mirror.url])
    mirror.body = lambda _name, content: content
    mirror.asked.clear()
    download(tmp_path, mirrors=[mirror.url])
    assert set(mirror.asked) == {"t10k-labels-idx1-ubyte.gz"}


def test_unpacked_files_of_an_earlier_try_are_not_trusted(mirror: Mirror, tmp_path: Path) -> None:
    raw = tmp_path / ".download" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in mirror.files:
        (raw / name.removesuffix(".gz")).write_bytes(b"cut off by a crash")
    datasets.load_fashion_mnist(download(tmp_path, mirrors=[mirror.url]))


def test_a_broken_data_folder_is_replaced(mirror: Mirror, tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"damaged")
    datasets.load_fashion_mnist(download(tmp_path, mirrors=[mirror.url]))


def test_server_gone(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="could not be downloaded.*refused") as caught:
        download(tmp_path, mirrors=[gone()])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "FashionMNIST").exists()


def test_one_download_at_a_time(tmp_path: Path) -> None:
    (tmp_path / ".download").mkdir()
    with (
        filelock.FileLock(tmp_path / ".download" / ".lock", thread_local=False),
        pytest.raises(DatasetError, match="downloaded already"),
    ):
        download(tmp_path, mirrors=[gone()])


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatasetError, match="could not be downloaded|cannot be written to"):
        download(tmp_path / "file" / "data", mirrors=[gone()])


def test_the_command_says_where_it_is(
    mirror: Mirror,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FMNIST_MIRROR", mirror.url)
    assert main(["download", "--data", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == f"Fashion-MNIST is in {tmp_path / 'FashionMNIST' / 'raw'}"
    assert "30.9M/30.9M" in told.err  # one bar, in bytes
    assert "26.4M" not in told.err


def wait_for(process: DownloadProcess, wanted: Callable[[DownloadState], bool]) -> DownloadState:
    waiting = threading.Event()
    for _ in range(6000):
        state = process.poll()
        if wanted(state):
            return state
        waiting.wait(0.02)  # polling is how the app learns of it too
    raise AssertionError(f"did not come: {state}")


def test_in_a_process_of_its_own(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_MIRROR", mirror.url)
    mirror.hold = threading.Event()
    process = DownloadProcess()
    assert process.poll() == DownloadState()
    process.start(tmp_path)
    half = wait_for(process, lambda s: s.done_bytes > 10_000_000)
    assert half.running and half.done_bytes < TOTAL_BYTES
    mirror.hold.set()
    assert wait_for(process, lambda s: not s.running).finished
    assert datasets.locate(environ={}, data=tmp_path).name == "fashion-mnist"


def test_cancelled_in_the_middle(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_MIRROR", mirror.url)
    mirror.hold = threading.Event()
    process = DownloadProcess()
    process.start(tmp_path)
    wait_for(process, lambda s: s.done_bytes > 10_000_000)
    process.cancel()
    assert process.poll() == DownloadState()
    assert datasets.locate(environ={}, data=tmp_path).name == "drawn-garments"
    mirror.hold.set()
    process.start(tmp_path)
    assert wait_for(process, lambda s: not s.running).finished


def test_failure_of_the_process_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_MIRROR", gone())
    process = DownloadProcess()
    process.start(tmp_path)
    state = wait_for(process, lambda s: not s.running)
    assert state.error and state.error.startswith("Fashion-MNIST could not be downloaded")


def test_a_readable_folder_is_left_as_it_was(mirror: Mirror, tmp_path: Path) -> None:
    """A failure leaves the data that were there."""
    good = tmp_path / "FashionMNIST" / "raw"
    good.mkdir(parents=True)
    (good / "marker").write_text("here before")
    mirror.body = cut_off
    with pytest.raises(DatasetError):
        download(tmp_path, mirrors=[mirror.url])
    assert (good / "marker").read_text() == "here before"
    assert list((tmp_path / "FashionMNIST").iterdir()) == [good]
