"""Where the images come from, and which files are rejected."""

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError, find_files, load_fashion_mnist, locate

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(kind: str, count: int) -> bytes:
    """A well-formed file of zeros in place of a real one."""
    if kind == "images":
        return struct.pack(">4i", 2051, count, 28, 28) + bytes(count * 784)
    return struct.pack(">2i", 2049, count) + bytes(count)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root with four files of the right sizes and the wrong contents."""
    raw = tmp_path / "root" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, kind, count in (
        (TRAIN_IMAGES, "images", 60_000),
        (TRAIN_LABELS, "labels", 60_000),
        (TEST_IMAGES, "images", 10_000),
        (TEST_LABELS, "labels", 10_000),
    ):
        (raw / name).write_bytes(idx(kind, count))
    return raw


def swap(left: str, right: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        (raw / left).rename(raw / "aside")
        (raw / right).rename(raw / left)
        (raw / "aside").rename(raw / right)

    return change


def truncate(raw: Path) -> None:
    path = raw / TRAIN_IMAGES
    path.write_bytes(path.read_bytes()[:-1000])


def lengthen(raw: Path) -> None:
    with (raw / TEST_LABELS).open("ab") as stream:
        stream.write(b"x")


def remove(raw: Path) -> None:
    (raw / TEST_IMAGES).unlink()


def other_file(raw: Path) -> None:
    path = raw / TEST_LABELS
    path.write_bytes(b"<html>" + path.read_bytes()[6:])


def cut_compressed(raw: Path) -> None:
    path = raw / TEST_IMAGES
    (raw / f"{TEST_IMAGES}.gz").write_bytes(gzip.compress(path.read_bytes())[:-50])
    path.unlink()


def test_fmnist_data_comes_first_then_the_data_folder_then_synthetic_garments(
    folder: Path, tmp_path: Path
) -> None:
    root = folder.parent.parent
    named = locate(environ={"FMNIST_DATA": str(root)}, data=tmp_path / "data")
    assert (named.name, named.folder, named.problem) == ("fashion-mnist", folder, None)
    own = locate(environ={}, data=root)
    assert (own.name, own.folder) == ("fashion-mnist", folder)
    neither = locate(environ={}, data=tmp_path / "data")
    assert (neither.name, neither.folder, neither.problem) == ("synthetic-garments", None, None)


def test_the_folder_of_the_files_itself_may_be_named(folder: Path) -> None:
    assert find_files(folder) == folder


def test_a_folder_on_the_way_to_the_files_may_be_named(folder: Path) -> None:
    assert find_files(folder.parent) == folder
    for path in folder.iterdir():
        path.rename(folder.parent / path.name)
    assert find_files(folder.parent.parent) == folder.parent


@pytest.mark.parametrize("own_folder", [False, True])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_names_of_other_archives_are_read(
    mirror_files: dict[str, bytes], tmp_path: Path, own_folder: bool, ending: str
) -> None:
    for name, content in mirror_files.items():  # compressed
        file = name.removesuffix(".gz").replace("-idx", ".idx")
        parent = tmp_path / name.removesuffix(".gz") if own_folder else tmp_path
        parent.mkdir(exist_ok=True)
        (parent / f"{file}{ending}").write_bytes(content if ending else gzip.decompress(content))
    assert len(load_fashion_mnist(find_files(tmp_path)).test_labels) == 10_000


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("~nosuchuser/x", "~nosuchuser/x names a home folder that is unknown"),
        ("/" + "x" * 5000, r"/x{199}… cannot be used, since the name is too long"),
        ("/" + "x/" * 2500, "cannot be used, since the name is too long"),
        (__file__, "is a file; name the folder"),
        (str(Path(__file__).parents[1]), r"but benchmarks, browser, \w+ and \d+ more"),
    ],
)
def test_a_path_that_cannot_be_used_is_told_in_a_sentence(
    named: str, says: str, tmp_path: Path
) -> None:
    location = locate(environ={"FMNIST_DATA": named}, data=tmp_path)
    assert location.name == "synthetic-garments"
    assert location.problem and re.search(says, location.problem)
    assert location.problem.startswith("FMNIST_DATA: ") and len(location.problem) < 400


def test_home_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent.parent))
    assert locate(environ={"FMNIST_DATA": "~"}).folder == folder


@pytest.mark.parametrize(("made", "says"), [(False, "there is no folder"), (True, "does not hold")])
def test_a_folder_without_the_files_is_reported_and_skipped(
    folder: Path, tmp_path: Path, made: bool, says: str
) -> None:
    empty = tmp_path / "empty"
    if made:
        empty.mkdir()
    location = locate(environ={"FMNIST_DATA": str(empty)}, data=folder.parent.parent)
    assert location.folder == folder
    assert location.problem and says in location.problem and "FMNIST_DATA" in location.problem


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (truncate, "bytes long instead of"),
        (lengthen, "bytes long instead of"),
        (remove, "is missing"),
        (other_file, "are two files swapped"),
        (swap(TRAIN_IMAGES, TRAIN_LABELS), "bytes long instead of"),
        (swap(TRAIN_IMAGES, TEST_IMAGES), "bytes long instead of"),
        (swap(TRAIN_LABELS, TEST_LABELS), "bytes long instead of"),
        (cut_compressed, "cannot be read"),
        (lambda _raw: None, "checksum differs"),
    ],
)
def test_damaged_files_are_reported_in_one_sentence(
    folder: Path, change: Callable[[Path], None], says: str
) -> None:
    change(folder)
    with pytest.raises(DatasetError, match=says) as caught:
        load_fashion_mnist(find_files(folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_reading_writes_nothing(folder: Path) -> None:
    before = sorted((p.name, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    folder.chmod(0o555)
    with pytest.raises(DatasetError, match="checksum differs"):
        load_fashion_mnist(find_files(folder))
    assert sorted((p.name, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
    folder.chmod(0o755)


def test_the_real_data_set(fashion_mnist_folder: Path) -> None:
    dataset = load_fashion_mnist(fashion_mnist_folder)
    assert np.bincount(dataset.train_labels).tolist() == [6000] * 10
    assert np.bincount(dataset.test_labels).tolist() == [1000] * 10
    train, validation = dataset.split("train"), dataset.split("validation")
    assert (len(train), len(validation)) == (55_000, 5_000)
    assert np.bincount(validation.labels).tolist() == [500] * 10
    together = np.sort(np.concatenate([train.indices, validation.indices]))
    assert np.array_equal(together, np.arange(60_000))
    assert np.array_equal(validation.images, dataset.train_images[validation.indices])


def test_the_real_data_set_compressed(mirror_files: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in mirror_files.items():
        (tmp_path / name).write_bytes(content)
    assert len(load_fashion_mnist(find_files(tmp_path)).test_labels) == 10_000


def test_synthetic_garments_are_the_same_every_time() -> None:
    calls: list[tuple[int, int]] = []
    first = datasets.draw_dataset(lambda done, total: calls.append((done, total)))
    assert (len(first.train_labels), len(first.test_labels)) == (10_000, 2_000)
    assert calls[-1] == (12_000, 12_000)
    assert datasets.draw_dataset().checksum == first.checksum
