"""Files are either the old ones or the new ones."""

import errno
import os
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fmnist.errors import DamagedFileError
from fmnist.files import (
    PartlyDoneError,
    append_line,
    do_all,
    load_arrays,
    read_json,
    write_all,
    write_atomic,
    write_json,
)


def test_writes_and_makes_the_folder_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    attempts: list[tuple[Callable[..., None], object]] = [(write_atomic, b"1"), (write_json, 1)]
    for write, content in attempts:
        with pytest.raises(FileNotFoundError):
            write(path, content)
        assert not (tmp_path / "a").exists()
    write_atomic(path, b"first", make_folder=True)
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    reached: list[int] = []

    def fail(*_arguments: object) -> None:
        temporary = next(p for p in tmp_path.iterdir() if p != path)
        reached.append(len(temporary.read_bytes()))
        raise error

    monkeypatch.setattr(place, fail)
    with pytest.raises(type(error)) as caught:
        write_atomic(path, b"the new content")
    assert caught.value is error
    assert reached == [len(b"the new content")]  # it did fail with the new content on disk
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_no_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_added_and_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    path = tmp_path / "lines"
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(path.read_text("utf-8")))
    append_line(path, "first")
    append_line(path, "zweite Größe")
    assert synced == ["first\n", "first\nzweite Größe\n"]


@pytest.mark.parametrize("half", ["", "first\n"])
def test_a_line_takes_the_place_of_half_a_line(tmp_path: Path, half: str) -> None:
    path = tmp_path / "lines"
    path.write_text(f"{half}seco")
    append_line(path, "third", durable=False)
    assert path.read_text() == f"{half}third\n"


def test_the_folder_is_flushed_once_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle: seen.append(
            (stat.S_ISDIR(os.fstat(handle).st_mode), [p.name for p in tmp_path.iterdir()])
        ),
    )
    write_atomic(tmp_path / "file", b"content")
    write_atomic(tmp_path / "soon again", b"content", durable=False)
    (_, before), (is_folder, after) = seen
    assert before != ["file"]
    assert is_folder
    assert after == ["file"]


def test_a_folder_that_cannot_be_flushed_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    write_atomic(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert "was not flushed" in caplog.text


def test_json_and_back(tmp_path: Path) -> None:
    values = {"name": "Grüße", "list": [1, 2.5, None, True]}
    write_json(tmp_path / "file.json", values)
    assert read_json(tmp_path / "file.json") == values
    assert (tmp_path / "file.json").read_text().endswith("}\n")


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"a": 1} x', b"\xff\xfe", b"[" * 100_000, b"1" * 10_000]
)
def test_what_is_no_json_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        read_json(path)


def test_a_json_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "file.json").open("wb") as stream:
        stream.truncate(2**34)  # takes no room on the disk
    with pytest.raises(DamagedFileError, match="file.json is too large"):
        read_json(tmp_path / "file.json")


def bomb(path: Path, shape: str, stored: bytes) -> None:
    """A small archive with an array that claims a shape."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}"
    header = header.ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + stored
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", array)


@pytest.mark.parametrize("shape", ["(800_000_000,)", "(1_000_000, 1_000_000)", "(10**30,)"])
def test_arrays_are_counted_before_they_are_read(tmp_path: Path, shape: str) -> None:
    shape = str(eval(shape))  # as NumPy writes it
    bomb(tmp_path / "a.npz", shape, bytes(1000))
    tracemalloc.start()
    with pytest.raises(DamagedFileError, match="the file a.npz is damaged .its arrays would take"):
        load_arrays(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("shape", ["(-5,)", "(10,)", "(2000,)", "(1000, -1)", "'a'"])
def test_an_array_of_another_length_than_its_header_says_is_refused(
    tmp_path: Path, shape: str
) -> None:
    bomb(tmp_path / "a.npz", shape, bytes(1000))
    with pytest.raises(DamagedFileError, match=r"the file a\.npz is damaged\."):
        load_arrays(tmp_path / "a.npz")


def test_only_the_arrays_asked_for_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(5), b=np.zeros(10_000))
    assert list(load_arrays(tmp_path / "a.npz")) == ["a", "b"]
    found = load_arrays(tmp_path / "a.npz", ["a"], max_bytes=100)
    assert list(found) == ["a"] and found["a"].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DamagedFileError, match="lacks 'c'"):
        load_arrays(tmp_path / "a.npz", ["a", "c"])


def test_an_absent_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "file.json")


# ---- several changes ----


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_several_changes_are_made_or_undone_last_first() -> None:
    seen: list[str] = []

    def change(name: str) -> tuple[Callable[[], None], Callable[[], None]]:
        return lambda: seen.append(name), lambda: seen.append(f"undo {name}")

    do_all(map(change, "ab"))
    assert seen == ["a", "b"]
    for error in (OSError(errno.EIO, "disk"), KeyboardInterrupt()):
        seen.clear()
        with pytest.raises(type(error)) as caught:
            do_all([change("a"), change("b"), (failing(error), failing(error)), change("c")])
        assert caught.value is error
        assert seen == ["a", "b", "undo b", "undo a"]


def test_what_cannot_be_undone_is_told() -> None:
    seen: list[str] = []
    stays = (lambda: seen.append("b"), failing(OSError(errno.EIO, "disk")))
    undone = (lambda: seen.append("a"), lambda: seen.remove("a"))
    full = OSError(errno.ENOSPC, "full")
    with pytest.raises(PartlyDoneError, match="disk is full") as caught:
        do_all([undone, stays, undone, (failing(full), failing(full))])
    assert (caught.value.done, caught.value.failure) == ((1,), full)
    assert seen == ["b"]


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace"])
def test_several_files_are_written_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    write_atomic(old, b"before")
    owner, name = (os, "fsync") if place == "os.fsync" else (Path, "replace")
    real, calls = getattr(owner, name), []

    def fail_at_second(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "disk full")
        return real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(place, fail_at_second)
        write_all({new: b"1", old: b"2"})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("old", b"before")]
    write_all({new: b"1", old: b"2"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "new": b"1",
        "old": b"2",
    }
