"""Tables to download as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.files import shield_formula


def table_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write rows as CSV, with a line of column names; None becomes an empty cell.

    Parameters
    ----------
    columns : sequence of str
        Columns to write, in order.
    rows : iterable of mapping
        Cells by column; other columns are left out. Text that a spreadsheet would read as a
        formula is shielded.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        cells = (row.get(name) for name in columns)
        writer.writerow(shield_formula(c) if isinstance(c, str) else c for c in cells)
    return buffer.getvalue()


def confusion_csv(values: NDArray[np.floating], order: Sequence[int]) -> str:
    """Write a confusion matrix as CSV, with the names of the classes.

    Parameters
    ----------
    values : float (10, 10)
        Row = true, column = predicted.
    order : sequence of int (10,)
        Labels from top to bottom and from left to right.
    """
    corner = "true \\ predicted"
    return table_csv(
        [corner, *(CLASS_NAMES[label] for label in order)],
        (
            {corner: CLASS_NAMES[true]}
            | {CLASS_NAMES[label]: f"{values[true, label]:.6g}" for label in order}
            for true in order
        ),
    )
