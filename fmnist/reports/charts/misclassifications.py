"""Types of misclassification over the epochs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.reports.charts.theme import MISCLASSIFIED_COLOR, OTHER_COLOR, TRAIN_COLOR


def error_types_over_epochs(counts: NDArray[np.integer]) -> dict[str, Any]:
    """Draw the misclassifications of each type after each epoch, stacked, as ECharts options.

    Parameters
    ----------
    counts : int (E, 3)
        Columns in the order of `fmnist.evaluation.misclassifications.ERROR_TYPES`.
    """
    colors = (MISCLASSIFIED_COLOR, TRAIN_COLOR, OTHER_COLOR)
    return {
        "animation": False,
        "grid": {"top": 34, "left": 8, "right": 16, "bottom": 26, "containLabel": True},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "name": "Epoch", "nameLocation": "middle", "nameGap": 26,
                  "data": [str(epoch + 1) for epoch in range(len(counts))]},
        "yAxis": {"type": "value"},
        "series": [
            {
                "type": "bar",
                "stack": "types",
                "name": name.capitalize(),
                "data": counts[:, number].tolist(),
                "itemStyle": {"color": colors[number]},
            }
            for number, name in enumerate(ERROR_TYPES)
        ],
    }  # fmt: skip
