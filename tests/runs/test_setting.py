"""What is said of each setting: complete, and the same in form, command line and docs."""

import dataclasses
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest

from fmnist.runs.config import TrainConfig
from fmnist.runs.setting import Setting, format_value

SETTINGS = TrainConfig.settings()
GROUPS = ("Model and data", "Optimization", "Regularization", "Computation and evaluation")


def test_every_field_is_a_setting() -> None:
    assert list(SETTINGS) == [field.name for field in dataclasses.fields(TrainConfig)]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_all_that_form_and_help_show(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.title and setting.title[0].isupper()
    assert setting.help.endswith(".") and setting.help[0].isupper()
    assert setting.group in GROUPS
    assert (setting.applies is None) == (setting.when == "")
    if setting.kind in ("choice", "choices"):
        assert setting.titles and all(setting.titles.values())
        assert len(set(setting.titles.values())) == len(setting.titles)
    elif setting.kind not in ("runs", "checksum"):
        assert setting.low is not None and setting.high is not None and setting.low < setting.high
        assert setting.kind == "integer" or setting.step


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if s.titles and n != "model"])
def test_choices_are_those_of_the_type(name: str) -> None:
    hint: Any = get_type_hints(TrainConfig)[name]
    arguments = [a for part in (hint, *get_args(hint)) for a in (get_args(part) or (part,))]
    words = {a for a in arguments if isinstance(a, str)}
    assert words == {value for value in SETTINGS[name].titles if value is not None}
    assert (None in SETTINGS[name].titles) == (type(None) in arguments)


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if s.applies])
def test_whether_a_setting_has_an_effect_depends_on_others(name: str) -> None:
    with_all = SimpleNamespace(
        **vars(TrainConfig())
        | {"optimizer": "sgd", "schedule": "cosine", "augmentation": ("shift", "cutout"),
           "low_res_side": 14, "batch_mix": "mixup", "teachers": ("a",)}
    )  # fmt: skip
    with_none = SimpleNamespace(**vars(TrainConfig()) | {"protocol": "full"})
    if name == "epoch_share":  # the one that goes without the others
        with_all, with_none = with_none, with_all
    if name == "measure_test":
        with_none.protocol = "notebook"
    assert SETTINGS[name].has_effect(with_all) and not SETTINGS[name].has_effect(with_none)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "3", 3), ("epochs", "3.5", "3.5"), ("epochs", "none", "none"),
        ("learning_rate", "1e-3", 0.001), ("learning_rate", "1", 1), ("ema", "x", "x"),
        ("patience", "none", None), ("patience", "4", 4),
        ("tta", "none", None), ("tta", "flip", "flip"), ("model", "none", "none"),
    ],
)  # fmt: skip
def test_words_of_the_command_line_become_values(name: str, text: str, value: object) -> None:
    parsed = SETTINGS[name].parse(text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    ("value", "text"), [((), "none"), (None, "none"), (("a", "b"), "a b"), (3, "3"), (0.5, "0.5")]
)
def test_values_become_words_of_the_command_line(value: object, text: str) -> None:
    assert format_value(value) == text


def test_values_are_named_in_words() -> None:
    def values(**about: Any) -> str:
        return Setting("number", "T", "H.", "Optimization", **about).values

    assert values(low=0, high=0.9) == "between 0 and 0.9"
    assert values(low=0, high=1, excludes_low=True) == "above 0 and at most 1"
    assert values(low=0, high=1, excludes_high=True) == "at least 0 and below 1"
    assert SETTINGS["subset"].values == "between 10 and 60000, or none"
    assert SETTINGS["batch_mix"].values == "none, mixup, cutmix"
    assert SETTINGS["augmentation"].values == "some of flip, shift, rotate, rand, erase, cutout"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("augmentation", ("flip", "rand"), "Flip, RandAugment"),
        ("augmentation", (), "None"),
        ("teachers", ("strong", "small"), "strong, small"),
        ("subset", None, "All"),
        ("subset", 5000, "5,000"),
        ("batch_mix", None, "None"),
        ("checkpoint", "last", "Last epoch"),
        ("learning_rate", 0.003, "0.003"),
        ("label_smoothing", 0.0, "0"),
    ],
)
def test_values_in_words(name: str, value: object, words: str) -> None:
    assert TrainConfig.settings()[name].in_words(value) == words
