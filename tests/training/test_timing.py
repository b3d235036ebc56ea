"""The pace of a training, from a few timed steps."""

import time
from dataclasses import replace
from typing import Any

import pytest
from torch import Tensor

from fmnist.data import fashion_mnist as datasets
from fmnist.runs.config import TrainConfig
from fmnist.training import timing
from fmnist.training.step import Stepper
from fmnist.training.timing import TimingError, images_per_second, time_in_process
from tools.small import small_dataset

CONFIG = TrainConfig(model="logistic", dataset="synthetic-garments", epochs=3, batch_size=50)


def test_the_pace_is_images_over_the_time_of_the_steps_after_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[int] = []
    clock = [0.0]
    step = Stepper.step

    def timed_step(stepper: Stepper, chosen: Tensor) -> None:
        step(stepper, chosen)
        done.append(len(chosen))
        clock[0] += 50.0 if len(done) <= 3 else 0.5

    def evaluate(*_: object, **__: object) -> None:
        raise AssertionError("nothing is evaluated")

    monkeypatch.setattr(Stepper, "step", timed_step)
    monkeypatch.setattr("fmnist.training.loop.evaluate", evaluate)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    config = replace(CONFIG, subset=120)
    found = images_per_second(config, small_dataset(), seconds=2)
    assert done == [50, 50, 20, 50, 50, 20, 50]  # two seconds after the three that are not timed
    assert found == pytest.approx((50 + 50 + 20 + 50) / 2)


@pytest.mark.parametrize(
    ("changes", "reduced"),
    [
        ({"epochs": 5, "low_res_share": 0.6}, 3 / 5),
        ({"epochs": 4, "low_res_share": 0.25, "epoch_share": 0.5}, 1 / 2.5),  # as swift has it
        ({"epochs": 3, "low_res_share": 0.3}, 0),  # it ends in the first epoch
        ({"epochs": 3, "low_res_share": 1.0}, 1),
    ],
)
def test_reduced_images_count_for_their_share(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], reduced: float
) -> None:
    def pace(config: TrainConfig, *_: object) -> float:
        assert config.training_drawings is None
        assert config.low_res_side is None or config.is_low_res(config.epochs)
        return 400.0 if config.low_res_side else 100.0

    monkeypatch.setattr(timing, "_pace", pace)
    config = replace(CONFIG, low_res_side=20, training_drawings="sketches", **changes)
    found = images_per_second(config, small_dataset())
    assert found == pytest.approx(1 / (reduced / 400 + (1 - reduced) / 100))


def test_real_steps_are_timed() -> None:
    assert images_per_second(CONFIG, small_dataset(), seconds=0.01) > 0


def test_a_training_of_two_steps_cannot_be_timed() -> None:
    config = replace(CONFIG, epochs=1, subset=100)
    with pytest.raises(TimingError, match="too few steps"):
        images_per_second(config, small_dataset())


def test_the_process_tells_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert time_in_process(CONFIG) > 0


def test_the_process_says_why_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_DATA", "/no/such/folder")
    with pytest.raises(TimingError, match="/no/such/folder"):
        time_in_process(replace(CONFIG, dataset="fashion-mnist"))
    with pytest.raises(datasets.DatasetError, match="/no/such/folder"):
        datasets.load_named("fashion-mnist")
