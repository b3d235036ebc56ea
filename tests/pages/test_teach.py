"""The section "Teach it" of the Draw page, without a browser."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.evaluation.fine_tuning_effect import FineTuningEffect
from fmnist.jobs import JobState
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.sketchpad.gallery import Gallery
from fmnist.training import fine_tuning, learners, replay
from fmnist.training.fine_tuning_job import FineTuneProcess, FineTuneTask
from fmnist.training.own_drawings import OwnDrawings
from tests.pages.test_draw import BOX, STROKE, draw, picture_file, predictions, upload
from tests.pages.test_pages import finished, give, machine, open_app, text
from tests.training.test_own_drawings import drawings, picture_of
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures


class HeldJob:
    """Stands in for the process: it runs until the test ends it."""

    def __init__(self) -> None:
        self.state: JobState[FineTuneTask] = JobState()

    def poll(self) -> JobState[FineTuneTask]:
        return self.state

    def start(self, task: FineTuneTask) -> None:
        self.state = JobState(task, running=True, text="Training the last layer")

    def cancel(self) -> None:
        self.state = JobState()

    def end(self, error: str | None = None) -> None:
        self.state = replace(self.state, running=False, done=1.0, error=error)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> HeldJob:
    held = HeldJob()
    for name in ("poll", "start", "cancel"):
        monkeypatch.setattr(FineTuneProcess, name, lambda _, *a, _n=name: getattr(held, _n)(*a))
    for name, value in (("IMAGES", 100), ("DRAWINGS", 20), ("OTHERS", 10)):
        monkeypatch.setattr(replay, name, value)
    monkeypatch.setattr(learners, "STEPS", 30)
    monkeypatch.setattr(fine_tuning, "MOST_PARTS", 2)
    return held


def gallery() -> Gallery:
    return Gallery(paths.artifacts_folder() / "drawings")


def fill(*labels: str) -> None:
    """Save drawings with these labels in the gallery."""
    for drawing in drawings(*labels):
        gallery().save(drawing)


def taught(base: Run) -> Run:
    """What the process would make."""
    learned = OwnDrawings.of(gallery().all()[0])
    return fine_tuning.fine_tune(base, learned, paths.runs_folder(), small_dataset())


def shown(app: AppTest, key: str) -> bool:
    return any(button.key == key for button in app.button)


def test_it_says_first_what_to_do(finished: Run, machine: Path, job: HeldJob) -> None:
    assert "There is no model to copy yet" in text(open_app("draw"))
    give(finished, machine)
    assert "Save at least 3 drawings or pictures with labels" in text(open_app("draw"))
    fill("Sneaker", "Bag")
    app = open_app("draw")
    assert "You have 2." in text(app)
    assert not shown(app, "teach-start") and not shown(app, "draw-taught-undo")


def test_an_own_class_is_added_drawn_and_removed(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("draw")
    app.text_input(key="draw-new-class").set_value("*hat*")
    app.button(key="draw-add-class").click().run()
    assert "**\\*hat\\*** 0 drawings" in text(app)
    assert app.button(key="draw-add-to-*hat*").disabled
    draw(app, BOX)
    app.button(key="draw-add-to-*hat*").click().run()
    (saved,), _ = gallery().all()
    assert saved.label == "*hat*"
    assert "**\\*hat\\*** 1 drawing" in text(app) and "Label: \\*hat\\*" in text(app)
    assert predictions(app)[0]["headline"] == "Draw a shoe, a shirt, a bag…"  # a new sheet
    upload(app, picture_file())
    app.button(key="draw-add-to-*hat*").click().run()
    assert "**\\*hat\\*** 2 drawings" in text(app) and "**Draw a garment**" in text(app)
    gallery().delete(next(one.drawing_id for one in gallery().all()[0] if one.is_picture))
    draw(app, BOX, STROKE)
    app.selectbox(key="draw-label").set_value("*hat*").run()
    assert [one.label for one in gallery().all()[0]] == ["*hat*"] * 2
    app.button(key="draw-remove-class-*hat*").click().run()
    assert "2 drawings are labeled \\*hat\\*" in text(app)
    for one in gallery().all()[0]:
        gallery().set_label(one.drawing_id, "Bag")
    app.button(key="draw-remove-class-*hat*").click().run()
    assert gallery().own_classes() == () and not shown(app, "draw-remove-class-*hat*")
    assert not app.exception


@pytest.mark.parametrize(
    ("name", "told"), [("", "1 to 30 characters"), ("bag", "There is a class 'bag' already")]
)
def test_a_class_without_a_possible_name_is_refused(
    finished: Run, machine: Path, name: str, told: str
) -> None:
    give(finished, machine)
    app = open_app("draw")
    app.text_input(key="draw-new-class").set_value(name)
    app.button(key="draw-add-class").click().run()
    assert told in text(app) and gallery().own_classes() == ()


def test_a_copy_is_taught_chosen_undone_and_brought_back(
    finished: Run, machine: Path, job: HeldJob
) -> None:
    base = give(finished, machine)
    gallery().add_class("hat")
    fill("hat", "Sneaker", "No garment")
    gallery().save(picture_of(drawings("hat")[0]))
    app = open_app("draw")
    assert "Learns 3 labeled drawings and 1 labeled picture (hat 2, " in text(app)
    assert "**hat** has 2 drawings; with fewer than 10" in text(app)
    assert "1 drawing labeled *No garment* are left out" in text(app)
    elsewhere = open_app("draw")
    app.button(key="teach-start").click().run()
    assert job.state.task == FineTuneTask(base.folder, gallery()._folder, machine)
    assert not shown(app, "teach-start") and shown(app, "teach-cancel")
    assert shown(elsewhere.run(), "teach-cancel")
    run = taught(base)
    job.end()
    app.run()
    assert not app.exception
    assert app.selectbox(key="draw-model").value == run.run_id
    assert elsewhere.run().selectbox(key="draw-model").value == base.run_id  # it has not asked
    effect = FineTuningEffect.load(run)
    assert f"{effect.drawings_before} of 3 | {effect.drawings_after} of 3" in text(app)
    assert "they chose nothing" in text(app) and "So few say little" in text(app)
    draw(app, BOX)
    (prediction,) = predictions(app)
    assert [row["name"] for row in prediction["rows"]][10:] == ["hat"]
    assert len({row["color"] for row in prediction["rows"]}) == 11
    app.button(key="draw-taught-undo").click().run()
    assert app.selectbox(key="draw-model").value == base.run_id
    assert not run.exists() and len(predictions(app)[0]["rows"]) == 10
    app.button(key="draw-taught-restore").click().run()
    assert run.exists() and app.selectbox(key="draw-model").value == run.run_id
    # a copy that forgets is warned of
    values = json.loads(run.effect_path.read_text())
    run.effect_path.write_text(json.dumps(values | {"test_after": 0, "p_value": 0.001}))
    (run.folder / "checksums.json").unlink()
    assert "fell by more than chance (p = 0.0010)" in text(open_app("draw"))
    run.effect_path.write_text("{")
    assert "fine\\_tuning.json" in text(open_app("draw")).replace("fine_t", "fine\\_t")


def test_damaged_pictures_are_left_out_and_told(finished: Run, machine: Path, job: HeldJob) -> None:
    base = give(finished, machine)
    fill("Sneaker", "Bag")
    gallery().save(replace(drawings("Coat")[0], picture=b"damaged"))
    app = open_app("draw")
    told = "1 labeled drawing is left out, since its picture is damaged: delete it"
    assert told in text(app) and "You have 2." in text(app)
    fill("Bag")
    assert told in text(app.run()) and "Learns 3 labeled drawings (Bag 2, Sneaker 1)" in text(app)
    app.button(key="teach-start").click().run()
    taught(base)
    job.end()
    app.run()
    assert text(app).count(told) == 2  # for what is to be learned next, and of what was learned


def test_a_failure_is_told(finished: Run, machine: Path, job: HeldJob) -> None:
    give(finished, machine)
    fill("Sneaker", "Bag", "Bag")
    app = open_app("draw")
    app.segmented_control(key="draw-teach-part").set_value("last-block").run()
    app.button(key="teach-start").click().run()
    assert job.state.task and job.state.task.part == "last-block"
    job.end("The disk is full.")
    app.run()
    assert "Nothing was learned: The disk is full." in text(app)
    assert shown(app, "teach-start") and not shown(app, "draw-taught-undo")


def test_damaged_names_of_classes_are_told(finished: Run, machine: Path, job: Any) -> None:
    give(finished, machine)
    fill("Sneaker")
    (paths.artifacts_folder() / "drawings" / "classes.json").write_text("{")
    app = open_app("draw")
    assert "The names of your classes cannot be read" in text(app)
    assert "Gallery (1)" in text(app) and store.list_runs(machine)
