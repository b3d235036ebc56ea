"""The Data page's suspect labels without a browser: asked for, under way, found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist.data.corrections import Corrections
from fmnist.data.splits import FOLDS, folds
from fmnist.evaluation.label_errors import find_suspects, out_of_sample
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports.text import counted
from fmnist.runs import store
from fmnist.runs.history import Progress
from fmnist.runs.run import Run, RunError
from fmnist.training.worker import Trainer
from tests.pages.test_pages import choose, machine, open_app, text
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["machine"]  # a fixture


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that the page queues; nothing is trained."""
    runs: list[Run] = []
    monkeypatch.setattr(Trainer, "submit", lambda _self, run: runs.append(run))
    return runs


def open_suspects() -> AppTest:
    return open_app("data", panel="Suspect labels")


def give_folds(machine: Path) -> tuple[list[Run], list[int]]:
    """Five finished runs that know all labels but those of some images; these are returned too."""
    split = small_dataset().split("train")
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(split), 12, replace=False)
    logits = rng.normal(0, 1, (len(split), 10)).astype(np.float16)
    true = split.labels.astype(np.int64)
    true[wrong] = (true[wrong] + 1) % 10
    logits[np.arange(len(split)), true] += 8
    fold_of = folds(split.labels)
    runs = []
    for fold in range(1, FOLDS + 1):
        run = made_up_run(machine, left_out_fold=fold, dataset="synthetic-garments")
        part = split.take(np.flatnonzero(fold_of == fold))
        Evaluation("train", logits[fold_of == fold], part.labels, part.indices).save(
            run.evaluation_path("train")
        )
        runs.append(run)
    return runs, split.indices[wrong].tolist()


def test_a_click_queues_a_run_for_each_fold_once(machine: Path, submitted: list[Run]) -> None:
    app = open_suspects()
    app.button(key="suspects-find").click().run()
    configs = [run.training for run in submitted]
    assert [config and config.left_out_fold for config in configs] == [1, 2, 3, 4, 5]
    assert {config and config.dataset for config in configs} == {"synthetic-garments"}
    assert [run.name for run in submitted][4] == "Cross-validation, fold 5 of 5"
    assert "suspects-find" not in [button.key for button in app.button]


def test_a_failure_to_queue_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Trainer, _run: Run) -> None:
        raise RunError("The disk is full.")

    monkeypatch.setattr(Trainer, "submit", refuse)
    app = open_suspects()
    app.button(key="suspects-find").click().run()
    assert "The disk is full." in text(app)


def test_what_has_stopped_or_gone_goes_on_at_a_click(machine: Path, submitted: list[Run]) -> None:
    runs, _ = give_folds(machine)
    runs[1].write_status("interrupted", Progress(1, 20, 60, 1.0))
    store.delete_run(runs[3])
    app = open_suspects()
    assert f"{runs[1].name} is interrupted; fold 4 is gone." in text(app)
    app.button(key="suspects-resume").click().run()
    app.button(key="suspects-resume").click().run()  # a double click
    assert [run.training and run.training.left_out_fold for run in submitted] == [2, 4]


def test_suspects_are_those_of_the_five_models(machine: Path) -> None:
    runs, wrong = give_folds(machine)
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    suspects = find_suspects(evaluation)
    found = evaluation.indices[suspects.positions]
    assert set(found) <= set(wrong) and len(found) >= 8
    app = open_suspects()
    assert f"**{len(found)} suspect labels** of 550" in text(app)
    assert f"on what they left out: {evaluation.accuracy:.2%}" in text(app)
    labels = evaluation.labels[suspects.positions]
    app.selectbox(key="suspects-label").set_value(int(labels[0])).run()
    assert f"**{counted(int((labels == labels[0]).sum()), 'suspect label')}**" in text(app)
    sound = min(set(range(10)) - set(labels.tolist()))
    app.selectbox(key="suspects-label").set_value(sound).run()
    assert "**0 suspect labels**" in text(app)
    assert "corrected-train" not in [button.key for button in app.button]


def test_a_corrected_and_a_control_run_are_queued_and_then_compared(
    machine: Path, submitted: list[Run]
) -> None:
    runs, _ = give_folds(machine)
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    suspects = find_suspects(evaluation)
    images = evaluation.indices[suspects.positions].tolist()
    app = open_suspects()
    app.button(key="corrected-train").click().run()
    control, run = submitted
    assert runs[0].training and run.training and control.training
    assert control.training == replace(runs[0].training, left_out_fold=None)
    changes = Corrections.of("synthetic-garments", excluded=images)
    assert run.training == replace(control.training, corrections=changes.checksum)
    assert run.name == f"Corrected: {len(images)} excluded"
    # as if both had been trained: the second is right about three images more
    for each, wrong in ((control, 5), (run, 2)):
        settings = each.training.to_json() if each.training else {}
        each = made_up_run(machine, **settings)
        test = small_dataset().split("test")
        logits = np.zeros((len(test), 10), np.float16)
        logits[np.arange(len(test)), (test.labels + (np.arange(len(test)) < wrong)) % 10] = 5
        Evaluation("test", logits, test.labels, test.indices).save(each.evaluation_path("test"))
    app.run()
    assert "Test accuracy 97.50% without and **99.00%** with the corrections: +1.50 points" in (
        text(app)
    )
    choose(app, "corrected-choice", "Give them the suggested label")
    assert f"{len(images)} relabeled" in text(app)
    app.button(key="corrected-train").click().run()
    assert len(submitted) == 3  # the control run is there already


def test_damaged_predictions_are_told(machine: Path) -> None:
    runs, _ = give_folds(machine)
    runs[2].evaluation_path("train").write_bytes(b"PK rubbish")
    assert "The suspect labels cannot be shown" in text(open_suspects())
