"""The Data page's training dynamics without a browser: what is shown, chosen and exported."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fmnist.csv import write_table
from fmnist.dashboard import cache
from fmnist.dashboard.components import image_map
from fmnist.dashboard.data import dynamics
from fmnist.dashboard.selection import Selection
from fmnist.data.corrections import Corrections
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.named_slices import NamedSlice
from fmnist.evaluation.predictions import EpochEvaluations
from fmnist.evaluation.training_dynamics import REGIONS, TrainingDynamics
from fmnist.runs import corrections, store
from fmnist.runs.run import Run
from fmnist.training.ensemble import combine
from fmnist.training.loop import train
from fmnist.training.worker import Trainer
from tests.pages.test_pages import SETTINGS, choose, finished, give, machine, open_app, text
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures

PANEL = {"panel": "Training dynamics"}


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that follows training images."""
    root = tmp_path_factory.mktemp("following")
    run = store.create_run(root, replace(SETTINGS, followed_images=60), name="Following")
    with store.owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


def dynamics_of(path: Path) -> tuple[EpochEvaluations, TrainingDynamics]:
    epochs = EpochEvaluations.load(path)
    return epochs, TrainingDynamics.from_epochs(epochs)


def selection(app: AppTest) -> Selection:
    found: Selection = app.session_state["selection"]
    return found


def test_training_images_come_first_and_validation_images_at_a_click(
    following: Run, machine: Path
) -> None:
    give(following, machine)
    app = open_app("data", **PANEL)
    assert "60 training images over 3 epochs" in text(app)
    assert "setting *Training images followed*" not in text(app)
    choose(app, "dynamics-split", "validation")
    assert selection(app).split == "validation"
    assert "50 validation images over 3 epochs" in text(app)


def test_a_run_without_followed_images_shows_its_validation_images(
    finished: Run, machine: Path
) -> None:
    give(finished, machine)
    app = open_app("data", **PANEL)
    assert "50 validation images over 3 epochs" in text(app)
    assert "setting *Training images followed*" in text(app)
    assert "dynamics-split" not in [each.key for each in app.segmented_control]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_region_selects_its_images_for_all_pages(
    following: Run, machine: Path, split: str
) -> None:
    run = give(following, machine)
    path = run.followed_path if split == "train" else run.epochs_path
    epochs, known = dynamics_of(path)
    app = open_app("data", split=split, **PANEL)
    region = REGIONS[np.bincount(known.regions).argmax()]
    images = np.sort(epochs.indices[known.regions == REGIONS.index(region)])
    button = app.button(key=f"dynamics-{region}")
    assert f"**{len(images):,}**" in button.label
    button.click().run()
    assert not app.exception
    chosen = selection(app).images
    assert chosen is not None and chosen.split == selection(app).split == split
    assert chosen.indices.tolist() == images.tolist()
    app.switch_page("pages/errors.py").run()
    assert f"**{len(images)}** images" in text(app)
    # once more: all images, and those of another split are no longer chosen
    app.switch_page("pages/data.py").run()
    app.button(key=f"dynamics-{region}").click().run()
    assert selection(app).images is None


def test_images_of_another_split_are_not_chosen_here(following: Run, machine: Path) -> None:
    run = give(following, machine)
    chosen = str(ImageSet.of("synthetic-garments", "test", [1, 2, 3]))
    app = open_app("data", split="test", images=chosen, **PANEL)
    assert "60 training images" in text(app)
    assert "3 images selected" not in [button.label for button in app.button]
    # a single epoch is known for the validation images only, whatever split is selected
    known = EpochEvaluations.load(run.epochs_path).indices
    chosen = str(ImageSet.of("synthetic-garments", "validation", known[:3].tolist()))
    address = {"epoch": "2", "images": chosen, "correctness": "all"}
    app = open_app("data", split="train", **address, **PANEL)
    assert selection(app).images is not None
    assert "60 training images" in text(app) and "**60** images" in text(app)
    assert "corrected-train" not in [button.key for button in app.button]


