"""What ordinary use of the pages brings: namesakes, double clicks, other time zones, other tabs."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fmnist.dashboard import layout
from fmnist.dashboard.selection import Selection
from fmnist.data.splits import SplitName
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.verdicts import ImageKey, VerdictStore
from fmnist.runs import store
from fmnist.runs.run import Run
from tests.pages.test_pages import SETTINGS, finished, give, machine, open_app, rename, text

__all__ = ["finished", "machine"]  # fixtures


def give_namesakes(run: Run, root: Path) -> list[str]:
    """Two copies of a run with one name; returns their ids."""
    first = give(run, root)
    second = root / "20260102-030405-copy-0000"
    shutil.copytree(first.folder, second)
    return [first.run_id, second.name]


def test_each_run_of_one_name_can_be_opened(finished: Run, machine: Path) -> None:
    first, second = give_namesakes(finished, machine)
    for run_id, other in ((first, second), (second, first)):
        app = open_app(run=run_id)
        picker = app.selectbox(key="run-picker")
        assert len(set(picker.options)) == 2
        picker.set_value(other).run()
        assert selection(app).run == other


@pytest.mark.parametrize("page", ["train", "confusion", "errors", "confidence", "compare", "draw"])
def test_options_of_all_select_boxes_differ(finished: Run, machine: Path, page: str) -> None:
    for run_id in give_namesakes(finished, machine):
        app = open_app(page, run=run_id)
        boxes: list[Any] = [*app.selectbox, *app.multiselect]
        assert boxes and all(len(set(box.options)) == len(box.options) for box in boxes)


def test_each_run_of_one_name_can_be_compared_with(finished: Run, machine: Path) -> None:
    first, second = give_namesakes(finished, machine)
    for run_id, other in ((first, second), (second, first)):
        app = open_app("confusion", run=run_id)
        app.selectbox(key="compared").set_value(other).run()
        assert selection(app).compared == other


def selection(app: AppTest) -> Selection:
    found: Selection = app.session_state["selection"]
    return found


def select(app: AppTest, **values: Any) -> None:
    """What the sidebar does, which a test of a single page lacks."""
    app.session_state["selection"] = replace(selection(app), **values)
    app.run()
    assert not app.exception


def test_three_clicks_make_one_run_and_another_setting_makes_another(machine: Path) -> None:
    app = open_app("train")
    app.number_input(key="setting-subset").set_value(200).run()
    for _ in range(3):
        app.button(key="start").click().run()
    assert not app.exception
    assert len(store.list_runs(machine)) == 1
    app.number_input(key="setting-seed").set_value(7).run()
    app.button(key="start").click().run()
    assert len(store.list_runs(machine)) == 2


def test_what_failed_can_be_tried_again_at_once(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app("train")
    with monkeypatch.context() as patched:

        def fail(*args: object, **rest: object) -> None:
            raise OSError("the disk is full")

        patched.setattr(store, "create_run", fail)
        for _ in range(2):
            app.button(key="start").click().run()
            assert "the disk is full" in app.error[0].value
    app.button(key="start").click().run()
    assert len(store.list_runs(machine)) == 1


def test_a_click_while_the_first_one_is_at_work_does_nothing() -> None:
    def page() -> None:
        import streamlit as st

        from fmnist.dashboard import session

        with session.once("make", "a") as first, session.once("make", "a") as second:
            st.text(f"{first} {second}")
        with session.once("make", "a") as third, session.once("make", "b") as other:
            st.text(f"{third} {other}")

    app = AppTest.from_function(page, default_timeout=60).run()
    assert [element.value for element in app.text] == ["True False", "False True"]


@pytest.fixture
def server_on_the_azores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Atlantic/Azores")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Tokyo", "2026-01-01 08:59"),
        ("America/New_York", "2025-12-31 18:59"),
        ("Nowhere/Land", "2025-12-31 22:59"),
        ("../../etc/passwd", "2025-12-31 22:59"),
        (None, "2025-12-31 22:59"),
    ],
)
def test_times_are_those_of_the_browser(
    zone: str | None, shown: str, server_on_the_azores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it tells none that is known, they are those of the server."""
    monkeypatch.setattr(type(st.context), "timezone", property(lambda _: zone))
    assert layout.moment(1767225599.9) == shown
    assert layout.moment(0) == "–"


def misclassified(run: Run, split: SplitName = "test") -> list[int]:
    evaluation = Evaluation.load(run.evaluation_path(split))
    return [int(index) for index in evaluation.indices[~evaluation.correct]]


def identity(image: int, dataset: str = "synthetic-garments", part: str = "test") -> str:
    return f"{dataset}-{part}-{image}"


def press(app: AppTest, verdict: str, image: int) -> None:
    app.button(key=f"verdict-{verdict}-{identity(image)}").click().run()
    assert not app.exception


def note_of(app: AppTest) -> Any:
    (field,) = [one for one in app.text_input if one.label == "Note"]
    return field


