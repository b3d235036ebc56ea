"""The epoch loop: what it keeps, that it can be repeated and resumed, how it fails."""

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from fmnist import paths
from fmnist.data.splits import Dataset, Split
from fmnist.evaluation.metrics import softmax
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, evaluate
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.models.ensemble import Ensemble
from fmnist.models.networks import swift
from fmnist.models.networks.swift import Swift
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.run import Run
from fmnist.training import loop as training
from fmnist.training.ensemble import combine
from fmnist.training.loop import Outcome, Signal, TrainingError, train, training_split
from tools.small import same_result, small_dataset

CONFIG = TrainConfig(
    dataset="synthetic-garments", epochs=3, subset=200, batch_size=32, log_every=3, seed=7
)  # 7 steps an epoch, the last of 8 images


def run_whole(root: Path, config: TrainConfig = CONFIG, **named: Any) -> Run:
    run = store.create_run(root, config)
    with store.owning(run):
        assert train(run, small_dataset(), **named) == "finished"
    return store.open_run(root, run.run_id)


def run_until(run: Run, step: int, signal: Signal, **named: Any) -> Outcome:
    """Train until so many steps of this call are done, then send a signal."""
    asked = 0

    def control() -> Signal:
        nonlocal asked
        asked += 1
        return signal if asked > step else "continue"

    run = store.open_run(run.folder.parent, run.run_id)
    with store.owning(run):
        return train(run, small_dataset(), control=control, **named)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_whole(tmp_path_factory.mktemp("undisturbed"))


def test_history_has_a_line_every_few_steps_and_every_epoch(undisturbed: Run) -> None:
    history = undisturbed.history
    assert [(e.epoch, e.step) for e in history.steps] == [
        (1, 3), (1, 6), (2, 10), (2, 13), (3, 17), (3, 20)
    ]  # fmt: skip
    assert [(e.epoch, e.step, e.split) for e in history.epochs] == [
        (1, 7, "validation"), (2, 14, "validation"), (3, 21, "validation")
    ]  # fmt: skip
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss  # it learns
    assert all(e.images_per_second > 0 for e in history.epochs)
    assert undisturbed.progress.step == undisturbed.progress.steps == 21
    assert not undisturbed.checkpoint_path.exists()


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


def test_lines_of_the_history_name_their_figures(undisturbed: Run) -> None:
    lines = [json.loads(line) for line in undisturbed.history_path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["step", "step", "epoch"] * 3
    assert list(lines[0]) == ["kind", "epoch", "step", "loss", "seconds"]
    assert list(lines[2]) == [
        "kind", "epoch", "step", "train_loss", "train_accuracy", "validation_loss",
        "validation_accuracy", "seconds", "images_per_second",
    ]  # fmt: skip


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
        weights.append(classifier.model.state_dict()["fc2.weight"].clone())
        right = np.eye(10, dtype=np.float16)[split.labels]
        return replace(evaluation, logits=right) if len(weights) > 1 else evaluation

    monkeypatch.setattr(training, "evaluate", all_right_from_the_second_epoch)
    run = run_whole(tmp_path)
    best, last = Classifier.load(run.weights_path), Classifier.load(run.last_weights_path)
    assert torch.equal(best.model.state_dict()["fc2.weight"], weights[1])
    assert torch.equal(last.model.state_dict()["fc2.weight"], weights[2])
    assert not torch.equal(weights[1], weights[2])
    assert Evaluation.load(run.evaluation_path("validation")).accuracy == 1
    test = Evaluation.load(run.evaluation_path("test"))
    assert np.array_equal(test.logits, evaluate(best, small_dataset().split("test")).logits)


def test_settings_data_and_versions_are_written_down(undisturbed: Run) -> None:
    document = json.loads(undisturbed.config_path.read_text())
    assert TrainConfig.from_json(document["config"]) == CONFIG
    assert document["dataset"]["checksum"] == small_dataset().checksum
    assert document["environment"]["torch"] == torch.__version__.partition("+")[0]


def test_held_out_measures_the_test_split_once_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def spy(classifier: Classifier, split: Any, **named: Any) -> Evaluation:
        measured.append(split.name)
        return evaluate(classifier, split)

    monkeypatch.setattr(training, "evaluate", spy)
    run_whole(tmp_path)
    assert measured == ["validation"] * 3 + ["test"]


def test_notebook_trains_on_all_and_measures_test_every_epoch(tmp_path: Path) -> None:
    config = TrainConfig(
        dataset="synthetic-garments", protocol="notebook", epochs=2, batch_size=100
    )
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

    monkeypatch.setattr(training, "evaluate", spy)
    config = TrainConfig(
        dataset="synthetic-garments", protocol="full", checkpoint="last", epochs=2, batch_size=100
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
    same_result(undisturbed, store.open_run(tmp_path / "disturbed", run.run_id))


def test_a_subset_is_spread_over_the_classes() -> None:
    split = training_split(CONFIG, small_dataset())
    assert np.bincount(split.labels).tolist() == [20] * 10
    held_out = small_dataset().split("validation").indices
    assert not set(split.indices) & set(held_out)


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


@pytest.mark.parametrize("step", [0, 1, 3, 6, 7, 8, 13, 14, 20])
def test_a_paused_run_goes_on_bit_for_bit(undisturbed: Run, tmp_path: Path, step: int) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, step, "pause") == "paused"
    paused = store.open_run(tmp_path, run.run_id)
    assert paused.progress.step == step
    assert paused.state == "interrupted"  # nobody holds it
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, store.open_run(tmp_path, run.run_id))


