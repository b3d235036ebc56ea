"""The Data page's learning curve without a browser: asked for, under way, drawn."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from fmnist.dashboard.data import learning_curve as panel
from fmnist.data.corrections import Corrections
from fmnist.evaluation import learning_curve
from fmnist.evaluation.learning_curve import Step, chosen_config, point_config
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs import corrections
from fmnist.training.learning_curve import CurvePlan, CurveState, CurveTrainer
from tests.pages.test_pages import machine, open_app, text
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["machine"]  # a fixture

NAME: Final = "synthetic-garments"


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[CurvePlan]:
    """Plans that the page starts; nothing is trained."""
    plans: list[CurvePlan] = []
    monkeypatch.setattr(CurveTrainer, "start", lambda _self, plan: plans.append(plan))
    monkeypatch.setattr(learning_curve, "_SIZES", (20, 40, 80, 160))
    return plans


def give_run(machine: Path, size: int, wrong: int) -> None:
    """A run of the random curve that misclassifies so many of the 200 test images."""
    run = made_up_run(machine, **point_config(NAME, size, 550).to_json())
    test = small_dataset().split("test")
    labels = (test.labels + (np.arange(len(test)) < wrong)) % 10
    logits = np.zeros((len(test), 10), np.float16)
    logits[np.arange(len(test)), labels] = 5
    Evaluation("test", logits, test.labels, test.indices).save(run.evaluation_path("test"))


def test_a_click_starts_what_is_chosen(machine: Path, started: list[CurvePlan]) -> None:
    app = open_app("data", panel="Learning curve")
    assert "8 quick runs" in text(app)
    app.button(key="curve-start").click().run()
    assert started == [CurvePlan(NAME, 550, ("margin",), (0,))]
    ways: Any = app.get_by_key("curve-ways")
    ways.set_value(["entropy"]).run()
    seeds: Any = app.get_by_key("curve-seeds")
    seeds.set_value(3).run()
    assert "24 quick runs" in text(app)
    app.button(key="curve-start").click().run()
    assert started[1] == CurvePlan(NAME, 550, ("entropy",), (0, 1, 2))


def test_the_curve_says_what_more_images_would_bring(machine: Path) -> None:
    for size, wrong in ((20, 80), (40, 60), (80, 46)):
        give_run(machine, size, wrong)
    app = open_app("data", panel="Learning curve")
    assert "3 of at least 5 sizes are measured" in text(app)
    give_run(machine, 160, 36)
    give_run(machine, 550, 24)
    app.run()
    assert "1,100 random images would bring about" in text(app)
    assert "95% interval" in text(app)
    assert app.button(key="curve-start").label == "Train what is missing"
    assert "3 quick runs" in text(app)  # those by margin


def test_a_choice_that_cannot_be_read_is_looked_for_again(machine: Path) -> None:
    chosen = Corrections.of(NAME, chosen=range(40), chosen_by="margin")
    corrections.keep(chosen)
    run = made_up_run(machine, **chosen_config(point_config(NAME, 40, 550), chosen).to_json())
    for path in (corrections.folder() / f"{chosen.checksum}.json", run.folder / corrections.FILE):
        path.unlink(missing_ok=True)
    app = open_app("data", panel="Learning curve")
    assert "8 quick runs" in text(app)
    corrections.keep(chosen)
    app.run()
    assert run.state == "finished" and "7 quick runs" in text(app)


def test_what_is_under_way_can_be_stopped(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, stopped = CurvePlan(NAME, 550, ("margin",), (0,)), []
    state = CurveState(plan, True, False, Step("margin", 40, 0), 5)
    monkeypatch.setattr(CurveTrainer, "state", lambda _self: state)
    monkeypatch.setattr(CurveTrainer, "stop", lambda _self: stopped.append(True))
    app = open_app("data", panel="Learning curve")
    [bar] = app.get("progress")
    assert bar.proto.text == "5 of 8 runs are done: 40 images, smallest margin…"
    app.button(key="curve-stop").click().run()
    assert stopped == [True]


def test_why_it_has_ended_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = CurveState(error="A run is stopped.")
    monkeypatch.setattr(CurveTrainer, "state", lambda _self: ended)
    app = open_app("data", panel="Learning curve")
    assert "A run is stopped." in text(app)
    assert panel.trainer().state() is ended
