"""The weights of each epoch, which a run saves where its settings ask for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fmnist.evaluation.predictions import EpochEvaluations
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.check import check_run
from fmnist.runs.run import Run
from fmnist.training.recorder import RunRecorder
from tests.training.helpers import CONFIG, fails, raising, reread, run_until, run_whole
from tools.small import same_result, small_dataset

SAVING = replace(CONFIG, model="mlp", epoch_weights="float16")  # 7 steps an epoch


@pytest.fixture(scope="module")
def saving(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An undisturbed run that saves the weights of each epoch."""
    return run_whole(tmp_path_factory.mktemp("saving"), SAVING)


def test_nothing_is_saved_unless_asked_for(undisturbed: Run) -> None:
    assert undisturbed.epochs_with_weights() == []
    assert not undisturbed.epoch_weights_folder.exists()


def test_every_epoch_is_there_from_the_initial_weights_on(saving: Run) -> None:
    assert saving.epochs_with_weights() == [0, 1, 2, 3]
    initial = Classifier.load(saving.epoch_weights_path(0)).model.state_dict()
    made = create_model("mlp", seed=SAVING.seed).state_dict()
    assert all(torch.equal(initial[name], made[name].half().float()) for name in made)
    last = Classifier.load(saving.last_weights_path).model.state_dict()
    third = Classifier.load(saving.epoch_weights_path(3)).model.state_dict()
    assert all(torch.equal(third[name], last[name].half().float()) for name in last)


def test_they_predict_what_was_measured_after_the_epoch(saving: Run) -> None:
    measured = EpochEvaluations.load(saving.epochs_path)
    images = small_dataset().split("validation").images
    for epoch in (1, 2, 3):
        logits = Classifier.load(saving.epoch_weights_path(epoch)).logits(images)
        assert np.allclose(logits, measured.logits[epoch - 1], atol=0.02)


def test_training_does_not_depend_on_saving_them(saving: Run, tmp_path: Path) -> None:
    other = run_whole(tmp_path, replace(SAVING, epoch_weights=None))
    assert other.weights_path.read_bytes() == saving.weights_path.read_bytes()


@pytest.mark.parametrize("step", [1, 7, 10, 14, 20])
def test_those_of_a_resumed_run_are_bit_equal(saving: Run, tmp_path: Path, step: int) -> None:
    run = store.create_run(tmp_path, SAVING)
    assert run_until(run, step, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(saving, reread(run))


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_run_that_ended_as_it_saved_them_goes_on_bit_for_bit(
    saving: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    save = RunRecorder.save_epoch
    monkeypatch.setattr(
        RunRecorder,
        "save_epoch",
        lambda self, classifier, now: (
            raising(OSError("ended"))() if now == epoch else save(self, classifier, now)
        ),
    )
    run = store.create_run(tmp_path, SAVING)
    fails(tmp_path, run=run)
    assert reread(run).epochs_with_weights() == list(range(epoch))
    monkeypatch.undo()
    assert run_until(run, 100, "pause") == "finished"
    same_result(saving, reread(run))


def test_damage_is_noticed(saving: Run, tmp_path: Path) -> None:
    run = run_whole(tmp_path, replace(SAVING, epochs=1))
    assert check_run(run).problems == check_run(run).unchecked == ()
    path = run.epoch_weights_path(1)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert check_run(run).problems == (
        "The file epoch-0001.safetensors is damaged (its checksum differs); restore it from a "
        "copy.",
    )
    with pytest.raises(ValueError, match="is damaged"):
        Classifier.load(path)


def test_other_files_are_no_epochs(saving: Run, tmp_path: Path) -> None:
    run = replace(saving, folder=tmp_path)
    run.epoch_weights_folder.mkdir()
    for name in ("epoch-0002", "epoch-x", "epoch-00031", "other", "epoch-0001"):
        (run.epoch_weights_folder / f"{name}.safetensors").touch()
    assert run.epochs_with_weights() == [1, 2]
