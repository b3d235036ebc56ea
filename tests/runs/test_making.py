"""Folders appear as a whole or not at all; what a kill leaves is swept."""

import signal
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from fmnist import paths
from fmnist.runs.making import making, sweep

CHILD = """
import os, signal, sys
from pathlib import Path
from fmnist.runs.making import making

rename, target = Path.rename, Path(sys.argv[1])
moment, count = int(sys.argv[2]), 0

def rename_or_die(self, to):
    global count
    count += 1
    if count == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, to)

Path.rename = rename_or_die
with making(target) as folder:
    (folder / "file").write_text("new")
    if moment == 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def make(target: Path, content: str) -> None:
    with making(target) as folder:
        assert folder.name == target.name
        assert not any(folder.iterdir())
        (folder / "file").write_text(content)
        assert not (target / "file").exists() or (target / "file").read_text() != content


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_folder_is_made_and_replaced(tmp_path: Path) -> None:
    root = tmp_path / "not there yet"
    for content in ("old", "new"):
        make(root / "model", content)
        assert (root / "model" / "file").read_text() == content
        assert names(root) == ["model"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), making(tmp_path / "model") as folder:
        (folder / "file").write_text("half")
        raise ZeroDivisionError
    assert names(tmp_path) == []
    make(tmp_path / "model", "old")
    with pytest.raises(ZeroDivisionError), making(tmp_path / "model") as folder:
        raise ZeroDivisionError
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "file").read_text() == "old"


@pytest.mark.parametrize("moment", [0, 1, 2])
def test_after_a_kill_the_old_folder_is_there_and_nothing_else(tmp_path: Path, moment: int) -> None:
    make(tmp_path / "model", "old")
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "model"), str(moment)],
        cwd=paths.PROJECT, check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL
    assert (tmp_path / "model").exists() is (moment < 2)
    sweep(tmp_path)
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "file").read_text() == "old"


def test_after_a_kill_just_behind_the_last_step_the_new_folder_stays(tmp_path: Path) -> None:
    make(tmp_path / "model", "new")
    hidden = tmp_path / ".making-0123"
    make(hidden / "replaced-model", "old")
    (tmp_path / ".making-0123.lock").touch()
    sweep(tmp_path)
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "file").read_text() == "new"


def test_what_is_being_made_is_left_alone(tmp_path: Path) -> None:
    with making(tmp_path / "first") as first:
        make(tmp_path / "second", "made meanwhile")  # sweeps, as another process would
        sweep(tmp_path)
        (first / "file").write_text("whole")
    assert names(tmp_path) == ["first", "second"]
    assert (tmp_path / "first" / "file").read_text() == "whole"


def test_folders_that_are_none_of_this_stay(tmp_path: Path) -> None:
    (tmp_path / ".trash" / "run").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    sweep(tmp_path)
    sweep(tmp_path / "nowhere")
    assert names(tmp_path) == [".trash", "notes"]


def test_what_cannot_be_removed_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".making-0123" / "model").mkdir(parents=True)
    (tmp_path / ".making-0123.lock").touch()

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    sweep(tmp_path)
    assert "cannot be removed" in caplog.text
    monkeypatch.undo()
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_without_filelock_a_folder_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)  # as the GPU benchmark may run
    make(tmp_path / "model", "new")
    assert names(tmp_path) == ["model"]


def test_the_lock_of_what_is_made_is_held(tmp_path: Path) -> None:
    with making(tmp_path / "model"):
        (lock,) = tmp_path.glob(".making-*.lock")
        with pytest.raises(filelock.Timeout):
            filelock.FileLock(lock, blocking=False).acquire()
    assert names(tmp_path) == ["model"]
