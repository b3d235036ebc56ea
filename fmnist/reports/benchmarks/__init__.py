"""Benchmark tables: their rows, the results of the runs, and the Markdown files."""

from fmnist.reports.benchmarks.results import (
    RowResult,
    matches,
    resolve_members,
    results,
    row_result,
    save_runs,
)
from fmnist.reports.benchmarks.rows import TABLES, Row, TableName
from fmnist.reports.benchmarks.tables import COMMAND, accuracy_range, markdown, write

__all__ = [
    "COMMAND",
    "TABLES",
    "Row",
    "RowResult",
    "TableName",
    "accuracy_range",
    "markdown",
    "matches",
    "resolve_members",
    "results",
    "row_result",
    "save_runs",
    "write",
]
