"""The report of a run, or of a comparison where there are several."""

from collections.abc import Mapping, Sequence

from fmnist.data.splits import Dataset
from fmnist.models.sizes import Size, total
from fmnist.reports.comparison_report import comparison_report
from fmnist.reports.run_report import run_report
from fmnist.runs.run import Run


def report(
    runs: Sequence[Run], *, dataset: Dataset | None = None, sizes: Mapping[str, Size] | None = None
) -> str:
    """A report of one run or of several, as HTML.

    Parameters
    ----------
    runs : sequence of Run
        At least one.
    dataset, sizes
        As for `comparison_report`.

    Raises
    ------
    RunError
        If they cannot be reported; the message says why.
    """
    if len(runs) > 1:
        return comparison_report(runs, dataset=dataset, sizes=sizes)
    (run,) = runs
    size = total(run.config.models, sizes or {}) if run.config else None
    return run_report(run, dataset=dataset, size=size)


def file_name(runs: Sequence[Run]) -> str:
    """Name of the file for a report of these runs."""
    first, *others = (run.run_id for run in runs)
    if not others:
        return f"report-{first}.html"
    rest = others[0] if len(others) == 1 else f"and-{len(others)}-more"
    return f"comparison-{first}-{rest}.html"
