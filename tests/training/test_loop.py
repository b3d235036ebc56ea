"""The epoch loop: what it keeps, that it can be repeated and resumed, how it fails."""

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fmnist.data.splits import Split
from fmnist.evaluation.metrics import softmax
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, evaluate
from fmnist.models.classifier import Classifier
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.recipes import recipe
from fmnist.runs.run import Run
from fmnist.training import checkpoint, loop, measuring
from fmnist.training.errors import TrainingError
from fmnist.training.loop import Signal, train
from tests.training.helpers import (
    CONFIG,
    FASHION_CNN,
    MANY,
    fails,
    raising,
    reread,
    run_until,
    run_whole,
)
from tools.small import same_result, small_dataset


def test_kept_weights_are_the_best_epochs_and_figures_agree(undisturbed: Run) -> None:
    best = undisturbed.history.best
    assert best
    validation = small_dataset().split("validation")
    kept = evaluate(Classifier.load(undisturbed.weights_path), validation)
    assert (kept.accuracy, kept.loss) == (best.accuracy, best.loss)
    epochs = EpochEvaluations.load(undisturbed.epochs_path)
    for entry in undisturbed.history.epochs:
        measured = epochs.epoch(entry.epoch)
        assert (measured.accuracy, measured.loss) == (entry.accuracy, entry.loss)
    last = evaluate(Classifier.load(undisturbed.last_weights_path), validation)
    assert np.array_equal(last.logits, epochs.logits[-1])
    stored = Evaluation.load(undisturbed.evaluation_path("test"))
    again = evaluate(Classifier.load(undisturbed.weights_path), small_dataset().split("test"))
    assert np.array_equal(stored.logits, again.logits)


def test_the_first_best_epoch_is_kept_and_the_last_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[torch.Tensor] = []

    def all_right_from_the_second_epoch(
        classifier: Classifier, split: Split, **named: Any
    ) -> Evaluation:
        evaluation = evaluate(classifier, split)
        if split.name == "test":
            return evaluation
        weights.append(classifier.model.state_dict()["4.weight"].clone())
        right = np.eye(10, dtype=np.float16)[split.labels]
        return replace(evaluation, logits=right) if len(weights) > 1 else evaluation

    monkeypatch.setattr(loop, "evaluate", all_right_from_the_second_epoch)
    run = run_whole(tmp_path)
    best, last = Classifier.load(run.weights_path), Classifier.load(run.last_weights_path)
    assert torch.equal(best.model.state_dict()["4.weight"], weights[1])
    assert torch.equal(last.model.state_dict()["4.weight"], weights[2])
    assert not torch.equal(weights[1], weights[2])
    assert Evaluation.load(run.evaluation_path("validation")).accuracy == 1
    test = Evaluation.load(run.evaluation_path("test"))
    assert np.array_equal(test.logits, evaluate(best, small_dataset().split("test")).logits)


def test_held_out_measures_the_test_split_once_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def spy(classifier: Classifier, split: Any, **named: Any) -> Evaluation:
        measured.append(split.name)
        return evaluate(classifier, split)

    for module in (loop, measuring):
        monkeypatch.setattr(module, "evaluate", spy)
    run_whole(tmp_path)
    assert measured == ["validation"] * 3 + ["test"]


def test_notebook_trains_on_all_and_measures_test_every_epoch(tmp_path: Path) -> None:
    config = replace(CONFIG, protocol="notebook", epochs=2, batch_size=100, subset=None)
    run = run_whole(tmp_path, config)
    assert [(e.split, e.step) for e in run.history.epochs] == [("test", 6), ("test", 12)]
    assert not run.evaluation_path("validation").exists()
    best = run.history.best
    assert best
    assert Evaluation.load(run.evaluation_path("test")).accuracy == best.accuracy


