"""`python -m tests.faults.walk N error|kill ACTION…`: let calls fail, at most N of each action.

A process of its own, since only one with a single thread can be forked without a doubt.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import get_args

import torch

from tests.faults.harness import Prepared, Tally
from tests.faults.shim import Fault


def walk(most: int, fault: Fault, name: str, folder: Path) -> Tally:
    """Let calls of an action fail, at most so many; all of them where this is 0."""
    prepared = Prepared(name, folder)
    return prepared.walk(prepared.calls_fail(fault, prepared.few(most) if most else None))


def main(most: str, fault: str, *names: str) -> None:
    """Print a tally of each action as JSON."""
    torch.set_num_threads(1)
    (known,) = (each for each in get_args(Fault) if each == fault)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            tally = walk(int(most), known, name, Path(folder) / "action")
        print(json.dumps(dataclasses.asdict(tally)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
