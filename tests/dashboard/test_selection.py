"""The selection, its address and its texts."""

import math
from dataclasses import fields, replace

import pytest

from fmnist.dashboard.selection import Selection, from_address, in_words
from fmnist.evaluation.filters import Filters
from fmnist.evaluation.image_sets import ImageSet

CHOSEN = ImageSet.of("fashion-mnist", "validation", (3, 59_999))

FULL = Selection(
    run="fashion-cnn",
    compared="fashion-cnn-notebook",
    split="validation",
    epoch=3,
    true=(0, 6),
    predicted=(2, 10),
    correctness="all",
    confidence=(0.55, 0.6),
    margin=(0.0, 0.05),
    entropy=(1.1, math.log(10)),
    error_type="ambiguous",
    verdict="label-wrong",
    group="only-b",
    images=CHOSEN,
    sort="loss",
    order="up",
    image=59_999,
    runs=("fashion-cnn", "20261124-113445-logistic-8700"),
    subject="average",
    method="occlusion",
    why=6,
    against="true",
    panel="Size and time",
    curve="loss",
    axis="minutes",
    sweep="20261127-080000-sweep",
)


def test_every_field_is_changed_in_the_full_selection() -> None:
    default = Selection()
    assert all(getattr(FULL, f.name) != getattr(default, f.name) for f in fields(Selection))


def test_the_address_says_it_all() -> None:
    assert from_address(FULL.to_address()) == (FULL, [])


@pytest.mark.parametrize("name", [f.name for f in fields(Selection)])
def test_each_field_comes_back_alone(name: str) -> None:
    one = replace(Selection(), **{name: getattr(FULL, name)})
    assert list(one.to_address()) == [name]
    assert from_address(one.to_address()) == (one, [])


def test_the_default_needs_no_address() -> None:
    assert Selection().to_address() == {}
    assert from_address({}) == (Selection(), [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("true", "10"), ("true", "-1"), ("true", "shirt"), ("predicted", ""), ("predicted", "15"),
        ("epoch", "-3"), ("epoch", "three"), ("image", "1e3"), ("image", "99999999999"),
        ("confidence", "0.9~0.1"), ("confidence", "0~2"), ("confidence", "0.5"),
        ("margin", "nan~1"), ("entropy", "0~9"), ("entropy", "a~b"),
        ("split", "holdout"), ("correctness", "maybe"), ("error_type", "odd"), ("verdict", "nice"),
        ("group", "both"), ("sort", "color"), ("order", "sideways"),
        ("runs", ""), ("runs", "a~~b"), ("method", "guess"),
        ("why", "15"), ("why", "2-3"), ("against", "shirt"), ("curve", "recall"), ("axis", "hours"),
        ("images", ""), ("images", "5"), ("images", "fashion-mnist.test."),
        ("images", "fashion-mnist.holdout.eJxjAAAAAQAB"), ("images", "mnist.test.eJxjAAAAAQAB"),
    ],
)  # fmt: skip
def test_unknown_values_are_ignored_and_named(name: str, text: str) -> None:
    selection, ignored = from_address({name: text, "sort": "margin"} | {name: text})
    expected = Selection() if name == "sort" else Selection(sort="margin")
    assert selection == expected
    assert ignored == [f"{name} {text!r}"]


def test_long_nonsense_is_cut() -> None:
    _, ignored = from_address({"error_type": "x" * 10_000})
    assert len(ignored[0]) < 60


def test_parameters_of_others_are_none_of_ours() -> None:
    assert from_address({"utm_source": "mail", "embed": "true"}) == (Selection(), [])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("true", (0, 6), "True: T-shirt/top, Shirt"),
        ("correctness", "wrong", "Misclassified"),
        ("confidence", (0.55, 0.6), "Confidence 55% to 60%"),
        ("entropy", (0.1, math.log(10)), "Entropy 0.10 to 2.30"),
        ("error_type", "random", "Random errors"),
        ("verdict", "none", "No verdict yet"),
        ("verdict", "label-wrong", "Verdict: Label looks wrong"),
        ("group", "only-a", "Only this run correct"),
        ("epoch", 3, "Epoch 3"),
        ("images", CHOSEN, "2 images selected"),
    ],
)
def test_chips_say_what_they_filter(name: str, value: object, words: str) -> None:
    assert in_words(name, value) == words


def test_an_older_link_still_filters_by_error_type() -> None:
    assert from_address({"kind": "random"}) == (Selection(error_type="random"), [])


def test_filters_of_the_default_are_the_misclassified_images() -> None:
    assert Selection().filters() == Filters(correctness="wrong")
    assert Selection().active_filters() == {"correctness": "wrong"}
    assert Selection(correctness="all").active_filters() == {}


def test_filters_leave_out_what_is_named() -> None:
    chosen = FULL.filters(without=("true", "confidence"))
    assert chosen == replace(FULL.filters(), true=(), confidence=None)
    assert chosen.group == "only-b"
