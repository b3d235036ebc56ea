"""Labels of runs that differ."""

import pytest

from fmnist.runs.names import distinct_labels


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
