"""The confusion matrix as CSV: names and numbers in order."""

import csv
import io

import numpy as np

from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.csv import confusion_csv

VALUES = np.arange(100, dtype=float).reshape(10, 10)
ORDER = (6, 0, 1, 2, 3, 4, 5, 7, 8, 9)


def test_csv_has_names_and_numbers_in_order() -> None:
    rows = list(csv.reader(io.StringIO(confusion_csv(VALUES, ORDER))))
    assert rows[0] == ["true \\ predicted", *(CLASS_NAMES[label] for label in ORDER)]
    assert rows[1][0] == "Shirt"
    assert [float(cell) for cell in rows[1][1:]] == [VALUES[6, label] for label in ORDER]
    assert rows[2][1] == "6"