def test_full_trains_on_all_and_measures_test_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def spy(classifier: Classifier, split: Split, **named: Any) -> Evaluation:
        measured.append(split)
        return evaluate(classifier, split, **named)

    for module in (loop, measuring):
        monkeypatch.setattr(module, "evaluate", spy)
    config = replace(
        CONFIG, protocol="full", checkpoint="last", epochs=2, batch_size=100, subset=None
    )
    undisturbed = run_whole(tmp_path / "undisturbed", config)
    assert [split.name for split in measured] == ["train", "train", "test"]
    assert np.bincount(measured[0].labels).tolist() == [5] * 10  # a twelfth of 600 images
    assert [(e.split, e.step) for e in undisturbed.history.epochs] == [("train", 6), ("train", 12)]
    kept = undisturbed.history.selected
    assert kept and kept.epoch == 2
    assert Evaluation.load(undisturbed.evaluation_path("train")).accuracy == kept.accuracy
    assert not undisturbed.evaluation_path("validation").exists()
    assert undisturbed.weights_path.read_bytes() == undisturbed.last_weights_path.read_bytes()

    run = store.create_run(tmp_path / "disturbed", config)
    assert run_until(run, 8, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, reread(run))


def test_seed_decides_the_result(undisturbed: Run, tmp_path: Path) -> None:
    same_result(undisturbed, run_whole(tmp_path))
    other = TrainConfig.from_json(CONFIG.to_json() | {"seed": 8})
    changed = run_whole(tmp_path, other)
    assert changed.history.epochs[0].train_loss != undisturbed.history.epochs[0].train_loss


def test_other_threads_may_use_torchs_generator(undisturbed: Run, tmp_path: Path) -> None:
    ended = threading.Event()

    def disturb() -> None:
        while not ended.wait(0.0001):
            torch.rand(10)
            torch.manual_seed(5)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        same_result(undisturbed, run_whole(tmp_path))
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("step", [0, 6, 7, 20])
def test_a_paused_run_goes_on_bit_for_bit(undisturbed: Run, tmp_path: Path, step: int) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, step, "pause") == "paused"
    paused = reread(run)
    assert paused.progress.step == step
    assert paused.state == "interrupted"  # nobody holds it
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))


def test_a_run_paused_after_every_step_goes_on_bit_for_bit(tmp_path: Path) -> None:
    undisturbed = run_whole(tmp_path / "undisturbed", FASHION_CNN)
    run = store.create_run(tmp_path / "disturbed", FASHION_CNN)
    outcomes = [run_until(run, 1, "pause") for _ in range(21)]
    assert outcomes == ["paused"] * 20 + ["finished"]
    same_result(undisturbed, reread(run))


@pytest.mark.parametrize("step", [2, 16])
def test_a_stopped_run_keeps_what_it_has_and_goes_on_bit_for_bit(
    undisturbed: Run, tmp_path: Path, step: int
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, step, "stop") == "stopped"
    stopped = reread(run)
    assert stopped.state == "stopped"
    kept = Classifier.load(stopped.weights_path)
    test = Evaluation.load(stopped.evaluation_path("test"))
    assert np.array_equal(test.logits, evaluate(kept, small_dataset().split("test")).logits)
    assert stopped.evaluation_path("validation").exists()
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))


LONGER = TrainConfig.from_json(CONFIG.to_json() | {"epochs": 4})


def test_a_run_killed_after_its_best_epoch_keeps_weights_and_history_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create_run(tmp_path, LONGER)
    assert run_until(run, 7, "pause") == "paused"  # a checkpoint after the first epoch

    def die(progress: Progress) -> None:
        if progress.step == 21:  # far from due for the next checkpoint
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_until(run, 10**9, "continue", on_progress=die)
    assert run_until(run, 0, "stop") == "stopped"
    agrees(reread(run))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_as_it_keeps_the_best_weights_is_whole_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run = store.create_run(tmp_path, LONGER)
    save, saved = Classifier.save, 0

    def die(self: Classifier, path: Path) -> None:
        nonlocal saved
        saved += 1
        if saved > 1 and when == "before":
            raise KeyboardInterrupt
        save(self, path)
        if saved > 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Classifier, "save", die)
        run_until(run, 10**9, "continue")
    assert run_until(run, 0, "stop") == "stopped"
    stopped = reread(run)
    agrees(stopped)
    assert len(stopped.history.epochs) > 1


def agrees(run: Run) -> None:
    """Assert that the weights are those of the history's best epoch, and so are the logits."""
    best = run.history.best
    assert best
    kept = Classifier.load(run.weights_path)
    validation = evaluate(kept, small_dataset().split("validation"))
    assert (validation.accuracy, validation.loss) == (best.accuracy, best.loss)
    for stored in (validation, evaluate(kept, small_dataset().split("test"))):
        again = Evaluation.load(run.evaluation_path(stored.split))
        assert np.array_equal(again.logits, stored.logits)


