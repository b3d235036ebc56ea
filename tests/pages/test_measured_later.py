"""The button of the Train page that measures a run on the test images, when all is decided."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard.sweeps.gathering import measuring
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.runs.store import owning
from fmnist.training.loop import train
from tests.pages.test_pages import SETTINGS, give, machine, open_app, text
from tools.small import small_dataset

__all__ = ["machine"]  # a fixture

SECONDS = 120
LATER = replace(SETTINGS, epochs=1, measure_test="later")
# the process of the job, on the small data set in place of the many drawings
PROCESS = """
import runpy
from fmnist.data import fashion_mnist
from tools.small import small_dataset
fashion_mnist.draw_dataset = small_dataset
runpy.run_module("fmnist.sweeps.measuring_job", run_name="__main__")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("later")
    run = store.create_run(root, LATER, name="Later")
    with owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


@pytest.fixture
def run(trained: Run, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run whose test images nobody has looked at; the job finds its images."""
    (tmp_path / "measuring_small.py").write_text(PROCESS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{paths.PROJECT}")
    monkeypatch.setattr(measuring(), "_module", "measuring_small")
    return give(trained, machine)


def offers(app: AppTest) -> bool:
    return any(button.key == "measure-start" for button in app.button)


def test_it_is_measured_once(run: Run) -> None:
    app = open_app("train", run=run.run_id)
    assert "Test accuracy" not in [metric.label for metric in app.metric]
    assert app.button(key="measure-start").label == "Measure on the test images"
    app.button(key="measure-start").click().run()
    assert measuring().wait(SECONDS).error is None
    app.run()
    assert not app.exception and not offers(app)
    accuracy = Evaluation.load(run.evaluation_path("test")).accuracy
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Test accuracy"] == f"{accuracy:.2%}"
    assert f"Measured on the test images: accuracy {accuracy:.2%}" in app.code[0].value
    assert not offers(open_app("train", run=run.run_id))


def test_a_click_after_another_window_has_measured_it_is_refused(run: Run) -> None:
    app = open_app("train", run=run.run_id)
    # measured in between, and the page does not know yet
    Evaluation.load(run.evaluation_path("validation")).save(run.evaluation_path("test"))
    before = run.evaluation_path("test").read_bytes()
    app.button(key="measure-start").click().run()
    error = measuring().wait(SECONDS).error
    assert error == "Later was measured on the test images before; that is done once."
    app.run()
    assert not app.exception and not offers(app)
    assert run.evaluation_path("test").read_bytes() == before


def test_why_it_failed_is_told_and_it_can_be_tried_again(run: Run) -> None:
    weights = run.weights_path.read_bytes()
    run.weights_path.unlink()
    app = open_app("train", run=run.run_id)
    app.button(key="measure-start").click().run()
    measuring().wait(SECONDS)
    app.run()
    assert "It could not be measured: Later has no weights to measure." in text(app)
    assert not run.evaluation_path("test").exists()
    run.weights_path.write_bytes(weights)
    app.button(key="measure-start").click().run()
    assert measuring().wait(SECONDS).error is None
    app.run()
    assert not app.error and not offers(app)


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_a_run_that_has_not_finished_is_not_offered(run: Run, state: str) -> None:
    run.write_status(state, run.progress)  # type: ignore[arg-type]
    assert not offers(open_app("train", run=run.run_id))
