"""The time of a training, estimated from earlier runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry, History
from fmnist.runs.run import Run
from fmnist.training.estimate import estimate_seconds


def run(config: TrainConfig, *paces: float) -> Run:
    epochs = tuple(
        EpochEntry(number, number, 1.0, 0.5, "validation", 1.0, 0.5, 1.0, pace)
        for number, pace in enumerate(paces, 1)
    )
    return Run(Path("run"), "Run", "finished", config=config, history=History(epochs=epochs))


def test_time_is_images_over_the_pace_of_earlier_runs() -> None:
    config = TrainConfig(epochs=2)
    # 55,000 images twice, and 5,000 evaluated twice at a third of the cost
    expected = (110_000 + 10_000 / 3) / 500
    assert estimate_seconds(config, [run(TrainConfig(), 100, 500, 900)]) == pytest.approx(expected)


def test_the_median_of_the_three_newest_counts() -> None:
    runs = [run(TrainConfig(), pace) for pace in (400, 500, 5_000, 9_000)]
    both = [estimate_seconds(TrainConfig(), group) for group in (runs, [runs[1]])]
    assert both[0] == both[1]


def test_a_share_of_the_images_takes_a_share_of_the_time() -> None:
    config = TrainConfig(epochs=3, epoch_share=0.5)
    expected = (55_000 * 2 + 15_000 / 3) / 100
    assert estimate_seconds(config, [run(config, 100)]) == pytest.approx(expected)
    few = TrainConfig(epochs=1, subset=600)
    assert estimate_seconds(few, [run(few, 100)]) == pytest.approx((600 + 50 / 3) / 100)


@pytest.mark.parametrize(
    "other", [{"model": "mlp"}, {"precision": "bfloat16"}, {"low_res_side": 20}, {"epochs": 5}]
)
def test_runs_that_do_other_work_say_nothing(other: dict[str, object]) -> None:
    earlier = replace(TrainConfig(), **other)  # type: ignore[arg-type]
    known = estimate_seconds(TrainConfig(), [run(earlier, 100)])
    assert (known is None) == ("epochs" not in other)
    assert estimate_seconds(TrainConfig(), [run(TrainConfig())]) is None  # no epoch yet


def test_the_default_precision_is_float32_on_a_processor_alone() -> None:
    earlier = run(TrainConfig(precision="float32"), 100)
    for device, is_known in (("cpu", True), ("NVIDIA H100", False)):
        found = estimate_seconds(TrainConfig(), [replace(earlier, environment={"device": device})])
        assert (found is not None) == is_known