def test_a_loss_that_is_no_number_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(logits: torch.Tensor, _labels: torch.Tensor, **_: object) -> torch.Tensor:
        return logits.sum() * float("nan")

    monkeypatch.setattr(functional, "cross_entropy", nowhere)
    assert fails(tmp_path) == (
        "The loss was no longer a number at step 3; try a lower learning rate."
    )


def test_weights_gone_astray_in_an_epochs_last_step_fail_the_run(tmp_path: Path) -> None:
    # the first step of such a rate takes the logits beyond what float16 holds
    config = TrainConfig(dataset="synthetic-garments", epochs=1, subset=10, learning_rate=1.0)
    assert "no longer a number at step 1; try a lower learning rate" in fails(
        tmp_path, config=config
    )


def test_a_failed_run_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.create_run(tmp_path, CONFIG)
    asked = 0

    def control() -> Signal:
        nonlocal asked
        asked += 1
        if asked > 9:
            raise RuntimeError("torch says why\nand gives advice to programmers")
        return "continue"

    with store.owning(run), pytest.raises(TrainingError):
        train(run, small_dataset(), control=control)
    failed = reread(run)
    assert (failed.progress.step, failed.progress.epoch) == (9, 2)
    assert failed.reason == "RuntimeError: torch says why"


def test_a_full_disk_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(checkpoint, "write_checked", raising(full))
    assert fails(tmp_path) == "The disk is full; free some space, then resume the run."


@pytest.mark.parametrize("write", [1, 9, 20])
def test_a_disk_that_was_full_once_does_not_change_the_result(
    undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    sync, synced = os.fsync, 0

    def full_once(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced == write:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_once)
    assert fails(tmp_path, run=run).startswith("The disk is full")
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))


def test_a_disk_that_stays_full_still_tells_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", raising(full))
    with store.owning(run), pytest.raises(TrainingError, match="The disk is full"):
        train(run, small_dataset())
    assert reread(run).state == "interrupted"  # it could not be told


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 TB"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 TB"),
        MemoryError(),
    ],
)
def test_too_little_memory_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(functional, "cross_entropy", raising(error))
    assert fails(tmp_path) == "There is not enough memory; choose a smaller batch size."


def test_a_model_that_takes_no_images_of_the_reduced_size_fails_the_run(tmp_path: Path) -> None:
    assert fails(tmp_path, config=replace(CONFIG, low_res_side=20)) == (
        "MLP takes no images of 20×20 pixels; choose another reduced image side, or the full size."
    )


def test_a_batch_of_one_image_that_cannot_be_normalized_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(_: str, **__: object) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))

    monkeypatch.setattr("fmnist.training.state.create_model", create)
    config = replace(CONFIG, subset=101, batch_size=50)
    assert fails(tmp_path, config=config).startswith("A batch has a single image, too few for")


def test_the_data_set_must_be_the_one_of_the_settings(tmp_path: Path) -> None:
    assert "Fashion-MNIST, which is not on this computer" in fails(tmp_path, config=TrainConfig())


def test_with_every_option_a_run_goes_on_bit_for_bit(tmp_path: Path, own_artifacts: Path) -> None:
    undisturbed = run_whole(tmp_path / "undisturbed", MANY)
    # 200 photographs twice, 200 outlines, 400 sketches, 400 non-garments: 7 steps an epoch
    assert undisturbed.progress.steps == 14
    assert len(list((own_artifacts / "cache" / "drawings").iterdir())) == 3
    run = store.create_run(tmp_path / "disturbed", MANY)
    for _ in range(3):
        assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, reread(run))


def test_a_run_by_the_swift_recipe_goes_on_bit_for_bit(tmp_path: Path) -> None:
    config = TrainConfig(
        **{**recipe("swift"), "dataset": CONFIG.dataset, "subset": 200, "batch_size": 32}
    )
    assert config.epoch_share < 1 and config.low_res_side
    undisturbed = run_whole(tmp_path / "undisturbed", config)
    assert undisturbed.progress.steps == 7 + 3 * 4  # 200 images, then 100, in batches of 32
    run = store.create_run(tmp_path / "disturbed", config)
    for _ in range(3):
        assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, reread(run))


