"""Learning curves: images chosen, runs put in their places, figures computed by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from fmnist.data.corrections import Corrections
from fmnist.data.splits import stratified_subset
from fmnist.evaluation import learning_curve
from fmnist.evaluation.learning_curve import (
    CurveError,
    Measured,
    Step,
    chooser,
    curves,
    gain,
    measured_curves,
    most_uncertain,
    place_of,
    point_config,
    run_of,
    sizes,
    steps,
)
from fmnist.evaluation.learning_curve_job import make_next
from fmnist.evaluation.significance import Correctness
from fmnist.runs import corrections, store
from fmnist.training.data import training_split
from fmnist.training.loop import train
from tools.made_up_run import made_up_run
from tools.small import small_dataset

NAME: Final = "synthetic-garments"
IMAGES = 550  # of the small data set's training split


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curve, "_SIZES", (20, 40, 80))


def test_the_least_sure_images_are_chosen_and_no_used_ones() -> None:
    probabilities = np.array(
        [[0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.6, 0.4, 0.0], [0.6, 0.4, 0.0]]
    )
    used = np.array([False, False, False, False, False])
    # margins 0, 0.1, 0.85, 0.2, 0.2; entropies 0.69, 1.09, 0.39, 0.67, 0.67
    assert most_uncertain(probabilities, used, 4, "margin").tolist() == [0, 1, 3, 4]
    assert most_uncertain(probabilities, used, 3, "entropy").tolist() == [1, 0, 3]
    used[[0, 3]] = True
    assert most_uncertain(probabilities, used, 9, "margin").tolist() == [1, 4, 2]


def test_fewer_images_take_more_epochs_of_smaller_batches() -> None:
    of = sizes(55_000)
    assert of == (500, 1000, 2000, 4000, 8000, 16_000, 32_000, 55_000)
    found = [point_config("fashion-mnist", size, 55_000) for size in of]
    assert [config.subset for config in found] == [*of[:-1], None]
    assert [config.epochs for config in found] == [42, 30, 21, 15, 10, 7, 5, 4]
    assert [config.batch_size for config in found] == [32, 32, 32, 64, 128, 256, 256, 256]
    assert {config.protocol for config in found} == {"held-out"}


@pytest.mark.usefixtures("small_sizes")
def test_each_model_comes_before_the_one_it_chooses_for() -> None:
    assert steps(IMAGES, ["entropy"], [3]) == [
        *(Step("random", size, 3) for size in (20, 40, 80, 550)),
        Step("entropy", 40, 3), Step("entropy", 80, 3),
    ]  # fmt: skip
    assert chooser(Step("entropy", 40, 3), IMAGES) == Step("random", 20, 3)
    assert chooser(Step("entropy", 80, 3), IMAGES) == Step("entropy", 40, 3)


@pytest.mark.usefixtures("small_sizes")
def test_chosen_images_are_the_old_ones_and_the_least_sure_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    config = replace(point_config(NAME, 20, IMAGES), epochs=2)
    dataset, root = small_dataset(), tmp_path / "runs"
    run = store.create_run(root, config)
    with store.owning(run):
        train(run, dataset)
    run = store.open_run(root, run.run_id)
    split = dataset.split("train")
    first = split.indices[stratified_subset(split.labels, 20, seed=0)]
    one, other = (make_next(run, "margin", 40, dataset) for _ in range(2))
    assert one.name == "Learning curve: 40 by margin"
    assert one.training and one.training == other.training and one.training.corrections
    chosen = corrections.load(one.training.corrections, run_folder=one.folder)
    trained = training_split(one.training, dataset, chosen)
    assert len(trained) == 40 and set(first) < set(trained.indices)
    assert set(trained.indices) <= set(split.indices)  # none of validation
    with pytest.raises(CurveError, match="has 20 images, which are not below 20"):
        make_next(run, "margin", 20, dataset)
    with pytest.raises(CurveError, match="cannot choose"):
        make_next(made_up_run(root, dataset="fashion-mnist"), "margin", 40, dataset)


@pytest.mark.usefixtures("small_sizes")
def test_runs_are_put_where_they_belong(tmp_path: Path) -> None:
    chosen = Corrections.of(NAME, chosen=range(40), chosen_by="entropy")
    others = Corrections.of(NAME, excluded=range(510))
    known = {each.checksum: each for each in (chosen, others)}
    config = point_config(NAME, 40, IMAGES)
    places = {
        replace(config, seed=2): ("random", 40),
        point_config(NAME, IMAGES, IMAGES): ("random", IMAGES),
        replace(config, subset=None, corrections=chosen.checksum): ("entropy", 40),
        replace(config, subset=None, corrections=others.checksum): None,
        replace(config, subset=None, corrections="0" * 64): None,
        replace(config, subset=41): None,
        replace(config, learning_rate=0.2): None,
    }
    for each, place in places.items():
        assert place_of(each, IMAGES, known.get) == place
    for size, seed in ((20, 0), (20, 1), (40, 0), (550, 0)):
        made_up_run(tmp_path, **point_config(NAME, size, IMAGES, seed=seed).to_json())
    run = made_up_run(tmp_path, **config.to_json())  # once more, the newest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corrections, "load", known.__getitem__)
        active = made_up_run(
            tmp_path, **replace(config, subset=None, corrections=chosen.checksum).to_json()
        )
    made_up_run(tmp_path)
    found = curves(store.list_runs(tmp_path), NAME, IMAGES, lambda _, checksum: known.get(checksum))
    assert {way: [point.size for point in curve] for way, curve in found.items()} == {
        "random": [20, 40, 550], "entropy": [20, 40, 550],
    }  # fmt: skip
    assert [each.training and each.training.seed for each in found["random"][0].runs] == [0, 1]
    assert run_of(found, "random", 40, 0) == run
    assert run_of(found, "entropy", 40, 0) == active
    assert run_of(found, "entropy", 40, 1) is None and run_of(found, "margin", 40, 0) is None
    eight = np.arange(10) < 8
    measured = measured_curves(found, lambda _: correctness(eight))
    assert measured["random"][0] is measured["entropy"][0]
    assert measured["random"][0].accuracies == (0.8, 0.8)


def correctness(correct: np.ndarray) -> Correctness:
    images = len(correct)
    return Correctness(
        np.asarray(correct, np.bool_), np.zeros(images, np.uint8), np.arange(images, dtype=np.int32)
    )


def test_accuracy_and_interval_of_seeds() -> None:
    one, two = np.arange(100) < 80, np.arange(100) < 90
    alone = Measured.of(500, [correctness(one)])
    assert alone.accuracy == pytest.approx(0.8)
    assert alone.error == pytest.approx(0.04)  # √(0.8 · 0.2 / 100)
    assert alone.interval == pytest.approx((0.7216, 0.8784))
    both = Measured.of(500, [correctness(one), correctness(two)])
    assert both.accuracy == pytest.approx(0.85)
    # √(0.85 · 0.15 / 100) = 0.0357; the seeds: 0.0707 / √2 = 0.05
    assert both.error == pytest.approx(0.06144, abs=1e-4)
    with pytest.raises(CurveError, match="different test images"):
        Measured.of(500, [correctness(one), correctness(two[:50])])


def test_the_gain_is_the_mean_over_the_sizes_that_are_not_shared() -> None:
    shared = Measured.of(10, [correctness(np.arange(100) < 50)])
    random = [shared, *(Measured.of(size, [correctness(np.arange(100) < 60)]) for size in (20, 40))]
    active = [
        shared,
        Measured.of(20, [correctness(np.arange(100) < 70)]),
        Measured.of(40, [correctness(np.arange(100) < 80)]),
        Measured.of(80, [correctness(np.arange(100) < 99)]),
    ]
    found = gain(active, random)
    assert found and found.sizes == (20, 40)
    assert found.difference == pytest.approx(0.15)  # 10 images by 1, 10 by 1/2, of 100
    spread = np.std([1.0] * 10 + [0.5] * 10 + [0.0] * 80, ddof=1)
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread / 10)
    assert gain([shared], random) is None
