"""`python -m tests.faults.walk N KIND ACTION…`: meet faults, at most N of each action; 0 for all.

A process of its own, since only one with a single thread can be forked without a doubt.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

import torch

from tests.faults import disk
from tests.faults.harness import Prepared, Tally

Kind = Literal["error", "kill", "room"]
KINDS: Final[tuple[Kind, ...]] = ("error", "kill", "room")
"""A call fails; the process dies at one; the disk has little room left, or is read-only."""

PAGES: Final = 48


def walk(kind: Kind, name: str, folder: Path, *, most: int = 0) -> Tally:
    """Meet faults of a kind in an action, at most so many; all of them where this is 0."""
    if kind == "room":
        with disk.small_disk(folder / "disk") as place:
            prepared = Prepared(name, folder, place)
            return prepared.walk(disk.trials(range(0, PAGES, PAGES // most if most else 1)))
    prepared = Prepared(name, folder)
    return prepared.walk(prepared.calls_fail(kind, prepared.few(most) if most else None))


def main(most: str, kind: str, *names: str) -> None:
    """Print a tally of each action as JSON."""
    torch.set_num_threads(1)
    (known,) = (each for each in KINDS if each == kind)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            tally = walk(known, name, Path(folder), most=int(most))
        print(json.dumps(dataclasses.asdict(tally)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
