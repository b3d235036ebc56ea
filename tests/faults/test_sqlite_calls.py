"""Each system call that SQLite makes for a verdict fails once, or is the last; needs strace."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.evaluation.verdicts import ImageKey, Verdict, VerdictStore

IMAGE = ImageKey("fashion-mnist", "test", 7)
CALLS = "pwrite64,write,fdatasync,fsync,ftruncate,unlink"
SCRIPT = """
import sys
from pathlib import Path
from fmnist.evaluation import verdict_files
from fmnist.evaluation.verdicts import *
store, image = VerdictStore(Path(sys.argv[1])), ImageKey("fashion-mnist", "test", 7)
try:
    match sys.argv[2]:
        case "give":
            store.give(Verdict(image, "ambiguous", "new", 1.7e9))
        case "undo":
            store.undo(2)
        case "import":
            images = [ImageKey("fashion-mnist", "test", i) for i in range(40)]
            store.import_csv(
                verdict_files.write([Verdict(i, "label-wrong", "x" * 90, 1e9) for i in images])
            )
except VerdictError as error:
    print(error)
"""


class Database:
    """A database of verdicts, used by a process whose system calls are traced."""

    def __init__(self, path: Path, action: str, *, is_new: bool) -> None:
        self.path = path
        self.action = action
        if not is_new:
            store = VerdictStore(path)
            store.give(Verdict(IMAGE, "model-mistake", "first", 1.6e9))
            store.give(Verdict(IMAGE, "label-wrong", "second", 1.6e9))

    def act(self, *options: str) -> tuple[str, str]:
        """Do it; returns what was told, and the calls."""
        log = self.path.with_name("calls")
        result = subprocess.run(
            ["strace", "-f", "-qq", "-o", log, "-e", f"trace={CALLS}", *options,
             "-P", self.path, "-P", f"{self.path}-journal",
             sys.executable, "-c", SCRIPT, self.path, self.action],
            cwd=paths.PROJECT, capture_output=True, text=True,
        )  # fmt: skip
        assert "Traceback" not in result.stderr, result.stderr
        return result.stdout, log.read_text()

    def seen(self) -> dict[ImageKey, tuple[str, str]]:
        """The verdicts, as the next process finds them."""
        if not self.path.exists():
            return {}
        store = VerdictStore(self.path)
        assert not store.problem()
        return {key: (v.verdict, v.note) for key, v in store.all().items()}

    def copy(self, folder: Path) -> "Database":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if self.path.exists():
            shutil.copy(self.path, folder / self.path.name)
        other = object.__new__(Database)
        other.path, other.action = folder / self.path.name, self.action
        return other

    def calls(self, folder: Path) -> Iterator[tuple[str, int]]:
        """The calls that the action makes: name, and the how manieth of this name."""
        _, log = self.copy(folder).act()
        names = re.findall(r"^\d+ +(\w+)\(", log, re.MULTILINE)
        for index, name in enumerate(names):
            yield name, names[: index + 1].count(name)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace (apt-get install strace)")
@pytest.mark.parametrize("fault", ["error=ENOSPC", "error=EIO", "signal=KILL"])
@pytest.mark.parametrize(
    ("action", "is_new"), [("give", True), ("give", False), ("undo", False), ("import", False)]
)
def test_every_system_call_of_a_verdict(
    tmp_path: Path, action: str, is_new: bool, fault: str
) -> None:
    base = Database(tmp_path / "verdicts.sqlite", action, is_new=is_new)
    before = base.seen()
    undisturbed = base.copy(tmp_path / "after")
    assert undisturbed.act()[0] == ""
    after = undisturbed.seen()
    assert before != after
    calls = list(base.calls(tmp_path / "calls"))
    assert len(calls) >= 6
    for name, number in calls:
        where = f"{name} {number}, {fault}"
        database = base.copy(tmp_path / "now")
        told, log = database.act("-e", f"inject={name}:{fault}:when={number}")
        assert "INJECTED" in log or "killed by SIGKILL" in log, where
        assert told == "" or (told.endswith(".\n") and "Errno" not in told), where
        assert database.seen() == after if not told and "error" in fault else True, where
        assert database.seen() in (before, after), where
        if database.seen() == before:
            assert database.act()[0] == "", where
            assert database.seen() == after, where
