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
    # 55,000 images twice; 5,000 evaluated twice and 10,000 once, at a third of the cost
    expected = (110_000 + 20_000 / 3) / 500
    assert estimate_seconds(config, [run(TrainConfig(), 100, 500, 900)]) == pytest.approx(expected)


def test_the_median_of_the_three_newest_counts() -> None:
    runs = [run(TrainConfig(), pace) for pace in (400, 500, 5_000, 9_000)]
    both = [estimate_seconds(TrainConfig(), group) for group in (runs, [runs[1]])]
    assert both[0] == both[1]


def test_a_share_of_the_images_takes_a_share_of_the_time() -> None:
    config = TrainConfig(epochs=3, epoch_share=0.5)
    expected = (55_000 * 2 + 25_000 / 3) / 100
    assert estimate_seconds(config, [run(config, 100)]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "trained", "evaluated"),
    [
        # whatever is trained on, validation and test are measured as a whole
        ({"subset": 600}, 600, 3 * 5_000 + 10_000),
        ({"subset": 60_000}, 55_000, 3 * 5_000 + 10_000),
        ({"dataset": "synthetic-garments", "subset": 60_000}, 9_167, 3 * 833 + 2_000),
        ({"protocol": "notebook"}, 60_000, 3 * 10_000),
        ({"protocol": "full", "checkpoint": "last", "subset": 600}, 600, 3 * 50 + 10_000),
        ({"tta": "flip"}, 55_000, 3 * 5_000 + 3 * 10_000),
        ({"tta": "flip-shift", "measure_test": "later"}, 55_000, 3 * 5_000),
        ({"followed_images": 2_000}, 55_000, 3 * 7_000 + 10_000),
        ({"left_out_fold": 1}, 44_000, 3 * 5_000 + 10_000 + 11_000),
    ],
)
def test_every_evaluation_counts(settings: dict[str, object], trained: int, evaluated: int) -> None:
    config = TrainConfig(**{"epochs": 3, **settings})  # type: ignore[arg-type]
    expected = (3 * trained + evaluated / 3) / 100
    assert estimate_seconds(config, [], timed=100) == pytest.approx(expected, rel=1e-4)


def test_epochs_of_reduced_images_count_with_their_own_pace() -> None:
    reduced = TrainConfig(epochs=5, low_res_side=14, low_res_share=0.6)
    earlier = run(reduced, 400, 400, 400, 100, 100)

    def pace(config: TrainConfig, earlier: Run) -> float:
        known, timed = (estimate_seconds(config, runs, timed=1.0) for runs in ([earlier], []))
        assert known is not None and timed is not None
        return timed / known

    assert pace(reduced, earlier) == pytest.approx(1 / (0.6 / 400 + 0.4 / 100))
    other = replace(reduced, low_res_share=0.2)
    assert pace(other, earlier) == pytest.approx(1 / (0.2 / 400 + 0.8 / 100))
    hardest = replace(reduced, epoch_share=0.5)  # the first epoch shows twice as many: 2 of 3
    assert pace(hardest, run(hardest, 400, 400, 400, 100, 100)) == pytest.approx(
        1 / (2 / 3 / 400 + 1 / 3 / 100)
    )
    stopped = run(reduced, 400, 400)  # before it was shown whole images
    assert estimate_seconds(reduced, [stopped]) is None


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