def test_a_run_on_drawings_knows_what_is_no_garment(tmp_path: Path, own_artifacts: Path) -> None:
    run = run_whole(tmp_path, replace(MANY, subset=60))
    classifier = Classifier.load(run.weights_path)
    assert classifier.has_ood_class
    scores = classifier.in_distribution_scores(small_dataset().test_images)
    assert scores.shape == (200,) and scores.dtype == np.float32
    assert scores.min() >= 0 and scores.max() <= 1
    assert classifier.logits(small_dataset().test_images).shape == (200, 10)


@pytest.mark.parametrize(
    "option",
    [
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"schedule": "one-cycle"},
        {"schedule": "cosine", "warmup_epochs": 1},
        {"augmentation": ["flip"]},
        {"augmentation": ["cutout"]},
        {"augmentation": ["cutout"], "cutout_side": 4},
        {"augmentation": ["shift"], "shift_pixels": 4},
        {"model": "swift", "low_res_side": 20, "low_res_share": 0.5},
        {"precision": "bfloat16"},
        {"optimizer": "sgd"},
        {"optimizer": "muon"},
        {"epoch_share": 0.5},
        {"batch_mix": "mixup"},
        {"label_smoothing": 0.1},
    ],
)
def test_every_option_changes_what_is_learned(
    undisturbed: Run, tmp_path: Path, option: dict[str, Any]
) -> None:
    config = TrainConfig.from_json(CONFIG.to_json() | option | {"epochs": 2})
    changed = run_whole(tmp_path, config)
    losses = [[e.train_loss for e in run.history.epochs[:2]] for run in (undisturbed, changed)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_run_ends_where_nothing_gets_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    # weights that never move: the first epoch stays the best
    monkeypatch.setattr(torch.optim.Adam, "step", lambda optimizer: None)
    config = TrainConfig.from_json(CONFIG.to_json() | {"patience": 2, "epochs": 9})
    run = store.create_run(tmp_path, config)
    if interrupted:
        assert run_until(run, 20, "pause") == "paused"
    assert run_until(run, 1000, "pause") == "finished"
    run = reread(run)
    assert [run.state, run.history.best and run.history.best.epoch] == ["finished", 1]
    assert len(run.history.epochs) == 3
    assert "Ended early: no better epoch in the last 2" in run.events_path.read_text()


def test_the_last_epoch_is_kept_where_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse_every_epoch(classifier: Classifier, split: Split, **named: Any) -> Evaluation:
        evaluation = evaluate(classifier, split)
        calls.append(split.name)
        right = np.arange(len(split.labels)) < 100 - 10 * len(calls)
        return replace(evaluation, logits=np.eye(10, dtype=np.float16)[split.labels * right])

    calls: list[str] = []
    monkeypatch.setattr(loop, "evaluate", worse_every_epoch)
    run = run_whole(tmp_path, replace(CONFIG, checkpoint="last"))
    monkeypatch.undo()
    assert run.history.best and run.history.best.epoch == 1
    assert run.history.selected and run.history.selected.epoch == 3
    assert run.weights_path.read_bytes() == run.last_weights_path.read_bytes()
    stored = Evaluation.load(run.evaluation_path("validation"))
    assert stored.accuracy == run.history.epochs[-1].accuracy


def test_several_views_are_kept_beside_the_figure_for_one(tmp_path: Path) -> None:
    config = replace(FASHION_CNN, tta="flip-shift", epochs=1)
    run = run_whole(tmp_path, config)
    kept, test = Classifier.load(run.weights_path), small_dataset().split("test")
    one, several = (Evaluation.load(p) for p in (run.evaluation_path("test"), run.tta_path))
    assert np.array_equal(one.logits, evaluate(kept, test).logits)
    moved = [np.roll(test.images, m, (1, 2)) for m in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
    views = [*moved, *(view[:, :, ::-1] for view in moved)]  # the garments' rims are black
    mean = np.mean([softmax(kept.logits(np.ascontiguousarray(v))) for v in views], axis=0)
    assert several.probabilities == pytest.approx(mean, abs=2e-3)
    assert np.array_equal(one.labels, several.labels)
