"""How long the tests of each file take, so that pytest begins with the longest.

`pytest -n 2 --dist loadfile --junitxml=FILE`, then `python -m tools.seconds FILE`.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Final

from fmnist import paths
from fmnist.files import write_json

FILE: Final = paths.PROJECT / "tests" / "seconds.json"
LEAST: Final = 5
"""Seconds; shorter files come last, in any order."""


def seconds_of(report: Path) -> dict[str, int]:
    """Seconds of each test file that takes some, the longest first, from a report of pytest's."""
    taken: Counter[str] = Counter()
    for test in ElementTree.parse(report).iter("testcase"):
        name = f"{test.attrib['classname'].replace('.', '/')}.py"
        taken[name] += float(test.attrib["time"])  # type: ignore[assignment]
    return {name: round(time) for name, time in taken.most_common() if time >= LEAST}


if __name__ == "__main__":
    write_json(FILE, seconds_of(Path(sys.argv[1])))
