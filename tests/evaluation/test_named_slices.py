"""Named slices: kept, renamed, deleted and brought back, exported and imported, measured."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.named_slices import (
    Imported,
    NamedSlice,
    SliceError,
    SliceStore,
    accuracy_on,
    differences,
)
from fmnist.evaluation.significance import Correctness, mcnemar
from fmnist.evaluation.slices import Slice

DARK = NamedSlice("Dark shirts", "fashion-mnist", Slice(6, "brightness", -np.inf, 0.25))
LARGE = NamedSlice("Large", "fashion-mnist", Slice(None, "area", 0.5, np.inf))
CHOSEN = NamedSlice(
    "Odd bags", "synthetic-garments", ImageSet.of("synthetic-garments", "validation", [3, 700, 5])
)


@pytest.fixture
def store(tmp_path: Path) -> SliceStore:
    return SliceStore(tmp_path / "slices.sqlite")


def names(store: SliceStore) -> list[str]:
    return [each.name for each in store.all()[0]]


def test_what_is_kept_comes_back_by_name(store: SliceStore) -> None:
    assert store.all() == ([], "")
    for each in (CHOSEN, LARGE, DARK):
        store.add(each)
    found, problem = store.all()
    assert [replace(each, slice_id=0) for each in found] == [DARK, LARGE, CHOSEN]
    assert len({each.slice_id for each in found}) == 3 and not problem
    assert store.all("synthetic-garments")[0] == found[2:]
    assert (found[0].split, found[2].split) == ("test", "validation")
    assert found[0].description == "Rule: Shirt, dark"


def test_renamed_deleted_and_brought_back(store: SliceStore) -> None:
    first, second = store.add(DARK), store.add(LARGE)
    store.rename(first, " Shirts \n at night ")
    assert names(store) == ["Large", "Shirts at night"]
    store.rename(first, "Shirts at night")  # its own name
    with pytest.raises(SliceError, match="There is a slice of the name 'Large'"):
        store.rename(first, "Large")
    store.delete(second)
    assert names(store) == ["Shirts at night"]
    store.restore(second)
    assert names(store) == ["Large", "Shirts at night"]
    store.delete(second)
    store.add(replace(CHOSEN, name="Large"))
    with pytest.raises(SliceError, match="choose another name"):
        store.restore(second)
    assert names(store) == ["Large", "Shirts at night"]
    acts: list[Callable[[], None]] = [
        lambda: store.rename(99, "x"), lambda: store.delete(99), lambda: store.restore(99)
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(SliceError, match="The slice is gone"):
            act()


@pytest.mark.parametrize("name", ["", " \n ", "\u200b"])
def test_a_slice_needs_a_name(store: SliceStore, name: str) -> None:
    with pytest.raises(SliceError, match="needs a name"):
        store.add(replace(DARK, name=name))
    long = store.add(replace(DARK, name="x" * 500))
    assert len(store.all()[0][0].name) == 80
    with pytest.raises(SliceError, match="needs a name"):
        store.rename(long, name)


def test_exported_and_imported(store: SliceStore, tmp_path: Path) -> None:
    for each in (DARK, LARGE, CHOSEN):
        store.add(each)
    text = store.export_json()
    rule, _, images = json.loads(text)["slices"]
    assert rule["slice"] == {
        "kind": "rule", "class": 6, "property": "brightness", "low": None, "high": 0.25,
    }  # fmt: skip
    assert images["slice"] == {"kind": "images", "split": "validation", "images": [3, 5, 700]}
    assert store.import_json(text) == Imported(0, 0, 3)
    other = SliceStore(tmp_path / "other.sqlite")
    assert other.import_json(text) == Imported(3, 0, 0)
    assert other.all() == store.all()
    third = SliceStore(tmp_path / "third.sqlite")
    third.add(replace(LARGE, name="Dark shirts"))
    assert third.import_json(text) == Imported(3, 1, 0)
    assert names(third) == ["Dark shirts", "Dark shirts (2)", "Large", "Odd bags"]
    assert json.loads(store.export_json("fashion-mnist"))["slices"][1]["name"] == "Large"


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    values = {"format": "fmnist slices", "version": 1, "slices": [DARK.to_json(), CHOSEN.to_json()]}
    change(values)
    return json.dumps(values)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "\0", "[" * 100_000, '{"a": 1e999}',
        changed(lambda v: v.update(version=2)),
        changed(lambda v: v.update(other=1)),
        changed(lambda v: v["slices"].append(None)),
        changed(lambda v: v["slices"][0].update(name="")),
        changed(lambda v: v["slices"][0].update(dataset="mnist")),
        changed(lambda v: v["slices"][0]["slice"].update(kind="list")),
        changed(lambda v: v["slices"][0]["slice"].update(property="size")),
        changed(lambda v: v["slices"][0]["slice"].update({"class": 10})),
        changed(lambda v: v["slices"][0]["slice"].update(high=None)),
        changed(lambda v: v["slices"][0]["slice"].update(low=0.5)),
        changed(lambda v: v["slices"][0]["slice"].update(low="0.1")),
        changed(lambda v: v["slices"][1]["slice"].update(images=[])),
        changed(lambda v: v["slices"][1]["slice"].update(images=[-1])),
        changed(lambda v: v["slices"][1]["slice"].update(images=[10_000])),
        changed(lambda v: v["slices"][1]["slice"].update(split="all")),
    ],
)  # fmt: skip
def test_other_files_are_refused_as_a_whole(store: SliceStore, text: str) -> None:
    with pytest.raises(SliceError, match="This is no file of slices") as caught:
        store.import_json(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert store.all() == ([], "")


def test_a_damaged_slice_is_told_and_the_others_shown(store: SliceStore, tmp_path: Path) -> None:
    store.add(DARK)
    store.add(LARGE)
    with sqlite3.connect(tmp_path / "slices.sqlite") as connection:
        connection.execute("UPDATE slices SET slice = '{}' WHERE name = 'Large'")
    connection.close()
    found, problem = store.all()
    assert [each.name for each in found] == ["Dark shirts"]
    assert problem.startswith("Damaged and left out: 'Large'. ")
    exported = store.export_json()
    store.add(LARGE)  # named again, as the sentence says
    assert (names(store), store.all()[1]) == (["Dark shirts", "Large"], "")
    with sqlite3.connect(tmp_path / "slices.sqlite") as connection:
        connection.execute("UPDATE slices SET slice = 'rubbish' WHERE name = 'Dark shirts'")
    connection.close()
    assert store.import_json(exported) == Imported(1, 0, 0)
    assert (names(store), store.all()[1]) == (["Dark shirts", "Large"], "")
    (tmp_path / "slices.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(SliceError, match="The named slices in .* cannot be read"):
        store.all()


def test_the_images_of_a_slice() -> None:
    labels, indices = np.array([6, 6, 3, 6]), np.array([10, 3, 700, 5])
    values = {"brightness": np.array([0.1, 0.3, 0.1, 0.25])}
    rule = DARK.mask(labels, indices, values)
    assert rule is not None and rule.tolist() == [True, False, False, True]
    assert DARK.mask(labels, indices, None) is None
    images = CHOSEN.mask(labels, indices, None)
    assert images is not None and images.tolist() == [False, True, True, True]
    assert CHOSEN.mask(labels[:3], indices[:3], None) is None  # image 5 is absent


def test_accuracies_and_differences_by_hand() -> None:
    correct = np.array([True] * 8 + [False] * 2 + [True] * 10)
    known = Correctness(correct, np.zeros(20, np.uint8), np.arange(20, dtype=np.int32))
    mask = np.arange(20) < 10
    found = accuracy_on(known, mask)
    assert found is not None
    assert (found.images, found.correct, found.accuracy) == (10, 8, 0.8)
    assert found.interval == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Wilson's of 8 in 10
    assert accuracy_on(known, np.zeros(20, np.bool_)) is None
    assert accuracy_on(known, None) is None
    # 6 against 0 images: 2 * 0.5 ** 6; and no difference
    worse = correct.copy()
    worse[:6] = False
    p_values = differences([(correct[mask], worse[mask]), None, (correct, correct)])
    assert p_values == [pytest.approx(2 * 0.5**6 * 2), None, 1.0]
    assert mcnemar(correct, worse).p_value == pytest.approx(2 * 0.5**6)
    assert stats.false_discovery_control([2 * 0.5**6, 1.0])[0] == pytest.approx(p_values[0])
    assert differences([None]) == [None]
