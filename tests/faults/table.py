"""The table of faults: what was tried, what was told and kept, what was lost.

    python -m tests.faults.table --write

Meets every fault of `tests.faults.walk` in every action, and runs the tests of `SETS`; takes hours.
`--only NAME …` counts these rows, `--missing` those that the table lacks. All others stay as they
are. With `--write`, the table is written after each row, so that the command can be interrupted.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import pytest

from fmnist import paths
from fmnist.files import write_atomic
from fmnist.reports.text import UNKNOWN, markdown_table
from tests.faults.actions import ACTIONS
from tests.faults.harness import Tally
from tests.faults.walk import KINDS, PAGES, Kind

TARGET: Final = paths.BENCHMARK_TABLES / "faults.md"
TITLES: Final[Mapping[Kind, str]] = {
    "error": "a call fails",
    "kill": "killed at a call",
    "room": "full or read-only",
}
SETS: Final[Mapping[str, str]] = {
    "a training killed at random moments": "tests/faults/test_kill.py",
    "a damaged file, on every page and command": "tests/faults/test_damage.py",
    "a nasty address in a browser": "tests/browser/test_addresses_in_the_browser.py",
    "folder or data gone and back, two servers": "tests/faults/test_gone_and_back.py",
}
"""Faults that tests meet by themselves; a test that meets several tells how many as "tried"."""


_ENDS: Final = ("clear", "lost", "wrong")
_COUNTED: Final = "counted"


@dataclass(frozen=True)
class Row:
    """What became of the faults of an action, or of the tests of a set.

    Attributes
    ----------
    tried : tuple of int
        How many were met, of each kind.
    clear, lost, wrong : int
        Their ends, as of a `Tally`.
    counted : str
        The day.
    problems : tuple of str
        What was lost or wrong, after the row's name.
    """

    tried: tuple[int, ...]
    clear: int
    lost: int
    wrong: int
    counted: str = ""
    problems: tuple[str, ...] = ()

    def cells(self) -> list[str]:
        """As the table has them."""
        numbers = (*self.tried, self.clear, self.lost, self.wrong)
        return [*(f"{number:,}" for number in numbers), self.counted]


Rows = Mapping[str, Row]


def read(text: str) -> dict[str, Row]:
    """The rows of a page, by name."""
    lines, found = text.splitlines(), {}
    problems = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    for line in lines:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        if name not in (*ACTIONS, *SETS) or UNKNOWN in cells:
            continue
        *numbers, day = cells
        *tried, clear, lost, wrong = (int(number.replace(",", "")) for number in numbers)
        own = tuple(p for p in problems if p.startswith(f"{name}, "))
        found[name] = Row(tuple(tried), clear, lost, wrong, day, own)
    return found


def count(name: str) -> Row:
    """Meet all faults of a row."""
    tallies = [_run_tests(name)] if name in SETS else [_walk(kind, name) for kind in KINDS]
    problems = [problem for tally in tallies for problem in (*tally.lost, *tally.wrong)]
    return Row(
        tuple(tally.tried for tally in tallies),
        sum(tally.clear for tally in tallies),
        sum(len(tally.lost) for tally in tallies),
        sum(len(tally.wrong) for tally in tallies),
        str(date.today()),
        tuple(p if p.startswith(f"{name}, ") else f"{name}, {p}" for p in problems),
    )


def _run_tests(name: str) -> Tally:
    """Run the tests of a set, those marked `slow` too."""
    tally = Tally(name)

    class Count:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            tried = int(str(dict(report.user_properties).get("tried", 1)))
            if report.when == "call" and not report.skipped:
                tally.tried += tried
                tally.clear += tried * report.passed
            if report.failed:
                tally.wrong.append(f"{report.nodeid}: {report.longreprtext.splitlines()[-1]}")

    pytest.main(["-q", "-m", "slow or not slow", str(paths.PROJECT / SETS[name])], [Count()])
    return tally


def _walk(kind: str, name: str) -> Tally:
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults.walk", "0", kind, name],
        cwd=paths.PROJECT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return Tally(**json.loads(result.stdout))


def page(rows: Rows) -> str:
    """The tables as Markdown."""
    met = [rows[name] for name in ACTIONS if name in rows]
    total = Row(
        tuple(sum(row.tried[i] for row in met) for i in range(len(KINDS))),
        *(sum(getattr(row, end) for row in met) for end in _ENDS),
    )
    titles = ["Action", *(TITLES[kind] for kind in KINDS), *_ENDS, _COUNTED]
    table = markdown_table(titles, [*_table(ACTIONS, rows, len(KINDS)), ["all", *total.cells()]])
    others = markdown_table(["Test", "tried", *_ENDS, _COUNTED], _table(SETS, rows, 1))
    problems = "".join(f"- {p}\n" for row in rows.values() for p in row.problems)
    return (
        "# Faults\n\n"
        f"`python -m tests.faults.table --write`; Python {platform.python_version()}, "
        f"{platform.system()}. Each number is of faults tried: every "
        "call of the action that writes, flushes, renames or removes fails once with a full or "
        "broken disk; the process is killed at every one of them; the action is done on a disk "
        f"that is read-only, and on one with 0, 1, 2, … {PAGES - 1} pages of 4 KiB left.\n\n"
        "Clear: all is as before or as after the action, a failure is told in one sentence, and "
        "the same action then succeeds; a training that failed or died is resumed and ends with "
        "the same bytes as one left alone; an action on several runs that is killed may be done "
        "to some of them, and done again, it is done to all. Lost: something is gone, or half "
        "there. Wrong: told badly, or it could not be done again. A dash: not yet tried.\n\n"
        f"{table}\n\n"
        "Other faults, each met by a test (`SETS` in the command names the files):\n\n"
        f"{others}\n" + (f"\n{problems}" if problems else "")
    )


def _table(names: Sequence[str] | Mapping[str, object], rows: Rows, kinds: int) -> list[list[str]]:
    unknown = [UNKNOWN] * (kinds + len(_ENDS) + 1)
    return [[name, *(rows[name].cells() if name in rows else unknown)] for name in names]


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    chosen = parser.add_mutually_exclusive_group()
    names = [*SETS, *ACTIONS]
    chosen.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="only these rows")
    chosen.add_argument("--missing", action="store_true", help="only rows that the table lacks")
    options = parser.parse_args()
    rows = read(TARGET.read_text())
    if options.missing:
        names = [name for name in names if name not in rows]
    for name in options.only or names:
        row = rows[name] = count(name)
        print(f"{name}: {row.clear} of {sum(row.tried)}", *row.problems, sep="\n", flush=True)  # noqa: T201
        if options.write:
            write_atomic(TARGET, page(rows).encode())
    if not options.write:
        print(page(rows))  # noqa: T201


if __name__ == "__main__":
    main()
