"""The pages without a browser: what they say in each state."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard import run_catalog
from fmnist.evaluation.predictions import Evaluation
from fmnist.models.registry import MODELS
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.recipes import RECIPES
from fmnist.runs.run import Run
from fmnist.runs.store import owning
from fmnist.training.ensemble import combine
from fmnist.training.loop import train
from fmnist.training.timing import TimingError
from tools.small import small_dataset

APP = str(Path(__file__).resolve().parents[2] / "app.py")
SETTINGS = TrainConfig(
    dataset="synthetic-garments", epochs=3, subset=200, batch_size=50, log_every=2
)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with no data set, no runs and no shipped models; returns the folder of the runs."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("FMNIST_DATA", "")
    monkeypatch.setenv("FMNIST_DOWNLOADS", str(tmp_path / "data"))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "pretrained")
    # the pages' drawn garments take seconds to draw; a few stand in for them
    monkeypatch.setattr(
        "fmnist.data.fashion_mnist.draw_dataset", lambda _progress=None: small_dataset()
    )
    st.cache_data.clear()
    st.cache_resource.clear()
    yield tmp_path / "artifacts" / "runs"
    run_catalog.trainer().close()  # it would go on beside other tests, and be seen by their spies
    st.cache_resource.clear()


def open_app(page: str = "", **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    if page:
        app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    """All that the page says."""
    kinds = ("title", "subheader", "markdown", "caption", "error", "warning", "info")
    elements: list[Any] = [element for kind in kinds for element in app.get(kind)]
    return "\n".join(element.value for element in elements)


def choose(app: AppTest, key: str, value: str) -> None:
    """Press one of a widget's options, and draw the page again."""
    widget: Any = app.get_by_key(key)
    widget.set_value(value).run()


def rename(app: AppTest, name: str) -> None:
    """Give the open run a name, on the Train page."""
    app.button(key="edit-run").click().run()
    (field,) = (box for box in app.text_input if box.label == "Name")
    field.set_value(name)
    (save,) = (button for button in app.button if button.label == "Save")
    save.click().run()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("finished")
    run = store.create_run(root, SETTINGS, name="Trained")
    with owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


def give(run: Run, root: Path, **changes: object) -> Run:
    """Copy a run into a folder of runs, with its status changed."""
    copy = root / run.run_id
    shutil.copytree(run.folder, copy)
    status = json.loads((copy / "status.json").read_text())
    (copy / "status.json").write_text(json.dumps(status | changes))
    return store.open_run(root, run.run_id)


def test_start_without_any_run_says_what_to_do() -> None:
    app = open_app()
    assert "No model yet" in text(app)
    assert "Showing synthetic images" in text(app)


