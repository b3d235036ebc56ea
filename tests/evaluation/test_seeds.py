"""Mean, spread and Welch's test of several seeds."""

import numpy as np
import pytest
from scipy import stats

from fmnist.evaluation.seeds import Spread, welch


@pytest.mark.parametrize("counts", [(3, 3), (3, 8), (5, 4)])
def test_welch_agrees_with_scipy(counts: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(counts))
    a, b = (rng.normal(0.9, 0.01 * number, number).tolist() for number in counts)
    expected = stats.ttest_ind(a, b, equal_var=False)
    found = welch(a, b)
    assert found.p_value == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.difference == pytest.approx(np.mean(a) - np.mean(b))


def test_two_runs_are_too_few_for_a_test() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        welch([0.9, 0.91], [0.8, 0.81, 0.82])


def test_runs_without_any_spread() -> None:
    assert welch([0.9] * 3, [0.9] * 3).p_value == 1
    assert welch([0.9] * 3, [0.8] * 3).p_value == 0


def test_the_spread_of_one_is_unknown() -> None:
    assert Spread.of([0.5]) == Spread(1, 0.5, None)
    two = Spread.of([0.4, 0.6])
    assert (two.count, two.mean) == (2, 0.5)
    assert two.deviation == pytest.approx(0.1414, abs=1e-4)
