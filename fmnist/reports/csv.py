"""The confusion matrix to download as CSV."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fmnist.csv import write_table
from fmnist.data.labels import CLASS_NAMES


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
    return write_table(
        [corner, *(CLASS_NAMES[label] for label in order)],
        (
            {corner: CLASS_NAMES[true]}
            | {CLASS_NAMES[label]: f"{values[true, label]:.6g}" for label in order}
            for true in order
        ),
    )