def test_a_run_paused_after_every_step_goes_on_bit_for_bit(
    undisturbed: Run, tmp_path: Path
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    outcomes = [run_until(run, 1, "pause") for _ in range(21)]
    assert outcomes == ["paused"] * 20 + ["finished"]
    same_result(undisturbed, store.open_run(tmp_path, run.run_id))


@pytest.mark.parametrize("step", [2, 16])
def test_a_stopped_run_keeps_what_it_has_and_goes_on_bit_for_bit(
    undisturbed: Run, tmp_path: Path, step: int
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, step, "stop") == "stopped"
    stopped = store.open_run(tmp_path, run.run_id)
    assert stopped.state == "stopped"
    kept = Classifier.load(stopped.weights_path)
    test = Evaluation.load(stopped.evaluation_path("test"))
    assert np.array_equal(test.logits, evaluate(kept, small_dataset().split("test")).logits)
    assert stopped.evaluation_path("validation").exists()
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, store.open_run(tmp_path, run.run_id))


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
    agrees(store.open_run(tmp_path, run.run_id))


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
    stopped = store.open_run(tmp_path, run.run_id)
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


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    left = [run.folder / ".checkpoint.pt.x.tmp", run.folder / "evaluation" / ".epochs.npz.x.tmp"]
    renaming = run.folder / ".name.json.x.tmp"  # somebody renames the run at this moment
    run.epochs_path.parent.mkdir()
    for path in (*left, renaming):
        path.touch()
    assert run_until(run, 1, "pause") == "paused"
    assert not any(path.exists() for path in left)
    assert renaming.exists()


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "STATUS_SECONDS", 0)
    told: list[Progress] = []
    run_whole(tmp_path, on_progress=told.append)
    assert [p.step for p in told if p.step <= 7] == [1, 2, 3, 4, 5, 6, 7, 7]
    assert all(p.steps == 21 for p in told)
    assert told[-1].fraction == 1


def fails(
    root: Path, dataset: Dataset | None = None, run: Run | None = None, config: TrainConfig = CONFIG
) -> str:
    """Train a run that must fail; returns the reason its folder gives."""
    run = run or store.create_run(root, config)
    with store.owning(run), pytest.raises(TrainingError) as caught:
        train(store.open_run(root, run.run_id), dataset or small_dataset())
    failed = store.open_run(root, run.run_id)
    assert failed.state == "failed"
    assert failed.reason == str(caught.value)
    assert "\n" not in str(caught.value)
    assert failed.read_events()[-1].text == f"Failed: {failed.reason}"
    return str(caught.value)


