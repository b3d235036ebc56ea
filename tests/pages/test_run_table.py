"""The table of runs on the Train page."""

import errno
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from fmnist.dashboard.train import run_actions, run_table
from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.run import Run
from tests.pages.test_pages import machine, open_app, text
from tools.made_up_run import BEST_EPOCH, made_up_run

__all__ = ["machine"]  # a fixture


@pytest.fixture
def runs(machine: Path) -> dict[str, Run]:
    """Three runs by name; two of them in a group, one a favorite."""
    made = {name: made_up_run(machine, name=name, folder=name.lower()) for name in ("A", "B", "C")}
    annotations.change(made["A"], lambda _: Annotations(("seeds", "wide"), "first", "G"))
    annotations.change(made["B"], lambda _: Annotations(("seeds",), "", "G", favorite=True))
    return {name: reread(run) for name, run in made.items()}


def reread(run: Run) -> Run:
    return store.open_run(run.folder.parent, run.run_id)


def table(app: AppTest) -> Any:
    (found,) = (frame for frame in app.dataframe if "run-table-" in (frame.proto.id or ""))
    return found


def names(app: AppTest) -> list[str]:
    return list(table(app).value["Name"])


def select_rows(app: AppTest, *wanted: str) -> None:
    rows = [names(app).index(name) for name in wanted]
    key = re.findall(r"run-table-\d+", table(app).proto.id)[0]
    app.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    app.run()
    assert not app.exception


def test_filters_by_tag_group_and_star(runs: dict[str, Run]) -> None:
    app = open_app("train")
    assert sorted(names(app)) == ["A", "B", "C"]
    app.multiselect(key="run-tags").set_value(["wide"]).run()
    assert names(app) == ["A"]
    app.multiselect(key="run-tags").set_value([]).run()
    app.selectbox(key="run-group").set_value("G").run()
    assert sorted(names(app)) == ["A", "B"]
    app.toggle(key="run-favorites").set_value(True).run()
    assert names(app) == ["B"]
    app.toggle(key="run-favorites").set_value(False).run()
    app.selectbox(key="run-group").set_value(None).run()
    app.text_input(key="run-search").set_value("first").run()  # a note
    assert names(app) == ["A"]
    app.switch_page("pages/compare.py").run()
    app.switch_page("pages/train.py").run()
    assert names(app) == ["A"]  # filters stay
    assert "1 of 3 runs" in text(app)


def test_a_filter_whose_group_and_tag_are_gone_hides_nothing(runs: dict[str, Run]) -> None:
    app = open_app("train")
    app.selectbox(key="run-group").set_value("G").run()
    app.multiselect(key="run-tags").set_value(["wide"]).run()
    assert names(app) == ["A"]
    for name in "AB":  # in another window
        annotations.change(runs[name], lambda _: Annotations(("other",), group="H"))
    app.run()
    assert not app.exception
    assert sorted(names(app)) == ["A", "B", "C"]


def test_tags_and_groups_are_columns_to_compare_by(runs: dict[str, Run]) -> None:
    app = open_app("compare")
    app.button_group(key="compare-columns").set_value(["Tags", "Group"]).run()
    shown = app.dataframe[0].value.set_index("Name")
    assert shown.loc["A", "Tags"] == "seeds, wide" and shown.loc["B", "Group"] == "G"
    app.text_input(key="compare-search").set_value("wide").run()
    assert list(app.dataframe[0].value["Name"]) == ["A"]


def test_values_of_the_best_the_last_or_any_epoch(runs: dict[str, Run]) -> None:
    app = open_app("train")
    app.button_group(key="run-columns").set_value(["Accuracy", "Epoch"]).run()
    entries = runs["A"].history.epochs
    for wanted, epoch in (("Last epoch", 6), ("Best epoch", BEST_EPOCH), ("Epoch…", 2)):
        app.button_group(key="run-values-at").set_value(wanted).run()
        if wanted == "Epoch…":
            app.number_input(key="run-epoch").set_value(epoch).run()
        shown = table(app).value
        assert set(shown["Epoch"]) == {epoch}
        assert shown["Accuracy"].iloc[0] == pytest.approx(100 * entries[epoch - 1].accuracy)
    assert list(shown.columns) == [
        *run_table.FIXED, "Accuracy", "Epoch",
    ]  # fmt: skip
    app.number_input(key="run-epoch").set_value(100).run()  # no run came so far
    assert table(app).value["Accuracy"].isna().all()


