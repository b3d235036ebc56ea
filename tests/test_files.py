"""Files are either the old ones or the new ones."""

import errno
import os
import stat
from pathlib import Path

import pytest

from fmnist.files import (
    append_line,
    read_json,
    shield_formula,
    unshield_formula,
    write_atomic,
    write_json,
)


def test_writes_and_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomic(path, b"first")
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("durable", [True, False])
def test_waits_for_the_disk_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_atomic(tmp_path / "file", b"content", durable=durable)
    assert len(synced) == durable


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


def test_an_absent_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "file.json")


@pytest.mark.parametrize(
    ("text", "shielded"),
    [("=1+1", "'=1+1"), ("@a", "'@a"), ("'=a", "''=a"), ("-1.5", "-1.5"), ("a=b", "a=b"), ("", "")],
)
def test_formulas_are_shielded_and_come_back(text: str, shielded: str) -> None:
    assert shield_formula(text) == shielded
    assert unshield_formula(shielded) == text
