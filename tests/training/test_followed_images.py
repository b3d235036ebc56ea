"""Training images that a run predicts after every epoch, where its settings ask for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.data.corrections import Corrections
from fmnist.data.splits import Dataset
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, evaluate
from fmnist.models.classifier import Classifier
from fmnist.runs import corrections, store
from fmnist.runs.check import check_run
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.run import Run
from fmnist.training import recorder as recorders
from fmnist.training.data import followed_images, training_split
from fmnist.training.recorder import RunRecorder
from tests.training.helpers import CONFIG, fails, raising, reread, run_until, run_whole
from tools.small import same_result

FOLLOWING = replace(
    CONFIG, model="mlp", epoch_weights="float16", followed_images=50, augmentation=("flip",)
)  # 7 steps an epoch


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An undisturbed run that follows training images."""
    return run_whole(tmp_path_factory.mktemp("following"), FOLLOWING)


def test_the_logits_of_each_epoch_are_kept(following: Run, small: Dataset) -> None:
    kept = EpochEvaluations.load(following.followed_path)
    chosen = followed_images(FOLLOWING, small)
    assert chosen is not None
    assert (kept.split, kept.logits.shape) == ("train", (3, 50, 10))
    assert np.array_equal(kept.indices, chosen.indices)
    assert np.array_equal(kept.labels, small.train_labels[chosen.indices])
    for epoch in (1, 2, 3):  # the very images, without augmentation
        found = evaluate(Classifier.load(following.epoch_weights_path(epoch)), chosen)
        assert np.allclose(found.logits, kept.logits[epoch - 1], atol=0.02)


def test_the_selected_epoch_becomes_the_evaluation_of_the_training_split(following: Run) -> None:
    kept = EpochEvaluations.load(following.followed_path)
    best = following.history.best
    assert best
    train = Evaluation.load(following.evaluation_path("train"))
    assert np.array_equal(train.logits, kept.epoch(best.epoch).logits)
    assert np.array_equal(train.indices, kept.indices)


def test_the_images_are_drawn_from_those_that_the_run_trains_on(small: Dataset) -> None:
    chosen = followed_images(FOLLOWING, small)
    other = followed_images(replace(FOLLOWING, seed=8), small)
    assert chosen is not None and other is not None
    assert np.bincount(chosen.labels).tolist() == [5] * 10
    assert set(chosen.indices) <= set(training_split(FOLLOWING, small).indices)
    assert set(chosen.indices) != set(other.indices)
    everything = followed_images(replace(FOLLOWING, followed_images=1000), small)
    assert everything is not None and len(everything) == 200
    assert followed_images(CONFIG, small) is None


def test_corrected_labels_are_followed_as_the_run_learns_them(small: Dataset) -> None:
    chosen = followed_images(FOLLOWING, small)
    assert chosen is not None
    first, second = int(chosen.indices[0]), int(chosen.indices[1])
    label = (int(chosen.labels[0]) + 1) % 10
    changes = Corrections.of(small.name, relabeled={first: label}, excluded=[second])
    changed = followed_images(FOLLOWING, small, changes)
    assert changed is not None
    assert changed.indices.tolist() == [i for i in chosen.indices.tolist() if i != second]
    assert changed.labels[0] == label
    every = Corrections.of(small.name, excluded=chosen.indices.tolist())
    assert followed_images(FOLLOWING, small, every) is None


def test_training_does_not_depend_on_following(following: Run, tmp_path: Path) -> None:
    other = run_whole(tmp_path, replace(FOLLOWING, followed_images=None))
    assert other.weights_path.read_bytes() == following.weights_path.read_bytes()
    assert not other.followed_path.exists()
    assert not other.evaluation_path("train").exists()


@pytest.mark.parametrize("step", [1, 7, 10, 20])
def test_a_resumed_run_has_the_same_logits(following: Run, tmp_path: Path, step: int) -> None:
    run = store.create_run(tmp_path, FOLLOWING)
    assert run_until(run, step, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(following, reread(run))


@pytest.mark.parametrize("place", ["before them", "after them"])
def test_a_run_that_ended_as_it_wrote_them_goes_on_bit_for_bit(
    following: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    end = raising(OSError("ended"))
    if place == "before them":
        save = recorders._save_epochs
        monkeypatch.setattr(
            recorders,
            "_save_epochs",
            lambda path, logits, last: (
                end() if (path.stem, len(logits)) == ("followed", 2) else save(path, logits, last)
            ),
        )
    else:
        append = RunRecorder._append
        monkeypatch.setattr(
            RunRecorder,
            "_append",
            lambda self, entry: (
                end() if hasattr(entry, "accuracy") and entry.epoch == 2 else append(self, entry)
            ),
        )
    run = store.create_run(tmp_path, FOLLOWING)
    fails(tmp_path, run=run)
    monkeypatch.undo()
    assert run_until(run, 100, "pause") == "finished"
    same_result(following, reread(run))


def test_a_run_that_is_stopped_early_has_them_too(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, FOLLOWING)
    assert run_until(run, 3, "stop") == "stopped"  # within the first epoch
    run = reread(run)
    assert not run.followed_path.exists()
    assert len(Evaluation.load(run.evaluation_path("train")).labels) == 50


def test_damage_is_noticed(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, FOLLOWING)
    assert run_until(run, 8, "pause") == "paused"
    whole = run.followed_path.read_bytes()
    run.followed_path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert any("followed.npz is damaged" in problem for problem in check_run(run).problems)
    assert "followed.npz is damaged" in fails(tmp_path, run=run)
    run.followed_path.unlink()
    assert "there is no such file" in fails(tmp_path, run=run)
    run.followed_path.write_bytes(whole)
    assert run_until(run, 100, "pause") == "finished"


@pytest.mark.parametrize(
    "named", [{"protocol": "full", "checkpoint": "last"}, {"left_out_fold": 1}]
)
def test_settings_that_predict_training_images_anyway_follow_none(named: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="followed_images: must be none"):
        TrainConfig.from_json({"followed_images": 100} | named)


def test_a_run_with_corrections_follows_the_corrected_labels(
    own_artifacts: Path, small: Dataset
) -> None:
    chosen = followed_images(FOLLOWING, small)
    assert chosen is not None
    image, label = int(chosen.indices[0]), (int(chosen.labels[0]) + 1) % 10
    changes = Corrections.of(small.name, relabeled={image: label})
    corrections.keep(changes)
    run = run_whole(
        own_artifacts / "runs", replace(FOLLOWING, epochs=1, corrections=changes.checksum)
    )
    kept = EpochEvaluations.load(run.followed_path)
    assert (kept.indices[0], kept.labels[0]) == (image, label)
    assert np.array_equal(kept.labels[1:], chosen.labels[1:])