def raising(error: Exception) -> Callable[..., None]:
    def call(*_arguments: object, **_named: object) -> None:
        raise error

    return call


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
    failed = store.open_run(tmp_path, run.run_id)
    assert (failed.progress.step, failed.progress.epoch) == (9, 2)
    assert failed.reason == "RuntimeError: torch says why"


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_checkpoint_is_never_unpickled(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    torch.save({"format": 1, "lines": Bomb(tmp_path / "blown")}, run.checkpoint_path)
    assert "cannot be resumed from its checkpoint" in fails(tmp_path, run=run)
    assert not (tmp_path / "blown").exists()


def test_a_full_disk_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(training, "write_atomic", raising(full))
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
    same_result(undisturbed, store.open_run(tmp_path, run.run_id))


def test_a_disk_that_stays_full_still_tells_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", raising(full))
    with store.owning(run), pytest.raises(TrainingError, match="The disk is full"):
        train(run, small_dataset())
    assert store.open_run(tmp_path, run.run_id).state == "interrupted"  # it could not be told


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


def test_changed_data_and_damaged_files_cannot_be_resumed(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 8, "pause") == "paused"
    values = vars(small_dataset()) | {"checksum": "another"}
    assert "data set has changed" in fails(tmp_path, Dataset(**values), run)
    epochs = run.epochs_path.read_bytes()
    run.epochs_path.write_bytes(epochs[:100])
    assert "epochs.npz is damaged" in fails(tmp_path, run=run)
    run.epochs_path.write_bytes(epochs)
    checkpoint = run.checkpoint_path.read_bytes()
    run.checkpoint_path.write_bytes(checkpoint[: len(checkpoint) // 2])
    assert "cannot be resumed from its checkpoint" in fails(tmp_path, run=run)
    run.checkpoint_path.write_bytes(checkpoint)
    assert run_until(run, 10**9, "continue") == "finished"  # nothing was lost by trying


def test_the_data_set_must_be_the_one_of_the_settings(tmp_path: Path) -> None:
    assert "Fashion-MNIST, which is not at hand" in fails(tmp_path, config=TrainConfig())


MANY = TrainConfig.from_json(
    CONFIG.to_json()
    | {
        "model": "residual",
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "schedule": "one-cycle",
        "warmup_epochs": 1,
        "augmentation": ["flip", "shift", "rotate", "rand", "erase", "cutout"],
        "shift_pixels": 3,
        "low_res_side": 20,
        "low_res_share": 0.5,
        "batch_mix": "cutmix",
        "mix_probability": 0.5,
        "label_smoothing": 0.1,
        "ema": 0.9,
        "patience": 5,
        "precision": "bfloat16",
        "tta": "flip",
        "training_drawings": "non-garments",
        "epochs": 2,
        "batch_size": 200,
    }
)


@pytest.fixture
def own_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drawings are kept there, and nowhere else."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"


def test_with_every_option_a_run_goes_on_bit_for_bit(tmp_path: Path, own_artifacts: Path) -> None:
    undisturbed = run_whole(tmp_path / "undisturbed", MANY)
    # 200 photographs twice, 200 outlines, 400 sketches, 266 non-garments: 7 steps an epoch
    assert undisturbed.progress.steps == 14
    assert len(list((own_artifacts / "cache" / "drawings").iterdir())) == 3
    run = store.create_run(tmp_path / "disturbed", MANY)
    for _ in range(3):
        assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, store.open_run(tmp_path / "disturbed", run.run_id))


@pytest.mark.parametrize(("signal", "outcome"), [("pause", "paused"), ("stop", "stopped")])
def test_a_signal_while_the_drawings_are_made_is_heard_and_the_run_can_go_on(
    tmp_path: Path, own_artifacts: Path, signal: Signal, outcome: Outcome
) -> None:
    run = store.create_run(tmp_path / "runs", MANY)
    assert run_until(run, 0, signal) == outcome
    run = store.open_run(tmp_path / "runs", run.run_id)
    assert not run.checkpoint_path.exists() and not run.history.epochs
    assert run_until(run, 100, "pause") == "finished"
    assert "Drawings to train on: 866 of 866 made" in run.events_path.read_text()


def test_a_run_on_drawings_knows_what_is_no_garment(tmp_path: Path, own_artifacts: Path) -> None:
    run = run_whole(tmp_path, MANY)
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


def test_smaller_images_for_a_share_of_the_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Watched(Swift):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            if self.training:
                seen.append(tuple(input.shape))
            return super().forward(input)

    monkeypatch.setattr(swift, "Swift", Watched)
    config = replace(CONFIG, model="swift", low_res_side=20, low_res_share=0.67)
    run_whole(tmp_path, config)
    assert [side for _, _, side, _ in seen] == 14 * [20] + 7 * [28]
    assert all(width == height for _, _, height, width in seen)


def test_norms_and_biases_do_not_decay() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    config = TrainConfig(optimizer="adamw", weight_decay=0.5, learning_rate=0.1)
    optimizer = training._optimizer(model, config)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.step()
    shrunk = [not torch.equal(old, p) for old, p in zip(before, model.parameters(), strict=True)]
    assert shrunk == [True, False, False, False]


def test_averaged_weights_are_measured_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[dict[str, torch.Tensor]] = []
    add = training._Session._add_to_average

    def remember(session: training._Session) -> None:
        if not steps:
            assert session.average is not None
            steps.append({k: v.clone() for k, v in session.average.state_dict().items()})
        steps.append({k: v.clone() for k, v in session.model.state_dict().items()})
        add(session)

    monkeypatch.setattr(training._Session, "_add_to_average", remember)
    config = TrainConfig.from_json(CONFIG.to_json() | {"ema": 0.7, "epochs": 1})
    run = run_whole(tmp_path, config)
    expected = steps[0]
    for step, weights in enumerate(steps[1:]):
        decay = min(0.7, (1 + step) / (10 + step))
        expected = {k: decay * v + (1 - decay) * weights[k] for k, v in expected.items()}
    kept = Classifier.load(run.weights_path)
    for name, tensor in kept.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])
        assert not torch.equal(tensor, steps[-1][name])
    measured = evaluate(kept, small_dataset().split("validation"))
    assert measured.accuracy == run.history.epochs[0].accuracy


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
    run = store.open_run(tmp_path, run.run_id)
    assert [run.state, run.history.best and run.history.best.epoch] == ["finished", 1]
    assert len(run.history.epochs) == 3
    assert "No better epoch in 2: ended early" in run.events_path.read_text()


