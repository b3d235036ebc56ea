"""What a sweep can try: words of the command line, checks, settings that depend on others."""

from dataclasses import replace

import pytest
from optuna.trial import FixedTrial

from fmnist.runs.config import TrainConfig
from fmnist.sweeps.space import (
    Options,
    Range,
    Space,
    SweepError,
    check_space,
    combinations_of,
    in_order,
    parse_search,
    searchable,
    sets_of,
    suggest,
)
from tests.sweeps.fake import BASE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=1e-4..0.1:log", ("learning_rate", Range(1e-4, 0.1, True))),
        ("learning-rate=0.1..0.2", ("learning_rate", Range(0.1, 0.2))),
        ("epochs=5..20", ("epochs", Range(5, 20))),
        ("batch_size=32,64", ("batch_size", Options((32, 64)))),
        ("optimizer=adam, sgd", ("optimizer", Options(("adam", "sgd")))),
        ("batch_mix=none,mixup", ("batch_mix", Options((None, "mixup")))),
        ("warmup_epochs=none,2", ("warmup_epochs", Options((None, 2)))),
        ("augmentation=none,flip,flip shift",
         ("augmentation", Options(((), ("flip",), ("flip", "shift"))))),
    ],
)  # fmt: skip
def test_words_of_the_command_line(text: str, expected: tuple[str, Range | Options]) -> None:
    name, search = parse_search(text)
    assert (name, search) == expected
    check_space(replace(BASE, schedule="cosine", epochs=30), {name: search})
    assert parse_search(f"{name}={search}") == expected  # as it is shown to people


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed=1,2", "no setting that a sweep can try"),
        ("speed=1,2", "no setting that a sweep can try"),
        ("learning_rate=low..high", "is no range"),
        ("learning_rate=0.1", "at least two values"),
        ("learning_rate=0.1,0.1", "each once"),
        ("learning_rate=0.2..0.1", "a lower and a higher end"),
        ("learning_rate=0.1..nan", "a lower and a higher end"),
        ("learning_rate=0.1..2", "must be above 0"),
        ("epochs=1.5..3", "whole numbers"),
        ("epochs=1..3000", "between 1 and 1000"),
        ("weight_decay=0..0.1:log", "begin above 0"),
        ("optimizer=1..2", "has no range"),
        ("optimizer=adam,adagrad", "must be one of"),
        ("optimizer=", "at least two values"),
    ],
)
def test_what_cannot_be_tried_is_told(text: str, told: str) -> None:
    with pytest.raises(SweepError, match=told):
        check_space(BASE, dict([parse_search(text)]))


def test_only_validation_images_choose() -> None:
    space: Space = {"epochs": Range(1, 3)}
    with pytest.raises(SweepError, match="held-out protocol"):
        check_space(replace(BASE, protocol="notebook"), space)
    with pytest.raises(SweepError, match="held-out protocol"):
        check_space(replace(BASE, protocol="full", checkpoint="last"), space)
    with pytest.raises(SweepError, match="at least one setting"):
        check_space(BASE, {})
    config = suggest(FixedTrial({"epochs": 2}), BASE, space)
    assert config == replace(BASE, epochs=2, measure_test="later")


def test_what_is_measured_or_luck_is_not_searched() -> None:
    assert not {"protocol", "dataset", "seed", "tta", "measure_test", "teachers"} & {*searchable()}
    assert {"learning_rate", "optimizer", "augmentation", "model"} <= {*searchable()}


def test_a_setting_without_an_effect_is_not_asked_for() -> None:
    space: Space = {
        "weight_decay": Range(0.01, 0.1),
        "optimizer": Options(("adam", "adamw")),
    }
    assert in_order(space) == ["optimizer", "weight_decay"]
    base = replace(BASE, optimizer="adamw", weight_decay=0.05)
    trial = FixedTrial({"optimizer": "adam", "weight_decay": 0.02})
    assert suggest(trial, base, space).weight_decay == 0.0
    assert trial.params == {"optimizer": "adam"}
    trial = FixedTrial({"optimizer": "adamw", "weight_decay": 0.02})
    assert suggest(trial, base, space).weight_decay == 0.02


def test_a_grid_has_each_possible_combination_once() -> None:
    space: Space = {
        "optimizer": Options(("adam", "sgd")),
        "weight_decay": Options((0.0, 0.1)),
        "schedule": Options(("constant", "cosine")),
        "warmup_epochs": Options((None, 9)),  # more than there are epochs
    }
    found = combinations_of(BASE, space)
    assert len(found) == len({tuple(params.items()) for params in found}) == 6
    assert all(("weight_decay" in params) == (params["optimizer"] == "sgd") for params in found)
    with pytest.raises(SweepError, match="epochs has a range"):
        combinations_of(BASE, {"epochs": Range(1, 3)})
    with pytest.raises(SweepError, match="10,000"):
        combinations_of(
            BASE,
            {name: Options(tuple(range(1, 102))) for name in ("batch_size", "epochs")},
        )


def test_sets_of_augmentations() -> None:
    found = sets_of(TrainConfig.settings()["augmentation"], ("flip", "shift", "rotate"))
    assert found[0] == () and ("flip", "shift") in found and found[-1] == (
        "flip", "shift", "rotate",
    )  # fmt: skip
    for chosen in found:
        TrainConfig.from_json({"augmentation": [*chosen]})  # in their order
