"""The learning rate of every step."""

import itertools
import math
from typing import get_args

import pytest

from fmnist.runs.config import Schedule
from fmnist.training.schedules import learning_rate


def rates(steps: int, schedule: Schedule = "one-cycle") -> list[float]:
    return [learning_rate(schedule, highest=0.1, step=s, steps=steps) for s in range(steps)]


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


def test_warm_up_rises_for_a_twentieth_and_stays() -> None:
    seen = rates(100, "warm-up")
    assert seen[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert set(seen[5:]) == {0.1}


def test_cosine_falls_along_half_a_cosine() -> None:
    seen = rates(105, "cosine")
    assert seen[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    falling = [0.05 * (1 + math.cos(math.pi * step / 101)) for step in range(1, 101)]
    assert seen[5:] == pytest.approx(falling)


def test_a_given_number_of_steps_to_warm_up() -> None:
    seen = [
        learning_rate("cosine", highest=0.1, step=s, steps=110, warmup_steps=10) for s in range(110)
    ]
    assert seen[:10] == pytest.approx([0.01 * step for step in range(1, 11)])
    falling = [0.05 * (1 + math.cos(math.pi * step / 101)) for step in range(1, 101)]
    assert seen[10:] == pytest.approx(falling)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("schedule", get_args(Schedule))
def test_short_runs_stay_between_zero_and_the_highest(steps: int, schedule: Schedule) -> None:
    assert all(0 < rate <= 0.1 for rate in rates(steps, schedule))
