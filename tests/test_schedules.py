"""The learning rate of every step."""

import itertools

import pytest

from fmnist.schedules import learning_rate


def rates(steps: int) -> list[float]:
    return [learning_rate("one-cycle", highest=0.1, step=s, steps=steps) for s in range(steps)]


def test_constant() -> None:
    assert {learning_rate("constant", highest=0.1, step=s, steps=9) for s in range(9)} == {0.1}


def test_one_cycle_rises_for_a_fifth_and_falls_for_the_rest() -> None:
    seen = rates(100)
    assert max(seen) == seen[19] == seen[20] * 81 / 80 == pytest.approx(0.1)
    up = [b - a for a, b in itertools.pairwise(seen[:20])]
    down = [b - a for a, b in itertools.pairwise(seen[20:])]
    assert up == pytest.approx([0.1 / 20] * 19)
    assert down == pytest.approx([-0.1 / 81] * 79)
    assert 0 < seen[-1] < 0.002


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_short_runs_stay_between_zero_and_the_highest(steps: int) -> None:
    assert all(0 < rate <= 0.1 for rate in rates(steps))
