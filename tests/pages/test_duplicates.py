"""The Data page's duplicates and odd images without a browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist.dashboard import session
from fmnist.dashboard.selection import Selection
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.evaluation.duplicates import Pairs, Pool, pairs_path
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.odd_images import RULES, digest_of, distances_path
from fmnist.evaluation.predictions import Evaluation
from fmnist.jobs import JobState
from fmnist.runs.run import Run
from tests.pages.test_pages import choose, machine, open_app, text
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["machine"]  # a fixture


def give_run(machine: Path, misclassified: int = 20) -> Run:
    """A run that misclassifies the first test images."""
    run = made_up_run(machine, dataset="synthetic-garments")
    test = small_dataset().split("test")
    logits = np.zeros((len(test), 10), np.float16)
    wrong = np.arange(len(test)) < misclassified
    logits[np.arange(len(test)), (test.labels + wrong) % 10] = 5
    Evaluation("test", logits, test.labels, test.indices).save(run.evaluation_path("test"))
    return run


@pytest.fixture
def places(machine: Path) -> dict[str, int]:
    """Pairs that are kept as if found; positions of the images in them.

    One leak at distance 3 whose test image is misclassified, one at 8 that is correct; two
    training images with different labels at 20.
    """
    pool = Pool.of(small_dataset())
    train = np.flatnonzero(pool.splits == 0)
    first, last = int(train[0]), int(train[-1])
    other = next(int(i) for i in train if pool.labels[i] != pool.labels[first])
    leak = next(i for i in range(600, 620) if pool.labels[i] == pool.labels[first])
    second = next(i for i in range(620, 800) if pool.labels[i] == pool.labels[last])
    pairs = [(first, leak, 3.0), (last, second, 8.0), (first, other, 20.0)]
    keep(*pairs)
    return {"first": first, "other": other, "leak": leak, "second": second}


def keep(*pairs: tuple[int, int, float]) -> None:
    first, second, distance = zip(*pairs, strict=True)
    Pairs(
        np.array(first, np.int32), np.array(second, np.int32), np.array(distance, np.float32),
        np.zeros(len(pairs), np.bool_),
    ).save(small_dataset())  # fmt: skip


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_they_are_asked_for_and_a_failure_is_told(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr("fmnist.jobs.Job.start", lambda _self, task: started.append(task))
    app = open_app("data", panel="Duplicates")
    app.button(key="duplicates-start").click().run()
    assert [vars(task) for task in started] == [{"dataset": "synthetic-garments", "run": None}]
    state = JobState(started[0], done=1.0, error="The disk is full.")
    monkeypatch.setattr("fmnist.jobs.Job.poll", lambda _self: state)
    app.run()
    assert "The duplicates could not be looked for: The disk is full." in text(app)


def test_the_distance_answers_at_once_and_leaks_are_counted(
    machine: Path, places: dict[str, int]
) -> None:
    run, other = give_run(machine), give_run(machine, misclassified=0)
    app = open_app("data", panel="Duplicates", run=run.run_id, compared=other.run_id)
    assert figures(app) == {
        "Groups": "2", "Images in them": "4", "Exact copies": "0", "Different labels": "0",
        "Leaks": "2",
    }  # fmt: skip
    row, second = (row for _, row in app.dataframe[0].value.iterrows())
    assert (second["Leaks"], second["Correct"], second["Without leaks"]) == (2, 2, 100.0)
    assert row["Run"] != second["Run"]
    assert (row["Leaks"], row["Correct"], row["Test accuracy"]) == (2, 1, 90.0)
    assert row["Without leaks"] == pytest.approx(100 * 179 / 198)  # 180 - 1 of 200 - 2
    assert row["Difference"] == pytest.approx(100 * 179 / 198 - 90)
    app.slider(key="duplicates-distance").set_value(3).run()
    assert figures(app)["Leaks"] == "1" and "Difference 8.0" not in text(app)
    app.slider(key="duplicates-distance").set_value(25).run()
    assert figures(app)["Different labels"] == "1" and figures(app)["Images in them"] == "5"
    captions = [each.value for each in app.caption if each.value.startswith("Difference ")]
    assert captions == ["Difference 20.0 · :red[**different labels**]", "Difference 8.0"]
    app.selectbox(key="duplicates-order").select("Closest first").run()
    captions = [each.value for each in app.caption if each.value.startswith("Difference ")]
    assert captions[0] == "Difference 8.0"
    app.selectbox(key="duplicates-shown").select("Within a split").run()
    assert "No group is of this kind." in text(app)
    app.slider(key="duplicates-distance").set_value(0).run()
    assert "Allow a larger difference" in "".join(each.value for each in app.success)


@pytest.fixture
def picks(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """What a click on an image of a wall calls, by the wall's key: AppTest clicks no component."""
    found: dict[str, object] = {}

    def wall(_tiles: object, _images: object, *, key: str, on_pick: object, **_: object) -> None:
        found[key] = on_pick

    for module in ("duplicates", "odd_images"):
        monkeypatch.setattr(f"fmnist.dashboard.data.{module}.image_wall", wall)
    yield found


