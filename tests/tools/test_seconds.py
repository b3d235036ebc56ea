"""How long the tests of each file take."""

import json
from pathlib import Path

from fmnist import paths
from tools import seconds


def test_files_that_take_some_seconds_are_named_the_longest_first(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    cases = [("tests.a", 3.0), ("tests.b", 20.4), ("tests.a", 4.0), ("tests.c", 1.0)]
    lines = "".join(f'<testcase classname="{name}" time="{time}"/>' for name, time in cases)
    report.write_text(f"<testsuites><testsuite>{lines}</testsuite></testsuites>")
    assert list(seconds.seconds_of(report).items()) == [("tests/b.py", 20), ("tests/a.py", 7)]


def test_the_files_named_are_there() -> None:
    named = json.loads(seconds.FILE.read_text())
    assert [name for name in named if not (paths.PROJECT / name).is_file()] == []
