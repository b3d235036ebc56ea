"""Types of misclassification over the epochs."""

import numpy as np

from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.reports import charts


def test_each_type_has_a_bar_per_epoch() -> None:
    drawn = charts.error_types_over_epochs(np.array([[9, 5, 1], [4, 3, 2]]))
    series = drawn["series"]
    assert [bars["name"].lower() for bars in series] == list(ERROR_TYPES)
    assert [bars["data"] for bars in series] == [[9, 4], [5, 3], [1, 2]]
    assert drawn["xAxis"]["data"] == ["1", "2"]
    assert len({bars["itemStyle"]["color"] for bars in series}) == 3
    assert len({bars["stack"] for bars in series}) == 1
