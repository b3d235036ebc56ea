"""CSV: columns, order, and text that a spreadsheet would read as a formula."""

import csv
import io

import numpy as np

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.csv import confusion_csv, table_csv

VALUES = np.arange(100, dtype=float).reshape(10, 10)
ORDER = (6, 0, 1, 2, 3, 4, 5, 7, 8, 9)


def test_csv_has_names_and_numbers_in_order() -> None:
    rows = list(csv.reader(io.StringIO(confusion_csv(VALUES, ORDER))))
    assert rows[0] == ["true \\ predicted", *(CLASS_NAMES[label] for label in ORDER)]
    assert rows[1][0] == "Shirt"
    assert [float(cell) for cell in rows[1][1:]] == [VALUES[6, label] for label in ORDER]
    assert rows[2][1] == "6"


def test_a_table_with_some_of_its_columns() -> None:
    rows: list[dict[str, object]] = [
        {"Name": 'He said "a, b"', "Test %": 92.73, "Seed": 0},
        {"Name": "Other", "Test %": None, "Seed": 1},
    ]
    read = list(csv.DictReader(io.StringIO(table_csv(["Name", "Test %"], rows))))
    assert read == [
        {"Name": 'He said "a, b"', "Test %": "92.73"},
        {"Name": "Other", "Test %": ""},
    ]


def test_formulas_are_shielded_and_numbers_are_not() -> None:
    rows: list[dict[str, object]] = [
        {"Name": "=HYPERLINK(1)", "Note": "-0.5"},
        {"Name": "+a", "Note": -0.5},
    ]
    read = list(csv.reader(io.StringIO(table_csv(["Name", "Note"], rows))))
    assert read[1:] == [["'=HYPERLINK(1)", "-0.5"], ["'+a", "-0.5"]]
