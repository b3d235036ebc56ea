"""The report of a comparison: its numbers, what it leaves out, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from fmnist.evaluation import leaderboard
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.significance import mcnemar
from fmnist.files import read_json, write_json
from fmnist.models.sizes import Size
from fmnist.reports import svg
from fmnist.reports.comparison_report import comparison_report
from fmnist.reports.reporting import file_name, report
from fmnist.reports.sentences import mcnemar_in_words
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run, RunError
from tests.reports.html_file import HtmlFile, check_self_contained, empty_chart
from tests.reports.test_run_report import NASTY, of_pixels
from tools.made_up_run import made_up_evaluation, made_up_run


@pytest.fixture(autouse=True)
def charts_drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts take most of the time: only tests named after them draw them."""
    if "charts" not in request.node.name:
        monkeypatch.setattr(svg, "_drawn", empty_chart)


def other_evaluation(shirts: int = 40) -> Evaluation:
    """Of the same images: so many more shirts are correct, and ten dresses no longer."""
    one = made_up_evaluation("test")
    logits = one.logits.copy()
    wrong = np.flatnonzero((one.labels == 6) & ~one.correct)[:shirts]
    logits[wrong] = 0
    logits[wrong, 6] = 3
    dresses = np.flatnonzero(one.labels == 3)[:10]
    logits[dresses] = 0
    logits[dresses, 4] = 4
    # wrong in both runs, but not as the same class
    coats = np.flatnonzero((one.labels == 4) & ~one.correct)[:3]
    logits[coats] = 0
    logits[coats, 8] = 5
    return Evaluation("test", logits, one.labels, one.indices)


def two_runs(root: Path, **settings: object) -> list[Run]:
    first = made_up_run(root, name="First")
    second = made_up_run(root, name="Second", learning_rate=0.01, **settings)  # type: ignore[arg-type]
    other_evaluation().save(second.evaluation_path("test"))
    return [first, second]


def test_numbers_are_those_of_the_evaluations_and_charts_are_whole(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    sizes = {"fashion-cnn": Size(1_625_866, 16_283_392)}
    html = comparison_report(runs, dataset=of_pixels(), sizes=sizes)
    file = check_self_contained(html)
    a, b = (Evaluation.load(run.evaluation_path("test")) for run in runs)
    assert [row[:5] for row in file.tables["The runs"][1:]] == [
        ["First", "held-out", "95.12%", "94.10%", "0.75"],
        ["Second", "held-out", "95.12%", "97.10%", "0.53"],
    ]
    assert file.tables["The runs"][1][5:8] == [f"{a.loss:.4f}", "1,625,866", "16,283,392"]
    test = mcnemar(a.correct, b.correct)
    assert (test.only_a, test.only_b) == (10, 40)
    assert mcnemar_in_words(test, "First", "Second") in file.text
    assert file.tables["All pairs"][1][2:5] == ["−3.00", "10", "40"]
    differing = leaderboard.differences(runs)
    assert file.tables["Settings that differ"] == [
        ["Setting", "First", "Second"],
        *([row.setting, *row.texts] for row in differing),
    ]
    assert ["Learning rate", "0.001", "0.01"] in file.tables["Settings that differ"]
    classes = file.tables["Accuracy of each class"]
    assert classes[7] == ["Shirt", "58.00%", "98.00%", "40.00"]
    assert classes[4] == ["Dress", "100.00%", "90.00%", "10.00"]


def test_images_on_which_two_runs_disagree(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    file = check_self_contained(comparison_report(runs, dataset=of_pixels()))
    assert "The predictions differ on 53 of 1,000 test images." in file.text
    assert "Only First is correct 10 of 10 images." in file.text
    assert "Only Second is correct 24 of 40 images." in file.text
    assert "No run is correct, and they differ 3 of 3 images." in file.text
    texts = [attributes["alt"] or "" for attributes in file.all("img")]
    assert len(texts) == 10 + 24 + 3
    one = made_up_evaluation("test")
    first = int(np.flatnonzero(one.labels == 3)[0])
    sure = np.exp(4) / (np.exp(4) + 9)
    assert texts[0].startswith(f"Image {first}: Dress. First: Dress, ")
    assert texts[0].endswith(f"Second: Coat, {sure:.1%}")


def test_three_runs_make_three_pairs_and_charts(tmp_path: Path) -> None:
    third = made_up_run(tmp_path, name="Third", protocol="notebook")
    other_evaluation(20).save(third.evaluation_path("test"))
    file = check_self_contained(comparison_report([*two_runs(tmp_path), third]))
    assert [row[:2] for row in file.tables["All pairs"][1:]] == [
        ["First", "Second"], ["First", "Third"], ["Second", "Third"],
    ]  # fmt: skip
    assert "3 runs make 3 pairs." in file.text
    assert "Third: the epoch was selected on these test images (notebook protocol)." in file.text
    assert "Some runs are correct, others not" in file.text


def test_the_same_runs_give_the_same_bytes_and_charts(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    assert comparison_report(runs) == comparison_report(runs)


def test_names_are_shown_as_they_are_and_differ(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    for run in runs:
        write_json(run.name_path, {"name": NASTY})
    opened = [store.open_run(tmp_path, run.run_id) for run in runs]
    file = check_self_contained(comparison_report(opened))
    names = [row[0] for row in file.tables["The runs"][1:]]
    assert len(set(names)) == 2 and all(name.startswith(NASTY) for name in names)


def test_what_some_runs_lack_is_left_out_and_said(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    new = store.create_run(tmp_path, TrainConfig(), name="New")
    document = read_json(runs[1].config_path)
    document["dataset"]["checksum"] = "other"
    write_json(runs[1].config_path, document)
    opened = [store.open_run(tmp_path, run.run_id) for run in (*runs, new)]
    file = check_self_contained(comparison_report(opened))
    assert "Not evaluated on the test images: New." in file.text
    assert "Evaluated on other images than First: Second." in file.text
    assert file.text.count("Two runs that were evaluated on the same test images are needed.") == 2
    assert "All pairs" not in file.tables
    assert file.tables["The runs"][3][3] == "–"


def test_runs_without_any_evaluation(tmp_path: Path) -> None:
    runs = [store.create_run(tmp_path, TrainConfig(), name=name) for name in "ab"]
    file = check_self_contained(comparison_report(runs))
    assert "These runs have no training curves." in file.text
    assert "None of these runs was evaluated on the test images." in file.text
    assert "These runs have the same settings, data and machine." in file.text


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    first, second = two_runs(tmp_path)
    with pytest.raises(RunError, match="two or more different runs"):
        comparison_report([first, first])
    many = [store.create_run(tmp_path, TrainConfig()) for _ in range(11)]
    with pytest.raises(RunError, match="At most 10 runs can be compared, not 11"):
        comparison_report(many)
    second.status_path.write_text("{")
    with pytest.raises(RunError, match="is broken: status.json"):
        comparison_report([first, store.open_run(tmp_path, second.run_id)])


def test_one_run_or_several(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    assert "Report of a run" in HtmlFile(report(runs[:1])).text
    assert "Report of a comparison" in HtmlFile(report(runs)).text
    ids = [run.run_id for run in runs]
    assert file_name(runs[:1]) == f"report-{ids[0]}.html"
    assert file_name(runs) == f"comparison-{ids[0]}-{ids[1]}.html"
    assert file_name([*runs, runs[0]]) == f"comparison-{ids[0]}-and-2-more.html"