def test_the_order_is_chosen(runs: dict[str, Run]) -> None:
    app = open_app("train")
    app.selectbox(key="run-order").set_value("Name").run()
    assert names(app) == ["C", "B", "A"]
    app.toggle(key="run-descending").set_value(False).run()
    assert names(app) == ["A", "B", "C"]
    app.selectbox(key="run-order").set_value("Group").run()
    assert names(app)[-1] == "C"  # without a group, last


def test_several_are_tagged_deleted_and_brought_back(runs: dict[str, Run]) -> None:
    app = open_app("train")
    select_rows(app, "A", "C")
    assert "2 runs selected" in text(app)
    app.multiselect(key="added-tags").set_value(["wide"]).run()
    app.selectbox(key="new-group").set_value("G").run()
    app.button(key="apply-to-chosen").click().run()
    a, c = (reread(runs[name]).annotations for name in "AC")
    assert (a.tags, a.notes, a.group) == (("seeds", "wide"), "first", "G")
    assert (c.tags, c.group) == (("wide",), "G")
    select_rows(app, "A", "C")
    app.button(key="delete-chosen").click().run()
    assert names(app) == ["B"]
    assert "2 runs were deleted" in text(app)
    (undo,) = (button for button in app.button if button.label == "Undo")
    undo.click().run()
    assert sorted(names(app)) == ["A", "B", "C"]
    assert reread(runs["C"]).annotations.group == "G"


def undo_buttons(app: AppTest) -> list[Any]:
    return [button for button in app.button if button.label == "Undo"]


def test_undo_brings_back_what_was_deleted_where_not_all_could_be(
    runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, rename = open_app("train"), Path.rename
    stuck = (runs["A"].folder, runs["C"].folder.parent / ".trash" / runs["C"].run_id)

    def fail(path: Path, target: Path) -> Path:
        if path in stuck:
            raise OSError(errno.EIO, "disk trouble")
        return rename(path, target)

    select_rows(app, "C", "A")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        app.button(key="delete-chosen").click().run()
    assert [error.value for error in app.error] == [
        "C was deleted, A was not: the disk failed; check it."
    ]
    assert sorted(names(app)) == ["A", "B"]
    assert "**C** was deleted" in text(app)
    undo_buttons(app)[0].click().run()
    assert sorted(names(app)) == ["A", "B", "C"]
    assert not app.error and not undo_buttons(app)


def test_undo_is_offered_while_there_is_something_to_bring_back(runs: dict[str, Run]) -> None:
    app = open_app("train")
    select_rows(app, "A", "C")
    app.button(key="delete-chosen").click().run()
    assert len(undo_buttons(app)) == 1
    store.delete_run(runs["B"])  # in another window: one undo is kept
    app.run()
    assert not app.exception and not undo_buttons(app)


def test_a_run_is_edited_in_the_dialog(runs: dict[str, Run]) -> None:
    run = runs["C"]
    app = open_app("train", run=run.run_id)
    app.button(key="edit-run").click().run()
    (dialog,) = (box for box in app.text_area if box.label == "Notes")
    dialog.set_value("a *note*")
    (name,) = (box for box in app.text_input if box.label == "Name")
    name.set_value("D")
    (tags,) = (box for box in app.multiselect if box.label == "Tags" and not box.key)
    tags.set_value(["wide"])
    (save,) = (button for button in app.button if button.label == "Save")
    save.click().run()
    assert not app.exception
    found = reread(run)
    assert (found.name, found.annotations) == ("D", Annotations(("wide",), "a *note*"))
    assert not [box for box in app.text_area if box.label == "Notes"]  # it has closed
    assert "D" in names(app)


def test_damaged_annotations_are_told(runs: dict[str, Run]) -> None:
    (runs["A"].folder / annotations.FILE).write_text("{")
    app = open_app("train")
    assert "annotations.json cannot be read" in text(app)
    select_rows(app, "A")
    app.multiselect(key="added-tags").set_value(["seeds"]).run()
    app.button(key="apply-to-chosen").click().run()
    assert not app.exception
    assert any("annotations.json cannot be read" in error.value for error in app.error)


@pytest.fixture
def clicked(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """The session's state, for what a row's button does."""
    state: dict[str, object] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    yield state


def test_a_rows_buttons(runs: dict[str, Run], clicked: dict[str, object]) -> None:
    run_actions.star(runs["A"])
    assert reread(runs["A"]).annotations == replace(runs["A"].annotations, favorite=True)
    run_actions.star(runs["A"])
    assert not reread(runs["A"]).annotations.favorite
    run_table.act_on(run_table.EDIT, runs["A"])
    assert runs["A"].run_id in clicked.values()
    run_table.act_on(run_table.DELETE, runs["A"])
    assert runs["A"].run_id not in store.run_ids(runs["A"].folder.parent)