def test_the_last_epoch_is_kept_where_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse_every_epoch(classifier: Classifier, split: Split, **named: Any) -> Evaluation:
        evaluation = evaluate(classifier, split)
        calls.append(split.name)
        right = np.arange(len(split.labels)) < 100 - 10 * len(calls)
        return replace(evaluation, logits=np.eye(10, dtype=np.float16)[split.labels * right])

    calls: list[str] = []
    monkeypatch.setattr(training, "evaluate", worse_every_epoch)
    run = run_whole(tmp_path, replace(CONFIG, checkpoint="last"))
    monkeypatch.undo()
    assert run.history.best and run.history.best.epoch == 1
    assert run.history.selected and run.history.selected.epoch == 3
    assert run.weights_path.read_bytes() == run.last_weights_path.read_bytes()
    stored = Evaluation.load(run.evaluation_path("validation"))
    assert stored.accuracy == run.history.epochs[-1].accuracy


def test_several_views_are_kept_beside_the_figure_for_one(tmp_path: Path) -> None:
    config = TrainConfig.from_json(CONFIG.to_json() | {"tta": "flip-shift", "epochs": 1})
    run = run_whole(tmp_path, config)
    kept, test = Classifier.load(run.weights_path), small_dataset().split("test")
    one, several = (Evaluation.load(p) for p in (run.evaluation_path("test"), run.tta_path))
    assert np.array_equal(one.logits, evaluate(kept, test).logits)
    moved = [np.roll(test.images, m, (1, 2)) for m in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
    views = [*moved, *(view[:, :, ::-1] for view in moved)]  # the garments' rims are black
    mean = np.mean([softmax(kept.logits(np.ascontiguousarray(v))) for v in views], axis=0)
    assert several.probabilities == pytest.approx(mean, abs=2e-3)
    assert np.array_equal(one.labels, several.labels)


def test_auto_precision_is_what_the_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for capabilities, expected in (
        ({"avx2": True, "avx512_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert training.computes_in("auto", cpu) == expected
        assert training.computes_in("float32", cpu) == torch.float32
        assert training.computes_in("bfloat16", cpu) == torch.bfloat16


def test_the_precision_that_auto_came_to_is_written_down(tmp_path: Path) -> None:
    config = TrainConfig.from_json(CONFIG.to_json() | {"precision": "auto", "epochs": 1})
    run = store.open_run(tmp_path, run_whole(tmp_path, config).run_id)
    dtype = training.computes_in("auto", torch.device("cpu"))
    assert run.environment["precision"] == str(dtype).removeprefix("torch.")


STUDENT = replace(
    CONFIG,
    model="swift",
    teachers=("teacher",),
    augmentation=("flip",),
    batch_mix="mixup",
    epochs=2,
)


@pytest.fixture
def teacher(own_artifacts: Path, undisturbed: Run) -> Run:
    """A finished run, where teachers are looked for."""
    shutil.copytree(undisturbed.folder, paths.runs_folder() / "teacher")
    return store.open_run(paths.runs_folder(), "teacher")


def test_a_run_that_learns_from_a_teacher_goes_on_bit_for_bit(tmp_path: Path, teacher: Run) -> None:
    undisturbed = run_whole(tmp_path / "undisturbed", STUDENT)
    alone = run_whole(tmp_path / "alone", replace(STUDENT, teachers=()))
    assert alone.history.epochs[0].train_loss != undisturbed.history.epochs[0].train_loss
    run = store.create_run(tmp_path / "disturbed", STUDENT)
    assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, store.open_run(tmp_path / "disturbed", run.run_id))
    (told,) = json.loads(run.config_path.read_text())["teachers"]
    assert told["run_id"] == "teacher"
    assert told["weights"] == hashlib.sha256(teacher.weights_path.read_bytes()).hexdigest()


def test_a_student_comes_to_say_what_its_teacher_says(tmp_path: Path, teacher: Run) -> None:
    # labels are wrong in one way, the teacher in none: with all the loss the teacher's, it wins
    config = replace(
        STUDENT, distillation_weight=1.0, augmentation=(), batch_mix=None, epochs=12,
        learning_rate=3e-3,
    )  # fmt: skip
    dataset = replace(small_dataset(), train_labels=(small_dataset().train_labels + 1) % 10)
    run = store.create_run(tmp_path, config)
    with store.owning(run):
        train(run, dataset)
    images = dataset.split("train").images
    taught = Classifier.load(teacher.weights_path).predict_proba(images).argmax(1)
    learned = Classifier.load(run.last_weights_path).predict_proba(images).argmax(1)
    assert (learned == taught).mean() > 0.8


def test_of_several_one_teaches_a_batch(
    tmp_path: Path, teacher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(STUDENT, teachers=("both",), augmentation=(), batch_mix=None)
    other = run_whole(tmp_path, replace(CONFIG, seed=1))
    combine([teacher, other], paths.runs_folder()).folder.rename(paths.runs_folder() / "both")

    def asked_as_a_whole(*_: object) -> None:
        raise AssertionError("all members were asked about a batch")

    monkeypatch.setattr(Ensemble, "forward", asked_as_a_whole)
    undisturbed = run_whole(tmp_path / "undisturbed", config)
    run = store.create_run(tmp_path / "disturbed", config)
    assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, store.open_run(tmp_path / "disturbed", run.run_id))

    shutil.copytree(other.folder, paths.runs_folder() / "other")
    losses = {undisturbed.history.epochs[0].train_loss}
    for name in ("teacher", "other"):
        alone = run_whole(tmp_path / name, replace(config, teachers=(name,), epochs=1))
        losses.add(alone.history.epochs[0].train_loss)
    assert len(losses) == 3  # it learns from both, not from one

    # two runs side by side are as good as the ensemble of them
    named = run_whole(tmp_path / "named", replace(config, teachers=("teacher", "other")))
    assert named.last_weights_path.read_bytes() == undisturbed.last_weights_path.read_bytes()
    told = json.loads(named.config_path.read_text())["teachers"]
    assert told == [
        {"run_id": run_id, "weights": hashlib.sha256(run.weights_path.read_bytes()).hexdigest()}
        for run_id, run in (("teacher", teacher), ("other", other))
    ]


def test_a_teacher_that_cannot_be_asked_is_told(tmp_path: Path, teacher: Run) -> None:
    assert "The teacher 'nobody' cannot be asked: There is no run 'nobody'" in fails(
        tmp_path, config=replace(STUDENT, teachers=("teacher", "nobody"))
    )
    assert "knows other classes" in fails(
        tmp_path, config=replace(STUDENT, training_drawings="non-garments", subset=100)
    )
    run = store.create_run(tmp_path, STUDENT)
    assert run_until(run, 4, "pause") == "paused"
    classifier = Classifier.load(teacher.weights_path)
    classifier.temperature = 2.0
    classifier.save(teacher.weights_path)
    with pytest.raises(TrainingError, match="'teacher' has other weights than when the run began"):
        run_until(run, 100, "pause")


def test_a_teacher_that_knows_the_held_out_images_is_refused(
    tmp_path: Path, own_artifacts: Path
) -> None:
    run_whole(
        paths.runs_folder(), replace(CONFIG, protocol="full", checkpoint="last")
    ).folder.rename(paths.runs_folder() / "teacher")
    assert "knows images that the held-out protocol keeps apart" in fails(tmp_path, config=STUDENT)
    assert (
        run_whole(tmp_path, replace(STUDENT, protocol="full", checkpoint="last")).state
        == "finished"
    )


def test_a_run_goes_on_from_a_checkpoint_older_than_a_setting(tmp_path: Path) -> None:
    undisturbed = run_whole(tmp_path / "undisturbed")
    run = store.create_run(tmp_path / "disturbed", CONFIG)
    assert run_until(run, 4, "pause") == "paused"
    checkpoint = torch.load(run.checkpoint_path, weights_only=True)
    settings = json.loads(checkpoint["config"])
    del settings["teachers"], settings["distillation_weight"]
    # names and forms of version 0.1.0
    for old, new, value in (
        ("dataset", "dataset", "drawn-garments"), ("augmentation", "augmentation", "none"),
        ("optimiser", "optimizer", CONFIG.optimizer), ("mixing", "batch_mix", "none"),
        ("mixing_share", "mix_probability", 1.0), ("keep", "checkpoint", "best"),
        ("views", "tta", "one"), ("drawings", "training_drawings", "none"),
    ):  # fmt: skip
        del settings[new]
        settings[old] = value
    torch.save(checkpoint | {"config": json.dumps(settings)}, run.checkpoint_path)
    write_json(run.config_path, read_json(run.config_path) | {"config": settings})
    run = store.open_run(tmp_path / "disturbed", run.run_id)
    assert run.config == CONFIG
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, store.open_run(tmp_path / "disturbed", run.run_id))


def test_measuring_that_takes_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TELL_SECONDS", 0.0)
    events = run_whole(tmp_path, replace(CONFIG, epochs=1, tta="flip")).read_events()
    told = [event.text for event in events if "measured" in event.text]
    assert told == [
        "Test images measured: 200 of 200",
        *["Test images measured over several views, a view at a time: 200 of 200"] * 2,
    ]
