"""Power laws: found again from their own values, refused where there is too little."""

import pytest

from fmnist.evaluation import power_law
from fmnist.evaluation.power_law import extrapolate


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_law, "_RESAMPLES", 60)


def test_a_power_law_is_found_again() -> None:
    size = [500, 1000, 2000, 4000, 8000, 16_000]
    error = [0.05 + 2.0 * n**-0.5 for n in size]
    law = extrapolate(size, error, [0.003] * 6, to=32_000)
    assert law and (law.floor, law.scale, law.exponent) == pytest.approx((0.05, 2.0, 0.5), rel=0.02)
    expected = 1 - 0.05 - 2 * 32_000**-0.5
    assert law.accuracy == pytest.approx(expected, abs=1e-4)
    assert law.low < expected < law.high and 0.002 < law.high - law.low < 0.05
    assert not law.is_poor and law.miss < 1e-4
    assert extrapolate(size, error, [0.003] * 6, to=32_000) == law  # the same each time
    wide = extrapolate(size, error, [0.006] * 6, to=32_000)
    assert wide and wide.high - wide.low > law.high - law.low


def test_a_poor_fit_and_too_few_points_are_told() -> None:
    size = [500, 1000, 2000, 4000, 8000]
    law = extrapolate(size, [0.2, 0.1, 0.2, 0.1, 0.2], [0.003] * 5, to=16_000)
    assert law is None or (law.is_poor and law.miss > 0.03)
    assert extrapolate(size[:4], [0.2, 0.15, 0.12, 0.1], [0.003] * 4, to=8000) is None