def verdict_store(machine: Path) -> VerdictStore:
    return VerdictStore(machine.parent / "verdicts.sqlite")


def test_a_note_belongs_to_its_image(finished: Run, machine: Path) -> None:
    give(finished, machine)
    # an image of that index in another data set, as far as a person can tell
    other = machine / "20260102-030405-other-0000"
    shutil.copytree(machine / finished.run_id, other)
    config = json.loads((other / "config.json").read_text())
    config["config"]["dataset"] = config["dataset"]["name"] = "fashion-mnist"
    (other / "config.json").write_text(json.dumps(config))
    image = misclassified(finished)[0]
    app = open_app("errors", run=finished.run_id, image=str(image))
    note_of(app).set_value("of the garment").run()
    select(app, run=other.name)
    assert note_of(app).value == ""
    app.button(key=f"verdict-ambiguous-{identity(image, 'fashion-mnist')}").click().run()
    (given,) = verdict_store(machine).all().values()
    assert (given.image.dataset, given.note) == ("fashion-mnist", "")
    # what was typed is still there, and saved with the verdict to come
    select(app, run=finished.run_id)
    assert note_of(app).value == "of the garment"
    press(app, "ambiguous", image)
    saved = verdict_store(machine).get(ImageKey("synthetic-garments", "test", image))
    assert saved and saved.note == "of the garment"


def test_undo_brings_back_the_note_too(finished: Run, machine: Path) -> None:
    give(finished, machine)
    image = misclassified(finished)[0]
    app = open_app("errors", image=str(image))
    note_of(app).set_value("first").run()
    press(app, "ambiguous", image)
    note_of(app).set_value("second").run()
    assert note_of(app).value == "second"
    app.button(key="verdict-undo").click().run()
    assert note_of(app).value == "first"
    app.button(key="verdict-undo").click().run()
    assert note_of(app).value == ""


@pytest.mark.parametrize("mine", ["", "my note"])
def test_a_verdict_of_another_tab_is_told_and_both_notes_are_kept(
    finished: Run, machine: Path, mine: str
) -> None:
    give(finished, machine)
    image = misclassified(finished)[0]
    here, there = (open_app("errors", image=str(image)) for _ in range(2))
    note_of(there).set_value("their note").run()
    press(there, "label-wrong", image)
    note_of(here).set_value(mine)
    press(here, "ambiguous", image)
    assert "was changed in another window. Yours is not saved yet" in here.error[0].value
    given = verdict_store(machine).get(ImageKey("synthetic-garments", "test", image))
    assert given and (given.verdict, given.note) == ("label-wrong", "their note")
    assert note_of(here).value == ("their note / my note" if mine else "their note")
    press(here, "ambiguous", image)
    assert not here.error
    given = verdict_store(machine).get(ImageKey("synthetic-garments", "test", image))
    assert given and given.verdict == "ambiguous"
    assert given.note == ("their note / my note" if mine else "their note")
    # the other tab withdraws what it has seen, which is gone
    press(there, "label-wrong", image)
    assert "was changed in another window" in there.error[0].value


def test_two_long_notes_are_both_readable(finished: Run, machine: Path) -> None:
    give(finished, machine)
    image = misclassified(finished)[0]
    here, there = (open_app("errors", image=str(image)) for _ in range(2))
    note_of(there).set_value("t" * 400).run()
    press(there, "label-wrong", image)
    note_of(here).set_value("m" * 400)
    press(here, "ambiguous", image)
    assert note_of(here).value == "m" * 400
    assert [element.value for element in here.text] == [f"Saved note: {'t' * 400}"]


def test_the_field_for_a_name_shows_a_name_given_in_another_tab(
    finished: Run, machine: Path
) -> None:
    run = give(finished, machine)
    here, there = open_app("train"), open_app("train")
    for one, other, name in ((here, there, "Mine"), (there, here, "Theirs")):
        rename(one, name)
        assert store.open_run(machine, run.run_id).name == name
        other.button(key="edit-run").click().run()
        assert [box.value for box in other.text_input if box.label == "Name"] == [name]


def test_the_order_is_shown_again_after_an_image(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("errors")
    app.selectbox(key="sort").set_value("loss").run()
    select(app, image=misclassified(finished)[0])
    app.button(key="detail-back").click().run()
    order = app.selectbox(key="sort")
    assert order.value == "loss"
    assert order.proto.set_value  # else the browser shows the first option


def test_the_order_is_shown_again_after_a_run_without_evaluation(
    finished: Run, machine: Path
) -> None:
    give(finished, machine)
    fresh = store.create_run(machine, SETTINGS, name="Fresh")
    app = open_app("errors", run=finished.run_id)
    app.selectbox(key="sort").set_value("loss").run()
    select(app, run=fresh.run_id)
    assert "has not been evaluated yet" in text(app)
    select(app, run=finished.run_id)
    assert app.selectbox(key="sort").proto.set_value
