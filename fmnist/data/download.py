"""Download Fashion-MNIST with torchvision, and check it before it is used.

Files are downloaded and unpacked in a staging folder beside the data, and moved into place only if
their checksum is correct. A broken download is never used. A second try keeps the files that the
first one completed.
"""

import contextlib
import errno
import http.client
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import filelock

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.errors import reason
from fmnist.jobs import Job

TOTAL_BYTES: Final = 30_878_645
"""Size of the four compressed files together."""

_NAME: Final = "FashionMNIST"
_STAGING: Final = ".download"
_STALLED_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.2
_DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def download(
    data: Path | None = None,
    *,
    mirrors: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Download Fashion-MNIST, check it, and put it into the data folder.

    Blocks until it is done. While it runs, new connections of this process get a time limit; the
    app therefore runs it in another process (`DownloadProcess`).

    Parameters
    ----------
    data : Path, optional
        Folder for `FashionMNIST/raw`; default `fmnist.paths.downloads_folder()`. A broken
        `FashionMNIST` in it is replaced.
    mirrors : sequence of str, optional
        URLs of folders with the four `.gz` files; default the one in `FMNIST_MIRROR`, else those
        of torchvision.
    progress : callable, optional
        Called with (bytes done, bytes in all) from another thread, a few times a second.

    Returns
    -------
    Path
        The folder that holds the four files.

    Raises
    ------
    fmnist.data.splits.DatasetError
        If it fails, with the reason in one sentence; existing data are then untouched.
    """
    data = data or paths.downloads_folder()
    staging = data / _STAGING
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(staging / ".lock", blocking=False, thread_local=False):
            with _reporting(staging, progress):
                _fetch(staging, mirrors)
            # reads and compares every byte: only a complete and correct download is used
            datasets.load_fashion_mnist(staging / _NAME / "raw")
            _put_into_place(staging, data)
    except filelock.Timeout as error:
        raise DatasetError("Fashion-MNIST is being downloaded already; wait for it.") from error
    except (OSError, RuntimeError, EOFError, http.client.HTTPException) as error:
        raise DatasetError(_failure_message(error, data)) from error
    shutil.rmtree(staging, ignore_errors=True)
    return data / _NAME / "raw"


def _failure_message(error: Exception, data: Path) -> str:
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return f"The folder {data} cannot be written to ({reason(error)}); or name another folder."
    return (
        f"Fashion-MNIST could not be downloaded; check the network and try again ({reason(error)})"
    )


def _fetch(staging: Path, mirrors: Sequence[str] | None) -> None:
    """Download and unpack into the staging folder by torchvision."""
    import torchvision  # takes seconds to import, so not before it is needed

    # torchvision trusts unpacked files, but checks compressed ones and downloads broken ones again
    raw = staging / _NAME / "raw"
    for unpacked in raw.glob("*-ubyte"):
        unpacked.unlink()

    own = os.environ.get("FMNIST_MIRROR")
    addresses = list(mirrors or ([own] if own else torchvision.datasets.FashionMNIST.mirrors))
    # the class's name is the folder's, so the subclass keeps it
    source = type(
        _NAME,
        (torchvision.datasets.FashionMNIST,),
        {"mirrors": [address.rstrip("/") + "/" for address in addresses]},
    )
    previous = socket.getdefaulttimeout()
    # torchvision sets no time limit: a mirror that stops sending would hang forever
    socket.setdefaulttimeout(_STALLED_SECONDS)
    try:
        source(str(staging), train=True, download=True)
    finally:
        socket.setdefaulttimeout(previous)


def _put_into_place(staging: Path, data: Path) -> None:
    for compressed in (staging / _NAME / "raw").glob("*.gz"):
        compressed.unlink()
    target = data / _NAME
    if target.exists():
        # moved aside first: a folder cannot be renamed onto another
        target.rename(Path(tempfile.mkdtemp(dir=staging)) / _NAME)
    (staging / _NAME).rename(target)


def _done_bytes(staging: Path) -> int:
    total = 0
    for path in (staging / _NAME / "raw").glob("*.gz"):
        with contextlib.suppress(FileNotFoundError):  # it has just been moved into place
            total += path.stat().st_size
    return min(total, TOTAL_BYTES)


@contextlib.contextmanager
def _reporting(staging: Path, progress: Callable[[int, int], None] | None) -> Iterator[None]:
    """Report the sizes of the files while the block runs, since torchvision does not."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(_POLL_SECONDS):
            progress(_done_bytes(staging), TOTAL_BYTES)

    reporter = threading.Thread(target=report, name="download-progress", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
    progress(_done_bytes(staging), TOTAL_BYTES)


class DownloadProcess(Job[Path]):
    """A download in another process; the share in its state is of `TOTAL_BYTES`.

    After a cancelled one, complete files are kept for a second try.
    """

    def __init__(self) -> None:
        super().__init__("fmnist.data.download_job", lambda folder: [str(folder)])

    def start(self, task: Path | None = None) -> None:
        """Start downloading, by default to `fmnist.paths.downloads_folder()`."""
        super().start(task or paths.downloads_folder())