def test_a_group_is_selected_so_far_as_the_pages_can_show_it(
    machine: Path, places: dict[str, int], picks: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give_run(machine)
    chosen: list[tuple[object, ...]] = []
    open_app("data", panel="Duplicates", run=run.run_id)
    pick = picks["duplicates-wall-0"]
    assert callable(pick)
    shown = replace(Selection(), run=run.run_id)
    with monkeypatch.context() as patch:  # as the page's own session would be
        patch.setattr(session, "selection", lambda: shown)
        patch.setattr(session, "select_images", lambda *what, **_: chosen.append(what))
        pick(places["first"])  # a training image, which the run was not evaluated on
    index = places["leak"] - 600
    assert chosen == [("synthetic-garments", "test", [index])]
    image_set = str(ImageSet.of("synthetic-garments", "test", [index]))
    app = open_app("data", panel="Duplicates", run=run.run_id, split="test", images=image_set)
    assert "**1 test image** selected on all pages" in text(app)
    assert "Difference 3.0 · :material/check: selected" in text(app)
    app.button(key="duplicates-clear").click().run()
    assert "selected on all pages" not in text(app)


def test_a_group_that_no_page_can_show_says_why(
    machine: Path, monkeypatch: pytest.MonkeyPatch, picks: dict[str, object]
) -> None:
    run = give_run(machine)
    train = np.flatnonzero(Pool.of(small_dataset()).splits == 0)
    keep((int(train[0]), int(train[1]), 1.0))
    app = open_app("data", panel="Duplicates", run=run.run_id)
    kept: dict[str, str] = {}
    pick = picks["duplicates-wall-0"]
    assert callable(pick)
    shown = replace(Selection(), run=run.run_id)
    with monkeypatch.context() as patch:
        patch.setattr(session, "selection", lambda: shown)
        patch.setattr("streamlit.session_state", kept)
        pick(int(train[0]))
    app.session_state["selecting-note"] = kept["selecting-note"]
    app.run()
    sentence = "A run has no predictions for these training images, so that no page can show them."
    assert sentence in text(app) and [toast.value for toast in app.toast] == [sentence]


def test_without_a_run_the_groups_are_there_and_damage_is_mended(
    machine: Path, places: dict[str, int]
) -> None:
    app = open_app("data", panel="Duplicates")
    assert "Select a run with predictions for the test images" in text(app)
    assert figures(app)["Groups"] == "2"
    pairs_path(small_dataset()).write_bytes(b"PK rubbish")
    app = open_app("data", panel="Duplicates")
    assert app.button(key="duplicates-start").label == "Look for duplicates"


def odd_tiles(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Positions and values of the images on the wall, drawn anew."""
    shown: list[tuple[int, str]] = []

    def wall(tiles: list[object], _images: object, **_: object) -> None:
        shown[:] = [(tile.image, tile.lines[1]) for tile in tiles]  # type: ignore[attr-defined]

    monkeypatch.setattr("fmnist.dashboard.data.odd_images.image_wall", wall)
    app.run()
    assert not app.exception
    return shown


def test_odd_images_are_ranked_by_the_rule_within_split_and_class(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset: Dataset = small_dataset()
    app = open_app("data", panel="Odd images")
    assert "**Nearly empty**: The fewest pixels" in text(app)  # at once, with no run
    app.selectbox(key="odd-rule").select("far").run()
    assert "This rule needs a run with weights" in text(app)
    app.selectbox(key="odd-rule").select("low-contrast").run()
    assert "**Low contrast**: The smallest standard deviation" in text(app)
    choose(app, "odd-split-4", "test")
    contrast = dataset.test_images.std(axis=(1, 2))
    order = np.argsort(contrast, kind="stable")
    shown = odd_tiles(app, monkeypatch)
    assert [position for position, _ in shown] == (600 + order[:50]).tolist()
    assert shown[0][1] == f"{contrast[order[0]]:.1f}"
    app.selectbox(key="odd-label").select(7).run()
    of_class = [600 + i for i in order if dataset.test_labels[i] == 7][:50]
    assert [position for position, _ in odd_tiles(app, monkeypatch)] == of_class
    assert CLASS_NAMES[7] == "Sneaker"
    assert app.button(key="odd-select-test").disabled  # no run is selected


def test_outliers_are_asked_for_and_then_those_of_the_run(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, dataset = give_run(machine), small_dataset()
    app = open_app("data", panel="Odd images", run=run.run_id)
    app.selectbox(key="odd-rule").select("far").run()
    assert app.button(key="outliers-start").label == "Look for outliers"
    values = np.random.default_rng(0).random(800, np.float32)
    run.make_derived_folder("outliers")
    np.savez(distances_path(run), digest=np.array(digest_of(run, dataset)), distance=values)
    shown = odd_tiles(app, monkeypatch)
    assert [position for position, _ in shown] == np.argsort(-values)[:50].tolist()
    assert "outliers-start" not in [button.key for button in app.button]
    choose(app, "odd-split-4", "test")
    oddest = int(np.argmax(values[600:]))
    assert odd_tiles(app, monkeypatch)[0] == (600 + oddest, f"{values[600 + oddest]:.3f}")
    app.button(key="odd-select-test").click().run()
    assert "**50 test images** selected on all pages" in text(app)
    distances_path(run).write_bytes(b"PK rubbish")
    app.run()
    assert app.button(key="outliers-start").label == "Look for outliers"
    assert set(RULES) == {"empty", "cut-off", "bright-background", "low-contrast"}


def test_of_each_group_all_but_one_training_image_are_proposed_to_go(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def review(_dataset: Dataset, tiles: list[object], proposed: object, **_: object) -> None:
        asked["images"] = [tile.image for tile in tiles]  # type: ignore[attr-defined]
        asked["proposed"] = proposed

    monkeypatch.setattr("fmnist.dashboard.label_verdicts.review", review)
    held_out = int(np.flatnonzero(Pool.of(small_dataset()).splits == 1)[0])
    assert not {3, 8, 40} & set(np.flatnonzero(Pool.of(small_dataset()).splits).tolist())
    pairs = [(3, 8, 1.0), (3, 605, 2.0), (8, 40, 3.0), (601, 602, 9.0)]
    # what becomes of the label of a validation image changes no training
    keep(*pairs, (min(40, held_out), max(40, held_out), 1.0))
    app = open_app("data", panel="Duplicates")
    app.toggle(key="duplicates-decide").set_value(True).run()
    assert asked == {"images": [3, 8, 40], "proposed": {8: None, 40: None}}
    assert not [each for each in app.caption if each.value.startswith("Difference ")]
    app = open_app("data", panel="Odd images")
    app.selectbox(key="odd-rule").select("empty").run()
    app.toggle(key="odd-decide").set_value(True).run()
    assert asked["proposed"] == {} and max(asked["images"]) < 600  # type: ignore[call-overload]
    trained = np.flatnonzero(Pool.of(small_dataset()).splits == 0)
    assert set(asked["images"]) <= set(trained.tolist())  # type: ignore[call-overload]
    choose(app, "odd-split-4", "validation")
    assert "odd-decide" not in [toggle.key for toggle in app.toggle]
    choose(app, "odd-split-4", "test")
    assert "odd-decide" not in [toggle.key for toggle in app.toggle]
