"""Images of a training: subset, drawings, smaller images."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fmnist.data.corrections import Corrections
from fmnist.data.splits import FOLDS
from fmnist.data.synthetic import TrainingDrawings
from fmnist.evaluation.predictions import Evaluation
from fmnist.models.classifier import Classifier
from fmnist.models.networks import swift
from fmnist.models.networks.swift import Swift
from fmnist.runs import corrections, store
from fmnist.training.data import left_out_split, monitored_images, num_outputs, training_split
from fmnist.training.loop import Outcome, Signal
from tests.training.helpers import CONFIG, reread, run_until, run_whole
from tools.small import small_dataset


def test_a_subset_is_spread_over_the_classes() -> None:
    split = training_split(CONFIG, small_dataset())
    assert np.bincount(split.labels).tolist() == [20] * 10
    held_out = small_dataset().split("validation").indices
    assert not set(split.indices) & set(held_out)


def test_folds_leave_each_image_out_once_and_predict_it(tmp_path: Path) -> None:
    dataset = small_dataset()
    train = dataset.split("train")
    left_out = []
    for fold in range(1, FOLDS + 1):
        config = replace(CONFIG, subset=None, left_out_fold=fold)
        outside = left_out_split(config, dataset)
        assert outside is not None
        inside = training_split(config, dataset)
        assert sorted([*inside.indices, *outside.indices]) == train.indices.tolist()
        left_out += outside.indices.tolist()
    assert sorted(left_out) == train.indices.tolist()
    assert left_out_split(CONFIG, dataset) is None
    run = run_whole(tmp_path, replace(config, model="logistic", epochs=1))
    found = Evaluation.load(run.evaluation_path("train"))
    assert outside is not None
    assert np.array_equal(found.indices, outside.indices)
    assert np.array_equal(found.labels, outside.labels)
    classifier = Classifier.load(run.weights_path)
    assert np.allclose(classifier.logits(outside.images), found.logits, atol=0.02)
    assert not run_whole(tmp_path, replace(CONFIG, epochs=1)).evaluation_path("train").exists()


def test_a_run_trains_with_its_corrections_and_measures_without(
    tmp_path: Path, own_artifacts: Path
) -> None:
    dataset = small_dataset()
    split = training_split(CONFIG, dataset)
    validation = dataset.split("validation")
    gone, changed = int(split.indices[0]), int(split.indices[1])
    changes = Corrections.of(
        CONFIG.dataset,
        relabeled={changed: (int(split.labels[1]) + 1) % 10},
        excluded=[gone, *validation.indices.tolist()],
    )
    corrected = training_split(CONFIG, dataset, changes)
    assert len(corrected) == len(split) - 1
    assert (corrected.labels != split.labels[1:]).sum() == 1
    corrections.keep(changes)
    config = replace(CONFIG, model="logistic", epochs=1)
    run = run_whole(tmp_path / "runs", replace(config, corrections=changes.checksum))
    control = run_whole(tmp_path / "runs", config)
    assert run.weights_path.read_bytes() != control.weights_path.read_bytes()
    for name in ("validation", "test"):
        found = Evaluation.load(run.evaluation_path(name))
        known = Evaluation.load(control.evaluation_path(name))
        assert np.array_equal(found.labels, known.labels)
    assert f"{len(split) - 1:,} images an epoch" in run.events_path.read_text()


@pytest.mark.parametrize(("signal", "outcome"), [("pause", "paused"), ("stop", "stopped")])
def test_a_signal_while_the_drawings_are_made_is_heard_and_the_run_can_go_on(
    tmp_path: Path, own_artifacts: Path, signal: Signal, outcome: Outcome
) -> None:
    config = replace(
        CONFIG, model="logistic", training_drawings="non-garments", subset=40, epochs=1
    )
    run = store.create_run(tmp_path / "runs", config)
    assert run_until(run, 0, signal) == outcome
    run = reread(run)
    assert not run.checkpoint_path.exists() and not run.history.epochs
    assert run_until(run, 100, "pause") == "finished"
    # 40 photographs twice, 40 outlines, 80 sketches, 80 non-garments
    assert reread(run).progress.steps == math.ceil(280 / 32)


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


def test_the_full_protocol_monitors_images_that_are_trained_on() -> None:
    config = replace(CONFIG, protocol="full", checkpoint="last", subset=200)
    monitored = monitored_images(config, small_dataset())
    trained = training_split(config, small_dataset())
    assert len(monitored) == 17  # a twelfth
    assert set(monitored.indices.tolist()) <= set(trained.indices.tolist())


@pytest.mark.parametrize(
    ("drawings", "outputs"),
    [(None, 10), ("outlines", 10), ("sketches", 10), ("non-garments", 11), ("phone-photos", 11)],
)
def test_non_garments_have_an_output_of_their_own(
    drawings: TrainingDrawings | None, outputs: int
) -> None:
    config = replace(CONFIG, training_drawings=drawings)
    assert num_outputs(config) == outputs
    assert config.has_ood_class == (outputs == 11)
