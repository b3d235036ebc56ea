"""The command that writes a model for other programs: export."""

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path

from fmnist import paths
from fmnist.cli.arguments import path
from fmnist.cli.tables import aligned
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Dataset, DatasetName
from fmnist.errors import ToldError, sentence
from fmnist.export.names import FORMATS, Format
from fmnist.reports.text import percent
from fmnist.runs import store
from fmnist.runs.loading import load_run
from fmnist.runs.run import Run, RunError


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    export = commands.add_parser(
        "export", help="write a model for other programs, and check that it predicts the same"
    )
    export.add_argument("runs", nargs="*", metavar="NAME_OR_RUN_ID", help="shipped models or runs")
    export.add_argument("--all", action="store_true", help="all shipped models that have weights")
    export.add_argument(
        "--format", action="append", choices=FORMATS, dest="formats", metavar="FORMAT",
        help="onnx (default), int8, torch-export or torchscript; may be given several times",
    )  # fmt: skip
    export.add_argument(
        "--output", type=path, metavar="FILE_OR_FOLDER",
        help="by default, the current folder, and the run's id as the file's name",
    )  # fmt: skip
    export.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    runs = [store.find_run(name) for name in options.runs]
    if options.all:
        runs += [run for run in store.list_runs(paths.pretrained_folder()) if _has_weights(run)]
    if not runs:
        raise RunError("Name a shipped model or a run, or give --all.")
    forms: list[Format] = options.formats or ["onnx"]
    several = len(runs) * len(forms) > 1
    if several and options.output and not options.output.is_dir():
        raise RunError("Several files need a folder that exists as --output.")
    rows: list[tuple[str, ...]] = [
        ("run", "format", "file", "size", "accuracy", "of the run", "changed", "difference")
    ]
    load_dataset = functools.cache(datasets.load_named)  # once for all files
    failed = False
    for run in runs:
        for form in forms:
            try:
                rows.append(_export_one(run, form, options.output or Path(), load_dataset))
            except (ToldError, OSError) as error:
                failed = True
                print(f"{run.run_id}, {form}: {sentence(error)}", file=sys.stderr)
    if len(rows) > 1:
        print("\n".join(aligned(rows)))
    return 1 if failed else 0


def _has_weights(run: Run) -> bool:
    return run.state == "finished" and run.weights_path.exists()


def _export_one(
    run: Run, form: Format, output: Path, load_dataset: Callable[[DatasetName], Dataset]
) -> tuple[str, ...]:
    from tqdm import tqdm

    from fmnist.export.exporting import export

    if run.config is None or run.state == "broken":
        raise RunError(f"The run {run.run_id} is broken: {run.reason}")
    target = output / f"{run.run_id}{FORMATS[form].suffix}" if output.is_dir() else output
    dataset = load_dataset(run.config.dataset)
    classifier = load_run(run.run_id, folder=run.folder.parent)
    with tqdm(desc=f"{run.run_id}, {form}", unit=" images", leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        check = export(run, classifier, form, target, dataset, progress=show)
    return (
        run.run_id, form, str(target), f"{check.bytes / 1e6:.2f} MB", percent(check.accuracy),
        percent(check.run_accuracy), f"{check.changed:,} of {check.images:,}",
        f"{check.difference:.1g}",
    )  # fmt: skip
