"""Several seeds of one setting: begun on the Train page, told there and on the Compare page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist.dashboard import run_catalog
from fmnist.evaluation.predictions import Evaluation
from fmnist.files import write_json
from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.run import Run
from fmnist.training.worker import Trainer
from tests.pages.test_pages import choose, machine, open_app, text
from tools.made_up_run import made_up_evaluation, made_up_run

__all__ = ["machine"]  # a fixture


def give_seeds(machine: Path, group: str, wrong: list[int], **settings: Any) -> list[Run]:
    """Finished runs of a group; each misclassifies so many more of the 1,000 test images."""
    runs = []
    for seed, images in enumerate(wrong):
        run = made_up_run(machine, name=f"{group} {seed}", seed=seed, **settings)
        write_json(run.folder / annotations.FILE, Annotations(group=group).__dict__)
        test = made_up_evaluation("test")
        right = test.correct.nonzero()[0][:images]
        test.logits[right, test.labels[right]] = -100
        Evaluation(test.split, test.logits, test.labels, test.indices).save(
            run.evaluation_path("test")
        )
        runs.append(store.open_run(machine, run.run_id))
    return runs


def test_the_train_page_queues_a_run_for_each_seed(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[str] = []
    monkeypatch.setattr(Trainer, "submit", lambda _self, run: queued.append(run.run_id))
    app = open_app("train")
    app.number_input(key="run-seeds").set_value(3).run()
    app.text_input(key="run-name").set_value("Mine").run()
    app.button(key="start").click().run()
    assert not app.exception
    runs = {run.run_id: run for run in store.list_runs(machine)}
    assert [runs[run_id].name for run_id in queued] == [f"Mine, seed {n}" for n in range(3)]
    assert {run.annotations.group for run in runs.values()} == {"Mine"}
    configs = [run.training for run in runs.values() if run.training]
    assert len({replace(config, seed=0) for config in configs}) == 1
    assert app.number_input(key="run-seeds").value == 1


def test_a_run_tells_the_spread_of_its_seeds(machine: Path) -> None:
    runs = give_seeds(machine, "Ours", [0, 10])
    app = open_app("train", run=runs[0].run_id)
    assert "One of several seeds: **Ours**, validation accuracy 95.12% ± 0.00 (2 seeds)" in text(
        app
    )
    app.button(key=f"compare-seeds-{runs[0].run_id}").click().run()
    chosen = app.session_state["selection"]
    assert set(chosen.runs) == {run.run_id for run in runs} and chosen.panel == "Seeds"


def test_groups_are_tested_against_each_other(machine: Path) -> None:
    plain = give_seeds(machine, "Plain", [30, 34, 38])
    give_seeds(machine, "Wide", [0, 4, 8], batch_size=64)
    give_seeds(machine, "Few", [0, 2], batch_size=32)
    app = open_app("compare", runs="~".join(run.run_id for run in plain))
    assert "**Plain**: mean and standard deviation of 3 seeds" in text(app)
    choose(app, "compare-seed-lines", "Mean, min–max")
    assert "**Plain**: mean and the lowest and the highest of 3 seeds" in text(app)
    choose(app, "compare-seed-lines", "Each")
    assert "of 3 seeds" not in text(app)
    app = open_app("compare", panel="Seeds")
    shown: Any = app.get_by_key("compare-seeds").value  # type: ignore[union-attr]
    rows = dict(zip(shown["Group"], shown["Test"], strict=True))
    assert rows["Plain"] == "90.70% ± 0.40 (3 seeds)"
    assert rows["Wide"] == "93.70% ± 0.40 (3 seeds)"
    choose(app, "seeds-first", "Wide")
    choose(app, "seeds-second", "Plain")
    assert "**Wide** is 3.00 points more accurate on average than **Plain**" in text(app)
    assert "**Wide** is the better setting" in text(app)
    choose(app, "seeds-second", "Few")
    assert "A test needs at least 3 seeds of each group" in text(app) and "Few" in text(app)
    choose(app, "seeds-second", "Wide")
    assert "Select two groups" in text(app)
    assert "90.70% ± 0.40 (3 seeds)" in set(app.dataframe[0].value["Seed spread"])


def test_without_seeds_the_panel_says_how_to_get_them(machine: Path) -> None:
    made_up_run(machine), made_up_run(machine)
    app = open_app("compare", panel="Seeds")
    assert "No runs differ in the seed alone" in text(app)
    assert "Seed spread" not in app.dataframe[0].value


def test_runs_of_other_images_are_not_tested(machine: Path) -> None:
    give_seeds(machine, "Plain", [30, 34, 38])
    others = give_seeds(machine, "Others", [0, 4, 8], batch_size=64)
    for run in others:
        path = run.evaluation_path("test")
        test = Evaluation.load(path)
        Evaluation(test.split, test.logits, test.labels, test.indices + 1).save(path)
    app = open_app("compare", panel="Seeds")
    assert "not evaluated on the same images" in "".join(each.value for each in app.warning)
    assert run_catalog.own_runs()
