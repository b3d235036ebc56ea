"""The Explain page without a browser: its states, and what it can explain."""

import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from fmnist import paths
from fmnist.checksums import remove_checked
from fmnist.dashboard.selection import AttributionMethod, Selection
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.predictions import Evaluation
from fmnist.explain.attributions import METHODS, Explainer
from fmnist.files import write_json
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.reports import heat_maps
from fmnist.runs import store
from fmnist.runs.run import Run
from tests.pages.test_pages import choose, finished, give, machine, open_app, text
from tests.pages.test_text_from_outside import NASTY, check
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures


def misclassified(run: Run) -> list[int]:
    """`Split.indices` of the misclassified images, the most confident first."""
    test = Evaluation.load(run.evaluation_path("test"))
    order = sorted(range(len(test.labels)), key=lambda i: -test.confidence[i])
    return [int(test.indices[i]) for i in order if not test.correct[i]]


def test_without_any_run_it_says_what_to_do() -> None:
    assert "No model yet" in text(open_app("explain"))


def test_it_begins_with_the_first_misclassified_image(finished: Run, machine: Path) -> None:
    give(finished, machine)
    first, second, *_ = misclassified(finished)
    app = open_app("explain")
    assert f"image {first:,} of the test split" in text(app)
    app.button(key="explain-next").click().run()
    assert f"image {second:,} of the test split" in text(app)
    assert app.session_state["selection"].image == second


@pytest.mark.parametrize(
    ("subject", "query", "expected"),
    [
        ("drawing", {}, "Nothing is drawn yet"),
        ("image", {"confidence": "0~0.001"}, "No image matches"),
        ("average", {"confidence": "0~0.001"}, "No image matches"),
    ],
)
def test_nothing_to_explain_is_told(
    finished: Run, machine: Path, subject: str, query: dict[str, str], expected: str
) -> None:
    give(finished, machine)
    assert text(open_app("explain", subject=subject, **query)).count(expected) == 1


