"""Confusion, Errors and Confidence without a browser: their states, and what they compute."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist.checksums import file_digest, remove_checked
from fmnist.dashboard import session
from fmnist.dashboard.errors import weak_slices as weak_slices_panel
from fmnist.dashboard.selection import Selection
from fmnist.data.image_properties import measure_all
from fmnist.evaluation import slices
from fmnist.evaluation.filters import Filters, matching, sort_positions
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.prediction_sets import PredictionSets, calibrate
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.slices import SliceResult, candidates, weak_slices
from fmnist.explain import map_sources
from fmnist.explain.map_files import Features
from fmnist.models.classifier import Classifier
from fmnist.runs.run import Run
from tests.pages.test_pages import finished, give, machine, open_app, text
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures

PAGES = ("confusion", "errors", "confidence")


def evaluation_of(run: Run) -> Evaluation:
    return Evaluation.load(run.evaluation_path("test"))


def chosen(app: AppTest) -> int:
    """How many images the page says are chosen."""
    (number,) = re.findall(r"^\*\*([\d,]+)\*\* images?$", text(app), flags=re.MULTILINE)
    return int(number.replace(",", ""))


@pytest.mark.parametrize("page", PAGES)
def test_without_any_run_they_say_what_to_do(page: str) -> None:
    assert "No model yet" in text(open_app(page))


@pytest.mark.parametrize("page", PAGES)
def test_a_run_that_was_not_measured_yet(finished: Run, machine: Path, page: str) -> None:
    run = give(finished, machine, state="interrupted")
    for path in (run.history_path, *(run.folder / "evaluation").iterdir()):
        remove_checked(path)
    assert "has not been evaluated yet" in text(open_app(page))


@pytest.mark.parametrize("page", PAGES)
def test_damage_is_told_in_a_sentence(finished: Run, machine: Path, page: str) -> None:
    run = give(finished, machine)
    run.evaluation_path("test").write_bytes(b"PK rubbish")
    assert "evaluation cannot be read" in text(open_app(page))


@pytest.mark.parametrize("page", PAGES)
def test_a_damaged_temperature_is_told(finished: Run, machine: Path, page: str) -> None:
    run = give(finished, machine)
    (run.folder / "temperature.json").write_text("rubbish")
    assert "The temperature of Trained cannot be read" in text(open_app(page))


@pytest.mark.parametrize("page", PAGES)
def test_damaged_epochs_are_told(finished: Run, machine: Path, page: str) -> None:
    run = give(finished, machine)
    run.epochs_path.write_bytes(b"PK rubbish")
    assert "evaluation cannot be read" in text(open_app(page))


def test_damaged_verdicts_are_told(finished: Run, machine: Path) -> None:
    give(finished, machine)
    (machine.parent / "verdicts.sqlite").write_bytes(b"rubbish" * 100)
    assert "cannot be read or written" in text(open_app("errors"))
    image = int(evaluation_of(finished).indices[~evaluation_of(finished).correct][0])
    assert "cannot be read or written" in text(open_app("errors", image=str(image)))


@pytest.mark.parametrize("page", PAGES)
def test_the_wrong_ones_are_chosen_at_first(finished: Run, machine: Path, page: str) -> None:
    give(finished, machine)
    assert chosen(open_app(page)) == int((~evaluation_of(finished).correct).sum())


@pytest.mark.parametrize("page", PAGES)
def test_the_address_narrows_every_page(finished: Run, machine: Path, page: str) -> None:
    give(finished, machine)
    test = evaluation_of(finished)
    app = open_app(page, true="6-0", predicted="0", correctness="all", confidence="0.2~0.9")
    expected = matching(test, Filters(true=(0, 6), predicted=(0,), confidence=(0.2, 0.9)))
    assert chosen(app) == int(expected.sum())


@pytest.mark.parametrize("page", PAGES)
def test_an_address_with_a_set_of_images_filters_every_page(
    finished: Run, machine: Path, page: str
) -> None:
    give(finished, machine)
    lassoed = ImageSet.of("synthetic-garments", "test", (3, 4, 5, 199))
    app = open_app(page, images=str(lassoed), correctness="all")
    assert "4 images selected" in [button.label for button in app.button]
    expected = matching(evaluation_of(finished), Filters(images=lassoed))
    assert chosen(app) == int(expected.sum()) == 4


def test_a_set_of_images_is_dropped_where_it_means_others(machine: Path) -> None:
    run = made_up_run(machine)  # trained on Fashion-MNIST
    lassoed = ImageSet.of("fashion-mnist", "test", (3, 4, 5))
    kept = Selection(run=run.run_id, images=lassoed)
    assert session._validated(kept) == (kept, [])
    for changes in ({"split": "validation"}, {"epoch": 2}):  # epochs are of validation images
        moved = replace(kept, **changes)
        dropped, told = session._validated(moved)
        assert dropped == replace(moved, images=None)
        assert told == [f"images {str(lassoed)!r}"]
    other = replace(kept, images=ImageSet.of("synthetic-garments", "test", (3, 4, 5)))
    assert session._validated(other)[0] == replace(kept, images=None)
    assert "Ignored unknown values in the URL: images" in text(
        open_app("errors", images=str(other.images))
    )


def test_an_epoch_shows_its_validation_images(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("confusion", epoch="2", correctness="all")
    assert chosen(app) == 50
    assert "50 validation images" in text(app) and "· epoch 2" in text(app)


def test_verdicts_are_imported_from_a_spreadsheet(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("errors")
    header = "dataset;part;index;true_class;predicted_class;verdict;note;time;run"
    line = "synthetic-garments;test;5;Shirt;Coat;ambiguous;a;2026-01-01T00:00:00+00:00;run"
    for content, says in (
        (f"{header}\r\n{line}\r\n".encode("utf-8-sig"), "Imported: 1 added, 0 changed, 0 un"),
        (b"a;b\n1;2\n", "The file lacks the column 'dataset'; it has 'a', 'b'."),
        (b"\xff", 'The file is not UTF-8 text; save it as "CSV UTF-8".'),
    ):
        app.session_state["verdicts-section"] = True
        app.run()
        app.file_uploader[0].set_value(("verdicts.csv", content, "text/csv")).run()
        told = [element.value for element in (*app.success, *app.error)]
        assert len(told) == 1 and told[0].startswith(says)
    assert "Your verdicts (1 on test images)" in [section.label for section in app.expander]


def test_a_verdict_filters(finished: Run, machine: Path) -> None:
    give(finished, machine)
    image = int(evaluation_of(finished).indices[~evaluation_of(finished).correct][0])
    app = open_app("errors", image=str(image))
    app.button(key=f"verdict-label-wrong-synthetic-garments-test-{image}").click().run()
    assert not app.exception
    wrong = int((~evaluation_of(finished).correct).sum())
    assert chosen(open_app("errors", verdict="label-wrong")) == 1
    assert chosen(open_app("errors", verdict="none")) == wrong - 1
    total = len(evaluation_of(finished).labels)
    low = f"{(total - wrong + 1) / total:.2%}"
    for shown in (app, open_app("errors")):
        assert f"**{low} if the verdicts hold**: 1 of 1 misclassified image" in text(shown)
        assert f"{low} if none of them is labeled wrong, and 100.00% if all are." in text(shown)
    app.button(key="verdict-undo").click().run()
    assert "if the verdicts hold" not in text(app)
    assert chosen(open_app("errors", verdict="any")) == 0


def test_a_saved_temperature_changes_confidence_everywhere(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    best = run.history.best
    assert best
    saved = {"temperature": 3.0, "epoch": best.epoch, "loss_before": 1.0, "loss_after": 1.0}
    (run.folder / "temperature.json").write_text(json.dumps(saved))
    app = open_app("errors", confidence="0.9~1.0")
    test = evaluation_of(run)
    warm = Evaluation(test.split, test.logits, test.labels, test.indices, temperature=3.0)
    assert chosen(app) == int(
        matching(warm, Filters(correctness="wrong", confidence=(0.9, 1))).sum()
    )
    assert "temperature 3.00 (saved with the run)" in text(app)


def test_details_of_an_image(finished: Run, machine: Path) -> None:
    give(finished, machine)
    test = evaluation_of(finished)
    position = int(sort_positions(test, np.flatnonzero(~test.correct), "confidence")[1])
    app = open_app("errors", image=str(test.indices[position]))
    said = text(app)
    assert "predicted as" in said
    assert "**2** of" in said
    assert "Known for validation images only" in said
    app.button(key="detail-next").click().run()
    assert "**3** of" in text(app)
    app.button(key="detail-back").click().run()
    assert chosen(app) == int((~test.correct).sum())


def test_when_an_image_was_learned(finished: Run, machine: Path) -> None:
    give(finished, machine)
    validation = Evaluation.load(finished.evaluation_path("validation"))
    image = int(validation.indices[~validation.correct][0])
    said = text(open_app("errors", split="validation", image=str(image)))
    assert re.search(r"First correct after epoch \d|Never correct", said)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what asks the network."""
    counted: Counter[str] = Counter()
    for name in ("logits", "features"):
        original: Any = getattr(Classifier, name)

        def counting(*args: Any, name: str = name, original: Any = original, **rest: Any) -> Any:
            counted[name] += 1
            return original(*args, **rest)

        monkeypatch.setattr(Classifier, name, counting)
    return counted


