"""Commands for corrections of training labels: corrections make, corrections check."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Final

from fmnist import paths
from fmnist.cli.arguments import path
from fmnist.data.corrections import Corrections, CorrectionsError
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import DATASET_SIZES
from fmnist.evaluation.label_errors import (
    find_suspects,
    is_complete,
    newest_cross_validation,
    out_of_sample,
)
from fmnist.evaluation.label_verdicts import FILE, LabelVerdictStore, consensus
from fmnist.files import write_atomic
from fmnist.runs import corrections, store

_SOURCES: Final = ("verdicts", "exclude-suspects", "relabel-suspects")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    parser = commands.add_parser(
        "corrections",
        help="make or check a file of corrected training labels",
        description="Make or check a file of corrected training labels, for "
        "python -m fmnist train --corrections FILE.",
    )
    kinds = parser.add_subparsers(required=True, metavar="make|check")
    make = kinds.add_parser(
        "make", help="write a file from verdicts on labels, or from the suspect labels"
    )
    make.add_argument(
        "source",
        choices=_SOURCES,
        help="verdicts: images that the reviewers of the Data page relabel or exclude, where they "
        "agree; exclude-suspects, relabel-suspects: the suspect labels of the newest "
        "cross-validation, left out or with the suggested label",
    )
    make.add_argument(
        "--dataset", choices=list(DATASET_SIZES), default="fashion-mnist",
        help="default: fashion-mnist",
    )  # fmt: skip
    make.add_argument(
        "--output", type=path, default=Path("corrections.json"), metavar="FILE",
        help="default: corrections.json",
    )  # fmt: skip
    make.set_defaults(command=_make)

    check = kinds.add_parser("check", help="read a file, and show what it changes")
    check.add_argument("file", type=path, metavar="FILE")
    check.set_defaults(command=_check)


def _make(options: argparse.Namespace) -> int:
    if options.source == "verdicts":
        made = _from_verdicts(options.dataset)
    else:
        made = _from_suspects(options.dataset, relabel=options.source == "relabel-suspects")
    if not len(made):
        what = "verdict changes a label" if options.source == "verdicts" else "label is suspect"
        raise CorrectionsError(f"There is nothing to correct: no {what} in {options.dataset}.")
    write_atomic(options.output, made.to_bytes())
    _show(made)
    print(f"Written: {options.output}")
    return 0


def _from_verdicts(dataset: str) -> Corrections:
    opinions, problem = LabelVerdictStore(paths.artifacts_folder() / FILE).read(dataset)
    if problem:
        raise CorrectionsError(problem)
    together = consensus(opinions)
    print(
        f"Verdicts on {len(opinions):,} images, {len(together.confirmed):,} confirmed by a second "
        f"reviewer, {len(together.disputed):,} disputed and left as they are."
    )
    return together.corrections(dataset)


def _from_suspects(dataset: str, *, relabel: bool) -> Corrections:
    folds = newest_cross_validation(store.list_runs(paths.runs_folder()), dataset)
    if folds is None or not is_complete(folds):
        raise CorrectionsError(
            f"There is no finished cross-validation on {dataset}; start one on the Data page, tab "
            "Suspect labels."
        )
    evaluation = out_of_sample(folds)
    suspects = find_suspects(evaluation)
    images = evaluation.indices[suspects.positions].tolist()
    if relabel:
        to = dict(zip(images, suspects.suggested.tolist(), strict=True))
        return Corrections.of(dataset, relabeled=to)
    return Corrections.of(dataset, excluded=images)


def _check(options: argparse.Namespace) -> int:
    _show(corrections.read(options.file))
    return 0


def _show(found: Corrections) -> None:
    """What corrections change, and how to train with them."""
    print(f"Data set: {found.dataset}")
    print(f"Corrections: {found.title}")
    for label, count in sorted(Counter(label for _, label in found.relabeled).items()):
        print(f"  relabeled to {CLASS_NAMES[label]}: {count:,}")
    print(f"SHA-256: {found.checksum}")
