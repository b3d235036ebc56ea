"""The command that writes a report of a run, or of a comparison of runs: report."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fmnist import paths
from fmnist.cli.arguments import path
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset
from fmnist.errors import sentence
from fmnist.files import write_atomic
from fmnist.models import sizes
from fmnist.models.sizes import Size
from fmnist.reports.reporting import file_name, report
from fmnist.runs import store
from fmnist.runs.run import Run


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    parser = commands.add_parser(
        "report", help="write a run, or a comparison of runs, as one HTML file to read and print"
    )
    parser.add_argument(
        "runs", nargs="+", metavar="NAME_OR_RUN_ID",
        help="a shipped model or a run; several are compared",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=path, metavar="FILE_OR_FOLDER",
        help="by default, the current folder, and the ids of the runs as the file's name",
    )  # fmt: skip
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    runs = [store.find_run(name) for name in options.runs]
    output: Path = options.output or Path()
    target = output / file_name(runs) if output.is_dir() else output
    text = report(runs, dataset=_dataset(runs), sizes=_sizes(runs))
    write_atomic(target, text.encode())
    print(f"Written: {target} ({len(text.encode()) / 1e6:.2f} MB)")
    return 0


def _dataset(runs: Sequence[Run]) -> Dataset | None:
    """The images of the first run; None where they are not on this machine."""
    config = runs[0].config
    if config is None:
        return None
    try:
        return datasets.load_named(config.dataset)
    except DatasetError as error:
        print(f"The report has no pixels: {sentence(error)}", file=sys.stderr)
        return None


def _sizes(runs: Sequence[Run]) -> dict[str, Size]:
    """Sizes of the runs' networks."""
    names = {model for run in runs if run.config for model in run.config.models}
    path = paths.artifacts_folder() / "cache" / "sizes.json"
    known = sizes.load_sizes(path)
    missing = sorted(names - known.keys())
    if missing:
        print("Counting the parameters of the models, once…", file=sys.stderr)
        known |= sizes.count(missing)
        with suppress(OSError):  # the next report counts again
            sizes.save_sizes(path, known)
    return known
