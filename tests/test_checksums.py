"""Checksums beside a run's files: what is noticed, and what a kill between two writes leaves."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist import checksums
from fmnist.checksums import GrowingChecksum, record, remove_checked, verify, write_checked

DAMAGED = r"^the file model\.safetensors is damaged \(its checksum differs\); restore it"


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "evaluation").mkdir()
    return tmp_path


def known(folder: Path) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads((folder / checksums.FILE).read_text())
    return found


def test_any_flipped_bit_is_noticed(folder: Path) -> None:
    path = folder / "model.safetensors"
    write_checked(path, b"weights")
    for place in range(len(b"weights")):
        for bit in range(8):
            content = bytearray(b"weights")
            content[place] ^= 1 << bit
            path.write_bytes(content)
            with pytest.raises(ValueError, match=DAMAGED):
                verify(path)
    for other in (b"", b"weight", b"weights\0"):
        path.write_bytes(other)
        with pytest.raises(ValueError, match=DAMAGED):
            verify(path)
    path.write_bytes(b"weights")
    verify(path)


def test_one_file_holds_the_checksums_of_a_run(folder: Path) -> None:
    write_checked(folder / "model.safetensors", b"weights")
    write_checked(folder / "evaluation" / "test.npz", b"logits")
    sha = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert known(folder).keys() == {"evaluation/test.npz", "model.safetensors"}
    assert known(folder)["model.safetensors"] == [{"sha256": sha, "length": 7}]
    (folder / "evaluation" / "test.npz").write_bytes(b"lOgits")
    with pytest.raises(ValueError, match=r"test\.npz is damaged"):
        verify(folder / "evaluation" / "test.npz")
    verify(folder / "model.safetensors")


def test_files_of_earlier_versions_and_outside_of_runs_have_none(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "model.safetensors").write_bytes(b"old")
    verify(folder / "model.safetensors")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_checked(elsewhere / "model.safetensors", b"exported")
    assert [path.name for path in elsewhere.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("had_checksum", [True, False], ids=["checked", "of an earlier version"])
@pytest.mark.parametrize("moment", range(1, 4))
def test_a_kill_between_two_writes_leaves_a_file_that_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moment: int, had_checksum: bool
) -> None:
    path = folder / "checkpoint.pt"
    path.write_bytes(b"before")
    if had_checksum:
        record(path)
    replace, calls = Path.replace, 0

    def kill(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == moment:
            raise Killed
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", kill)
    with pytest.raises(Killed):
        write_checked(path, b"after")
    monkeypatch.undo()
    assert path.read_bytes() == (b"after" if moment == 3 else b"before")
    verify(path)
    for content in (b"later", b"later still"):  # and the next process goes on
        write_checked(path, content)
        verify(path)
        assert len(known(folder)["checkpoint.pt"]) == 1
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="checksum differs"):
        verify(path)


def test_a_file_that_is_written_while_it_is_read_is_not_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "model.safetensors"
    write_checked(path, b"epoch 1")
    read, changes = checksums._read, iter([b"epoch 2", b"epoch three"])

    def read_late(of: Path) -> checksums.Checksums:
        found = read(of)
        content = next(changes, None)
        if content:
            monkeypatch.setattr(checksums, "_read", read)
            write_checked(path, content)
            monkeypatch.setattr(checksums, "_read", read_late)
        return found

    monkeypatch.setattr(checksums, "_read", read_late)
    verify(path)
    content, (checksum,) = checksums.read_checked(path)
    assert content == b"epoch three"
    assert checksum == checksums.Checksum.of(content)


def test_a_deleted_file_has_no_checksum(folder: Path) -> None:
    path = folder / "history.jsonl"
    write_checked(path, b"long and old\n")
    remove_checked(path)
    remove_checked(path)
    assert known(folder) == {}
    path.write_bytes(b"new\n")
    verify(path)


def test_a_file_that_grows_is_checked_up_to_its_last_checksum(folder: Path) -> None:
    path = folder / "history.jsonl"
    growing = GrowingChecksum("one\n")
    path.write_text("one\n")
    growing.write(path)
    for line in ("two\n", "größer\n"):
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line)
        growing.add(line)
    verify(path, grows=True)
    with pytest.raises(ValueError, match="checksum differs"):
        verify(path)
    growing.write(path)
    verify(path)
    path.write_bytes(path.read_bytes().replace(b"two", b"tWo") + b"three\n")
    with pytest.raises(ValueError, match="checksum differs"):
        verify(path, grows=True)
    path.write_text("one\n")
    with pytest.raises(ValueError, match="checksum differs"):
        verify(path, grows=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "[]",
        lambda text: text[:-5],
        lambda text: text.replace("sha256", "sha255"),
        lambda text: text.replace('"length": 7', '"length": "7"'),
        lambda text: text.replace('"length": 7', '"length": -7'),
        lambda text: text.replace('"sha256": "', '"sha256": "x'),
        lambda text: '{"model.safetensors": 3}',
    ],
)
def test_damaged_checksums_say_so(folder: Path, spoil: Callable[[str], str]) -> None:
    path = folder / "model.safetensors"
    write_checked(path, b"weights")
    sums = folder / checksums.FILE
    sums.write_text(spoil(sums.read_text()))
    damaged = pytest.raises(ValueError, match=r"^the file checksums\.json is damaged; restore it")
    with damaged:
        verify(path)
    with damaged:
        write_checked(path, b"weights")
    assert checksums.read_checked(path) == (b"weights", [])  # to be saved elsewhere
    sums.unlink()
    verify(path)


def test_a_failure_to_write_leaves_file_and_checksum(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "model.safetensors"
    write_checked(path, b"before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checked(path, b"after")
    assert path.read_bytes() == b"before"
    verify(path)
