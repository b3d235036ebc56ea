"""The pace of a training, from a few timed steps."""

import time
from dataclasses import replace

import pytest

from fmnist.data import fashion_mnist as datasets
from fmnist.runs.config import TrainConfig
from fmnist.training import timing
from fmnist.training.timing import TimingError, images_per_second, time_in_process
from tools.small import small_dataset

CONFIG = TrainConfig(model="logistic", dataset="synthetic-garments", epochs=3, batch_size=50)


def test_the_pace_is_images_over_the_time_of_the_steps_after_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []
    passed = iter([0.0, 50.0, 90.0, 100.0, 100.5, 101.0, 101.5, 102.0, 102.5, 103.0])

    def train(run: object, dataset: object, *, control: object) -> None:
        for moment in passed:
            monkeypatch.setattr(time, "perf_counter", lambda moment=moment: moment)
            asked.append(moment)
            if control() == "pause":  # type: ignore[operator]
                return

    monkeypatch.setattr("fmnist.training.loop.train", train)
    assert images_per_second(CONFIG, small_dataset(), seconds=2) == pytest.approx(100)
    assert asked[-1] == 102.0  # two seconds after the three that are not timed


def test_reduced_images_count_for_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def pace(config: TrainConfig, *_: object) -> float:
        assert config.training_drawings is None
        return 400.0 if config.low_res_side else 100.0

    monkeypatch.setattr(timing, "_pace", pace)
    config = replace(CONFIG, low_res_side=20, low_res_share=0.6, training_drawings="sketches")
    assert images_per_second(config, small_dataset()) == pytest.approx(1 / (0.6 / 400 + 0.4 / 100))


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
