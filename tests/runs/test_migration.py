"""config.json as earlier versions wrote it."""

import json
from typing import Any

import pytest

from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.migration import migrate_document, migrate_settings

# artifacts/pretrained/strong/config.json as version 0.1.0 wrote it
STRONG = """{
  "created": 1795542890.842694,
  "config": {
    "model": "residual-large", "dataset": "fashion-mnist", "protocol": "held-out",
    "epochs": 40, "batch_size": 128, "learning_rate": 0.002, "optimiser": "adamw",
    "weight_decay": 0.05, "schedule": "one-cycle", "augmentation": "flip-shift-erase",
    "mixing": "none", "mixing_share": 1.0, "teacher": "residual-large-0", "teacher_share": 0.9,
    "label_smoothing": 0.1, "ema": 0.999, "patience": null, "keep": "best", "precision": "auto",
    "views": "flip-shift", "drawings": "none", "seed": 0, "subset": null, "log_every": 100
  },
  "dataset": {"name": "fashion-mnist", "checksum": "ca3a", "source": "Fashion-MNIST"},
  "environment": {"fmnist": "0.1.0", "torch": "2.15.0"},
  "teacher": {"run_id": "residual-large-0", "weights": "5494"}
}"""
# settings of a run with cutout and a warm-up, which has a checkpoint of the third format
LONG = """{
  "model": "preact-resnet", "dataset": "fashion-mnist", "protocol": "held-out", "epochs": 100,
  "batch_size": 128, "learning_rate": 0.1, "optimiser": "sgd", "weight_decay": 0.0004,
  "schedule": "cosine", "warmup_epochs": 2, "augmentation": "flip-shift-cutout",
  "shift_pixels": 4, "cutout_side": 14, "low_res_side": null, "low_res_share": 0.6,
  "mixing": "none", "mixing_share": 1.0, "teacher": "none", "teacher_share": 0.9,
  "label_smoothing": 0.1, "ema": 0.999, "patience": null, "keep": "best", "precision": "auto",
  "views": "flip-shift", "drawings": "none", "seed": 0, "subset": null, "log_every": 100
}"""
SKETCH: dict[str, Any] = {
    "model": "fashion-cnn-unnormalised", "dataset": "drawn-garments", "keep": "last",
    "augmentation": "none", "mixing": "cutmix", "mixing_share": 0.5, "teacher": "a+b",
    "views": "one", "drawings": "doodles",
}  # fmt: skip


def test_a_document_of_version_0_1_0() -> None:
    document = migrate_document(json.loads(STRONG))
    assert TrainConfig.from_json(document["config"]) == TrainConfig(
        model="residual-large", epochs=40, learning_rate=0.002, optimizer="adamw",
        weight_decay=0.05, schedule="one-cycle", augmentation=("flip", "shift", "erase"),
        teachers=("residual-large-0",), label_smoothing=0.1, ema=0.999, precision="auto",
        tta="flip-shift",
    )  # fmt: skip
    assert document["teachers"] == [{"run_id": "residual-large-0", "weights": "5494"}]
    assert "teacher" not in document and document["environment"]["torch"] == "2.15.0"
    assert set(document["config"]) < set(TrainConfig().to_json())


def test_settings_of_a_long_training() -> None:
    assert TrainConfig.from_json(json.loads(LONG)) == TrainConfig(
        model="preact-resnet", epochs=100, learning_rate=0.1, optimizer="sgd",
        weight_decay=0.0004, schedule="cosine", warmup_epochs=2,
        augmentation=("flip", "shift", "cutout"), shift_pixels=4, label_smoothing=0.1, ema=0.999,
        precision="auto", tta="flip-shift",
    )  # fmt: skip


def test_words_become_lists_and_none() -> None:
    assert TrainConfig.from_json(SKETCH) == TrainConfig(
        model="fashion-cnn-unnormalized", dataset="synthetic-garments",
        checkpoint="last", augmentation=(), batch_mix="cutmix", mix_probability=0.5,
        teachers=("a", "b"), tta=None, training_drawings="non-garments",
    )  # fmt: skip


def test_an_ensemble_loses_the_settings_of_its_first_member() -> None:
    document = migrate_document({"config": SKETCH | {"model": "residual+fashion-cnn-unnormalised"}})
    assert document["config"] == {
        "models": ["residual", "fashion-cnn-unnormalized"], "dataset": "synthetic-garments",
        "checkpoint": "last", "tta": None,
    }  # fmt: skip
    assert migrate_document(document) == document


def test_several_teachers_and_the_other_data_set() -> None:
    document = migrate_document(
        {
            "config": SKETCH,
            "dataset": {"name": "drawn-garments", "checksum": "1", "source": "Drawn garments"},
            "teacher": {"run_id": "a+b", "weights": "1+2"},
        }
    )
    assert document["teachers"] == [
        {"run_id": "a", "weights": "1"}, {"run_id": "b", "weights": "2"}
    ]  # fmt: skip
    assert document["dataset"] == {
        "name": "synthetic-garments", "checksum": "1", "source": "Synthetic garments"
    }  # fmt: skip


def test_a_run_from_before_precisions_was_computed_in_float32() -> None:
    document = migrate_document({"config": {"model": "fashion-cnn", "epochs": 20}})
    assert TrainConfig.from_json(document["config"]) == TrainConfig(precision="float32")


@pytest.mark.parametrize("config", [TrainConfig(), TrainConfig(teachers=("a",), tta="flip")])
def test_todays_files_stay_as_they_are(config: TrainConfig) -> None:
    document = {"created": 1.0, "config": config.to_json(), "members": ["a"]}
    assert migrate_document(document) == document
    assert migrate_settings(config.to_json()) == config.to_json()


@pytest.mark.parametrize("document", [None, [], 3, "text", {"config": 3, "dataset": [], "x": 1}])
def test_what_is_not_known_stays_for_the_reader_to_refuse(document: object) -> None:
    assert migrate_document(document) == document


def test_an_old_name_beside_its_new_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="^keep: is no setting"):
        TrainConfig.from_json({"keep": "last", "checkpoint": "best"})
