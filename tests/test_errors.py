"""What people are told of errors."""

import errno
import json
import os
from pathlib import Path

import pytest

from fmnist.errors import DamagedFileError, reason, sentence
from fmnist.files import write_atomic
from fmnist.runs.run import RunError


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_number_of_the_system_reaches_people(number: int) -> None:
    error = OSError(number, os.strerror(number), "/data/file")
    for told in (reason(error), sentence(error), sentence(error, "It failed")):
        assert "Errno" not in told and "\n" not in told
    assert sentence(error).startswith("/data/file cannot be used, since ")
    assert sentence(error).endswith(".") and not sentence(error).endswith("..")


def test_the_most_frequent_ones_say_what_to_do() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert sentence(full) == "The disk is full; free some space, then try again."
    assert sentence(full, "The run cannot be renamed") == (
        "The run cannot be renamed: the disk is full; free some space, then try again."
    )
    locked = OSError(errno.EROFS, "Read-only file system", "/data/runs")
    assert sentence(locked) == (
        "/data/runs cannot be used, since the disk is read-only; choose another folder, or make it "
        "writable."
    )
    assert reason(PermissionError(errno.EACCES, "Permission denied", "x")) == (
        "permission is missing; change its owner or its rights"
    )


def test_temporary_names_stay_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "name.json").mkdir()
    with pytest.raises(OSError) as caught:
        write_atomic(tmp_path / "name.json", b"content")
    assert sentence(caught.value) == (
        f"{tmp_path / 'name.json'} cannot be used, since it is a folder; a file is needed there."
    )


@pytest.mark.parametrize(
    "name", [".making-527aacb8.lock", ".making-527aacb8/run/config.json", ".trash/a", "run/.lock"]
)
def test_hidden_folders_stay_inside(name: str) -> None:
    error = OSError(errno.EROFS, "Read-only file system", f"/data/runs/{name}")
    folder = "/data/runs/run" if name == "run/.lock" else "/data/runs"
    assert sentence(error).startswith(f"{folder} cannot be used, since the disk is read-only")


def test_messages_of_our_own_stay_as_they_are() -> None:
    assert sentence(RunError("There is no run 'x'; it may be gone.")) == (
        "There is no run 'x'; it may be gone."
    )
    assert sentence(DamagedFileError("the file a.npz is damaged.")) == "The file a.npz is damaged."
    assert sentence(DamagedFileError("it lacks a part"), "The run is broken") == (
        "The run is broken: it lacks a part."
    )
    assert sentence(ChildProcessError("The drawings failed.")) == "The drawings failed."
    assert sentence(ValueError("two\nlines")) == "two lines."
    assert reason(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")) == "it is no text"
    assert sentence(MemoryError()) == "MemoryError."
    assert reason(json.JSONDecodeError("no", "x", 0)) == "no: line 1 column 1 (char 0)"
