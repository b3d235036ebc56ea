"""Settings: their defaults, what is refused and how, JSON."""

import dataclasses
import json
from typing import Any

import pytest

from fmnist.models.registry import MODELS
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.recipes import RECIPES, recipe

CHANGED = TrainConfig(
    model="residual",
    dataset="synthetic-garments",
    protocol="held-out",
    epochs=3,
    batch_size=64,
    learning_rate=0.01,
    optimizer="adamw",
    weight_decay=0.05,
    schedule="one-cycle",
    warmup_epochs=2,
    augmentation=("flip", "shift"),
    shift_pixels=4,
    cutout_side=12,
    low_res_side=20,
    low_res_share=0.5,
    batch_mix="cutmix",
    mix_probability=0.5,
    teachers=("strong", "other"),
    distillation_weight=0.5,
    label_smoothing=0.1,
    ema=0.999,
    patience=None,
    checkpoint="last",
    precision="bfloat16",
    tta="flip",
    epoch_weights="float16",
    followed_images=500,
    training_drawings="non-garments",
    seed=5,
    subset=500,
    log_every=7,
    compile="default",
    tensorboard="scalars",
)


def test_defaults_are_the_original_recipe() -> None:
    assert TrainConfig() == TrainConfig(
        model="fashion-cnn",
        dataset="fashion-mnist",
        protocol="held-out",
        epochs=20,
        batch_size=128,
        epoch_share=1.0,
        learning_rate=1e-3,
        optimizer="adam",
        weight_decay=0.0,
        schedule="constant",
        warmup_epochs=None,
        augmentation=(),
        shift_pixels=2,
        cutout_side=14,
        low_res_side=None,
        low_res_share=0.6,
        batch_mix=None,
        mix_probability=1.0,
        teachers=(),
        distillation_weight=0.9,
        label_smoothing=0.0,
        ema=0.0,
        patience=None,
        checkpoint="best",
        precision="bfloat16-on-gpu",
        tta=None,
        epoch_weights=None,
        training_drawings=None,
        seed=0,
        subset=None,
        log_every=100,
    )


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().epochs = 3  # type: ignore[misc]


