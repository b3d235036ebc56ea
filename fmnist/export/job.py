"""Exports a run in a process of its own, as `ExportProcess` runs it."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fmnist.data import fashion_mnist
from fmnist.export import kept
from fmnist.export.names import FORMATS
from fmnist.jobs import Reporter, work
from fmnist.runs import store

_WRITING: Final = 0.3  # of the time; the comparison takes the rest


def _run(options: argparse.Namespace, reporter: Reporter) -> None:
    folder: Path = options.run
    reporter.part(0.0, _WRITING)(f"Writing the {FORMATS[options.form].title} file")
    compare: Callable[[float], None] | None = None

    def compared(done: int, images: int) -> None:
        nonlocal compare
        text = f"Comparing {images:,} test images with the run"
        compare = compare or reporter.part(_WRITING, 1.0)(text)
        compare(done / images)

    run = store.open_run(folder.parent, folder.name)
    kept.make(run, options.form, fashion_mnist.load_named, progress=compared)


def main() -> int:
    """Export the run that the arguments name; 0 for success."""
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=FORMATS)
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    return work(lambda reporter: _run(options, reporter))


if __name__ == "__main__":
    sys.exit(main())
