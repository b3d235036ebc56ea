"""What augmentation brought against corruptions, computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from fmnist.data.corruptions import CORRUPTIONS
from fmnist.evaluation.augmentation_effect import COVERS, effects
from fmnist.evaluation.robustness import Robustness
from fmnist.runs.config import TrainConfig


def measured(**wrong: int) -> Robustness:
    """100 images of class 0, so many of which are wrong under a corruption at each severity."""
    predicted = np.zeros((len(CORRUPTIONS), 5, 100), np.uint8)
    for name, count in wrong.items():
        predicted[list(CORRUPTIONS).index(name), :, :count] = 1
    zeros = np.zeros(100, np.uint8)
    return Robustness(
        "x", np.arange(100, dtype=np.int32), zeros, zeros, predicted,
        np.ones(predicted.shape, np.float16),
    )  # fmt: skip


def test_the_gain_is_that_on_the_corruptions_that_are_alike() -> None:
    base = TrainConfig()
    shifted = replace(base, augmentation=("shift",), shift_pixels=4)
    [effect] = effects([(base, measured(translation=40)), (shifted, measured(noise=90))])
    assert (effect.with_it, effect.without) == (1, 0)
    assert (effect.augmenters, effect.corruptions) == (("shift",), ("translation",))
    assert effect.difference == pytest.approx(0.4)
    # √(0.4 · 0.6 · 100 / 99) / 10 = 0.04924
    assert (effect.low, effect.high) == pytest.approx((0.4 - 0.09651, 0.4 + 0.09651), abs=1e-4)
    both = replace(base, augmentation=("flip", "shift"))
    [effect] = effects([(both, measured(mirror=20)), (shifted, measured())])
    assert effect.corruptions == ("mirror",)
    assert effect.difference == pytest.approx(-0.2)


def test_runs_that_differ_in_more_say_nothing() -> None:
    base = TrainConfig()
    shifted = replace(base, augmentation=("shift",))
    flipped = replace(base, augmentation=("flip",))
    for other in (replace(shifted, seed=1), replace(shifted, epochs=3), base, None):
        assert effects([(base, measured()), (other, measured())]) == []
    assert effects([(flipped, measured()), (shifted, measured())]) == []


def test_what_is_covered_exists() -> None:
    assert set(COVERS) == set(TrainConfig.settings()["augmentation"].titles)
    assert {key for keys in COVERS.values() for key in keys} <= set(CORRUPTIONS)
