"""The report of a run: its numbers are those of the evaluation, and it needs nothing else."""

import base64
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.evaluation.calibration import brier_score, reliability
from fmnist.evaluation.filters import sort_positions
from fmnist.evaluation.predictions import Evaluation
from fmnist.files import read_json, write_json
from fmnist.models.sizes import Size
from fmnist.reports import charts, svg
from fmnist.reports.run_report import HARDEST, run_report
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.run import Run, RunError
from fmnist.runs.temperature import Temperature, save_temperature
from tests.reports.html_file import HtmlFile, check_self_contained, empty_chart
from tools.made_up_run import CHECKSUM, made_up_run

NASTY = '<script>alert("1")</script> & $\\alpha$ مرحبا **x**'


def of_pixels(name: str = "fashion-mnist", checksum: str = CHECKSUM) -> Dataset:
    """A data set of the size that made-up runs were evaluated on, with random pixels."""
    images = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
    labels = np.zeros(1000, np.uint8)
    return Dataset(name, "random", images, labels, images, labels, checksum)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def charts_drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts take most of the time: only tests named after them draw them."""
    if "charts" not in request.node.name:
        monkeypatch.setattr(svg, "_drawn", empty_chart)


def change(run: Run, root: Path, **values: object) -> Run:
    """The run with other values in its `config.json`."""
    write_json(run.config_path, read_json(run.config_path) | values)
    return store.open_run(root, run.run_id)


def test_numbers_are_those_of_the_evaluation_and_charts_are_whole(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    html = run_report(run, dataset=of_pixels(), size=Size(1_625_866, 16_283_392))
    file = check_self_contained(html)
    test = Evaluation.load(run.evaluation_path("test"))
    assert "Test accuracy 94.10% ± 0.75" in file.text
    assert f"Test loss {test.loss:.4f}" in file.text
    assert "Validation accuracy 95.12%" in file.text
    assert "1,000 test images, weights of epoch 3; held-out protocol" in file.text
    assert "Parameters1,625,866" in file.text.replace(" ", "")
    bins = reliability(test.confidence, test.correct)
    assert f"ECE {bins.ece:.2%}" in file.text and f"MCE {bins.mce:.2%}" in file.text
    assert f"Brier score {brier_score(test.probabilities, test.labels):.4f}" in file.text
    matrix = next(rows for caption, rows in file.tables.items() if caption.startswith("Row: true"))
    assert matrix[0] == ["True", *CLASS_NAMES]
    shown = [[0 if cell == "·" else int(cell) for cell in row[1:]] for row in matrix[1:]]
    assert shown == test.confusion.tolist()
    classes = file.tables["Scores of each class"]
    assert [row[1] for row in classes[1:]] == [
        f"{count} of 100" for count in np.diag(test.confusion)
    ]
    assert classes[7] == ["Shirt", "58 of 100", "58.00%", "89.23%", "70.30%"]
    assert file.tables["Most confused"][1] == ["Shirt", "T-shirt/top", "30", "30.00%"]
    assert [row[0] for row in file.tables["Every epoch"][1:]] == ["1", "2", "3", "4", "5", "6"]
    assert file.tables["Every epoch"][3][4] == "95.12%"
    assert "Shirt predicted" not in file.text  # the card has its own words
    assert "python -m fmnist evaluate" in file.text


def test_cells_have_the_colors_of_the_page(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    test = Evaluation.load(run.evaluation_path("test"))
    colors = charts.css_colors(charts.confusion_colors(test.confusion))
    cells = [
        a["style"] for a in HtmlFile(run_report(run)).all("td") if "rgba" in (a.get("style") or "")
    ]
    assert cells == [f"background: {color}" for row in colors for color in row]


def test_errors_come_with_their_pixels_the_most_confident_first(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    test, dataset = Evaluation.load(run.evaluation_path("test")), of_pixels()
    file = check_self_contained(run_report(run, dataset=dataset))
    order = sort_positions(test, np.flatnonzero(~test.correct), "confidence")[:HARDEST]
    images = file.all("img")
    assert len(images) == len(order) == HARDEST
    for attributes, position in zip(images, order, strict=True):
        index = test.indices[position]
        true = CLASS_NAMES[test.labels[position]]
        assert (attributes["alt"] or "").startswith(f"Image {index}: {true}, predicted as ")
        content = base64.b64decode((attributes["src"] or "").partition(",")[2])
        assert np.array_equal(
            np.asarray(Image.open(io.BytesIO(content))), dataset.test_images[index]
        )
    assert "48 of 59 misclassified images" in file.text


@pytest.mark.parametrize(
    "dataset", [None, of_pixels("synthetic-garments"), of_pixels(checksum="other")]
)
def test_other_images_are_not_shown(tmp_path: Path, dataset: Dataset | None) -> None:
    file = check_self_contained(run_report(made_up_run(tmp_path), dataset=dataset))
    assert not file.all("img")
    assert "their labels stand without pixels" in file.text
    assert "Shirt → T-shirt/top" in file.text


def test_the_same_run_gives_the_same_bytes_and_charts(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    first = run_report(run, dataset=of_pixels())
    shutil.copytree(tmp_path, tmp_path / "copy")
    copy = store.open_run(tmp_path / "copy", run.run_id)
    assert run_report(copy, dataset=of_pixels()) == first


def test_text_from_outside_is_shown_as_it_is(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    write_json(run.name_path, {"name": NASTY})
    notes = (
        "## Notes\n\n<script>alert(2)</script>\n\n![x](https://example.org/x.png) "
        "[a link](https://example.org/) <https://example.org/auto>\n\n| a |\n| - |\n| <b>c |\n"
    )
    (run.folder / "notes.md").write_text(notes)
    file = check_self_contained(run_report(store.open_run(tmp_path, run.run_id)))
    assert file.text.count(NASTY) == 2  # title and heading
    assert "<script>alert(2)</script>" in file.text and "<b>c" in file.text
    assert "a link" in file.text


def test_a_long_name_is_whole(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, name="字" * 80)
    assert "字" * 80 in HtmlFile(run_report(run)).text


def test_the_temperature_of_a_run_is_used(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    save_temperature(run, Temperature(2.0, 3, 0.5, 0.4))
    test = replace(Evaluation.load(run.evaluation_path("test")), temperature=2.0)
    file = check_self_contained(run_report(run))
    assert f"Test loss {test.loss:.4f}" in file.text
    assert "Temperature 2.000, saved with the run." in file.text


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        ("held-out", "test images, weights of epoch 3; held-out protocol."),
        ("notebook", "notebook protocol, epoch selected on these images"),
        ("full", "test images, weights of epoch 6; full protocol."),
    ],
)
def test_protocols_are_named(tmp_path: Path, protocol: str, says: str) -> None:
    settings = {"checkpoint": "last"} if protocol == "full" else {}
    run = made_up_run(tmp_path, protocol=protocol, **settings)  # type: ignore[arg-type]
    file = check_self_contained(run_report(run))
    assert says in file.text
    assert f"Protocol: {protocol.capitalize()}: " in file.text
    assert ("Validation accuracy 9" in file.text) is (protocol == "held-out")


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, TrainConfig(), name="New")
    file = check_self_contained(run_report(store.open_run(tmp_path, run.run_id)))
    assert "The run was interrupted before its last epoch." in file.text
    assert "It has not been evaluated" in file.text
    assert "has not finished an epoch, so it has no curves" in file.text
    assert "not finished an epoch; it has no card" in file.text


def _unfinished(run: Run, root: Path, state: str, reason: str | None = None) -> Run:
    """The run as its training leaves it in the middle: epochs, but no evaluation of the test."""
    for split in ("test", "validation"):
        run.evaluation_path(split).unlink()
    run.write_status(state, Progress(6, 60, 120, 99.0), reason=reason)  # type: ignore[arg-type]
    return store.open_run(root, run.run_id)


def test_a_failed_run_tells_its_reason_and_shows_its_newest_epoch(tmp_path: Path) -> None:
    run = _unfinished(made_up_run(tmp_path), tmp_path, "failed", "The disk <b>is full.")
    file = check_self_contained(run_report(run))
    assert "The run failed: The disk <b>is full." in file.text
    assert "It has no evaluation of the test images." in file.text
    assert "1,000 validation images, weights of epoch 6; held-out protocol" in file.text
    assert "has no evaluation of the test split" in file.text  # in place of the card


@pytest.mark.parametrize("state", ["stopped", "interrupted"])
def test_a_run_that_ended_early(tmp_path: Path, state: str) -> None:
    file = check_self_contained(run_report(_unfinished(made_up_run(tmp_path), tmp_path, state)))
    assert f"The run was {state} before its last epoch." in file.text
    assert "Every epoch" in file.tables


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_run_under_way_shows_no_evaluation_of_an_earlier_end(tmp_path: Path, state: str) -> None:
    run = made_up_run(tmp_path)
    run.write_status(state, Progress(6, 60, 120, 99.0))  # type: ignore[arg-type]
    with run.lock():
        run = store.open_run(tmp_path, run.run_id)
        file = check_self_contained(run_report(run))
    assert "when this report was written" in file.text
    assert "1,000 validation images, weights of epoch 6" in file.text
    assert "A run has a model card once it has ended." in file.text


def test_a_run_without_weights_says_so(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    assert "Its weights are not kept" not in run_report(run)
    run.weights_path.unlink()
    assert "Its weights are not kept on this machine" in run_report(run)


def test_an_ensemble_has_no_curves(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, epochs=1)
    config = {"models": ["swift", "residual"], "dataset": "fashion-mnist", "protocol": "held-out"}
    run = change(run, tmp_path, config=config, members=["swift-0", "<i>big"])
    file = check_self_contained(run_report(run))
    assert "averages the probabilities of its members, swift-0, <i>big." in file.text
    assert "Every epoch" not in file.tables
    assert "1,000 test images; held-out protocol" in file.text


def test_synthetic_garments(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, dataset="synthetic-garments")
    file = check_self_contained(run_report(run, dataset=of_pixels("synthetic-garments")))
    assert "DataSynthetic garments" in file.text
    assert file.all("img")


def test_a_broken_run_is_refused(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    run.status_path.write_text("{")
    with pytest.raises(RunError, match="is broken: status.json cannot be read"):
        run_report(store.open_run(tmp_path, run.run_id))


def test_a_damaged_evaluation_is_refused(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    run.evaluation_path("test").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"is broken: .*test\.npz"):
        run_report(run)


def test_the_logged_steps_are_in_the_charts(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    lines = run.history_path.read_text().splitlines()
    step = {"kind": "step", "epoch": 1, "step": 1, "loss": 2.3, "seconds": 1.0}
    run.history_path.write_text("\n".join([json.dumps(step), *lines]) + "\n")
    (run.folder / "checksums.json").unlink(missing_ok=True)
    file = check_self_contained(run_report(store.open_run(tmp_path, run.run_id)))
    assert "Training, logged steps" in file.text
    assert "Best: epoch 3" in file.text
