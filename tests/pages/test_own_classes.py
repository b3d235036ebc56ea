"""A run with a class of one's own: each page speaks of eleven classes, and knows their names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard.components import clickable, image_map
from fmnist.data.splits import SplitName
from fmnist.evaluation.predictions import Evaluation, evaluate
from fmnist.evaluation.verdicts import VerdictStore
from fmnist.models.classifier import Classifier
from fmnist.reports.run_report import run_report
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.training.fine_tuning import fine_tune
from fmnist.training.own_drawings import OwnDrawings
from tests.pages.test_draw import BOX, draw, parts, predictions
from tests.pages.test_pages import choose, finished, give, machine, open_app, text
from tests.training.test_fine_tuning import make_few
from tests.training.test_own_drawings import drawings
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures

HAT = 10
NAME = "*hat*"
ESCAPED = r"\*hat\*"


@pytest.fixture(scope="module")
def taught(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy with an own class, as which it predicts some of the test images."""
    with pytest.MonkeyPatch.context() as patch:
        make_few(patch, tmp_path_factory.mktemp("taught"))
        found = OwnDrawings.of(drawings("hat", "hat", "hat"))
        learned = OwnDrawings(found.pictures, (NAME,) * 3, found.ids)
        run = fine_tune(finished, learned, paths.runs_folder(), small_dataset())
    classifier = Classifier.load(run.weights_path)
    layer = classifier.last_layer
    scores = evaluate(classifier, small_dataset().split("test")).logits.astype(float)
    # so much more of it that a tenth of the test images are predicted as the class
    lead = np.sort(scores[:, :HAT].max(axis=1) - scores[:, HAT])[len(scores) // 10]
    layer.bias.data[HAT] += float(lead)
    classifier.save(run.weights_path)
    splits: tuple[SplitName, ...] = ("test", "validation")
    for split in splits:
        evaluate(classifier, small_dataset().split(split)).save(run.evaluation_path(split))
    return run


@pytest.fixture
def run(taught: Run, finished: Run, machine: Path) -> Run:
    give(finished, machine)
    return give(taught, machine)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    """What the components for matrices and maps were told to show."""
    told: dict[str, list[dict[str, Any]]] = {"matrix": [], "map": []}

    def recorder(name: str) -> Any:
        return lambda **values: told[name].append(values["data"])

    monkeypatch.setattr(clickable, "_MATRIX", recorder("matrix"))
    monkeypatch.setattr(image_map, "_MAP", recorder("map"))
    return told


def open_run(page: str, run: Run, **query: str) -> AppTest:
    return open_app(page, run=run.run_id, **query)


def stolen(run: Run) -> tuple[int, int]:
    """Index and true class of the first image that is predicted as the own class."""
    found = Evaluation.load(run.evaluation_path("test"))
    position = int(np.flatnonzero(found.predicted_labels == HAT)[0])
    return int(found.indices[position]), int(found.labels[position])


def test_confusion_has_a_column_of_the_own_class(
    run: Run, finished: Run, sent: dict[str, list[dict[str, Any]]]
) -> None:
    found = Evaluation.load(run.evaluation_path("test"))
    count = int((found.predicted_labels == HAT).sum())
    assert count > 0
    app = open_run("confusion", run, predicted=str(HAT), correctness="all")
    matrix = sent["matrix"][-1]
    assert [entry["name"] for entry in matrix["classes"]][HAT] == NAME
    assert sum(int(row[HAT]["text"].replace("·", "0")) for row in matrix["cells"]) == count
    assert f"**{count}** images" in text(app)
    assert f"No image of the data set is of **{ESCAPED}**" in text(app)
    assert app.button(key="chip-predicted").label == f"Predicted: {ESCAPED}"
    assert NAME in list(app.dataframe[0].value["Predicted as"])
    app.session_state["panels"] = "Classes"
    app.run()
    assert not app.exception and list(app.dataframe[0].value["Class"])[HAT] == NAME
    app.toggle(key="matrix-grouped").set_value(True).run()
    assert not app.exception and len(sent["matrix"][-1]["classes"]) == 11
    # beside a run of ten classes: their difference has the column, too
    app = open_run("confusion", finished, compared=run.run_id)
    app.session_state["matrix-scale"] = "Difference"
    app.session_state["panels"] = "Two cells"
    app.run()
    assert not app.exception
    assert [entry["name"] for entry in sent["matrix"][-1]["classes"]][HAT] == NAME
    labels = [row[HAT]["text"] for row in sent["matrix"][-1]["cells"]]
    assert sum(int(text.replace("·", "0")) for text in labels) == -count
    # and a run of ten classes says what it can of a class that it lacks
    app = open_run("confusion", finished, predicted=str(HAT), correctness="all")
    assert "No image of the data set" not in text(app)
    assert app.button(key="chip-predicted").label == "Predicted: Own class 1"
    assert not app.exception


def test_errors_shows_what_the_own_class_took(run: Run, finished: Run) -> None:
    image, _ = stolen(run)
    app = open_run("errors", run, predicted=str(HAT))
    assert app.multiselect(key="filter-predicted").options[HAT] == NAME
    app = open_run("errors", run, image=str(image))
    assert f"predicted as **:red[{ESCAPED}]**" in text(app)
    (button,) = (one for one in app.button if (one.key or "").startswith("verdict-label-wrong"))
    button.click().run()
    assert not app.exception and not app.error
    (given,) = VerdictStore(paths.artifacts_folder() / "verdicts.sqlite").all().values()
    assert given.predicted_label is None  # the database knows the ten classes
    app = open_run("errors", finished, image=str(image), compared=run.run_id)
    assert not app.exception


def test_confidence_is_that_of_eleven_probabilities(run: Run) -> None:
    app = open_run("confidence", run)
    for panel in ("Calibration", "Selective prediction", "Prediction sets"):
        app.session_state["confidence-panels"] = panel
        app.run()
        assert not app.exception, panel
    app.toggle(key="coverage-by-class").set_value(True).run()
    assert not app.exception
    groups = next(table.value for table in app.dataframe if "Classes" in table.value)
    assert any(NAME in classes for classes in groups["Classes"])


def test_the_map_colors_what_is_predicted_as_the_own_class(
    run: Run, sent: dict[str, list[dict[str, Any]]]
) -> None:
    app = open_run("map", run)
    app.selectbox(key="map-color").set_value("Predicted class").run()
    shown = sent["map"][-1]
    assert shown["classes"][HAT] == NAME and len(shown["palette"]) == 11
    assert shown["legend"]["keys"][HAT]["text"] == NAME
    assert not app.exception


@pytest.mark.parametrize("panel", ["Where it looks", "Layers", "What would flip it", "Break it"])
def test_explain_can_explain_the_own_class(
    run: Run, panel: str, sent: dict[str, list[dict[str, Any]]]
) -> None:
    image, _ = stolen(run)
    app = open_run("explain", run, image=str(image), panel=panel, why=str(HAT))
    assert f"Predicted as **:red[{ESCAPED}]**" in text(app)
    if panel == "Where it looks":
        assert app.selectbox(key="explain-class").value == HAT
        assert f"the logit of {ESCAPED}" in text(app)
    elif panel == "Layers":
        walk = next(table.value for table in app.dataframe if "Output" in table.value)
        assert list(walk["Output"])[-1] == "11"
    elif panel == "What would flip it":
        app.selectbox(key="flip-target").set_value(0).run()
        assert f"turns **{ESCAPED}** into" in text(app)
    else:
        assert sent["matrix"][-1]["classes"][HAT]["name"] == NAME
    assert not app.exception


def test_a_drawing_is_explained_as_the_own_class(run: Run) -> None:
    classifier = Classifier.load(run.weights_path)
    classifier.last_layer.bias.data[HAT] += 50
    classifier.save(run.weights_path)
    app = open_run("draw", run)
    app.selectbox(key="draw-model").set_value(run.run_id).run()
    app.toggle(key="draw-inside").set_value(True).run()
    draw(app, BOX)
    assert predictions(app)[0]["headline"].startswith(f"{NAME}, ")
    captions = [part["caption"] for part in parts(app, "model_input")]
    assert f"Why {NAME}? Orange speaks for it." in captions
    app.switch_page("pages/explain.py").run()
    choose(app, "explain-subject", "drawing")
    assert f"Predicted as **{ESCAPED}**" in text(app)
    assert not app.exception


def test_start_compare_and_the_report_know_the_name(
    run: Run, finished: Run, sent: dict[str, list[dict[str, Any]]]
) -> None:
    assert not open_app(run=run.run_id).exception
    assert sent["matrix"][-1]["classes"][HAT]["name"] == NAME
    app = open_app("compare", runs=f"{run.run_id}~{finished.run_id}", panel="Classes")
    assert not app.exception
    found = store.open_run(run.folder.parent, run.run_id)
    assert f"predicted as {NAME}" in run_report(found, dataset=small_dataset())
