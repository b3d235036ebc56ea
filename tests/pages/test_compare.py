"""The Compare page without a browser: its states, what it computes, what it keeps."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard.compare.panels import PANELS
from fmnist.dashboard.selection import Selection
from fmnist.data.corruptions import CORRUPTIONS, SEVERITIES
from fmnist.data.splits import Dataset
from fmnist.evaluation import significance
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.robustness import (
    Robustness,
    digest_of,
    robustness_path,
    robustness_split,
)
from fmnist.files import read_json, write_json
from fmnist.reports.benchmarks import TABLES, Row
from fmnist.reports.sentences import mcnemar_in_words
from fmnist.runs import store
from fmnist.runs.run import Run
from tests.pages.test_pages import choose, finished, machine, open_app, text
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures

IDS = ("20260101-000000-fashion-cnn-aaaa", "20260102-000000-fashion-cnn-bbbb",
       "20260103-000000-fashion-cnn-cccc")  # fmt: skip


def give(run: Run, root: Path, number: int, name: str, **config: object) -> Run:
    """Copy a run under another id and name, with other settings."""
    copy = root / IDS[number]
    shutil.copytree(run.folder, copy)
    document = read_json(copy / "config.json")
    document["config"] |= config
    document["created"] += number
    write_json(copy / "config.json", document)
    write_json(copy / "name.json", {"name": name})
    return store.open_run(root, copy.name)


def spoil(run: Run, images: int) -> None:
    """Have a run answer wrongly on test images that it was right about."""
    path = run.evaluation_path("test")
    test = Evaluation.load(path)
    right = np.flatnonzero(test.correct)[:images]
    test.logits[right, test.labels[right]] = -100
    Evaluation(test.split, test.logits, test.labels, test.indices).save(path)


@pytest.fixture
def two(finished: Run, machine: Path) -> tuple[Run, Run]:
    first = give(finished, machine, 0, "First")
    second = give(finished, machine, 1, "Second", learning_rate=0.002)
    spoil(second, 12)
    return first, second


def table(app: AppTest) -> Any:
    return app.dataframe[0].value


def selection(app: AppTest) -> Selection:
    chosen: Selection = app.session_state["selection"]
    return chosen


def side_by_side(app: AppTest) -> list[str]:
    chosen: list[str] = app.multiselect(key="compare-runs").value
    return chosen


def test_without_any_run_it_says_what_to_do() -> None:
    app = open_app("compare")
    assert "Two runs are needed to compare" in text(app)
    assert len(app.dataframe) == 0


def test_one_run_is_listed_and_the_second_asked_for(finished: Run, machine: Path) -> None:
    give(finished, machine, 0, "Only one")
    app = open_app("compare")
    assert "Two runs are needed to compare" in text(app)
    assert table(app)["Name"].tolist() == ["Only one"]


def test_the_table_has_the_figures_of_every_run(two: tuple[Run, Run]) -> None:
    shown = table(open_app("compare")).set_index("Name")
    for run in two:
        test = Evaluation.load(run.evaluation_path("test"))
        best = run.history.best
        assert best
        row = shown.loc[run.name]
        assert row["Test %"] == pytest.approx(100 * test.accuracy, abs=0.005)
        error = 100 * (test.accuracy * (1 - test.accuracy) / 200) ** 0.5
        assert row["± points"] == pytest.approx(error, abs=0.005)
        assert row["Validation %"] == pytest.approx(100 * best.accuracy, abs=0.005)
        assert row["Parameters"] == 1_625_866
        assert row["Multiply-adds"] == 9 * 32 * 784 + 9 * 32 * 64 * 784 + 12_544 * 128 + 1_280
        assert row["Protocol"] == "Held-out"
        assert row["Epochs"] == 3
    assert shown.loc["First"]["Test %"] > shown.loc["Second"]["Test %"]


def test_sizes_are_counted_once(two: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    open_app("compare")

    def fail(_names: object) -> None:
        raise AssertionError("counted again")

    monkeypatch.setattr("fmnist.models.sizes.count", fail)
    assert table(open_app("compare"))["Parameters"].tolist() == [1_625_866] * 2
    kept = paths.artifacts_folder() / "cache" / "sizes.json"
    assert list(json.loads(kept.read_text())["sizes"]) == ["fashion-cnn"]


def test_filters_narrow_the_table_and_leave_the_chosen(
    two: tuple[Run, Run], finished: Run, machine: Path
) -> None:
    give(finished, machine, 2, "From a notebook", protocol="notebook")
    app = open_app("compare", runs="~".join(IDS[:2]))
    choose(app, "compare-protocol", "Notebook")
    assert table(app)["Name"].tolist() == ["From a notebook"]
    assert side_by_side(app) == list(IDS[:2])
    choose(app, "compare-protocol", "All")
    app.text_input(key="compare-search").set_value("seCOND cnn").run()
    assert table(app)["Name"].tolist() == ["Second"]
    app.text_input(key="compare-search").set_value("nothing like it").run()
    assert "No run matches these filters" in text(app)
    assert side_by_side(app) == list(IDS[:2])


def test_columns_are_chosen(two: tuple[Run, Run]) -> None:
    app = open_app("compare")
    choose(app, "compare-columns", ["Seed", "Test %"])  # type: ignore[arg-type]
    assert list(table(app).columns) == ["Name", "Test %", "Seed"]


def test_a_link_opens_the_same_view(two: tuple[Run, Run], finished: Run, machine: Path) -> None:
    give(finished, machine, 2, "Third")
    app = open_app("compare", runs=f"{IDS[2]}~{IDS[0]}", panel="Settings")
    assert side_by_side(app) == [IDS[2], IDS[0]]
    assert selection(app).to_address()["runs"] == f"{IDS[2]}~{IDS[0]}"
    assert "These runs have the same settings" in app.info[0].value
    app = open_app(runs=f"{IDS[0]}~nonsense~{IDS[1]}")
    assert "Ignored unknown values in the URL: run 'nonsense'" in text(app)
    assert selection(app).runs == IDS[:2]


def test_the_choice_is_kept_and_taken_back(
    two: tuple[Run, Run], finished: Run, machine: Path
) -> None:
    give(finished, machine, 2, "Third")
    app = open_app("compare")
    assert side_by_side(app) == [IDS[2], IDS[1]]
    app.multiselect(key="compare-runs").set_value([IDS[1], IDS[0]]).run()
    assert selection(app).runs == (IDS[1], IDS[0])
    app.button(key="chips-undo").click().run()
    assert selection(app).runs == ()
    assert side_by_side(app) == [IDS[2], IDS[1]]


def test_the_open_and_the_compared_run_stand_side_by_side(
    two: tuple[Run, Run], finished: Run, machine: Path
) -> None:
    give(finished, machine, 2, "Third")
    assert side_by_side(open_app("compare", run=IDS[2], compared=IDS[0])) == [IDS[2], IDS[0]]


def test_only_settings_that_differ(two: tuple[Run, Run]) -> None:
    app = open_app("compare", panel="Settings", runs="~".join(IDS[:2]))
    differing = app.dataframe[1].value
    assert differing.index.tolist() == ["Learning rate"]
    assert differing.loc["Learning rate"].to_dict() == {"First": "0.001", "Second": "0.002"}


def test_significance_in_words(two: tuple[Run, Run]) -> None:
    app = open_app("compare", panel="Significance", run=IDS[0], compared=IDS[1])
    correct = [Evaluation.load(run.evaluation_path("test")).correct for run in two]
    expected = mcnemar_in_words(significance.mcnemar(*correct), "**First**", "**Second**")
    said = text(app)
    assert "**First** is correct on 12 images that **Second** misclassifies" in said
    assert expected in said
    assert "on the same 200 images" in said
    assert "selected on these test images" not in said
    app.selectbox(key="pair-first").set_value(IDS[1]).run()  # the other one's: they change places
    assert app.selectbox(key="pair-second").value == IDS[0]
    assert "**First** is correct on 12 that **Second** misclassifies" in text(app)


def test_a_run_whose_epoch_was_chosen_on_the_test_images_is_told(
    finished: Run, machine: Path
) -> None:
    give(finished, machine, 0, "First")
    give(finished, machine, 1, "From a notebook", protocol="notebook")
    said = text(open_app("compare", panel="Significance", run=IDS[0], compared=IDS[1]))
    assert "**From a notebook**: the epoch was selected on these test images" in said


def test_runs_on_other_images_are_not_tested(two: tuple[Run, Run]) -> None:
    path = two[1].evaluation_path("test")
    test = Evaluation.load(path)
    Evaluation(test.split, test.logits, test.labels, test.indices + 1).save(path)
    said = text(open_app("compare", panel="Significance", run=IDS[0], compared=IDS[1]))
    assert "were not evaluated on the same images" in said
    assert "by chance" not in said


def test_classes_by_run(two: tuple[Run, Run]) -> None:
    app = open_app("compare", panel="Classes", run=IDS[0], compared=IDS[1])
    shown = app.dataframe[1].value
    for run in two:
        test = Evaluation.load(run.evaluation_path("test"))
        shares = 100 * np.diag(test.confusion) / test.confusion.sum(axis=1)
        assert shown[run.name].to_numpy() == pytest.approx(shares)
    assert shown["Spread"].to_numpy() == pytest.approx(np.abs(shown["First"] - shown["Second"]))


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_stands_runs_that_have_not_ended(
    two: tuple[Run, Run], finished: Run, machine: Path, panel: str
) -> None:
    third = give(finished, machine, 2, "Cut off")
    third.evaluation_path("test").unlink()
    app = open_app("compare", panel=panel, runs="~".join(IDS))
    assert side_by_side(app) == list(IDS)
    if panel == "Classes":
        assert "Not evaluated on the test images yet: Cut off." in text(app)


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_stands_one_run(two: tuple[Run, Run], panel: str) -> None:
    assert side_by_side(open_app("compare", panel=panel, runs=IDS[0])) == [IDS[0]]


def test_broken_runs_are_told_and_left_out(
    two: tuple[Run, Run], finished: Run, machine: Path
) -> None:
    give(finished, machine, 2, "Torn").history_path.write_text("not json\n")
    two[0].evaluation_path("test").write_bytes(b"PK rubbish")
    app = open_app("compare")
    said = text(app)
    assert "**Torn** is not shown: the file history.jsonl is damaged" in said
    assert "**First** is not shown: Its evaluation cannot be read" in said
    assert "Two runs are needed to compare" in said
    assert len(table(app)) == 3


def test_one_click_leads_to_the_matrix_of_two_runs(two: tuple[Run, Run]) -> None:
    app = open_app("compare", run=IDS[1], epoch="2", split="validation")
    app.button(key="compare-matrix").click().run()
    app.switch_page("pages/confusion.py").run()  # what a browser does by itself
    assert not app.exception
    assert selection(app) == Selection(run=IDS[1], compared=IDS[0])
    assert "McNemar" in text(app)  # the panel of two runs
    scale: Any = app.get_by_key("matrix-scale")
    assert scale.value == "Difference"


def test_the_benchmark_s_tables_come_from_the_runs_there_are(
    two: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = two[1].training
    assert config is not None
    row = Row("two", "Second of two", config, reported_accuracy=0.01)
    other = Row("none", "Nobody's", replace(config, epochs=99))
    monkeypatch.setitem(TABLES, "models", (row, other))
    app = open_app("compare")
    shown = app.dataframe[-1].value.set_index("Row")
    accuracy = Evaluation.load(two[1].evaluation_path("test")).accuracy
    assert shown.loc["Second of two"]["Test %"] == pytest.approx(100 * accuracy)
    assert "higher" in shown.loc["Second of two"]["Compared with reported"]
    assert shown.index.tolist() == ["Second of two"]  # the other row has no run
    choose(app, "bench-table", "ablation")
    assert "python -m fmnist bench ablation" in app.info[-1].value  # it has no runs here


def test_an_ensemble_is_made_of_the_runs_side_by_side(two: tuple[Run, Run], machine: Path) -> None:
    app = open_app("compare")
    app.button(key="make-ensemble").click().run()
    (made,) = (run for run in store.list_runs(machine) if run.name == "Ensemble of 2")
    assert side_by_side(app)[0] == made.run_id
    assert set(side_by_side(app)) == {made.run_id, *(run.run_id for run in two)}
    assert table(app).set_index("Name").loc["Ensemble of 2"]["Parameters"] == 2 * 1_625_866
    assert np.isnan(table(app).set_index("Name").loc["Ensemble of 2"]["Epochs"])
    assert "Ensemble of 2: ensembles have no training curves; open a member" in text(app)


def test_runs_without_weights_make_no_ensemble(two: tuple[Run, Run], machine: Path) -> None:
    two[1].weights_path.unlink()
    app = open_app("compare")
    app.button(key="make-ensemble").click().run()
    assert "finished runs that have their weights" in text(app)
    assert len(store.list_runs(machine)) == 2


def keep_robustness(run: Run, seed: int, dataset: Dataset | None = None) -> Robustness:
    """Keep made-up predictions for corrupted images with a run."""
    dataset = dataset or small_dataset()
    split, rng = robustness_split(dataset), np.random.default_rng(seed)
    shape = (len(CORRUPTIONS), len(SEVERITIES), len(split))
    found = Robustness(
        digest_of(run, dataset), split.indices, split.labels, split.labels,
        np.where(rng.random(shape) < 0.8, split.labels, 9).astype(np.uint8),
        rng.random(shape).astype(np.float16),
    )  # fmt: skip
    found.save(run)
    return found


def test_robustness_is_asked_for_and_then_shown_with_its_numbers(two: tuple[Run, Run]) -> None:
    runs = "~".join(run.run_id for run in two)
    app = open_app("compare", runs=runs, panel="Robustness")
    assert app.button(key="robustness-start").label == "Measure robustness"
    assert "by First and Second" in text(app)
    found = [keep_robustness(run, seed) for seed, run in enumerate(two)]
    app = open_app("compare", runs=runs, panel="Robustness")
    assert "robustness-start" not in [button.key for button in app.button]
    (shown,) = [each.value for each in app.dataframe if "Corruption" in each.value]
    assert shown["Corruption"].tolist()[:3] == ["None", "All (mean)", "Noise"]
    assert shown["First"].tolist() == [
        100 * found[0].clean_accuracy, 100 * found[0].mean_accuracy,
        *(100 * found[0].accuracies.mean(axis=1)),
    ]  # fmt: skip
    assert "Select a corruption to see examples" in text(app)
    app.selectbox(key="robustness-corruption").select("rotation").run()
    assert "Rotation: Turned by so many degrees" in text(app)
    assert "Worst mistakes of First" in text(app)


def test_robustness_says_what_was_chosen_by_test_images_and_what_is_of_others(
    finished: Run, machine: Path
) -> None:
    runs = [
        give(finished, machine, number, name, **settings)
        for number, (name, settings) in enumerate(
            {
                "Sound": {},
                "Peeking": {"protocol": "notebook"},
                "Other": {"dataset": "fashion-mnist"},
            }.items()
        )
    ]
    for seed, run in enumerate(runs[:2]):
        keep_robustness(run, seed)

    def caption(*chosen: Run) -> str:
        ids = "~".join(run.run_id for run in chosen)
        return text(open_app("compare", runs=ids, panel="Robustness"))

    assert "Nothing was chosen by them." in caption(runs[0], runs[2])
    told = caption(*runs)
    assert "Peeking: the epoch was selected on test images (notebook protocol)" in told
    assert "Nothing was chosen" not in told
    assert "Other is of Fashion-MNIST; the images here are Synthetic garments." in told


def test_robustness_without_weights_says_so_and_damaged_is_made_anew(
    two: tuple[Run, Run],
) -> None:
    first, second = two
    found = keep_robustness(first, 0)
    robustness_path(first).write_bytes(b"PK rubbish")
    second.weights_path.unlink()
    app = open_app("compare", runs=f"{first.run_id}~{second.run_id}", panel="Robustness")
    assert "Second has no weights to predict with." in text(app)
    assert app.button(key="robustness-start").label == "Measure robustness"
    found.save(first)
    app.run()
    assert "robustness-start" not in [button.key for button in app.button]
