"""From flipped labels to a better model, by the Data page's own clicks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard import run_catalog
from fmnist.dashboard.data import suspects as page
from fmnist.evaluation.label_errors import find_suspects, out_of_sample
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.runs import corrections, store
from fmnist.runs.run import Run
from fmnist.training.worker import Trainer
from tests.pages.test_data import open_suspects
from tests.pages.test_pages import choose, machine, text
from tests.training.helpers import InThread
from tests.training.test_flipped_labels import CONFIG, dataset, trained
from tools.made_up_folds import made_up_folds
from tools.small import small_dataset

__all__ = ["machine"]  # a fixture


def decide_all(app: AppTest, verdict: str) -> None:
    """Give all suspects the same verdict, one page of the wall after the other."""
    choose(app, "suspects-filter", "Undecided")
    while "No image is left here" not in text(app):
        app.button(key=f"suspects-all-{verdict}").click().run()
        assert not app.exception
    choose(app, "corrected-choice", "Follow the verdicts")


def test_kept_predictions_lead_by_clicks_to_right_labels(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[Run] = []
    monkeypatch.setattr(Trainer, "submit", lambda _self, run: submitted.append(run))
    true = small_dataset()
    flipped = replace(true, train_labels=true.train_labels.copy())
    # five models that know the true labels, of which some are flipped in the data set
    runs, wrong = made_up_folds(machine, true, wrong=0)
    chosen = np.random.default_rng(5).choice(true.split("train").indices, 27, replace=False)
    flipped.train_labels[chosen] = (flipped.train_labels[chosen] + 3) % 10
    for run in runs:
        evaluation = stored_evaluation(run, "train")
        replace(evaluation, labels=flipped.train_labels[evaluation.indices]).save(
            run.evaluation_path("train")
        )
    monkeypatch.setattr("fmnist.data.fashion_mnist.draw_dataset", lambda _progress=None: flipped)
    assert wrong == []
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    found = evaluation.indices[find_suspects(evaluation).positions]
    assert np.isin(found, chosen).mean() >= 0.9 and np.isin(chosen, found).mean() >= 0.8

    app = open_suspects()
    decide_all(app, "suggested")
    app.button(key="corrected-train").click().run()
    _, corrected = submitted
    assert corrected.training and corrected.training.corrections
    changes = corrections.load(corrected.training.corrections, run_folder=corrected.folder)
    split = changes.apply(flipped.split("train"))
    mistakes = (split.labels != true.train_labels[split.indices]).sum()
    assert mistakes <= 0.2 * len(chosen)


@pytest.mark.slow
def test_excluding_flipped_labels_by_clicks_brings_back_accuracy(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = dataset(flipped=True)
    clean, _ = dataset(flipped=False)
    trainer = Trainer(start=lambda run: InThread(run, lambda _: data))
    monkeypatch.setattr(run_catalog, "trainer", lambda: trainer)
    monkeypatch.setattr("fmnist.data.fashion_mnist.draw_dataset", lambda _progress=None: data)
    monkeypatch.setattr(page, "_config", lambda _dataset: CONFIG)
    try:
        app = open_suspects()
        app.button(key="suspects-find").click().run()
        wait(trainer, 5)
        app = open_suspects()
        decide_all(app, "exclude")
        app.button(key="corrected-train").click().run()
        wait(trainer, 7)
        app.run()
        assert "points." in text(app) and "Test accuracy" in text(app)
    finally:
        trainer.close()
    (control,) = (run for run in own() if run.training == CONFIG)
    (mended,) = (run for run in own() if run.training and run.training.corrections)
    before = stored_evaluation(trained(machine, CONFIG, clean), "test").accuracy
    spoiled, after = (stored_evaluation(run, "test").accuracy for run in (control, mended))
    print(f"{before:.2%}, {spoiled:.2%}, {after:.2%}")  # noqa: T201 - for people, with -s
    assert after - spoiled >= (before - spoiled) / 2


def own() -> list[Run]:
    return store.list_runs(paths.runs_folder())


def wait(trainer: Trainer, finished: int) -> None:
    """Wait until nothing is trained any more; so many runs have ended well."""
    assert trainer.wait_for(lambda now: now.current is None and not now.queue, 600)
    assert [run.state for run in own()] == ["finished"] * finished
