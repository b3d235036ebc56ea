"""The report of a comparison of runs: one HTML file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import SPLITS, Dataset
from fmnist.evaluation import leaderboard
from fmnist.evaluation.leaderboard import Curve, LeaderboardRow
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.significance import SIGNIFICANCE, Correctness, mcnemar
from fmnist.models.sizes import Size, total
from fmnist.reports import charts, html, svg
from fmnist.reports.charts import RUN_COLORS, RunCurve
from fmnist.reports.html import Table, Tile
from fmnist.reports.run_report import pixels, readable, shown_predictions
from fmnist.reports.sentences import (
    MONITORED_IN_WORDS,
    PROTOCOLS_IN_WORDS,
    many_pairs_in_words,
    mcnemar_in_words,
    selected_on_test_in_words,
)
from fmnist.reports.text import UNKNOWN, counted, duration, p_value, percent
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run, RunError

_MOST: Final = 24
"""Images shown of each kind of disagreement."""


@dataclass(frozen=True, eq=False)
class _Compared:
    """A run of the comparison.

    Attributes
    ----------
    row : LeaderboardRow
    color : str
    test : Evaluation or None
        None without predictions for the test images.
    """

    row: LeaderboardRow
    color: str
    test: Evaluation | None

    @property
    def name(self) -> str:
        return self.row.name


def comparison_report(
    runs: Sequence[Run], *, dataset: Dataset | None = None, sizes: Mapping[str, Size] | None = None
) -> str:
    """The report of a comparison of runs, as HTML; the same runs give the same text.

    Parameters
    ----------
    runs : sequence of Run
        Two or more, at most as many as there are `RUN_COLORS`.
    dataset : Dataset, optional
        Where the pixels of images come from.
    sizes : mapping, optional
        Sizes of the networks, by model.

    Raises
    ------
    RunError
        If there are too few runs or too many, or one is broken.
    """
    compared = _gather(runs, sizes or {})
    tested = [each for each in compared if each.test is not None]
    same = [each for each in tested if tested[0].row.on_same_images(each.row)]
    rows = [each.row for each in compared]
    differing = leaderboard.differences([row.run for row in rows])
    return html.render(
        "comparison_report.html.j2",
        title=f"Comparison of {len(runs)} runs",
        legend=[(each.color, each.name, each.row.protocol) for each in compared],
        protocols=_protocols(rows),
        notices=_notices(compared, same),
        runs=_table(compared),
        curves=_curves(compared),
        differing=Table(
            "Settings that differ",
            ["Setting", *(row.name for row in rows)],
            [(difference.setting, *difference.texts) for difference in differing],
            is_by_run=True,
        ),
        alike=len(leaderboard.settings(rows[0].run)) - len(differing),
        classes=_classes(tested),
        significance=_significance(same),
        disagreements=_disagreements(same, dataset),
    )


def _gather(runs: Sequence[Run], sizes: Mapping[str, Size]) -> list[_Compared]:
    if len({run.folder for run in runs}) < len(runs) or len(runs) < 2:
        raise RunError("A comparison needs two or more different runs.")
    if len(runs) > len(RUN_COLORS):
        raise RunError(f"At most {len(RUN_COLORS)} runs can be compared, not {len(runs)}.")
    ids = [run.run_id for run in runs]
    names, colors = distinct_names(runs), charts.run_colors(ids, ids)
    compared = []
    for run in runs:
        config, shown = readable(run), shown_predictions(run)
        test = shown.evaluation if shown and shown.is_selected else None
        test = test if test is not None and test.split == "test" else None
        correctness = Correctness(test.correct, test.labels, test.indices) if test else None
        row = LeaderboardRow(run, names[run.run_id], correctness, total(config.models, sizes))
        compared.append(_Compared(row, colors[run.run_id], test))
    return compared


def _protocols(rows: Sequence[LeaderboardRow]) -> list[str]:
    return [
        f"{name.capitalize()}: {text}"
        for name, text in PROTOCOLS_IN_WORDS.items()
        if any(row.protocol == name for row in rows)
    ]


def _notices(compared: Sequence[_Compared], same: Sequence[_Compared]) -> list[str]:
    notices = []
    untested = [each.name for each in compared if each.test is None]
    if untested:
        notices.append(f"Not evaluated on the test images: {', '.join(untested)}.")
    others = [each.name for each in compared if each.test is not None and each not in same]
    if others:
        notices.append(
            f"Evaluated on other images than {same[0].name}: {', '.join(others)}. They are left "
            "out where images are compared."
        )
    untrained = [each.name for each in compared if each.row.run.members]
    if untrained:
        notices.append(f"Ensembles, which have no training curves: {', '.join(untrained)}.")
    return notices


def _table(compared: Sequence[_Compared]) -> Table:
    titles = [
        "Run", "Protocol", "Validation", "Test", "± points", "Test loss", "Parameters",
        "Multiply-adds", "Epochs", "Training time", "State",
    ]  # fmt: skip
    rows = [
        (
            each.name, each.row.protocol, percent(each.row.validation_accuracy),
            percent(each.row.test_accuracy), _points(each.row.standard_error),
            f"{each.test.loss:.4f}" if each.test else UNKNOWN,
            f"{each.row.size.parameters:,}" if each.row.size else UNKNOWN,
            f"{each.row.size.multiply_adds:,}" if each.row.size else UNKNOWN,
            UNKNOWN if each.row.run.members else str(len(each.row.run.history.epochs)),
            duration(each.row.run.progress.seconds), each.row.run.state.capitalize(),
        )
        for each in compared
    ]  # fmt: skip
    return Table("The runs", titles, rows, [each.color for each in compared])


def _points(error: float | None) -> str:
    return UNKNOWN if error is None else f"{100 * error:.2f}"


def _curves(compared: Sequence[_Compared]) -> dict[str, Any] | None:
    drawn = [e for e in compared if e.row.run.history.epochs and not e.row.run.members]
    if not drawn:
        return None
    curves = [RunCurve(each.name, each.color, each.row.run.history) for each in drawn]

    def chart(curve: Curve, unit: str) -> Markup:
        last = ", ".join(
            f"{e.name} ends at {_last(e, curve)} after {len(e.row.run.history.epochs)} epochs"
            for e in drawn
        )
        return svg.line_chart(
            charts.run_curves(curves, curve=curve, axis="epoch", with_training=True, close_up=True),
            key=curve,
            unit=unit,
            legend=False,
            alt=f"{curve.capitalize()} of {counted(len(drawn), 'run')} by epoch: {last}.",
        )

    splits = {each.row.run.history.epochs[0].split for each in drawn}
    measured = " or ".join(MONITORED_IN_WORDS[split] for split in SPLITS if split in splits)
    return {
        "basis": f"After each epoch. Solid: {measured}. Dotted: training images, during the epoch, "
        "with dropout. The vertical axis shows the second half of each run, where the runs differ.",
        "loss": chart("loss", "Loss (nats)"),
        "accuracy": chart("accuracy", "Accuracy (%)"),
    }


def _last(each: _Compared, curve: Curve) -> str:
    last = each.row.run.history.epochs[-1]
    return percent(last.accuracy) if curve == "accuracy" else f"{last.loss:.3f}"


def _classes(tested: Sequence[_Compared]) -> dict[str, Any] | None:
    if not tested:
        return None
    accuracies = np.stack(
        [each.row.correctness.class_accuracies for each in tested if each.row.correctness]
    )
    spreads = np.ptp(accuracies, axis=0)
    rows = [
        (CLASS_NAMES[label], *map(percent, accuracies[:, label]), f"{100 * spreads[label]:.2f}")
        for label in range(len(CLASS_NAMES))
    ]
    return {
        "chart": svg.class_chart(
            accuracies,
            [each.color for each in tested],
            key="classes",
            alt="Accuracy of each class, a dot per run; the table has every value.",
        ),
        "table": Table(
            "Accuracy of each class",
            ["Class", *(each.name for each in tested), "Spread"],
            rows,
            is_by_run=True,
        ),
    }


def _significance(same: Sequence[_Compared]) -> dict[str, Any] | None:
    if len(same) < 2:
        return None
    rows, texts = [], []
    for a, b in combinations(same, 2):
        assert a.row.correctness and b.row.correctness
        test = mcnemar(a.row.correctness.correct, b.row.correctness.correct)
        texts.append(mcnemar_in_words(test, a.name, b.name))
        difference = 100 * (a.row.correctness.accuracy - b.row.correctness.accuracy)
        rows.append(
            (
                a.name, b.name, f"{difference:+.2f}".replace("-", "−"), f"{test.only_a:,}",
                f"{test.only_b:,}", p_value(test.p_value, SIGNIFICANCE),
                "yes" if test.p_value < SIGNIFICANCE else "no",
            )
        )  # fmt: skip
    titles = [
        "First run", "Second run", "Difference (points)", "Only the first is correct",
        "Only the second is correct", "McNemar's test", f"Significant (p < {SIGNIFICANCE})",
    ]  # fmt: skip
    notebook = [each.name for each in same if each.row.protocol == "notebook"]
    remarks = [texts[0]] if len(texts) == 1 else [many_pairs_in_words(len(same))]
    if notebook:
        remarks.append(selected_on_test_in_words(notebook))
    images = counted(len(_labels(same)), "test image")
    return {"basis": images, "remarks": remarks, "table": Table("All pairs", titles, rows)}


def _labels(same: Sequence[_Compared]) -> NDArray[np.uint8]:
    assert same[0].test is not None
    return same[0].test.labels


def _disagreements(same: Sequence[_Compared], dataset: Dataset | None) -> dict[str, Any] | None:
    """Images that the runs predict differently, those first that one gets wrong most surely."""
    tests = [each.test for each in same if each.test is not None]
    if len(tests) < 2:
        return None
    predicted = np.stack([test.predicted_labels for test in tests])
    differ = (predicted != predicted[0]).any(axis=0)
    source = pixels(same[0].row.run, "test", dataset)
    groups = [
        (
            title,
            int(mask.sum()),
            [_tile(same, int(p), source) for p in _sorted(tests, mask)[:_MOST]],
        )
        for title, mask in _groups(same, tests, differ)
    ]
    return {
        "groups": groups,
        "differ": int(differ.sum()),
        "images": len(differ),
        "has_pixels": source is not None,
    }


def _groups(
    same: Sequence[_Compared], tests: Sequence[Evaluation], differ: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Kinds of disagreement: a title, and the images."""
    correct = np.stack([test.correct for test in tests])
    if len(same) == 2:
        for number, each in enumerate(same):
            yield f"Only {each.name} is correct", np.asarray(correct[number] & ~correct[1 - number])
    else:
        some = np.asarray(correct.any(axis=0) & ~correct.all(axis=0))
        yield "Some runs are correct, others not", some
    yield "No run is correct, and they differ", np.asarray(differ & ~correct.any(axis=0))


def _sorted(tests: Sequence[Evaluation], mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of images, by the highest confidence of a run that gets them wrong."""
    sure = np.max([np.where(test.correct, 0, test.confidence) for test in tests], axis=0)
    positions = np.flatnonzero(mask)
    order = np.lexsort([tests[0].indices[positions], -sure[positions]])
    return positions[order]


def _tile(same: Sequence[_Compared], position: int, source: NDArray[np.uint8] | None) -> Tile:
    lines, spoken = [], []
    true = CLASS_NAMES[_labels(same)[position]]
    image = 0
    for each in same:
        assert each.test is not None
        image = int(each.test.indices[position])
        predicted = each.row.run.class_names[each.test.predicted_labels[position]]
        sure = percent(each.test.confidence[position], 1)
        lines.append(f"{'✓' if each.test.correct[position] else '✗'} {predicted} {sure}")
        spoken.append(f"{each.name}: {predicted}, {sure}")
    return Tile(
        html.picture(source[image]) if source is not None else "",
        f"Image {image}: {true}. {'; '.join(spoken)}",
        f"{true}, #{image}",
        lines,
        [each.color for each in same],
    )
