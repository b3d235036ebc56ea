"""The Map page without a browser: its states, and what a lasso selects."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fmnist.checksums import file_digest
from fmnist.dashboard import jobs, linked_map
from fmnist.dashboard.components import image_map
from fmnist.dashboard.map import colors, layouts
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.explain import map_job, map_sources
from fmnist.explain.map_process import MapProcess, MapState, MapTask
from fmnist.jobs import Reporter
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.training.loop import train
from tests.pages.test_pages import SETTINGS, finished, give, machine, open_app, text
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures


class Fake(MapProcess):
    """A computation that is as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.state = MapState()
        self.started: list[MapTask] = []

    def start(self, task: MapTask) -> None:
        self.started.append(task)

    def poll(self) -> MapState:
        return self.state

    def cancel(self) -> None:
        self.state = MapState()


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    made = Fake()
    monkeypatch.setattr(layouts, "process", lambda: made)
    monkeypatch.setattr(jobs, "_POLL_SECONDS", None)
    yield made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What each map was last told to show."""
    maps: list[dict[str, object]] = []
    monkeypatch.setattr(image_map, "_MAP", lambda **told: maps.append(told["data"]))
    return maps


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def compute(run: Run) -> None:
    """Compute the map of a run on small data, as the child process does."""
    evaluation = Evaluation.load(run.evaluation_path("test"))
    source = map_sources.source(
        run,
        evaluation,
        weights=file_digest(run.weights_path),
        checksum=small_dataset().checksum,
    )
    with Path("/dev/null").open("w") as nowhere:
        map_job.make_layout(source, "pca", small_dataset(), Reporter(nowhere))


def test_without_any_run_it_says_what_to_do() -> None:
    assert "No model yet" in text(open_app("map"))


def test_a_damaged_evaluation_is_told(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    run.evaluation_path("test").write_bytes(b"PK rubbish")
    assert "evaluation cannot be read" in text(open_app("map"))


def test_until_a_map_is_computed_there_is_one_of_the_logits(
    finished: Run, machine: Path, process: Fake, sent: list[dict[str, object]]
) -> None:
    run = give(finished, machine)
    app = open_app("map")
    assert (
        "**Shown now is PCA of the logits, not PaCMAP**: the PaCMAP map is not computed yet."
        in text(app)
    )
    assert (sent[-1]["count"], sent[-1]["chosen"]) == (200, False)
    app.button(key="map-start").click().run()
    assert process.started == [MapTask("pacmap", "test", (run.folder,))]


def test_progress_can_be_cancelled(finished: Run, machine: Path, process: Fake) -> None:
    run = give(finished, machine)
    task = MapTask("pacmap", "test", (run.folder,))
    process.state = MapState(task, True, 0.3, "Arranging the images of [a](http://b.example)")
    app = open_app("map")
    (bar,) = [e.proto.text for e in app.get("progress") if "Arranging" in e.proto.text]
    assert "[a](" not in bar  # plain text, no link
    assert "Cancel" in buttons(app) and "Compute the PaCMAP map" not in buttons(app)
    app.button(key="map-cancel").click().run()
    assert "Compute the PaCMAP map" in buttons(app)


def test_a_failure_is_told_with_the_next_thing_to_do(
    finished: Run, machine: Path, process: Fake
) -> None:
    run = give(finished, machine)
    task = MapTask("pacmap", "test", (run.folder,))
    process.state = MapState(task, error="The disk is full; free some space, then try again.")
    app = open_app("map")
    assert "The map could not be computed: The disk is full; free some space" in text(app)
    assert "Compute the PaCMAP map" in buttons(app)


def test_a_computed_map_tells_how_well_it_agrees(
    finished: Run, machine: Path, process: Fake
) -> None:
    run = give(finished, machine)
    compute(run)
    app = open_app("map")
    app.session_state["map-method"] = "pca"
    app.run()
    assert "PCA of the feature space. The ten nearest neighbors predict" in text(app)
    assert "Compute the PCA map" not in buttons(app)
    path = run.folder / "maps" / "test-features-pca.npz"
    path.write_bytes(b"PK rubbish")  # damaged: to be made anew
    st.cache_resource.clear()
    assert "Compute the PCA map" in buttons(app.run())


def test_a_run_without_weights_has_a_map_of_its_logits(
    finished: Run, machine: Path, process: Fake
) -> None:
    run = give(finished, machine)
    run.weights_path.unlink()
    app = open_app("map")
    app.session_state["map-drawing"] = True
    app.run()
    assert "was saved without its weights, so it cannot place a drawing" in text(app)
    assert not app.exception


def test_without_the_images_there_are_points_without_thumbnails(
    machine: Path, process: Fake, sent: list[dict[str, object]]
) -> None:
    machine.mkdir(parents=True)
    made_up_run(machine)  # on Fashion-MNIST, which is not here
    app = open_app("map")
    assert (sent[-1]["count"], sent[-1]["sprites"]) == (1000, "")
    assert "Images are unavailable" in text(app)


def test_too_few_images_are_told(finished: Run, machine: Path, process: Fake) -> None:
    run = give(finished, machine)
    test = Evaluation.load(run.evaluation_path("test"))
    few = Evaluation("test", test.logits[:20], test.labels[:20], test.indices[:20])
    few.save(run.evaluation_path("test"))
    assert "A map needs at least 30 images; this split has 20." in text(open_app("map"))


def test_every_coloring_is_shown(
    finished: Run, machine: Path, process: Fake, sent: list[dict[str, object]]
) -> None:
    give(finished, machine)
    app = open_app("map", split="validation")
    options = app.selectbox(key="map-color").options
    assert options == list(colors.COLORINGS)
    seen = []
    for name in options:
        app.selectbox(key="map-color").set_value(name).run()
        assert not app.exception
        seen.append(sent[-1]["values"])
    assert len(set(map(str, seen))) >= 6
    app = open_app("map")  # its epochs are of validation images
    assert "Epoch first learned" not in app.selectbox(key="map-color").options


def test_epochs_are_played_where_they_are_computed(
    finished: Run, machine: Path, process: Fake, sent: list[dict[str, object]]
) -> None:
    run = give(finished, machine)
    app = open_app("map")
    app.session_state["map-epochs"] = True
    app.run()
    assert "The epochs of this run were evaluated on its validation images." in text(app)
    app.button(key="map-monitored").click().run()
    assert "Compute the maps of all epochs" in buttons(app)
    epochs = EpochEvaluations.load(run.epochs_path)
    source = map_sources.epochs_source(run, epochs)
    with Path("/dev/null").open("w") as nowhere:
        map_job.make_epochs(source, epochs, None, Reporter(nowhere))
    app.run()
    frames = sent[-1]["frames"]
    assert isinstance(frames, dict) and frames["count"] == 3
    assert "PaCMAP of the logits after every epoch" in text(app)


def test_epochs_with_weights_are_played_in_the_feature_space(
    machine: Path, process: Fake, sent: list[dict[str, object]]
) -> None:
    run = store.create_run(
        machine, replace(SETTINGS, model="logistic", epoch_weights="float16"), name="With weights"
    )
    with store.owning(run):
        train(run, small_dataset())
    run = store.open_run(machine, run.run_id)
    epochs = EpochEvaluations.load(run.epochs_path)
    source = map_sources.epochs_source(
        run,
        epochs,
        weights=map_sources.epoch_weights_digest(run, len(epochs.logits)),
        checksum=small_dataset().checksum,
    )
    with Path("/dev/null").open("w") as nowhere:
        map_job.make_epochs(source, epochs, small_dataset(), Reporter(nowhere))
    app = open_app("map", split="validation")
    app.session_state["map-epochs"] = True
    app.run()
    assert "PaCMAP of the features after every epoch" in text(app)
    frames = sent[-1]["frames"]
    assert isinstance(frames, dict) and frames["count"] == 3
    run.epoch_weights_path(2).unlink()  # the maps are of other epochs now
    app.run()
    assert "Compute the maps of all epochs" in buttons(app)
    assert "of the logits, each started from the one before" in text(app)


def test_two_runs_are_shown_side_by_side(
    finished: Run, machine: Path, process: Fake, sent: list[dict[str, object]]
) -> None:
    give(finished, machine)
    other = give(replace_id(finished), machine)
    open_app("map", run=finished.run_id, compared=other.run_id)
    assert len({str(told["positions"]) for told in sent[-2:]}) == 1
    assert [told["count"] for told in sent[-2:]] == [200, 200]


def replace_id(run: Run) -> Run:
    """The same run under another name of its folder."""
    import shutil

    copy = run.folder.parent / f"{run.run_id}-again"
    if not copy.exists():
        shutil.copytree(run.folder, copy)
    return replace(run, folder=copy)


def test_a_lasso_selects_all_its_images_and_nothing_else(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.mkdir(parents=True)
    run = made_up_run(machine)
    known: list[dict[str, object]] = []
    monkeypatch.setattr("fmnist.dashboard.session.set_filters", lambda **f: known.append(f))

    test = Evaluation.load(run.evaluation_path("test"))
    turned = Evaluation("test", test.logits, test.labels, test.indices[::-1])

    class Context:
        class snapshot:
            evaluation = turned

        class selection:
            images = ImageSet.of("fashion-mnist", "test", (1, 2, 3))

        dataset_name, split = "fashion-mnist", "test"

    choose = linked_map.lassoed(Context)  # type: ignore[arg-type]
    for how, expected in (("replace", [3, 9]), ("add", [1, 2, 3, 9]), ("remove", [1, 2])):
        choose(how, [990, 996])  # of the last, from behind: 9 and 3
        images = known[-1]["images"]
        assert isinstance(images, ImageSet) and images.indices.tolist() == expected
        assert (known[-1]["correctness"], known[-1]["true"]) == ("all", ())
    choose("remove", [998, 997, 996])
    assert known[-1]["images"] is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"how": "add", "positions": [0, 4]}, ("add", [0, 4])),
        ({"how": "erase", "positions": [5, -1, "3", None, 2.0, 10**12]}, ("replace", [])),
        ({"positions": "0"}, ("replace", [])),
        ({}, ("replace", [])),
    ],
)
def test_what_a_browser_says_is_checked(
    value: dict[str, object], expected: tuple[str, list[int]]
) -> None:
    assert image_map.read_lasso(value, 5) == expected


def test_positions_keep_their_place_to_a_pixel() -> None:
    positions = np.array([[-1, 1], [0, 0.5]], dtype=np.float32)
    import base64

    packed = np.frombuffer(base64.b64decode(image_map._packed(positions)), dtype="<u2")
    assert packed.reshape(2, 2) / 65_535 * 2 - 1 == pytest.approx(positions, abs=2e-5)
