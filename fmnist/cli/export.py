"""The command that writes a model for other programs: export."""

import argparse
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

from fmnist import paths
from fmnist.cli.arguments import path
from fmnist.cli.tables import aligned
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import DATASET_TITLES, Dataset, DatasetName
from fmnist.errors import ToldError, sentence
from fmnist.export import kept
from fmnist.export.bundle import bundle, folder_name
from fmnist.export.checks import Check, ExportError
from fmnist.export.names import FORMATS, Format
from fmnist.files import write_atomic
from fmnist.reports import model_card
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.run import Run, RunError

_Progress = Callable[[int, int], None]
_TITLES: Final = (
    "run", "format", "file", "size", "accuracy", "of the run", "changed", "difference",
)  # fmt: skip


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    export = commands.add_parser(
        "export",
        help="write a model for other programs, and check that it predicts the same",
        description="Write a model for other programs. Every file is compared with the run on all "
        "test images; one that predicts something else is not given out. Files are kept with the "
        "run, so the same export is made once.",
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
    export.add_argument(
        "--bundle", action="store_true",
        help="write a zip archive: the file, examples that run it, and the model card",
    )  # fmt: skip
    export.add_argument(
        "--check", action="store_true",
        help="only make and compare, and leave no file; in all formats unless some are named",
    )  # fmt: skip
    export.add_argument(
        "--table", type=path, metavar="FILE", help="also write how the files compare, in Markdown"
    )
    export.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    runs = [store.find_run(name) for name in options.runs]
    if options.all:
        shipped = store.list_runs(paths.pretrained_folder())
        runs += [run for run in shipped if kept.why_not(run) is None]
    if not runs:
        raise RunError("Name a shipped model or a run, or give --all.")
    forms: list[Format] = options.formats or (list(FORMATS) if options.check else ["onnx"])
    several = len(runs) * len(forms) > 1
    if options.check and (options.output or options.bundle):
        raise RunError("--check leaves no file; leave out --output and --bundle.")
    if several and options.output and not options.output.is_dir():
        raise RunError("Several files need a folder that exists as --output.")
    load_dataset = functools.cache(datasets.load_named)  # once for all files
    rows: list[tuple[str, ...]] = []
    failed = False
    for run in runs:
        for form in forms:
            try:
                if options.check:
                    target, check = "", _compare(run, form, load_dataset)
                else:
                    target, check = _write(run, form, options, load_dataset)
                rows.append((run.run_id, form, target, *_cells(check)))
            except (ToldError, OSError) as error:
                failed = True
                print(f"{run.run_id}, {form}: {sentence(error)}", file=sys.stderr)
    titles = [title for title in _TITLES if title != "file" or not options.check]
    if options.check:
        rows = [row[:2] + row[3:] for row in rows]
    if rows:
        print("\n".join(aligned([titles, *rows])))
    if options.table and rows:
        _write_table(options.table, titles, rows, runs)
    return 1 if failed else 0


def _compare(run: Run, form: Format, load_dataset: Callable[[DatasetName], Dataset]) -> Check:
    """Make a file, compare it, and leave nothing."""
    from fmnist.export.exporting import export
    from fmnist.runs.loading import load_run

    problem = kept.why_not(run)
    if problem or run.config is None:
        raise ExportError(problem or "")
    classifier = load_run(run.run_id, folder=run.folder.parent)
    dataset = load_dataset(run.config.dataset)
    with tempfile.TemporaryDirectory() as folder, _bar(run, form) as progress:
        return export(run, classifier, form, Path(folder) / "model", dataset, progress=progress)


def _write(
    run: Run,
    form: Format,
    options: argparse.Namespace,
    load_dataset: Callable[[DatasetName], Dataset],
) -> tuple[str, Check]:
    """Make the file that is kept with the run, unless it is there, and write a copy."""
    with _bar(run, form) as progress:
        made = kept.make(run, form, load_dataset, progress=progress)
    output: Path = options.output or Path()
    if options.bundle:
        name, content = f"{folder_name(made, run)}.zip", bundle(made, run, card=_card(run))
    else:
        name, content = made.path.name, made.read()
    target = output / name if output.is_dir() else output
    write_atomic(target, content)
    return str(target), made.check


def _card(run: Run) -> str | None:
    """The model card; None where the run lacks what it shows."""
    try:
        return model_card.card_elsewhere(run)
    except RunError:
        return None


@contextmanager
def _bar(run: Run, form: Format) -> Iterator[_Progress]:
    """A progress bar."""
    from tqdm import tqdm

    with tqdm(desc=f"{run.run_id}, {form}", unit=" images", leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def _cells(check: Check) -> tuple[str, ...]:
    return (
        f"{check.bytes / 1e6:.2f} MB", percent(check.accuracy), percent(check.run_accuracy),
        f"{check.changed:,} of {check.images:,}", f"{check.difference:.1g}",
    )  # fmt: skip


def _write_table(
    target: Path, titles: Sequence[str], rows: Sequence[tuple[str, ...]], runs: Sequence[Run]
) -> None:
    """Write how the files compare."""
    import onnxruntime
    import torch

    configs = [run.config for run in runs if run.config]
    data = sorted({f"{DATASET_TITLES[c.dataset]} ({c.protocol} protocol)" for c in configs})
    text = [
        "# Exported models",
        "",
        f"`python -m fmnist {' '.join(sys.argv[1:])}`, {date.today()}; ONNX Runtime "
        f"{onnxruntime.__version__}, torch {torch.__version__}.",
        "",
        f"Each file compared with its run on all test images of {' and '.join(data)}: its "
        "accuracy and that of the run, how many predictions changed, and the largest difference of "
        "a probability. A file that changes a prediction is refused, but for one in 8 bits, which "
        "may lose 0.5 points of accuracy.",
        "",
        markdown_table([title.capitalize() for title in titles], rows),
    ]
    write_atomic(target, ("\n".join(text) + "\n").encode())
