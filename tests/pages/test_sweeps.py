"""The Sweeps page without a browser: made, watched, stopped, resumed, chosen, damaged."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard import run_catalog
from fmnist.dashboard.sweeps.gathering import workers
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs import store
from fmnist.sweeps import worker as sweep_worker
from fmnist.sweeps.space import Options, Range
from fmnist.sweeps.sweep import Plan, Sweep, list_sweeps, make_sweep, open_sweep
from fmnist.sweeps.trials import Trials, best_trial
from fmnist.sweeps.worker import SweepWorker
from fmnist.training.errors import TrainingError
from fmnist.training.worker import Trainer
from tests.pages.test_pages import choose, machine, open_app, text
from tests.sweeps.fake import BASE, SOON, Fake
from tools.made_up_run import made_up_evaluation, made_up_run

__all__ = ["machine"]  # a fixture

PLAN = Plan(
    BASE,
    {"learning_rate": Range(1e-4, 0.1, True), "optimizer": Options(("adam", "sgd"))},
    runs=6, pruner="none",
)  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trainings take no time."""
    monkeypatch.setattr(run_catalog, "Trainer", partial(Trainer, start=Fake))  # type: ignore[arg-type]
    monkeypatch.setattr(sweep_worker, "LOOK_SECONDS", 0.01)
    yield
    workers().leave()


def trained(plan: Plan = PLAN) -> Sweep:
    """A sweep that is done."""
    sweep = make_sweep(plan, name="Rates")
    worker = SweepWorker(sweep, run_catalog.trainer())
    worker.start()
    assert worker.wait(SOON).error is None
    return sweep


def wait_for(sweep: Sweep) -> None:
    workers()._workers[sweep.folder].wait(SOON)


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_a_sweep_is_started_from_the_train_page(machine: Path) -> None:
    app = open_app("train")
    app.button(key="try-several").click().run()
    app.switch_page("pages/sweeps.py").run()  # AppTest does not follow
    assert "optimizer Muon" in text(app)
    choose(app, "sweep-settings", ["learning_rate", "optimizer"])  # type: ignore[arg-type]
    choose(app, "sweep-values-optimizer", ["adam", "sgd"])  # type: ignore[arg-type]
    choose(app, "sweep-runs", 3)  # type: ignore[arg-type]
    app.text_input(key="sweep-name").set_value("*Mine*").run()
    app.button(key="sweep-start").click().run()
    assert not app.exception
    (sweep,) = list_sweeps()
    assert sweep.name == "*Mine*" and sweep.planned.runs == 3
    assert sweep.planned.base.model == "swift-muon"
    assert sweep.planned.space == {
        "learning_rate": sweep.planned.space["learning_rate"],
        "optimizer": Options(("adam", "sgd")),
    }
    wait_for(sweep)
    app.run()
    assert len(store.run_ids(machine)) == 3
    assert "Best so far: **run" in text(app) and r"\*Mine\*" in text(app)
    assert metrics(app)["Runs finished"] == "3"
    assert app.session_state["selection"].sweep == sweep.sweep_id


def test_what_cannot_be_done_is_told_and_makes_nothing() -> None:
    app = open_app("sweeps")
    choose(app, "sweep-sampler", "grid")
    app.button(key="sweep-start").click().run()
    assert "A grid needs lists of values" in text(app)
    choose(app, "sweep-settings", [])  # type: ignore[arg-type]
    assert app.button(key="sweep-start").disabled
    assert list_sweeps() == []


def test_a_sweep_stops_and_goes_on() -> None:
    sweep = make_sweep(PLAN, name="Rates")
    app = open_app("sweeps", sweep=sweep.sweep_id)
    assert "Stopped" in text(app)
    assert "No run has begun yet" in text(app)
    with sweep.working():  # a worker of another host
        app.run()
        app.button(key=f"sweep-stop-{sweep.sweep_id}").click().run()
        assert sweep.is_stopped()
        assert app.button(key=f"sweep-stop-{sweep.sweep_id}").disabled
    app.run()
    app.button(key=f"sweep-resume-{sweep.sweep_id}").click().run()
    assert not sweep.is_stopped()
    wait_for(sweep)
    app.run()
    assert "6 of 6 runs done" in app.get("progress")[0].proto.text


def test_a_run_and_its_sweep_name_each_other(machine: Path) -> None:
    sweep = trained()
    trials = Trials(sweep).all()
    made_up_run(machine, name="Another")
    app = open_app("sweeps")
    assert "Select a row" in text(app)
    app = open_app("sweeps", run=str(trials[1].run_id))
    assert "**Run 2** is shown on all pages: learning rate" in text(app)
    app.switch_page("pages/train.py").run()
    assert "Run 2 of the sweep **Rates**" in text(app)
    app.button(key=f"show-sweep-{trials[1].run_id}").click().run()
    assert app.session_state["selection"].sweep == sweep.sweep_id


def test_the_chosen_run_is_measured_once(machine: Path) -> None:
    sweep = trained()
    best = best_trial(Trials(sweep).all())
    assert best is not None and best.run_id is not None
    app = open_app("sweeps")
    label = f"Measure run {best.number + 1} on the test images"
    assert app.button(key="measure-start").label == label
    run = store.open_run(paths.runs_folder(), best.run_id)
    sweep.write_measured(best.run_id)  # as the process does
    made_up_evaluation("test").save(run.evaluation_path("test"))
    app.run()
    accuracy = Evaluation.load(run.evaluation_path("test")).accuracy
    assert f"measured once: test accuracy **{accuracy:.2%}**" in text(app)
    assert not [button for button in app.button if button.key == "measure-start"]