def test_start_shows_accuracy_and_protocol_of_the_open_run(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app()
    shown = {metric.label: metric.value for metric in app.metric}
    test = Evaluation.load(finished.evaluation_path("test"))
    best = finished.history.best
    assert best
    assert shown["Test accuracy"] == f"{test.accuracy:.2%}"
    assert shown["Validation accuracy"] == f"{best.accuracy:.2%}"
    assert "Held-out protocol" in text(app)
    assert "200 test images" in text(app)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on all training images."""
    root = tmp_path_factory.mktemp("full")
    run = store.create_run(
        root, replace(SETTINGS, protocol="full", checkpoint="last"), name="Trained"
    )
    with owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


def test_a_run_on_all_images_is_told_as_one_on_every_page(full: Run, machine: Path) -> None:
    run = give(full, machine)
    test = Evaluation.load(full.evaluation_path("test"))
    app = open_app()
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {"Test accuracy": f"{test.accuracy:.2%}", "Last epoch": "3 of 3"}
    assert "settings that were fixed beforehand" in text(app)
    app = open_app("train", run=run.run_id)
    shown = {metric.label: metric.value for metric in app.metric}
    kept = full.history.selected
    assert kept
    assert shown["Accuracy on training images"] == f"{kept.accuracy:.2%}"
    assert shown["Test accuracy"] == f"{test.accuracy:.2%}"
    assert "this shows fit, not generalization" in text(app) and "Generalization gap" not in text(
        app
    )
    assert list(app.dataframe[0].value["Monitored split"]) == ["Training sample"]
    app = open_app("confusion", run=run.run_id)
    assert "200 test images" in text(app)
    choose(app, "split", "train")
    assert "17 training images" in text(app)
    app = open_app("confidence", run=run.run_id)
    app.session_state["confidence-panels"] = "Calibration"
    app.run()
    assert "No temperature" in text(app)
    shutil.copytree(run.folder, machine / "again")
    app = open_app("compare", runs=f"{run.run_id}~again")
    assert "after each epoch. Solid: a sample of the training images (full protocol)." in text(app)


def test_train_page_shows_a_finished_run_with_its_log(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("train")
    assert "Trained" in text(app)
    assert "Generalization gap" in text(app)
    assert "Finished" in app.code[0].value
    assert len(app.dataframe[0].value) == 1


@pytest.mark.parametrize(
    ("state", "reason", "says"),
    [
        ("running", None, "The training was interrupted"),
        ("failed", "The disk is full; free some space.", "The disk is full"),
    ],
)
def test_train_page_offers_to_resume(
    finished: Run, machine: Path, state: str, reason: str | None, says: str
) -> None:
    give(finished, machine, state=state, reason=reason)
    app = open_app("train")
    assert says in text(app)
    assert app.button(key=f"resume-run-{finished.run_id}").label == "Resume training"


def test_a_broken_run_is_shown_with_its_reason_on_every_page(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    run.history_path.write_text("not json\n")
    for page in ("", "train"):
        assert "the file history.jsonl is damaged" in text(open_app(page))


def test_a_run_whose_folder_is_gone_is_told_until_dismissed(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create_run(machine, TrainConfig(), name="Lost")
    shutil.rmtree(run.folder)
    lost = run_catalog.trainer()._lost
    monkeypatch.setitem(lost, run.run_id, run.gone)
    app = open_app("train")
    assert "The folder of Lost is gone: it was deleted or moved. Put it back" in text(app)
    app.button(key=f"dismiss-{run.run_id}").click().run()
    assert "Lost" not in text(app)
    assert lost == {}


def test_damaged_evaluation_is_told_in_a_sentence(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    run.evaluation_path("test").write_bytes(b"PK rubbish")
    assert "evaluation cannot be read" in text(open_app())


def test_presets_fill_the_settings_and_a_change_makes_them_custom(machine: Path) -> None:
    app = open_app("train")
    assert app.number_input(key="setting-epochs").value == 4
    app.button(key="preset-original").click().run()
    assert app.number_input(key="setting-epochs").value == 20
    assert app.number_input(key="setting-subset").value is None
    assert "FashionCNN, 20 epochs" in text(app)
    app.number_input(key="setting-epochs").set_value(7).run()
    assert "Your own settings" in text(app)


def test_the_sketch_recipe_fills_every_setting(machine: Path) -> None:
    app = open_app("train")
    app.button(key="preset-sketch").click().run()
    widgets = {**RECIPES["sketch"]}
    assert pills(app, "setting-augmentation").value == list(widgets.pop("augmentation"))
    for name in ("model", "optimizer", "schedule", "checkpoint", "precision", "training_drawings"):
        assert app.selectbox(key=f"setting-{name}").value == widgets.pop(name)
    for name, value in widgets.items():
        assert app.number_input(key=f"setting-{name}").value == value


def test_settings_that_do_not_go_together_are_refused_in_a_sentence(machine: Path) -> None:
    app = open_app("train")
    app.button(key="preset-original").click().run()
    app.selectbox(key="setting-schedule").set_value("cosine").run()
    app.number_input(key="setting-warmup_epochs").set_value(20).run()
    app.button(key="start").click().run()
    assert "must be fewer than the 20 epochs" in text(app)
    assert store.list_runs(machine) == []


def pills(app: AppTest, key: str) -> Any:
    return app.get_by_key(key)


def started(app: Any, machine: Path) -> dict[str, Any]:
    """Settings of the run that the Start button makes."""
    app.button(key="start").click().run()
    run = max(store.list_runs(machine), key=lambda run: run.created)
    assert run.config is not None
    return vars(run.config)


def test_an_ensemble_is_told_by_its_members(finished: Run, machine: Path) -> None:
    first = give(finished, machine)
    shutil.copytree(machine / first.run_id, machine / "second")
    made = combine([first, store.open_run(machine, "second")], machine, name="Both")
    app = open_app(run=made.run_id)
    assert {metric.label: metric.value for metric in app.metric}["Members"] == "2"
    assert "the epochs of its members are selected on validation images" in text(app)
    app = open_app("train", run=made.run_id)
    assert "Training of all members" in [metric.label for metric in app.metric]
    assert "Generalization gap" not in text(app)
    assert first.history.selected
    members = app.dataframe(key="members").value
    assert list(members["Member"]) == ["Trained", "Trained"]
    assert members["Accuracy"][0] == pytest.approx(100 * first.history.selected.accuracy)
    shutil.rmtree(machine / "second")
    members = open_app("train", run=made.run_id).dataframe(key="members").value
    assert list(members["Member"]) == ["Trained", "second (deleted)"]
    assert "2 members" in text(open_app("errors", run=made.run_id))


def test_a_model_brings_its_own_recipe(machine: Path) -> None:
    app = open_app("train")
    app.selectbox(key="setting-model").set_value("deep-cnn").run()
    app.button(key="own-recipe").click().run()
    assert "Your own settings" in text(app)
    recipe = {**MODELS["deep-cnn"].recipe, "model": "deep-cnn"}
    assert started(app, machine).items() >= recipe.items()


def test_every_option_of_the_form_reaches_the_run(finished: Run, machine: Path) -> None:
    teacher = give(finished, machine).run_id
    shutil.copytree(machine / teacher, machine / "again")
    app = open_app("train")
    app.button(key="preset-original").click().run()
    pills(app, "setting-augmentation").set_value(["erase", "flip"]).run()
    app.selectbox(key="setting-batch_mix").set_value("cutmix").run()
    app.number_input(key="setting-mix_probability").set_value(0.5).run()
    app.multiselect(key="setting-teachers").set_value([teacher, "again"]).run()
    app.number_input(key="setting-distillation_weight").set_value(0.7).run()
    app.number_input(key="setting-label_smoothing").set_value(0.1).run()
    app.number_input(key="setting-ema").set_value(0.99).run()
    app.number_input(key="setting-patience").set_value(4).run()
    app.number_input(key="setting-low_res_side").set_value(14).run()
    app.number_input(key="setting-low_res_share").set_value(0.3).run()
    app.selectbox(key="setting-precision").set_value("auto").run()
    app.selectbox(key="setting-tta").set_value("flip").run()
    app.number_input(key="setting-subset").set_value(200).run()
    expected = {
        "augmentation": ("flip", "erase"), "batch_mix": "cutmix", "mix_probability": 0.5,
        "teachers": (teacher, "again"), "distillation_weight": 0.7,
        "label_smoothing": 0.1, "ema": 0.99, "patience": 4, "precision": "auto", "tta": "flip",
        "low_res_side": 14, "low_res_share": 0.3, "subset": 200,
    }  # fmt: skip
    assert started(app, machine).items() >= expected.items()


def test_only_teachers_that_have_seen_nothing_kept_apart_are_offered(
    finished: Run, machine: Path
) -> None:
    teacher = give(finished, machine).run_id
    path = machine / teacher / "config.json"
    document = json.loads(path.read_text())
    document["config"] |= {"protocol": "full", "checkpoint": "last"}
    path.write_text(json.dumps(document))
    app = open_app("train")
    app.button(key="preset-original").click().run()
    assert finished.name not in app.multiselect(key="setting-teachers").options
    app.selectbox(key="setting-protocol").set_value("full").run()
    assert finished.name in app.multiselect(key="setting-teachers").options
    app.multiselect(key="setting-teachers").set_value([teacher]).run()
    app.selectbox(key="setting-protocol").set_value("held-out").run()
    assert app.multiselect(key="setting-teachers").value == [teacher]
    assert f"{finished.name} (other protocol)" in app.multiselect(key="setting-teachers").options
    app.button(key="start").click().run()
    assert "images that the held-out protocol holds out; choose another" in app.error[0].value
    assert [run.run_id for run in store.list_runs(machine)] == [teacher]


def test_all_images_leave_none_to_choose_an_epoch_by(machine: Path) -> None:
    app = open_app("train")
    app.button(key="preset-original").click().run()
    assert not app.selectbox(key="setting-checkpoint").disabled
    app.selectbox(key="setting-protocol").set_value("full").run()
    assert app.selectbox(key="setting-checkpoint").disabled
    assert started(app, machine).items() >= {"protocol": "full", "checkpoint": "last"}.items()


def test_a_wall_of_samples_shows_what_augmentation_does(machine: Path) -> None:
    app = open_app("train")
    app.button(key="preset-original").click().run()  # which changes nothing
    assert not app.toggle
    pills(app, "setting-augmentation").set_value(["rotate"]).run()
    assert not app.get("image")
    app.toggle(key="show-samples").set_value(True).run()
    (before,) = app.get("image")
    app.button(key="other-samples").click().run()
    (after,) = app.get("image")
    assert before.proto != after.proto


def test_data_page_counts_the_classes(machine: Path) -> None:
    app = open_app("data")
    table = app.dataframe[0].value
    assert table.loc["All"].to_dict() == {"Train": 550, "Validation": 50, "Test": 200}
    metrics = {metric.label: metric.value for metric in app.metric}
    pixels = small_dataset().split("train").images
    assert metrics["Mean"] == f"{pixels.mean():.1f}"
    assert metrics["Standard deviation"] == f"{pixels.std():.1f}"
    choose(app, "pixel-scale", "Normalized, −1 to 1")
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Mean"] == f"{pixels.mean() / 127.5 - 1:.4f}"


def test_a_broken_data_folder_is_told_and_the_app_stays_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_DATA", str(tmp_path / "nowhere"))
    said = text(open_app("data"))
    assert "FMNIST_DATA: there is no folder" in said
    assert "Showing synthetic images" in said


def test_an_address_with_a_run_opens_it(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    assert open_app(run=run.run_id).selectbox(key="run-picker").value == run.run_id
    assert "Ignored unknown values in the URL: run 'nonsense'" in text(open_app(run="nonsense"))
    assert "Ignored unknown values in the URL: run '../../etc'" in text(open_app(run="../../etc"))


def test_a_finished_run_tells_its_test_accuracy_also_over_several_views(machine: Path) -> None:
    run = store.create_run(machine, replace(SETTINGS, checkpoint="last", tta="flip"), name="Last")
    with owning(run):
        train(run, small_dataset())
    app = open_app("train", run=run.run_id)
    shown = {metric.label: metric.value for metric in app.metric}
    one, several = (Evaluation.load(p) for p in (run.evaluation_path("test"), run.tta_path))
    assert shown["Test accuracy"] == f"{one.accuracy:.2%}"
    assert shown["Test accuracy with TTA"] == f"{several.accuracy:.2%}"
    kept = store.open_run(machine, run.run_id).history.epochs[-1]
    assert shown["Last validation accuracy"] == f"{kept.accuracy:.2%}"
    assert "smoothed labels" not in text(app)


def test_losses_that_do_not_compare_are_explained(machine: Path) -> None:
    run = store.create_run(machine, replace(SETTINGS, label_smoothing=0.1), name="Smooth")
    with owning(run):
        train(run, small_dataset())
    assert "with smoothed labels or mixed images" in text(open_app("train", run=run.run_id))


def test_the_time_of_a_first_run_is_estimated_from_timed_steps(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def pace(config: TrainConfig) -> float:
        asked.append(config.model)
        return 1000.0

    monkeypatch.setattr("fmnist.dashboard.train.launch.time_in_process", pace)
    app = open_app("train")
    app.button(key="estimate-time").click().run()
    assert asked == ["swift-muon"]
    assert "on this computer, estimated from a few timed steps." in text(app)
    assert "estimate-time" not in [button.key for button in app.button]
    # more epochs of the same steps need no new timing, another model does
    app.number_input(key="setting-epochs").set_value(9).run()
    assert "estimated from a few timed steps" in text(app)
    app.selectbox(key="setting-model").set_value("lenet-5").run()
    assert app.button(key="estimate-time")


def test_steps_that_cannot_be_timed_are_told(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(config: TrainConfig) -> float:
        raise TimingError("The data set is not here; load it.")

    monkeypatch.setattr("fmnist.dashboard.train.launch.time_in_process", fail)
    app = open_app("train")
    app.button(key="estimate-time").click().run()
    assert "The data set is not here; load it." in text(app)
    assert app.button(key="estimate-time")
