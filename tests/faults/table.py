"""The table of faults: what was tried, what was told and kept, what was lost.

    python -m tests.faults.table --write

Meets every fault of `tests.faults.walk` in every action, and runs the tests of `SETS`; takes hours.
`--results` names a file that keeps what was found so far, so that the command can be interrupted;
with `--read`, the tables show what that file has, and a dash for the rest; `--sets` leaves out the
actions.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from fmnist import paths
from fmnist.reports.text import UNKNOWN, markdown_table
from tests.faults.actions import ACTIONS
from tests.faults.harness import Tally
from tests.faults.walk import KINDS, PAGES, Kind

Found = Mapping[tuple[str, str], Tally]

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


def read(results: Path) -> dict[tuple[str, str], Tally]:
    """What the file tells of."""
    lines = results.read_text().splitlines() if results.exists() else []
    pairs = [json.loads(line) for line in lines]
    return {(kind, values["name"]): Tally(**values) for kind, values in pairs}


def find(results: Path, *, only_sets: bool = False) -> Found:
    """Meet all faults but those that the file tells of already."""
    found = read(results)
    walks = [] if only_sets else [(kind, name) for kind in KINDS for name in ACTIONS]
    for kind, name in [*(("set", name) for name in SETS), *walks]:
        if (kind, name) in found:
            continue
        tally = found[kind, name] = _run_tests(name) if kind == "set" else _walk(kind, name)
        with results.open("a") as stream:
            stream.write(json.dumps([kind, vars(tally)]) + "\n")
        print(f"{name}, {kind}: {tally.clear} of {tally.tried}", flush=True)  # noqa: T201
        if tally.problems():
            print(tally.problems(), flush=True)  # noqa: T201
    return found


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


def page(found: Found) -> str:
    """The table as Markdown."""
    rows = [_row(name, [found.get((kind, name)) for kind in KINDS]) for name in ACTIONS]
    total = [
        Tally("", sum(t.tried for t in each), sum(t.clear for t in each),
              [p for t in each for p in t.lost], [p for t in each for p in t.wrong])
        for each in ([t for (of, _), t in found.items() if of == kind] for kind in KINDS)
    ]  # fmt: skip
    ends = ["clear", "lost", "wrong"]
    titles = ["Action", *(TITLES[kind] for kind in KINDS), *ends]
    table = markdown_table(titles, [*rows, _row("all", total)])
    sets = {name: found.get(("set", name)) for name in SETS}
    others = markdown_table(["Test", "tried", *ends], [_row(n, [t]) for n, t in sets.items()])
    total += [tally for tally in sets.values() if tally]
    problems = "".join(f"- {p}\n" for t in total for p in [*t.lost, *t.wrong])
    return (
        "# Faults\n\n"
        f"`python -m tests.faults.table --write`, {date.today()}; Python "
        f"{platform.python_version()}, {platform.system()}. Each number is of faults tried: every "
        "call of the action that writes, flushes, renames or removes fails once with a full or "
        "broken disk; the process is killed at every one of them; the action is done on a disk "
        f"that is read-only, and on one with 0, 1, 2, … {PAGES - 1} pages of 4 KiB left.\n\n"
        "Clear: all is as before or as after the action, a failure is told in one sentence, and "
        "the same action then succeeds; a training that failed or died is resumed and ends with "
        "the same bytes as one left alone. Lost: something is gone, or half there. Wrong: told "
        "badly, or it could not be done again. A dash: not yet tried.\n\n"
        f"{table}\n\n"
        "Other faults, each met by a test (`SETS` in the command names the files):\n\n"
        f"{others}\n" + (f"\n{problems}" if problems else "")
    )


def _row(name: str, tallies: Sequence[Tally | None]) -> list[str]:
    met = [tally for tally in tallies if tally]
    return [
        name,
        *(f"{tally.tried:,}" if tally else UNKNOWN for tally in tallies),
        f"{sum(tally.clear for tally in met):,}",
        f"{sum(len(tally.lost) for tally in met):,}",
        f"{sum(len(tally.wrong) for tally in met):,}",
    ]


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    parser.add_argument("--results", type=Path, help="keep what was found here")
    parser.add_argument("--read", action="store_true", help="meet no more faults")
    parser.add_argument("--sets", action="store_true", help="only those that tests meet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = options.results or Path(folder) / "results.jsonl"
        text = page(read(results) if options.read else find(results, only_sets=options.sets))
    if options.write:
        TARGET.write_text(text)
    else:
        print(text)  # noqa: T201


if __name__ == "__main__":
    main()
