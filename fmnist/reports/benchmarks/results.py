"""Results of the rows of the benchmark tables, from the runs that exist."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fmnist import paths
from fmnist.evaluation.metrics import standard_error
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.models.sizes import Size, total
from fmnist.reports.benchmarks.rows import TABLES, Row, TableName
from fmnist.runs.config import RunConfig, TrainConfig
from fmnist.runs.publish import publish
from fmnist.runs.run import Run, RunError
from fmnist.text import NAME_LENGTH, one_line

MAX_WEIGHTS: Final = 4_000_000
"""Largest file of weights, in bytes, that is saved with a run of a table."""

TEST_IMAGES: Final = 10_000


@dataclass(frozen=True)
class RowResult:
    """Results of a row.

    Attributes
    ----------
    row : Row
    run_ids : tuple of str
        Ids of the finished runs that have a test evaluation, by seed.
    accuracies : tuple of float
        Test accuracies in [0, 1]: one per run, or a single one for an ensemble. Never empty.
    validation_accuracy : float or None
        Mean over the runs, in [0, 1]; None if the runs have no validation split.
    minutes : float
        Mean training time of a run; for an ensemble, the total of its members.
    precisions : tuple of str
        What the runs were computed in, each once: "bfloat16" or "float32".
    size : Size or None
        Parameters and multiply-adds, of an ensemble those of all members; None if they were not
        counted.
    lesson : str
        What the row taught, in a sentence or two; empty if nothing was written down.
    """

    row: Row
    run_ids: tuple[str, ...]
    accuracies: tuple[float, ...]
    validation_accuracy: float | None
    minutes: float
    precisions: tuple[str, ...]
    size: Size | None = None
    lesson: str = ""

    @property
    def accuracy(self) -> float:
        """Mean test accuracy in [0, 1]."""
        return sum(self.accuracies) / len(self.accuracies)

    @property
    def standard_error(self) -> float:
        """Standard error of the accuracy (fraction), from the number of test images alone.

        More seeds do not reduce it, since all runs use the same test images.
        """
        return standard_error(self.accuracy, TEST_IMAGES)

    @property
    def comparison(self) -> str:
        """How the accuracy compares with the reported one; empty if none was reported."""
        if self.row.reported_accuracy is None:
            return ""
        difference = self.accuracy - self.row.reported_accuracy
        points = round(100 * difference, 1) + 0.0  # no "-0.0"
        if abs(difference) <= 2 * self.standard_error:
            return f"agrees within two standard errors ({points:+.1f} points)"
        return f"{abs(points):.1f} points {'higher' if points > 0 else 'lower'}"


def matches(run: Run, config: RunConfig) -> bool:
    """Whether a run has these settings; `log_every` and `epoch_weights` may differ."""
    if run.training is not None and isinstance(config, TrainConfig):
        same = replace(run.training, log_every=config.log_every, epoch_weights=config.epoch_weights)
        return same == config
    return run.config == config


def _finished(present: Sequence[Run], config: RunConfig) -> list[Run]:
    return [run for run in present if run.state == "finished" and matches(run, config)]


def resolve_members(row: Row, present: Sequence[Run]) -> list[Run]:
    """Find the runs that an ensemble of other rows averages.

    Raises
    ------
    fmnist.runs.run.RunError
        If a run is missing.
    """
    members = []
    for component in row.components:
        found = _finished(present, component.config)
        if not found:
            raise RunError(f"{row.title!r} lacks a run of {component.title!r}; train that first.")
        members.append(found[0])
    return members


def row_result(
    row: Row, present: Sequence[Run], *, size: Size | None = None, lesson: str = ""
) -> RowResult | None:
    """Results of a row; None if it has no finished run, or its ensemble is not complete.

    Parameters
    ----------
    row : Row
    present : sequence of Run
        Of several runs with equal settings, the first counts.
    size : Size, optional
        Size of one run of the row.
    lesson : str
    """
    runs, evaluations = [], []
    for seed in range(row.seeds):
        for run in _finished(present, row.with_seed(seed)):
            try:
                evaluations.append(stored_evaluation(run, "test"))
            except RunError:
                continue  # a run without an evaluation does not count
            runs.append(run)
            break
    accuracies = tuple(evaluation.accuracy for evaluation in evaluations)
    selected = [run.history.selected for run in runs]
    validation = [e.accuracy for e in selected if e and e.split == "validation"]
    if row.members > 1:
        validation = []  # the members have one each, the ensemble has none
        if len(runs) < row.members:
            return None
        accuracies = (Evaluation.mean(evaluations).accuracy,)
    if not accuracies:
        return None
    return RowResult(
        row,
        tuple(run.run_id for run in runs),
        accuracies,
        sum(validation) / len(validation) if validation else None,
        sum(run.progress.seconds for run in runs) / len(accuracies) / 60,
        tuple(dict.fromkeys(filter(None, (run.precision for run in runs)))),
        size and Size(row.members * size.parameters, row.members * size.multiply_adds),
        lesson,
    )


def results(table: TableName, present: Sequence[Run], sizes: Mapping[str, Size]) -> list[RowResult]:
    """Results of the rows of a table; rows without a finished run are left out.

    Parameters
    ----------
    table : str
        Key of `TABLES`.
    present : sequence of Run
    sizes : mapping of str to Size
        Sizes of the models that were counted, by name.
    """
    notes = lessons(table)
    found = [
        row_result(row, present, size=total(row.models, sizes), lesson=notes.get(row.key, ""))
        for row in TABLES[table]
    ]
    return [result for result in found if result]


def lessons(table: TableName) -> Mapping[str, str]:
    """What the runs of a table taught, by key of the row, from `benchmarks/lessons.toml`."""
    try:
        text = (paths.BENCHMARK_TABLES / "lessons.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return {key: " ".join(note.split()) for key, note in tomllib.loads(text).get(table, {}).items()}


def save_runs(row: Row, present: Sequence[Run]) -> None:
    """Copy the runs of a row to `paths.benchmark_folder()`, unless the project has them.

    Weights are copied up to `MAX_WEIGHTS`; the logits of single epochs are not copied.

    Parameters
    ----------
    row : Row
    present : sequence of Run
        Of several runs with equal settings, the first counts.
    """
    home = paths.benchmark_folder()
    for seed in range(row.seeds):
        alike = _finished(present, row.with_seed(seed))
        if not alike or alike[0].folder.parent in (home, paths.pretrained_folder()):
            continue
        run = alike[0]
        light = run.weights_path.exists() and run.weights_path.stat().st_size <= MAX_WEIGHTS
        name, ending = row.run_name(seed), f", seed {seed}"
        title = f"{one_line(row.run_title(seed), NAME_LENGTH - len(ending))}{ending}"
        publish(run, home, name, card=None, title=title, weights=light, epochs=False)