def test_deleting_a_sweep_leaves_its_runs(machine: Path) -> None:
    sweep = trained()
    app = open_app("sweeps", sweep=sweep.sweep_id)
    app.button(key=f"sweep-delete-{sweep.sweep_id}").click().run()
    assert not app.exception and list_sweeps() == [] and len(store.run_ids(machine)) == 6
    open_app("sweeps", sweep=sweep.sweep_id)


@pytest.mark.parametrize("file", ["sweep.json", "journal.log"])
def test_a_damaged_sweep_is_told_and_can_be_deleted(file: str) -> None:
    sweep = trained()
    (sweep.folder / file).write_text("no JSON\n")
    app = open_app("sweeps", sweep=sweep.sweep_id)
    (told,) = app.error
    assert file.split(".")[0] in told.value and "restore" in told.value
    app.button(key=f"sweep-delete-{sweep.sweep_id}").click().run()
    assert not app.exception and list_sweeps() == [] and not app.error


def test_a_damaged_choice_is_told_beside_the_rest() -> None:
    sweep = trained()
    (sweep.folder / "measured.json").write_text("no JSON")
    app = open_app("sweeps", sweep=sweep.sweep_id)
    (told,) = app.error
    assert "measured.json of Rates" in told.value and "restore it" in told.value
    assert "Best so far" in text(app) and len(app.dataframe) == 1
    assert app.button(key=f"sweep-delete-{sweep.sweep_id}").label == "Delete the sweep"


def train_more(sweep: Sweep, budget: str, value: float) -> AppTest:
    """Give a sweep more runs or minutes on its page, and wait until they are trained."""
    app = open_app("sweeps", sweep=sweep.sweep_id)
    choose(app, f"sweep-more-{budget}-{sweep.sweep_id}", value)  # type: ignore[arg-type]
    app.button(key=f"sweep-more-{sweep.sweep_id}").click().run()
    wait_for(sweep)
    return app.run()


def test_a_sweep_that_has_ended_gets_more_runs(machine: Path) -> None:
    sweep = trained(replace(PLAN, runs=2))
    app = train_more(sweep, "runs", 3)
    assert "5 of 5 runs done" in app.get("progress")[0].proto.text
    assert len(store.run_ids(machine)) == 5
    assert open_sweep(sweep.sweep_id).planned.runs == 5


def test_a_sweep_that_has_ended_gets_more_minutes(machine: Path) -> None:
    sweep = trained(replace(PLAN, runs=None, minutes=1.0))  # two runs of 40 s
    app = train_more(sweep, "minutes", 1.0)
    assert "4 runs, 2 min 40 s of 2 min 20 s of training done" in app.get("progress")[0].proto.text


def test_nothing_more_is_offered_of_a_list_that_is_done_or_a_run_that_is_measured() -> None:
    sweep = trained(
        replace(PLAN, space={"optimizer": Options(("adam", "sgd"))}, sampler="grid", runs=2)
    )
    app = open_app("sweeps", sweep=sweep.sweep_id)
    assert "All combinations of these values have been tried" in text(app)
    sweep = trained(replace(PLAN, runs=1))
    sweep.write_measured(str(Trials(sweep).all()[0].run_id))
    app = open_app("sweeps", sweep=sweep.sweep_id)
    assert not [button for button in app.button if "sweep-more" in str(button.key)]


def test_deleted_runs_are_told(machine: Path) -> None:
    sweep = trained()
    trials = Trials(sweep).all()
    best, second = sorted(trials, key=lambda trial: -(trial.value or 0.0))[:2]
    store.delete_run(store.open_run(machine, str(best.run_id)))
    app = open_app("sweeps", sweep=sweep.sweep_id)
    (table,) = app.dataframe
    deleted = "Finished, deleted"
    assert [*(table.value["State"] == deleted)] == [t.number == best.number for t in trials]
    assert f"Best so far: **run {best.number + 1}**" in text(app)
    label = f"Measure run {second.number + 1} on the test images"
    assert app.button(key="measure-start").label == label
    assert f"but run {best.number + 1}, which has been deleted" in text(app)
    sweep.write_measured(str(best.run_id))
    app.run()
    assert f"Run {best.number + 1} was chosen" in text(app) and "been deleted" in text(app)
    assert not [button for button in app.button if button.key == "measure-start"]


def test_a_sweep_of_failed_runs_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fake: Fake, _epoch: int) -> None:
        raise TrainingError("The memory was full.")

    start = partial(Trainer, start=lambda run: Fake(run, fail))  # type: ignore[arg-type,return-value]
    monkeypatch.setattr(run_catalog, "Trainer", start)
    sweep = make_sweep(PLAN, name="Rates")
    workers().start(sweep)
    wait_for(sweep)
    app = open_app("sweeps", sweep=sweep.sweep_id)
    (told,) = app.error
    assert told.value == "3 runs in a row have failed. The last: The memory was full."
    assert metrics(app)["Runs failed"] == "3" and metrics(app)["Runs finished"] == "0"
    (table,) = app.dataframe
    assert [*table.value["Why it ended"]] == ["The memory was full."] * 3
    assert app.button(key=f"sweep-resume-{sweep.sweep_id}").label == "Resume"


def test_without_optuna_the_page_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist.sweeps.trials.is_installed", lambda: False)
    app = open_app("sweeps")
    assert 'pip install -e ".[sweep]"' in text(app)