def test_nothing_is_computed_twice(finished: Run, machine: Path, calls: Counter[str]) -> None:
    give(finished, machine)
    test = evaluation_of(finished)
    image = str(test.indices[~test.correct][0])
    app = open_app("errors", image=image)
    assert calls == {}  # probabilities, kinds and ranks come from the stored logits
    app.button(key="find-neighbors").click().run()
    assert "are labeled" in text(app)
    assert calls == {"features": 2}  # the training images, and this one
    for page in PAGES:
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
    assert "are labeled" in text(open_app("errors", image=image))  # another session
    assert calls == {"features": 2}


def test_neighbors_need_weights(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    run.weights_path.unlink()
    image = int(evaluation_of(run).indices[0])
    said = text(open_app("errors", image=str(image)))
    assert "saved without its weights" in said


def test_prediction_sets_are_calibrated_on_validation_and_selectable(
    finished: Run, machine: Path
) -> None:
    run = give(finished, machine)
    app = open_app("confidence")
    app.session_state["confidence-panels"] = "Prediction sets"
    app.session_state["coverage"] = 90
    app.run()
    validation = Evaluation.load(run.evaluation_path("validation"))
    test = evaluation_of(run)

    def sets(*, by_class: bool) -> PredictionSets:
        thresholds = calibrate(validation.probabilities, validation.labels, 0.9, by_class=by_class)
        return PredictionSets.of(test.probabilities, test.labels, thresholds)

    def shown() -> dict[str, str]:
        return {metric.label: metric.value for metric in app.metric}

    assert shown()["Coverage reached"] == f"{sets(by_class=False).coverage:.2%}"
    assert shown()["Mean size"] == f"{sets(by_class=False).mean_size:.2f}"
    assert f"measured on all {len(test.labels):,} test images" in text(app)
    app.toggle(key="coverage-by-class").set_value(True).run()
    assert shown()["Coverage reached"] == f"{sets(by_class=True).coverage:.2%}"
    app = open_app("confidence", split="validation")
    app.session_state["confidence-panels"] = "Prediction sets"
    app.run()
    assert "reach the coverage by construction" in text(app)


def test_prediction_sets_without_validation_images(machine: Path) -> None:
    made_up_run(machine, protocol="notebook")
    app = open_app("confidence")
    app.session_state["confidence-panels"] = "Prediction sets"
    app.run()
    assert "Select a run of the held-out protocol" in text(app)


def open_slices(**address: str) -> AppTest:
    app = open_app("errors", **address)
    app.session_state["weak-slices"] = True
    app.run()
    return app


def test_weak_slices_are_those_of_the_predictions_on_screen(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    test = evaluation_of(run)
    values = measure_all(small_dataset().test_images[test.indices])
    results = weak_slices(test.correct, test.labels, values, list(candidates(test.labels, values)))
    weak = [result for result in results if result.is_weak]
    app = open_slices()
    (table,) = [each.value for each in app.dataframe if "Slice" in each.value]
    assert table["Slice"].tolist() == [result.slice.title for result in weak][:12]
    assert table["Gap"].tolist() == [100 * result.gap for result in weak][:12]
    assert f"of {len(results)} tried" in text(app)


def test_clusters_are_tried_once_the_features_are_there(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(finished, machine)
    monkeypatch.setattr(slices, "CLUSTER_IMAGES", 8)
    monkeypatch.setattr(slices, "MIN_IMAGES", 4)
    monkeypatch.setattr(SliceResult, "is_weak", True)
    app = open_slices()
    assert app.button(key="map-start").label == "Look for clusters, too"
    assert "clusters of each class" not in text(app)
    test, dataset = evaluation_of(run), small_dataset()
    source = map_sources.source(
        run, test, weights=file_digest(run.weights_path), checksum=dataset.checksum
    )
    features = Classifier.load(run.weights_path).features(dataset.test_images[test.indices])
    Features.of(source.digest, features).save(source.path("features"))
    app.run()
    assert "map-start" not in [button.key for button in app.button]
    assert "and clusters of each class in the feature space" in text(app)
    monkeypatch.setattr(weak_slices_panel, "_SHOWN", 1000)
    app.run()
    (table,) = [each.value for each in app.dataframe if "Slice" in each.value]
    assert any("cluster 1" in title for title in table["Slice"])


def test_without_a_weak_slice_it_says_so(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(finished, machine)
    monkeypatch.setattr(SliceResult, "is_weak", False)
    assert "less accurate than the rest of its class by more than chance" in text(open_slices())