def test_the_map_places_and_colors_the_images(
    following: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(following, machine)
    epochs, known = dynamics_of(run.followed_path)
    drawn: list[tuple[image_map.Points, image_map.Coloring, image_map.Axes]] = []
    monkeypatch.setattr(
        image_map,
        "image_map",
        lambda points, coloring, **named: drawn.append((points, coloring, named["axes"])),
    )
    app = open_app("data", split="train", **PANEL)
    points, coloring, axes = drawn[-1]
    assert np.array_equal(points.indices, epochs.indices)
    assert np.allclose((points.positions[:, 1] + 1) / 2, known.mean_confidence, atol=1e-6)
    across = (points.positions[:, 0] + 1) / 2 * axes.x.high
    assert np.allclose(across, known.variability, atol=1e-6)
    assert axes.x.high >= known.variability.max()
    assert np.array_equal(coloring.values, known.regions)
    app.selectbox(key="dynamics-color").select("Epoch first learned").run()
    values = drawn[-1][1].values
    assert (values[known.first_learned == 1] == 0).all()
    assert (values[known.first_learned == 3] == image_map.STEPS - 1).all()
    assert (values[known.first_learned == 0] == image_map.STEPS).all()
    for coloring_name in ("Times forgotten", "Class", "Correctness"):
        app.selectbox(key="dynamics-color").select(coloring_name).run()
        assert not app.exception
        assert drawn[-1][1].values.max() < len(drawn[-1][1].palette)


def test_a_lasso_opens_the_split_with_its_images(
    following: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(following, machine)
    lassos = []
    monkeypatch.setattr(
        image_map, "image_map", lambda *_points, **named: lassos.append(named["on_lasso"])
    )
    known: list[dict[str, object]] = []
    monkeypatch.setattr("fmnist.dashboard.session.set_filters", lambda **f: known.append(f))
    open_app("data", **PANEL)
    lassos[-1]("replace", [0, 1])
    assert (known[-1]["split"], known[-1]["epoch"]) == ("train", None)
    images = known[-1]["images"]
    assert isinstance(images, ImageSet) and images.split == "train" and len(images) == 2


def test_the_table_has_the_figures_of_the_filtered_images(
    following: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(following, machine)
    epochs, known = dynamics_of(run.followed_path)
    offered = {}
    monkeypatch.setattr(
        st, "download_button", lambda label, data, **_named: offered.update({label: data})
    )
    position = 4
    image = int(epochs.indices[position])
    chosen = str(ImageSet.of("synthetic-garments", "train", [image]))
    open_app("data", split="train", images=chosen, correctness="all", **PANEL)
    (row,) = csv.DictReader(io.StringIO(offered["Table of 1 image (CSV)"]()))
    assert (int(row["image"]), row["split"]) == (image, "train")
    assert float(row["mean_confidence"]) == pytest.approx(known.mean_confidence[position], abs=1e-6)
    assert float(row["variability"]) == pytest.approx(known.variability[position], abs=1e-6)
    assert row["first_learned_epoch"] == str(known.first_learned[position] or "")
    assert row["times_forgotten"] == str(known.forgotten[position])
    assert write_table(dynamics._COLUMNS, []).startswith("image,split,label,region")


def test_an_ensemble_and_a_run_of_one_epoch_are_told(finished: Run, machine: Path) -> None:
    other = give(finished, machine)
    second = store.create_run(machine, replace(SETTINGS, epochs=1, seed=1), name="Short")
    with store.owning(second):
        train(second, small_dataset())
    second = store.open_run(machine, second.run_id)
    both = combine([other, second], machine, name="Both")
    assert "**Both** is an ensemble, which has no epochs." in text(
        open_app("data", run=both.run_id, **PANEL)
    )
    assert "**Short** has fewer than two epochs so far." in text(
        open_app("data", run=second.run_id, **PANEL)
    )


def test_a_damaged_file_is_told_in_a_sentence(following: Run, machine: Path) -> None:
    run = give(following, machine)
    whole = run.followed_path.read_bytes()
    run.followed_path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    app = open_app("data", **PANEL)
    assert "The training dynamics cannot be shown" in text(app)
    assert "followed.npz is damaged" in text(app)


def test_the_history_of_a_followed_image_is_on_its_page(following: Run, machine: Path) -> None:
    run = give(following, machine)
    epochs, known = dynamics_of(run.followed_path)
    position = int(np.flatnonzero(known.first_learned > 0)[0])
    app = open_app("errors", split="train", image=str(int(epochs.indices[position])))
    assert f"epoch {known.first_learned[position]}" in text(app).lower()


def test_followed_images_never_stand_in_for_the_monitored_ones(following: Run) -> None:
    epochs = cache.epoch_evaluations(following, "train")
    assert epochs is not None and epochs.split == "train"
    monitored = cache.epoch_evaluations(following)
    assert monitored is not None and monitored.split == "validation"
    assert cache.epoch_evaluations(following, "test") is None
    gone = replace(following, folder=following.folder / "gone")
    gone.followed_path.parent.mkdir(parents=True)
    gone.followed_path.write_bytes(following.followed_path.read_bytes())
    assert cache.epoch_evaluations(gone) is None


def test_selected_training_images_can_be_left_out_of_another_run(
    following: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(following, machine)
    epochs, _ = dynamics_of(run.followed_path)
    submitted: list[Run] = []
    monkeypatch.setattr(Trainer, "submit", lambda _self, each: submitted.append(each))
    images = sorted(epochs.indices[:3].tolist())
    app = open_app(
        "data", split="train", images=str(ImageSet.of("synthetic-garments", "train", images)),
        correctness="all", **PANEL,
    )  # fmt: skip
    app.button(key="corrected-train").click().run()
    (queued,) = submitted  # the run itself is the control run
    assert queued.training and run.training
    changes = Corrections.of("synthetic-garments", excluded=images)
    assert queued.training == replace(run.training, corrections=changes.checksum)
    others = open_app("data", split="validation", **PANEL)
    assert "corrected-train" not in [button.key for button in others.button]


def test_labels_of_training_images_can_be_judged(following: Run, machine: Path) -> None:
    run = give(following, machine)
    epochs, known = dynamics_of(run.followed_path)
    images = sorted(epochs.indices[:5].tolist())
    app = open_app(
        "data", split="train", images=str(ImageSet.of("synthetic-garments", "train", images)),
        correctness="all", **PANEL,
    )  # fmt: skip
    app.toggle(key="dynamics-judge").set_value(True).run()
    assert not app.exception
    # the least probable label comes first
    positions = np.flatnonzero(np.isin(epochs.indices, images))
    first = int(epochs.indices[positions[known.mean_confidence[positions].argmin()]])
    app.button(key=f"dynamics-review-exclude-{first}").click().run()
    judged, _ = cache.label_verdict_store().read("synthetic-garments")
    found = [(each.image, each.label) for given in judged.values() for each in given.values()]
    assert found == [(first, None)]
    choose(app, "corrected-choice", "Follow the verdicts")
    assert "1 excluded of the training images" in text(app)
    app = open_app("data", split="validation", **PANEL)
    assert "dynamics-judge" not in [each.key for each in app.toggle]


def test_labels_that_corrections_changed_are_told_and_not_compared(
    following: Run, machine: Path
) -> None:
    run = give(following, machine)
    epochs, _ = dynamics_of(run.followed_path)
    images = epochs.indices[:2].tolist()
    changes = Corrections.of(
        "synthetic-garments", relabeled={images[0]: (int(epochs.labels[0]) + 1) % 10}
    )
    corrections.keep(changes)
    settings = replace(SETTINGS, followed_images=60, epochs=2, corrections=changes.checksum)
    other = store.create_run(machine, settings, name="Corrected")
    with store.owning(other):
        train(other, small_dataset())
    told = "The labels are those that the run learned"
    pair = {"run": other.run_id, "compared": run.run_id}
    app = open_app("errors", split="train", **pair)
    assert told in text(app) and "was not evaluated on these images and labels" in text(app)
    assert told in text(open_app("errors", split="train", image=str(images[0]), **pair))
    assert told in text(open_app("data", split="train", run=other.run_id, **PANEL))
    assert told not in text(open_app("errors", split="test", **pair))
    assert told not in text(open_app("errors", split="train", run=run.run_id))
    for name, chosen in (("First", images[:1]), ("Second", images[1:])):
        cache.named_slices().add(
            NamedSlice(
                name,
                "synthetic-garments",
                ImageSet.of("synthetic-garments", "train", chosen),
            )
        )
    app = open_app("compare", panel="Slices", runs=f"{other.run_id}~{run.run_id}", **pair)
    (table,) = [each.value for each in app.dataframe if "Slice" in each.value]
    assert table["Slice"].tolist() == ["All test images", "First", "Second"]
    assert table["p"].tolist()[1] == "–" != table["p"].tolist()[2]
