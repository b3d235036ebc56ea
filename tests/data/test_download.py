"""The real download by torchvision, against a loopback mirror that stands in for the real one."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from fmnist.cli import main
from fmnist.data import fashion_mnist as datasets
from fmnist.data.download import TOTAL_BYTES, DownloadProcess, download
from fmnist.data.fashion_mnist import DatasetError
from fmnist.jobs import JobState
from tools.mirror import LARGEST, Change, Mirror


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
    assert datasets.locate(environ={}, data=tmp_path).name == "synthetic-garments"

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
    drawn = [line for line in told.err.replace("\r", "\n").splitlines() if line.strip()]
    assert all(line.startswith("Fashion-MNIST:") for line in drawn)


def wait_for(process: DownloadProcess, wanted: Callable[[JobState[Path]], bool]) -> JobState[Path]:
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
    assert process.poll() == JobState()
    process.start(tmp_path)
    half = wait_for(process, lambda s: s.done > 0.3)
    assert half.running and half.done < 1
    mirror.hold.set()
    assert wait_for(process, lambda s: not s.running).finished
    assert datasets.locate(environ={}, data=tmp_path).name == "fashion-mnist"


def test_canceled_in_the_middle(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_MIRROR", mirror.url)
    mirror.hold = threading.Event()
    process = DownloadProcess()
    process.start(tmp_path)
    wait_for(process, lambda s: s.done > 0.3)
    process.cancel()
    assert process.poll() == JobState()
    assert datasets.locate(environ={}, data=tmp_path).name == "synthetic-garments"
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