NUMBERS = (
    "epochs", "batch_size", "learning_rate", "weight_decay", "seed", "subset", "log_every",
    "mix_probability", "distillation_weight", "epoch_share", "label_smoothing", "ema", "patience",
    "warmup_epochs", "shift_pixels", "cutout_side", "low_res_side", "low_res_share",
    "left_out_fold",
)  # fmt: skip
NO_NUMBERS: tuple[Any, ...] = (True, False, "1", [1], {}, float("nan"), float("inf"), -float("inf"))
CHOICES = (
    "model", "dataset", "protocol", "optimizer", "schedule", "augmentation", "precision",
    "training_drawings", "batch_mix", "tta", "checkpoint", "epoch_weights",
)  # fmt: skip
NO_CHOICES: tuple[Any, ...] = ("", "other", 1, True, ["adam"], {})
IMPOSSIBLE: list[tuple[str, Any]] = [
    *((name, value) for name in NUMBERS for value in NO_NUMBERS),
    *((name, None) for name in NUMBERS
      if name not in ("subset", "patience", "warmup_epochs", "low_res_side", "left_out_fold")),
    *((name, 2.0) for name in NUMBERS),
    *((name, -1) for name in NUMBERS),
    *((name, 10**400) for name in NUMBERS),
    *((name, value) for name in CHOICES for value in NO_CHOICES),
    *((name, None) for name in CHOICES
      if name not in ("training_drawings", "batch_mix", "tta", "epoch_weights")),
    ("epochs", 0), ("epochs", 1001),
    ("batch_size", 0), ("batch_size", 4097),
    ("learning_rate", 0), ("learning_rate", 0.0), ("learning_rate", 1.0000001),
    ("weight_decay", 1.01), ("weight_decay", 0.1),  # Adam takes none
    ("seed", 2**32),
    ("augmentation", ("flip", "flip")), ("augmentation", ("shift", "flip")),
    ("augmentation", ("flip", "none")), ("augmentation", ("flip", None)),
    ("mix_probability", 0), ("distillation_weight", 0), ("teachers", ("",)),
    ("teachers", None), ("teachers", 1), ("teachers", (1,)),
    ("label_smoothing", 0.91), ("ema", 1), ("patience", 0), ("patience", 1001),
    ("warmup_epochs", 0), ("warmup_epochs", 20), ("shift_pixels", 0), ("shift_pixels", 15),
    ("cutout_side", 0), ("cutout_side", 29), ("low_res_side", 7), ("low_res_side", 28),
    ("low_res_share", 0), ("epoch_share", 0),
    ("left_out_fold", 0), ("left_out_fold", 6),
    ("followed_images", 9), ("followed_images", 10_001),
    ("corrections", ""), ("corrections", 1), ("corrections", "0" * 63), ("corrections", "G" * 64),
    ("subset", 0), ("subset", 9), ("subset", 60_001),
    ("log_every", 0), ("log_every", 10_001),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_an_impossible_value_is_refused_by_its_name(name: str, value: Any) -> None:
    for build in (lambda v: TrainConfig(**v), TrainConfig.from_json):
        with pytest.raises(ConfigError) as caught:
            build({name: value})
        assert caught.value.field == name
        assert str(caught.value).startswith(f"{name}: ")
        assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 1), ("epochs", 1000),
        ("batch_size", 1), ("batch_size", 4096),
        ("learning_rate", 1), ("learning_rate", 1e-12),
        ("weight_decay", 0), ("weight_decay", 0.0),
        ("seed", 0), ("seed", 2**32 - 1),
        ("mix_probability", 1), ("distillation_weight", 1),
        ("epoch_share", 1), ("epoch_share", 0.01),
        ("label_smoothing", 0), ("label_smoothing", 0.9), ("ema", 0.9999),
        ("patience", None), ("patience", 1),
        ("augmentation", ("flip", "shift", "rotate", "rand", "erase", "cutout")),
        ("training_drawings", None), ("batch_mix", None), ("tta", None), ("epoch_weights", None),
        ("warmup_epochs", None), ("warmup_epochs", 1), ("warmup_epochs", 19),
        ("shift_pixels", 1), ("shift_pixels", 14), ("cutout_side", 1), ("cutout_side", 28),
        ("low_res_side", None), ("low_res_side", 8), ("low_res_side", 27), ("low_res_share", 1),
        ("subset", None), ("subset", 10), ("subset", 60_000),
        ("followed_images", None), ("followed_images", 10), ("followed_images", 10_000),
        ("log_every", 1), ("log_every", 10_000),
    ],
)  # fmt: skip
def test_the_ends_of_each_range_are_allowed(name: str, value: Any) -> None:
    assert getattr(TrainConfig.from_json({name: value}), name) == value


@pytest.mark.parametrize("config", [TrainConfig(), CHANGED])
def test_json_and_back(config: TrainConfig) -> None:
    text = json.dumps(config.to_json())
    assert TrainConfig.from_json(json.loads(text)) == config
    assert list(json.loads(text)) == [field.name for field in dataclasses.fields(TrainConfig)]


def test_every_field_counts() -> None:
    # a field that is lost on the way would still pass the round trip of its default
    defaults = TrainConfig().to_json()
    same = [name for name, value in CHANGED.to_json().items() if value == defaults[name]]
    # these go with one protocol, one choice, no mixing only
    assert same == [
        "protocol",
        "epoch_share",
        "patience",
        "measure_test",
        "corrections",
        "left_out_fold",
    ]
    assert TrainConfig.from_json({"epoch_share": 0.5}).epoch_share == 0.5
    assert TrainConfig.from_json({"protocol": "notebook"}).protocol == "notebook"
    assert TrainConfig.from_json({"patience": 3}).patience == 3
    assert TrainConfig.from_json({"left_out_fold": 5}).left_out_fold == 5
    assert TrainConfig.from_json({"corrections": "a" * 64}).corrections == "a" * 64


def test_adamw_takes_weight_decay() -> None:
    assert TrainConfig(optimizer="adamw", weight_decay=1.0).weight_decay == 1


@pytest.mark.parametrize("other", [{"batch_mix": "mixup"}, {"teachers": ("strong",)}])
def test_images_are_not_selected_with_mixing_or_a_teacher(other: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="epoch_share: must be 1 with batch mixing or teachers"):
        TrainConfig(epoch_share=0.5, **other)


def test_muon_takes_no_weight_decay() -> None:
    with pytest.raises(ConfigError, match="the optimizer muon takes none"):
        TrainConfig(optimizer="muon", weight_decay=0.05)


