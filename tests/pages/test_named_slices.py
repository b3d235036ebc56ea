"""Named slices without a browser: kept on the Errors page, measured on the Compare page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard.errors import named_slices as panel
from fmnist.dashboard.selection import Selection
from fmnist.data.image_properties import measure_all
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.named_slices import NamedSlice, SliceStore, differences
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.significance import mcnemar
from fmnist.evaluation.slices import Slice, wilson
from fmnist.reports.text import p_value
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.training.loop import train
from tests.pages.test_pages import SETTINGS, choose, finished, give, machine, open_app, text
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures

RULE = Slice(None, "area", 0.4, np.inf)
DATA = "synthetic-garments"


def kept() -> list[NamedSlice]:
    return SliceStore(paths.artifacts_folder() / "slices.sqlite").all()[0]


def keep(*named: NamedSlice) -> None:
    for each in named:
        SliceStore(paths.artifacts_folder() / "slices.sqlite").add(each)


def open_slices(**address: str) -> AppTest:
    app = open_app("errors", **address)
    app.session_state["named-slices"] = True
    app.run()
    assert not app.exception
    return app


def selection(app: AppTest) -> Selection:
    found: Selection = app.session_state["selection"]
    return found


def table_with(app: AppTest, column: str) -> pd.DataFrame:
    (table,) = [each.value for each in app.dataframe if column in each.value]
    return table


def field(app: AppTest, begins: str) -> Any:
    (found,) = [each for each in app.text_input if each.key and each.key.startswith(begins)]
    return found


def test_the_filtered_images_are_kept_under_a_name(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    test = Evaluation.load(run.evaluation_path("test"))
    app = open_slices()
    assert "None yet." in text(app)
    field(app, "named-slice-name").set_value("What it gets wrong")
    app.button(key="named-slice-keep").click().run()
    assert not app.exception and "Kept as What it gets wrong" in "".join(
        each.value for each in app.success
    )
    (named,) = kept()
    assert isinstance(named.slice, ImageSet) and (named.name, named.split) == (
        "What it gets wrong", "test",
    )  # fmt: skip
    assert named.slice.indices.tolist() == test.indices[~test.correct].tolist()
    table = table_with(app, "Name")
    assert table["Images"].tolist() == [int((~test.correct).sum())]
    assert table["Accuracy"].tolist() == ["0.0%"]
    # the name is taken
    field(app, "named-slice-name").set_value("What it gets wrong")
    app.session_state["begun"] = {}  # long after the first click
    app.button(key="named-slice-keep").click().run()
    assert "choose another name" in text(app)
    app.button(key="named-slice-keep").click().run()
    assert len(kept()) == 1


def test_a_name_is_asked_for(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_slices()
    app.button(key="named-slice-keep").click().run()
    assert "A slice needs a name." in text(app)
    assert kept() == []


def test_a_selected_weak_slice_is_kept_as_its_rule(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    test = Evaluation.load(run.evaluation_path("test"))
    values = measure_all(small_dataset().test_images[test.indices])
    images = ImageSet.of(DATA, "test", test.indices[RULE.mask(test.labels, values)].tolist())
    app = open_slices(images=str(images), correctness="all")
    app.session_state["weak-slice-selected"] = (images, RULE)
    app.run()
    app.button(key="named-slice-keep").click().run()
    (named,) = kept()
    assert (named.name, named.slice) == ("All classes, large", RULE)
    table = table_with(app, "Name")
    assert table["Images"].tolist() == [len(images)]
    choose(app, "named-slice-kind", "images")
    field(app, "named-slice-name").set_value("The same, one by one")
    app.button(key="named-slice-keep").click().run()
    assert kept()[1].slice == images
    # other images are selected: the rule is not theirs
    app.session_state["selection"] = replace(selection(app), images=None)
    app.run()
    assert "named-slice-kind" not in [each.key for each in app.segmented_control]


def test_renamed_deleted_and_brought_back(finished: Run, machine: Path) -> None:
    give(finished, machine)
    keep(NamedSlice("Large", DATA, RULE), NamedSlice("Other", DATA, ImageSet.of(DATA, "test", [1])))
    app = open_slices()
    app.session_state["named-slice-open"] = kept()[0].slice_id
    app.run()
    field(app, "named-slice-rename").set_value("Quite large").run()
    assert [each.name for each in kept()] == ["Other", "Quite large"]
    field(app, "named-slice-rename").set_value("Other").run()
    assert "There is a slice of the name 'Other'" in text(app)
    app.button(key="named-slice-delete").click().run()
    assert [each.name for each in kept()] == ["Other"]
    assert "**Quite large** was deleted." in text(app)
    app.button(key="named-slice-undo").click().run()
    assert [each.name for each in kept()] == ["Other", "Quite large"]
    assert "was deleted" not in text(app)


def test_files_are_imported_or_refused_in_a_sentence(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, str] = {}
    monkeypatch.setattr(st, "session_state", state)
    exported = {"format": "fmnist slices", "version": 1, "slices": [
        NamedSlice("Large", DATA, RULE).to_json()
    ]}  # fmt: skip
    panel.import_file(json.dumps(exported).encode())
    assert state == {"named-slice-message": "Imported: 1 added, 0 unchanged."}
    assert kept()[0].slice == RULE
    state.clear()
    for content in (b"\xff\xfe", b"{}", b"a,b\n"):
        panel.import_file(content)
        assert "export slices to see the format" in state.pop("named-slice-error")


def test_a_file_is_imported_by_the_field_once(finished: Run, machine: Path) -> None:
    give(finished, machine)
    exported = {"format": "fmnist slices", "version": 1, "slices": [
        NamedSlice("Large", DATA, RULE).to_json()
    ]}  # fmt: skip
    app = open_slices()
    file = ("slices.json", json.dumps(exported).encode(), "application/json")
    app.file_uploader[0].set_value(file).run()
    assert "Imported: 1 added" in "".join(each.value for each in app.success)
    app.run()  # the field is empty: nothing is imported again
    assert not app.success and [named.name for named in kept()] == ["Large"]
    assert app.file_uploader[0].key == "named-slice-upload-1"


def test_a_damaged_database_is_told_and_the_page_is_shown(finished: Run, machine: Path) -> None:
    give(finished, machine)
    (paths.artifacts_folder() / "slices.sqlite").write_bytes(b"no database" * 100)
    app = open_slices()
    assert "The named slices in" in text(app)
    assert [button for button in app.button if button.key == "chip-correctness"]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("other")
    run = store.create_run(root, replace(SETTINGS, epochs=1, seed=3), name="Other")
    with store.owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


def test_every_selected_run_is_measured_on_every_slice(
    finished: Run, other: Run, machine: Path
) -> None:
    runs = [give(finished, machine), give(other, machine)]
    found = [Evaluation.load(run.evaluation_path("test")) for run in runs]
    chosen = list(range(0, 200, 3))
    validation = Evaluation.load(runs[0].evaluation_path("validation")).indices[:10].tolist()
    keep(
        NamedSlice("Every third", DATA, ImageSet.of(DATA, "test", chosen)),
        NamedSlice("Large", DATA, RULE),
        NamedSlice("Ten", DATA, ImageSet.of(DATA, "validation", validation)),
        NamedSlice("Unseen", DATA, ImageSet.of(DATA, "train", [1, 2])),
        NamedSlice("Of the others", "fashion-mnist", ImageSet.of("fashion-mnist", "test", [1])),
    )
    ids = "~".join(run.run_id for run in runs)
    app = open_app("compare", panel="Slices", run=runs[0].run_id, compared=runs[1].run_id, runs=ids)
    table = table_with(app, "Slice")
    assert table["Slice"].tolist() == ["All test images", "Every third", "Large", "Ten", "Unseen"]
    values = measure_all(small_dataset().test_images)
    large = RULE.mask(found[0].labels, values)
    assert table["Images"].tolist()[:4] == [200, len(chosen), int(large.sum()), 10]
    masks = [np.isin(found[0].indices, chosen), large]
    for run, evaluation in zip(runs, found, strict=True):
        for row, mask in zip((1, 2), masks, strict=True):
            right, images = int(evaluation.correct[mask].sum()), int(mask.sum())
            low, high = wilson(right, images)
            expected = f"{right / images:.1%} ({100 * low:.1f}–{high:.1%})"
            assert table[run.name][row] == expected
        assert table[run.name][4] == "–"
    gaps = [found[0].correct[mask].mean() - found[1].correct[mask].mean() for mask in masks]
    assert table["Difference"].tolist()[1:3] == [f"{100 * gap:+.1f}" for gap in gaps]
    pairs = [(found[0].correct[mask], found[1].correct[mask]) for mask in masks]
    ten = [Evaluation.load(run.evaluation_path("validation")) for run in runs]
    mask = np.isin(ten[0].indices, validation)
    pairs.append((ten[0].correct[mask], ten[1].correct[mask]))
    in_words = [
        p_value(p, 0.05).removeprefix("p ").removeprefix("= ") for p in differences(pairs) if p
    ]
    assert table["p"].tolist()[1:] == [*in_words, "–"]
    whole = mcnemar(found[0].correct, found[1].correct).p_value
    assert f"p {'' if table['p'][0][0] == '<' else '= '}{table['p'][0]}" == p_value(whole, 0.05)
    assert "Training images are easier" in text(app)


def test_without_slices_the_tab_says_how_to_name_one(finished: Run, machine: Path) -> None:
    run, _ = give(finished, machine), made_up_run(machine)
    keep(NamedSlice("Elsewhere", "fashion-mnist", ImageSet.of("fashion-mnist", "test", [1])))
    app = open_app("compare", panel="Slices", runs=run.run_id)
    assert "No slice of these images has a name yet (1 of another data set)." in text(app)
