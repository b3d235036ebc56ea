"""The table of faults: rows counted anew, all others kept, everything lost or wrong named."""

import sys
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.harness import Tally
from tests.faults.walk import KINDS

KEPT = {
    "rename": table.Row((1_005, 4, 49), 1_056, 1, 1, "2026-11-26",
                        ("rename, call 1: gone", "rename, call 2: told badly")),
    "delete": table.Row((3, 3, 49), 55, 0, 0, "2026-11-26"),
    "a damaged file, on every page and command": table.Row(
        (9,), 8, 0, 1, "2026-11-25",
        ("a damaged file, on every page and command, test_damage: a traceback",)),
}  # fmt: skip


def test_a_page_is_read_as_it_was_written() -> None:
    text = table.page(KEPT)
    assert table.read(text) == KEPT
    lines = text.splitlines()
    assert "| rename | 1,005 | 4 | 49 | 1,056 | 1 | 1 | 2026-11-26 |" in lines
    assert "| train | – | – | – | – | – | – | – |" in lines
    assert "| all | 1,008 | 7 | 98 | 1,111 | 1 | 1 |  |" in lines
    assert "| a damaged file, on every page and command | 9 | 8 | 0 | 1 | 2026-11-25 |" in lines
    assert lines[-3:-1] == ["- rename, call 1: gone", "- rename, call 2: told badly"]


def test_only_some_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "faults.md"
    target.write_text(table.page(KEPT))
    monkeypatch.setattr(table, "TARGET", target)
    met: list[tuple[str, str]] = []

    def walk(kind: str, name: str) -> Tally:
        met.append((kind, name))
        return Tally(name, 2, 1, [f"{name}, call 7: gone"] * (kind == "kill"))

    monkeypatch.setattr(table, "_walk", walk)
    monkeypatch.setattr(sys, "argv", ["table", "--write", "--only", "rename", "stop"])
    table.main()
    assert met == [(kind, name) for name in ("rename", "stop") for kind in KINDS]
    rows = table.read(target.read_text())
    assert {name: rows[name] for name in rows if name not in ("rename", "stop")} == {
        name: row for name, row in KEPT.items() if name != "rename"
    }
    assert (rows["rename"].tried, rows["rename"].clear) == ((2, 2, 2), 3)
    assert rows["rename"].problems == ("rename, call 7: gone",)
    assert rows["stop"].counted == rows["rename"].counted > "2026-11-26"


def test_missing_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "faults.md"
    target.write_text(table.page(KEPT))
    monkeypatch.setattr(table, "TARGET", target)
    monkeypatch.setattr(table, "ACTIONS", ["delete", "rename", "stop"])
    counted: list[str] = []

    def count(name: str) -> table.Row:
        counted.append(name)
        return KEPT["a damaged file, on every page and command" if name in table.SETS else "delete"]

    monkeypatch.setattr(table, "count", count)
    monkeypatch.setattr(sys, "argv", ["table", "--missing"])
    table.main()
    assert counted == [name for name in table.SETS if name not in KEPT] + ["stop"]
    assert table.read(target.read_text()) == KEPT  # it was not to be written
