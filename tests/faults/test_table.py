"""The table of faults tells everything that was lost or wrong."""

from pathlib import Path

from tests.faults import table
from tests.faults.harness import Tally


def test_the_table_counts_and_names_problems(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(
        '["error", {"name": "rename", "tried": 5, "clear": 3, "lost": ["rename, call 1: gone"], '
        '"wrong": ["rename, call 2: told badly"]}]\n'
        '["set", {"name": "a damaged file, on every page and command", "tried": 9, "clear": 8, '
        '"lost": [], "wrong": ["test_damage: a traceback"]}]\n'
        '["kill", {"name": "rename", "tried": 4, "clear": 4, "lost": [], "wrong": []}]\n'
    )
    found = table.read(results)
    assert found["kill", "rename"] == Tally("rename", 4, 4)
    lines = table.page(found).splitlines()
    assert "| rename | 5 | 4 | – | 7 | 1 | 1 |" in lines
    assert "| train | – | – | – | 0 | 0 | 0 |" in lines
    assert "| a damaged file, on every page and command | 9 | 8 | 0 | 1 |" in lines
    assert lines[-3:-1] == ["- rename, call 1: gone", "- rename, call 2: told badly"]
    assert lines[-1] == "- test_damage: a traceback"
