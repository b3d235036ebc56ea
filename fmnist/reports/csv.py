"""The confusion matrix to download as CSV."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fmnist.csv import write_table
from fmnist.data.labels import CLASS_NAMES


def confusion_csv(
    values: NDArray[np.floating], order: Sequence[int], names: Sequence[str] = CLASS_NAMES
) -> str:
    """Write a confusion matrix as CSV, with the names of the classes.

    Parameters
    ----------
    values : float (C, C)
        Row = true, column = predicted.
    order : sequence of int (C,)
        Labels from top to bottom and from left to right.
    names : sequence of str (C,)
    """
    corner = "true \\ predicted"
    return write_table(
        [corner, *(names[label] for label in order)],
        (
            {corner: names[true]} | {names[label]: f"{values[true, label]:.6g}" for label in order}
            for true in order
        ),
    )
