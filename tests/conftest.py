"""Fixtures that several test modules use, and the order of the files."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset
from tools.mirror import Mirror
from tools.small import small_dataset

BROWSER_TESTS = Path(__file__).parent / "browser"
DATA_FIXTURES = {"fashion_mnist_folder", "mirror_files"}
SECONDS = Path(__file__).with_name("seconds.json")  # of a file's tests: `python -m tools.seconds`


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("FMNIST_WEBHOOK", None)  # a person's own is told of no test
    # several processes with as many threads each as there are cores wait for one another
    if hasattr(config, "workerinput"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    # pytest-xdist would begin with the files that have the most tests
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, so that no test has to say so twice; long files come first."""
    seconds = json.loads(SECONDS.read_text(encoding="utf-8"))
    # else a process that is left with a long file at the end works alone
    items.sort(key=lambda item: -seconds.get(item.nodeid.partition("::")[0], 0))
    for item in items:
        if BROWSER_TESTS in item.path.parents:
            item.add_marker(pytest.mark.browser)
        if isinstance(item, pytest.Function) and DATA_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.data)


@pytest.fixture(scope="session")
def fashion_mnist_folder() -> Path:
    """The folder of the real data set's four files; skips where there is none."""
    named = os.environ.get("FMNIST_DATA")
    if not named:
        pytest.skip("set FMNIST_DATA to a folder with Fashion-MNIST")
    try:
        return datasets.find_files(Path(named))
    except DatasetError as error:
        pytest.skip(f"FMNIST_DATA: {error}")


@pytest.fixture(scope="session")
def small() -> Dataset:
    """A few hundred drawn garments."""
    return small_dataset()


@pytest.fixture(scope="session")
def mirror_files(fashion_mnist_folder: Path) -> dict[str, bytes]:
    """The four original files, to be served on loopback."""
    for root in (fashion_mnist_folder, *fashion_mnist_folder.parents):
        folder = root / "mirror"
        if folder.is_dir():
            return {path.name: path.read_bytes() for path in folder.glob("*.gz")}
    pytest.skip("no folder 'mirror' with the four .gz files beside the data set")


@pytest.fixture
def mirror(mirror_files: dict[str, bytes]) -> Iterator[Mirror]:
    """A mirror to download from, on loopback."""
    with Mirror(mirror_files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        if server.hold:
            server.hold.set()
        server.shutdown()
        thread.join()