def test_an_average_over_the_filtered_images(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain")
    choose(app, "explain-subject", "average")
    assert f"Average of {len(misclassified(finished))} images" in text(app)
    assert app.session_state["selection"].subject == "average"


def test_damaged_weights_are_told(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    run.weights_path.write_bytes(b"rubbish")
    assert "cannot be used" in text(open_app("explain"))


def test_a_run_without_weights(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    remove_checked(run.weights_path)
    assert "saved without its weights" in text(open_app("explain"))


# --- Where it looks -----------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.float32]]:
    """The maps that the page lays over the image, the newest last."""
    maps: list[NDArray[np.float32]] = []
    overlay = heat_maps.overlay

    def spy(image: Any, map: Any, strength: float) -> Any:
        maps.append(map)
        return overlay(image, map, strength)

    monkeypatch.setattr(heat_maps, "overlay", spy)
    return maps


def set_model(run: Run, *models: str) -> None:
    """Give a run the weights of an untrained model, or ensemble."""
    Classifier(create_model(*models, seed=0), models=models).save(run.weights_path)


def test_grad_cam_of_two_classes_differs(
    finished: Run, machine: Path, drawn: list[NDArray[np.float32]]
) -> None:
    give(finished, machine)
    app = open_app("explain")
    assert "Why" in text(app)
    assert "Convolution 2: 64 channels, 14×14" in text(app)
    assert "14×14 cells" in text(app)
    first = drawn[-1]
    for label in (1, 8):
        choose(app, "explain-class", CLASS_NAMES[label])
        assert f"Why {CLASS_NAMES[label]}?" in text(app)
    assert not np.array_equal(drawn[-1], drawn[-2])
    app.button(key="explain-finer").click().run()
    assert "Convolution 1: 32 channels, 28×28" in text(app)
    app.button(key="explain-last").click().run()
    assert "Convolution 2: 64 channels, 14×14" in text(app)
    np.testing.assert_array_equal(drawn[-1], drawn[-3])
    assert first.shape == drawn[-1].shape == (28, 28)


def test_a_contrast_asks_for_two_classes(
    finished: Run, machine: Path, drawn: list[NDArray[np.float32]]
) -> None:
    give(finished, machine)
    app = open_app("explain")
    choose(app, "explain-class", CLASS_NAMES[6])
    choose(app, "explain-against", CLASS_NAMES[6])
    assert "Choose two different classes" in text(app)
    choose(app, "explain-against", CLASS_NAMES[0])
    assert "Why Shirt and not T-shirt/top?" in text(app)


def test_a_link_reopens_method_class_and_contrast(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", method="occlusion", why="8", against="true")
    assert app.session_state["explain-method"] == "occlusion"
    assert re.search(r"Why Bag(\?| and not )|Choose two different classes", text(app))
    choose(app, "explain-method", "integrated-gradients")
    choose(app, "explain-class", CLASS_NAMES[1])
    choose(app, "explain-against", CLASS_NAMES[2])
    assert "Why Trouser and not Pullover?" in text(app)
    address = app.session_state["selection"].to_address()
    assert {"method": "integrated-gradients", "why": "1", "against": "2"}.items() <= address.items()
    app.session_state["selection"] = Selection(run=finished.run_id)
    app.run()
    assert "Why " in text(app) and app.session_state["explain-against"] is None
    assert get_args(AttributionMethod) == tuple(METHODS)


def test_integrated_gradients_sum_to_what_the_page_says(
    finished: Run, machine: Path, drawn: list[NDArray[np.float32]]
) -> None:
    give(finished, machine)
    app = open_app("explain")
    choose(app, "explain-method", "integrated-gradients")
    difference, total = re.findall(
        r"difference (−?[\d.]+); the pixels sum to (−?[\d.]+)", text(app)
    )[0]
    assert float(total.replace("−", "-")) == pytest.approx(drawn[-1].sum(), abs=0.006)
    assert float(difference.replace("−", "-")) == pytest.approx(drawn[-1].sum(), abs=0.05)
    assert "speaks against it" in text(app)
    assert "only approximate the integral" not in text(app)


@pytest.mark.parametrize(("steps", "offers_more"), [(20, True), (300, False)])
def test_integrated_gradients_that_miss_their_sum_say_why(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch, steps: int, offers_more: bool
) -> None:
    give(finished, machine)
    exact = Explainer.integrated_gradients
    monkeypatch.setattr(
        Explainer, "integrated_gradients", lambda *args, **kwargs: 1.1 * exact(*args, **kwargs)
    )
    app = open_app("explain")
    choose(app, "explain-method", "integrated-gradients")
    app.session_state["explain-steps"] = steps
    app.run()
    assert f"They differ since {steps} steps only approximate the integral" in text(app)
    assert ("more of them, under Settings" in text(app)) == offers_more


def test_a_mean_over_the_filtered_images(
    finished: Run, machine: Path, drawn: list[NDArray[np.float32]]
) -> None:
    give(finished, machine)
    app = open_app("explain", subject="average")
    assert "Why the predicted class?" in text(app)
    assert "Mean of 25 images, score" in text(app)
    few = drawn[-1]
    app.select_slider(key="explain-count").set_value(50).run()
    assert not np.array_equal(drawn[-1], few)


def test_a_map_lies_over_the_mean_of_the_images_it_explains(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(finished, machine)
    under: list[NDArray[np.uint8]] = []
    overlay = heat_maps.overlay

    def spy(image: NDArray[np.uint8], map: Any, strength: float) -> Any:
        under.append(image)
        return overlay(image, map, strength)

    monkeypatch.setattr(heat_maps, "overlay", spy)
    open_app("explain")  # the module can be imported in an app only
    monkeypatch.setattr("fmnist.dashboard.explain.subject.MOST_AVERAGED", 30)
    app = open_app("explain", subject="average")
    wrong = misclassified(finished)
    assert f"Average of the first 30 of {len(wrong)} images" in text(app)
    assert "Mean of these images" in text(app)
    mean = small_dataset().test_images[wrong[:25]].mean(0)
    np.testing.assert_array_equal(under[-1], np.rint(mean))


def test_two_runs_side_by_side(
    finished: Run, machine: Path, drawn: list[NDArray[np.float32]]
) -> None:
    run = give(finished, machine)
    shutil.copytree(run.folder, machine / "other")
    set_model(store.open_run(machine, "other"), "lenet-5")
    app = open_app("explain", run=run.run_id, compared="other")
    assert "Convolution 2: 64 channels, 14×14" in text(app)
    assert "Convolution 2: 16 channels, 10×10" in text(app)
    assert len(drawn) == 2
    predictions = re.findall(r"as \*\*.*?\*\*, [\d.]+%, then .*, by (.*)", text(app))
    assert len(predictions) == len(set(predictions)) == 2


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (("mlp",), "Grad-CAM needs a convolution, and this network has none"),
        (("fashion-cnn-one-convolution",), "the network's only convolution"),
        (("lenet-5", "lenet-5"), "one member of the ensemble"),
    ],
)
def test_models_to_which_not_all_applies(
    finished: Run,
    machine: Path,
    drawn: list[NDArray[np.float32]],
    models: tuple[str, ...],
    expected: str,
) -> None:
    set_model(give(finished, machine), *models)
    app = open_app("explain")
    assert expected in text(app)
    assert len(drawn) == 1


def test_the_check_with_random_weights_gives_numbers(
    finished: Run, machine: Path, drawn: list[NDArray[np.float32]]
) -> None:
    give(finished, machine)
    app = open_app("explain")
    app.toggle(key="explain-check").set_value(True).run()
    assert len(re.findall(r"Rank correlation (?:−?\d\.\d\d|–)", text(app))) == 3
    assert "Mean rank correlation" in text(app)


def test_the_map_is_exported_as_it_is(
    finished: Run,
    machine: Path,
    drawn: list[NDArray[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give(finished, machine)
    files: dict[str, Callable[[], bytes]] = {}
    monkeypatch.setattr(
        st,
        "download_button",
        lambda _label, *, data, file_name, **_: files.update({file_name: data}),
    )
    app = open_app("explain")
    assert not app.exception
    written = {Path(name).suffix: data() for name, data in files.items()}
    np.testing.assert_array_equal(np.load(io.BytesIO(written[".npy"])), drawn[0])
    table = np.loadtxt(io.BytesIO(written[".csv"]), delimiter=",")
    np.testing.assert_allclose(table, drawn[0], rtol=1e-5)
    assert Image.open(io.BytesIO(written[".png"])).width > 2 * 252


def test_the_strength_of_the_overlay(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(finished, machine)
    strengths: list[float] = []
    overlay = heat_maps.overlay

    def spy(image: Any, map: Any, strength: float) -> Any:
        strengths.append(strength)
        return overlay(image, map, strength)

    monkeypatch.setattr(heat_maps, "overlay", spy)
    app = open_app("explain")
    app.slider(key="explain-strength").set_value(30).run()
    assert strengths == [0.7, 0.3]


def test_names_from_outside_stay_plain(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    shutil.copytree(run.folder, machine / "other")
    for folder in (run.folder, machine / "other"):
        write_json(folder / "name.json", {"name": NASTY})
    app = open_app("explain", run=run.run_id, compared="other")
    assert "Score" in text(app)
    check(app)


def test_the_image_open_on_errors_is_explained(finished: Run, machine: Path) -> None:
    give(finished, machine)
    image = misclassified(finished)[2]
    app = open_app("errors", image=str(image), subject="average")
    app.button(key="detail-explain").click().run()
    app.switch_page("pages/explain.py").run()
    assert f"image {image:,} of the test split" in text(app)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: remove_checked(run.weights_path), "was saved without its weights"),
        (lambda run: run.weights_path.write_bytes(b"rubbish"), "cannot be used"),
    ],
)
def test_a_compared_run_that_cannot_be_explained(
    finished: Run, machine: Path, damage: Callable[[Run], object], expected: str
) -> None:
    run = give(finished, machine)
    shutil.copytree(run.folder, machine / "other")
    damage(store.open_run(machine, "other"))
    app = open_app("explain", run=run.run_id, compared="other")
    assert expected in text(app)
    assert "Score" in text(app)


def test_without_the_data_set_it_says_how_to_get_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = paths.PROJECT / "artifacts" / "pretrained"
    monkeypatch.setattr(paths, "pretrained_folder", lambda: shipped)
    app = open_app("explain", run="fashion-cnn")
    assert "The images are unavailable. Download Fashion-MNIST" in text(app)
    assert "*Your drawing* can be explained without them" in text(app)
