"""Labels of runs that differ; several runs in a sentence."""

from pathlib import Path

import pytest

from fmnist.runs.names import distinct_labels, partly
from fmnist.runs.run import Run


@pytest.mark.parametrize(
    ("labels", "distinct"),
    [
        ({}, []),
        ({"a-1": "Run", "b-2": "Other"}, ["Run", "Other"]),
        ({"a-1": "Run", "b-2": "Run", "c": "Other"}, ["Run (1)", "Run (2)", "Other"]),
        # the ends of the ids do not tell them apart
        ({"a-0": "Run", "b-0": "Run"}, ["Run (0)", "Run (b-0)"]),
        # a name that looks like another one with its id
        ({"x": "Run (1)", "a-1": "Run", "b-2": "Run"}, ["Run (1)", "Run (a-1)", "Run (2)"]),
        (
            {"x": "Run (1)", "y": "Run (a-1)", "a-1": "Run", "b-2": "Run"},
            ["Run (1)", "Run (a-1)", "Run (a-1)′", "Run (2)"],
        ),
        ({None: "None", "a-1": "None"}, ["None (None)", "None (1)"]),
    ],
)
def test_labels_differ_and_stay_where_they_do_already(
    labels: dict[str | None, str], distinct: list[str]
) -> None:
    made = distinct_labels(labels)
    assert list(made) == list(labels)
    assert list(made.values()) == distinct


def test_many_runs_are_named_by_the_first() -> None:
    runs = [Run(Path(name), name, "finished") for name in "ABCDE"]
    told = partly(runs[:1], runs, "deleted", OSError(28, "full"))
    assert told == (
        "A was deleted, A, B, C and 2 more were not: the disk is full; free some space, then try "
        "again."
    )
