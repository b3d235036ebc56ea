"""A drawing on its way from the Draw page into a training, and its curves on the Train page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist.runs import drawings, store
from fmnist.runs.drawings import MOST, FollowedDrawings
from fmnist.runs.run import Run
from fmnist.runs.store import owning
from fmnist.sketchpad import canvas, preprocessing
from fmnist.training.loop import train
from tests.pages.test_draw import BOX, canvas_state, draw
from tests.pages.test_pages import SETTINGS, give, machine, open_app, text
from tools.small import small_dataset

__all__ = ["machine"]  # a fixture
DRAWINGS = small_dataset().test_images[: MOST + 1]


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run that follows two drawings."""
    root = tmp_path_factory.mktemp("following")
    run = store.create_run(root, replace(SETTINGS, model="logistic"), name="Following")
    for image in DRAWINGS[:2]:
        drawings.choose(run, image)
    with owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


def curves(app: AppTest) -> list[Any]:
    """Names, points and end labels of the lines of the drawing's chart; none without one."""
    for chart in app.get("echarts_chart"):
        options = json.loads(chart.proto.spec)
        if len(options["series"]) == 10:
            found: list[Any] = options["series"]
            return found
    return []


def test_a_finished_run_keeps_the_curves_of_its_drawings(following: Run, machine: Path) -> None:
    give(following, machine)
    app = open_app("train")
    known = FollowedDrawings.load(following.followed_drawings_path)
    for number, image in enumerate(DRAWINGS[:2]):
        if number:
            switch: Any = app.get_by_key(f"drawing-shown-{following.run_id}")
            switch.set_value(number).run()
        _, probabilities = known.of(image)
        shown = np.array([line["data"] for line in curves(app)])  # (10, E, 2)
        assert shown[0, :, 0].tolist() == [0, 1, 2, 3]
        assert pytest.approx(100 * probabilities, abs=0.051) == shown[:, :, 1].T
    assert "Before training: " in text(app) and "After epoch 3: " in text(app)
    assert "watch this training learn it" not in text(app)


def test_a_drawing_can_be_removed_from_a_run(following: Run, machine: Path) -> None:
    run = give(following, machine)
    before = drawings.chosen(run)
    assert len(before) > 1
    app = open_app("train")
    app.button(key=f"drawing-remove-{run.run_id}").click().run()
    assert not app.exception and np.array_equal(drawings.chosen(run), before[1:])
    for _ in before[1:]:
        app.button(key=f"drawing-remove-{run.run_id}").click().run()
    assert not app.exception and len(drawings.chosen(run)) == 0 and "Your drawing" not in text(app)
    drawings.forget(run, before[0])  # in another window, too
    drawings.choose(run, before[0])
    assert np.array_equal(drawings.chosen(run), before[:1])


def test_a_training_without_a_drawing_says_how_to_add_one(machine: Path) -> None:
    run = store.create_run(machine, SETTINGS, name="New")
    with owning(run):
        app = open_app("train", run=run.run_id)
        assert "Draw something, and watch this training learn it" in text(app)
        drawings.choose(run, DRAWINGS[0])
        app.run()
    assert "The curves begin after the epoch under way." in text(app)
    assert "watch this training learn it" not in text(app) and curves(app) == []
    assert "with the first epoch after you resume" in text(open_app("train", run=run.run_id))


def test_shipped_and_finished_runs_without_drawings_say_nothing(machine: Path) -> None:
    run = store.create_run(machine, replace(SETTINGS, model="logistic", epochs=1))
    with owning(run):
        train(run, small_dataset())
    app = open_app("train", run=run.run_id)
    assert "Your drawing" not in text(app) and "Draw something" not in text(app)


@pytest.mark.parametrize("file", ["chosen_drawings_path", "followed_drawings_path"])
def test_a_damaged_file_is_told_and_the_page_goes_on(
    following: Run, machine: Path, file: str
) -> None:
    path: Path = getattr(give(following, machine), file)
    path.write_bytes(b"PK rubbish")
    app = open_app("train")
    assert f"The file {path.name} is damaged" in app.error[0].value
    assert app.dataframe  # the table of runs, further down


def from_the_draw_page() -> None:
    """A page with a button for each drawing."""
    import streamlit as st

    from fmnist.dashboard import followed_drawings
    from tools.small import small_dataset

    for number, image in enumerate(small_dataset().test_images[:6]):
        st.button(f"{number}", key=f"{number}", on_click=followed_drawings.follow, args=(image,))
    st.text(f"{len(followed_drawings.waiting())} {st.session_state.get('requested-page')}")
    if followed_drawings.ERROR in st.session_state:
        st.error(st.session_state[followed_drawings.ERROR])


def test_the_training_under_way_follows_a_drawing_at_once(machine: Path) -> None:
    store.create_run(machine, SETTINGS, name="Ended long ago")
    run = store.create_run(machine, SETTINGS, name="Under way")
    app = AppTest.from_function(from_the_draw_page, default_timeout=60).run()
    with owning(run):
        for number in (*range(MOST), 1, MOST):
            app.button(key=f"{number}").click().run()
    assert np.array_equal(drawings.chosen(run), DRAWINGS[:MOST])
    assert app.session_state["selection"].run == run.run_id
    assert "Under way follows 5 drawings already" in app.error[0].value
    assert app.text[0].value == "0 train"


def test_else_the_next_training_follows_it(machine: Path) -> None:
    app = AppTest.from_function(from_the_draw_page, default_timeout=60).run()
    for number in (*range(MOST), 1, MOST):
        app.button(key=f"{number}").click().run()
    assert app.text[0].value == "5 train"
    assert "A training follows 5 drawings at most." in app.error[0].value
    waiting = app.session_state["followed-drawings"]

    app = open_app("train")
    app.session_state["followed-drawings"] = waiting[:2]
    app.run()
    assert "The next training follows 2 drawings of yours." in text(app)
    app.button(key="forget-drawings").click().run()
    assert "The next training follows" not in text(app)
    app.session_state["followed-drawings"] = waiting[:1]
    app.run()
    assert "The next training follows 1 drawing of yours." in text(app)
    app.button(key="start").click().run()
    (run,) = store.list_runs(machine)
    assert np.array_equal(drawings.chosen(run), DRAWINGS[:1])
    assert "The next training follows" not in text(app)


def test_the_draw_page_hands_over_what_the_model_is_given(following: Run, machine: Path) -> None:
    give(following, machine)
    app = open_app("draw")
    assert app.button(key="draw-watch").disabled
    draw(app, BOX)
    app.button(key="draw-watch").click().run()
    assert not app.exception
    expected = preprocessing.to_model_input(canvas.pixels(canvas_state(app).steps.current.picture))
    (waiting,) = app.session_state["followed-drawings"]
    assert np.array_equal(waiting, expected)
    app.switch_page("pages/train.py").run()  # which a browser does by itself
    assert "The next training follows 1 drawing of yours." in text(app)