def test_folds_are_for_the_held_out_protocol() -> None:
    with pytest.raises(ConfigError, match="^left_out_fold: needs the held-out protocol"):
        TrainConfig(left_out_fold=1, protocol="notebook")


def test_patience_on_the_test_split_is_refused() -> None:
    with pytest.raises(ConfigError, match="^patience: needs the held-out protocol"):
        TrainConfig(protocol="notebook", patience=3)
    with pytest.raises(ConfigError, match="^patience: needs the best epoch"):
        TrainConfig(checkpoint="last", patience=3)


def test_the_full_protocol_keeps_the_last_epoch() -> None:
    assert TrainConfig(protocol="full", checkpoint="last").checkpoint == "last"
    with pytest.raises(ConfigError, match='^checkpoint: must be "last" under the full protocol'):
        TrainConfig(protocol="full")
    with pytest.raises(ConfigError, match="^patience: needs the held-out protocol"):
        TrainConfig(protocol="full", checkpoint="last", patience=3)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_s_own_recipe_trains_it(model: str) -> None:
    config = TrainConfig(**recipe("own", model))
    assert config.model == model
    assert vars(config).items() >= MODELS[model].recipe.items()


def test_a_recipe_can_train_another_model() -> None:
    assert recipe("sketch", "mlp") == {**RECIPES["sketch"], "model": "mlp"}
    assert recipe("own") == {}
    with pytest.raises(ConfigError, match="^model: must be one of"):
        recipe("own", "vgg")


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_settings(name: str) -> None:
    assert vars(TrainConfig(**RECIPES[name])).items() >= RECIPES[name].items()


def test_absent_fields_keep_their_defaults() -> None:
    assert TrainConfig.from_json({"epochs": 3}) == TrainConfig(epochs=3)


def test_an_unknown_field_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"^momentum: is no setting; known are model, ") as caught:
        TrainConfig.from_json({"momentum": 0.9})
    assert caught.value.field == "momentum"


@pytest.mark.parametrize("values", [None, [], ["epochs"], 3, "epochs", True])
def test_settings_must_be_an_object(values: object) -> None:
    with pytest.raises(ConfigError, match="^config: must be an object") as caught:
        TrainConfig.from_json(values)
    assert caught.value.field == "config"


@pytest.mark.parametrize(
    ("student", "teachers"),
    [
        ("held-out", ["held-out"]),
        ("full", ["held-out", "full"]),
        ("notebook", ["held-out", "full", "notebook"]),
    ],
)
def test_a_teacher_has_seen_nothing_that_is_kept_apart(student: str, teachers: list[str]) -> None:
    def under(protocol: str, dataset: str = "fashion-mnist") -> TrainConfig:
        return TrainConfig.from_json(
            {"protocol": protocol, "dataset": dataset, "checkpoint": "last"}
        )

    protocols = ["held-out", "full", "notebook"]
    assert [p for p in protocols if under(student).may_learn_from(under(p))] == teachers
    # of other images it may have seen all
    assert under(student).may_learn_from(under("notebook", "synthetic-garments"))


def test_epochs_after_a_step() -> None:
    config = TrainConfig(epochs=4)
    assert [config.epochs_after(step, steps=400) for step in (0, 50, 100, 400)] == [0, 0.5, 1, 4]
    shorter = dataclasses.replace(config, epoch_share=0.5)  # 200, 100, 100 and 100 steps
    done = [shorter.epochs_after(step, steps=500) for step in (100, 200, 250, 500)]
    assert done == pytest.approx([0.5, 1, 1.5, 4])
    assert config.epochs_after(0, steps=0) == 0  # before the first step


def test_the_epoch_in_which_the_share_of_reduced_images_ends_is_whole() -> None:
    def reduced(epochs: int, share: float) -> int:
        config = TrainConfig(epochs=epochs, low_res_side=20, low_res_share=share)
        return sum(config.is_low_res(epoch) for epoch in range(1, epochs + 1))

    assert [reduced(12, share) for share in (0.05, 0.25, 0.6, 1.0)] == [0, 3, 7, 12]
    # one that ends with an epoch includes it, though 0.29 * 100 is below 29
    assert [reduced(100, percent / 100) for percent in range(1, 101)] == list(range(1, 101))
    assert not TrainConfig().is_low_res(1)
