"""Benchmark tables as Markdown files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fmnist.files import write_atomic
from fmnist.models.sizes import Size
from fmnist.reports.benchmarks.results import TEST_IMAGES, RowResult, results
from fmnist.reports.benchmarks.rows import TableName
from fmnist.reports.text import UNKNOWN, markdown_table, percent
from fmnist.runs.run import Run

COMMAND: Final = "python -m fmnist bench"

_INTRODUCTIONS: Final[Mapping[TableName, str]] = {
    "models": """# Models

Test accuracy of each model with its own recipe (`python -m fmnist train --recipe own --model …`; \
FashionCNN with the original recipe), on the 10,000 test images of Fashion-MNIST.""",
    "ablation": """# Ablation of FashionCNN

The original recipe (20 epochs, Adam, learning rate 0.001, batch size 128) with one part left out \
at a time: one run in bfloat16 and one in float32 ([precision.md](precision.md) compares them).""",
    "precision": """# Precision

FashionCNN with the original recipe shortened to 3 epochs, in float32 and in bfloat16. \
[speed.md](speed.md) says how much faster bfloat16 is.""",
    "ingredients": """# Ingredients

Effect of single ingredients on the Compact ResidualNet in 10 epochs, with one change at a time. \
Everything else is equal, including the seed, and with it the initial weights and the order of \
the images. A longer training or a larger network may gain more from erasing and mixing, which \
make the images harder.""",
    "strong": """# Strong

Every finished run toward the shipped models `strong`, `small` and `ensemble`, including those \
that did not help. They were compared on the validation images; the test images were not used for \
selection.""",
}
_NOTES: Final = f"""\
Held-out protocol: the epoch was selected on 5,000 validation images, or is the last one where \
the settings say so (Swift; runs on a GPU, of which validation chose raw or averaged weights); \
the test images were evaluated once. Full protocol: all 60,000 training images were used, with \
settings fixed beforehand; the weights are those of the last epoch, and the test images were \
evaluated once. The standard error is that of a fraction of {TEST_IMAGES:,} images; more runs do \
not reduce it, since all use the same test images. The range is over the seeds. Minutes are those \
of one run, with the number of threads in its config.json, on machines that did other work too. \
For an ensemble, parameters, multiply-adds and minutes are the totals of its members."""
_REPORTED_NOTE: Final = (
    " *Reported* is the test accuracy in the first table of this project. Its runs are not "
    "available; it may be the best epoch on the test images."
)


@dataclass(frozen=True)
class _Column:
    title: str
    text: Callable[[RowResult], str]
    is_text: bool = False


_REPORTED: Final = (
    _Column("Reported", lambda result: percent(result.row.reported_accuracy)),
    _Column("Compared with reported", lambda result: result.comparison or UNKNOWN, is_text=True),
)
_LESSON: Final = _Column("What was learned", lambda result: result.lesson or UNKNOWN, is_text=True)
_COLUMNS: Final = (
    _Column("Model", lambda result: result.row.title, is_text=True),
    _REPORTED[0],
    _Column("Test", lambda result: f"**{percent(result.accuracy)}**"),
    _Column("Standard error, points", lambda result: f"{100 * result.standard_error:.2f}"),
    _Column("Runs", lambda result: str(len(result.accuracies))),
    _Column("Range", lambda result: accuracy_range(result) or UNKNOWN),
    _Column("Validation", lambda result: percent(result.validation_accuracy)),
    _Column("Parameters", lambda result: f"{result.size.parameters:,}" if result.size else UNKNOWN),
    _Column(
        "Multiply-adds", lambda result: f"{result.size.multiply_adds:,}" if result.size else UNKNOWN
    ),
    _Column("Epochs", lambda result: result.row.epochs),
    _Column("Minutes", lambda result: f"{result.minutes:.1f}"),
    _Column("Protocol", lambda result: result.row.config.protocol, is_text=True),
    _Column("Precision", lambda result: ", ".join(result.precisions) or UNKNOWN, is_text=True),
    _REPORTED[1],
    _LESSON,
)


def accuracy_range(result: RowResult) -> str:
    """Lowest and highest test accuracy; empty if there are fewer than two."""
    if len(result.accuracies) < 2:
        return ""
    return f"{percent(min(result.accuracies))} to {percent(max(result.accuracies))}"


def write(
    table: TableName, present: Sequence[Run], sizes: Mapping[str, Size], folder: Path
) -> Path:
    """Write the file of a table into a folder.

    Returns
    -------
    Path
        The file, `<table>.md`.
    """
    path = folder / f"{table}.md"
    text = markdown(table, results(table, present, sizes))
    write_atomic(path, text.encode(), make_folder=True)
    return path


def markdown(table: TableName, found: Sequence[RowResult]) -> str:
    """Text of the file of a table.

    Parameters
    ----------
    table : str
        Key of `TABLES`.
    found : sequence of RowResult
    """
    has_reported = any(result.row.reported_accuracy is not None for result in found)
    hidden: tuple[_Column, ...] = () if has_reported else _REPORTED
    if not any(result.lesson for result in found):
        hidden += (_LESSON,)
    columns = [column for column in _COLUMNS if column not in hidden]
    return "\n".join(
        [
            _INTRODUCTIONS[table],
            "",
            markdown_table(
                [column.title for column in columns],
                [[column.text(result) for column in columns] for result in found],
                "".join("l" if column.is_text else "r" for column in columns),
            ),
            "",
            _NOTES + (_REPORTED_NOTE if has_reported else ""),
            "",
            "Runs in `artifacts/benchmarks` and `artifacts/pretrained` (open them on the "
            "dashboard):",
            "",
            *(f"- {result.row.title}: {', '.join(result.run_ids)}" for result in found),
            "",
            f"`{COMMAND} {table}` trains what is missing and writes this file; "
            f"`{COMMAND} {table} --read` only writes it.",
            "",
        ]
    )
