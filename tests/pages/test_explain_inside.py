"""What shows the inside of a model on the Explain page, without a browser."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.Metric_pb2 import Metric as MetricProto
from streamlit.testing.v1 import AppTest

from fmnist.dashboard.explain import kept
from fmnist.data.labels import CLASS_NAMES
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.reports import charts
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.runs.store import owning
from fmnist.training.ensemble import combine
from fmnist.training.loop import train
from tests.pages.test_pages import SETTINGS, finished, give, machine, open_app, text
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures


def trained(root: Path, model: str) -> Run:
    """A run of one short epoch."""
    settings = replace(SETTINGS, model=model, epochs=1, subset=50)
    run = store.create_run(root, settings, name=model)
    with owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


@pytest.fixture(scope="module")
def plain_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Models without convolutions, and an ensemble of two."""
    root = tmp_path_factory.mktemp("plain")
    runs = {name: trained(root, name) for name in ("logistic", "mlp")}
    made = combine(list(runs.values()), root, name="Both")
    return {**runs, "ensemble": store.open_run(root, made.run_id)}


def walked(app: AppTest) -> list[list[object]]:
    """The rows of the table of layers."""
    rows: list[list[object]] = app.dataframe[0].value.to_numpy().tolist()
    return rows


def components(app: AppTest, name: str) -> list[Any]:
    """The data of the components of that name."""
    found: list[Any] = list(app.get("bidi_component"))
    return [json.loads(e.proto.json) for e in found if e.proto.component_name == f"fmnist_{name}"]


def test_the_walk_from_the_image_to_the_probabilities(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Layers")
    assert [row[:3] for row in walked(app)] == [
        ["conv1", "Convolution 3×3", "32 × 28 × 28"],
        ["relu1", "ReLU", "32 × 28 × 28"],
        ["conv2", "Convolution 3×3", "64 × 28 × 28"],
        ["pool", "Max-pooling 2×2", "64 × 14 × 14"],
        ["relu2", "ReLU", "64 × 14 × 14"],
        ["flatten", "Flatten", "12544"],
        ["fc1", "Fully connected", "128"],
        ["relu3", "ReLU", "128"],
        ["fc2", "Fully connected", "10"],
        ["softmax", "Probabilities", "10"],
    ]
    assert "**conv1: Convolution 3×3**, 32 × 28 × 28" in text(app)


@pytest.mark.parametrize(
    ("layer", "products"), [("conv1", 9), ("conv2", 288), ("fc1", 12_544), ("fc2", 128)]
)
def test_the_sum_of_a_unit_is_the_number_shown(
    finished: Run, machine: Path, layer: str, products: int
) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Layers")
    app.session_state["layers-layer"] = layer
    app.run()
    heading = r"^\*\*(Channel \d+|Unit \d+|.+ \(unit \d\)).*: (\S+)\*\*$"
    ((name, shown),) = re.findall(heading, text(app), re.MULTILINE)
    if layer == "fc2":  # the logits
        label = int(name[-2])
        assert name == f"{CLASS_NAMES[label]} (unit {label})"
        assert f"Training images that excite {name} of fc2 most" in text(app)
    (total,) = re.findall(r"add up to \*\*(\S+)\*\*\.", text(app))
    assert total == shown
    assert f"{products:,} in all, and the bias" in text(app)


def test_the_images_that_excite_a_channel(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Layers")
    app.button(key="exciting-find").click().run()
    assert not app.exception
    assert "The 16 of 550 training images with the highest value" in text(app)
    assert "exciting-find" not in [button.key for button in app.button]
    app.session_state["layers-channel"] = ("conv1", 3)
    app.run()  # known for all channels of the layer
    assert "excite channel 3 of conv1 most" in text(app)
    assert "The 16 of 550" in text(app)


def test_nothing_stands_beside_an_empty_column(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Layers")
    for layer in ("conv1", "fc2"):
        app.session_state["layers-layer"] = layer
        app.run()
        assert "add up to" in text(app)
        assert all(column.children for column in app.columns), layer


def test_other_layers_are_explained_in_a_sentence(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Layers")
    for layer, words in (("relu1", "max(0, x) of x = "), ("pool", "The highest of ")):
        app.session_state["layers-layer"] = layer
        app.run()
        assert words in text(app)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_last_row_of_the_walk_shows_the_probabilities(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    drawn: list[Any] = []
    bars = charts.probability_bars

    def spy(probabilities: Any, **kwargs: Any) -> Any:
        drawn.append(probabilities)
        return bars(probabilities, **kwargs)

    monkeypatch.setattr(charts, "probability_bars", spy)
    run = give(finished, machine)
    classifier = Classifier.load(run.weights_path)
    classifier.temperature = temperature
    classifier.save(run.weights_path)
    app = open_app("explain", panel="Layers")
    app.session_state["layers-layer"] = "softmax"
    app.run()
    assert "**softmax: Probabilities**, 10" in text(app)
    assert ("temperature 2.5" in text(app)) == (temperature == 2.5)
    predicted, percentage = re.findall(r"as \*\*(?::red\[)?(.*?)\]?\*\*, ([\d.]+)%", text(app))[0]
    assert 100 * drawn[-1][CLASS_NAMES.index(predicted)] == pytest.approx(
        float(percentage), abs=0.06
    )
    assert drawn[-1].sum() == pytest.approx(1)


def test_a_layer_of_512_channels_comes_in_pages(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    Classifier(create_model("resnet18", seed=0), models=["resnet18"]).save(run.weights_path)
    app = open_app("explain", panel="Layers")
    app.session_state["layers-layer"] = "network.layer4.1"
    app.run()
    assert "**network.layer4.1: Residual block**, 512 × 2 × 2" in text(app)
    (sheet,) = [wall for wall in components(app, "grid") if "Feature maps" in wall["label"]]
    strengths = [float(tile["alt"].split()[-1]) for tile in sheet["tiles"]]
    assert len(strengths) == 32 and strengths == sorted(strengths, reverse=True)
    last = next(i for i, row in enumerate(walked(app)) if row[0] == "network.layer4.1")
    app.session_state[f"layers-page-{last}"] = 16
    app.run()
    (sheet,) = [wall for wall in components(app, "grid") if "Feature maps" in wall["label"]]
    assert len(sheet["tiles"]) == 32
    assert float(sheet["tiles"][0]["alt"].split()[-1]) <= strengths[-1]


@pytest.mark.parametrize("panel", ["Layers", "What would flip it", "Break it"])
def test_an_average_is_looked_into_as_its_mean_image(
    finished: Run, machine: Path, panel: str
) -> None:
    give(finished, machine)
    app = open_app("explain", panel=panel, subject="average")
    assert "Average of" in text(app)
    if panel == "Break it":
        assert "The mean image" in [metric.label for metric in app.metric]
    elif panel == "Layers":
        assert "add up to" in text(app)
    else:
        app.button(key="flip-search").click().run()
        assert "→ **" in text(app) and not app.exception


@pytest.mark.parametrize("name", ["logistic", "mlp", "ensemble"])
def test_layers_of_models_without_convolutions(
    plain_models: dict[str, Run], machine: Path, name: str
) -> None:
    give(plain_models[name], machine)
    app = open_app("explain", panel="Layers")
    assert walked(app)[0][1:3] == ["Flatten", "784"]
    assert "Filters of the first layer, 1" in text(app)
    if name == "ensemble":
        assert len(walked(app)) == 3
        app.selectbox(key="layers-network").set_value(1).run()
        assert not app.exception
        assert len(walked(app)) == 5


def drawn_matrix(app: AppTest) -> Any:
    """The data of the only matrix on the page."""
    (matrix,) = components(app, "matrix")
    return matrix


def test_break_it_and_reset(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    weights = run.weights_path.read_bytes()
    app = open_app("explain", panel="Break it")
    first, figures = drawn_matrix(app), [(m.label, m.value) for m in app.metric]
    assert first["still"]
    assert "50 validation images" in text(app)
    assert app.metric[0].proto.direction == MetricProto.MetricDirection.NONE
    changes: list[tuple[str, object]] = [
        ("break-noise", 2.0), ("break-bits", 1), ("break-layer", "fc2"), ("break-biases", True)
    ]  # fmt: skip
    for key, value in changes:
        app.get_by_key(key).set_value(value).run()  # type: ignore[union-attr]
        assert not app.exception
        assert drawn_matrix(app) != first, key
        if key == "break-noise":  # falls to chance
            assert app.metric[0].delta.startswith("-")
            assert app.metric[0].proto.direction == MetricProto.MetricDirection.DOWN
            assert app.metric[0].proto.color == MetricProto.MetricColor.RED
        kept.forget()  # else the first result would be shown, whatever has become of the model
        app.button(key="break-reset").click().run()
        assert drawn_matrix(app) == first
        assert [(m.label, m.value) for m in app.metric] == figures
    assert run.weights_path.read_bytes() == weights


def test_a_zeroed_last_layer_knows_nothing(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Break it")
    app.selectbox(key="break-layer").set_value("fc2").run()
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {"Accuracy": "10.00%", "This image": "T-shirt/top, 10%"}
    app.selectbox(key="break-channel").set_value(3).run()  # one class of ten is gone
    assert {m.label: m.value for m in app.metric}["Accuracy"] != "10.00%"
    app.selectbox(key="break-layer").set_value("conv1").run()
    assert app.selectbox(key="break-channel").value == 3
    app.selectbox(key="break-layer").set_value("fc2").run()
    assert not app.exception


def test_noise_can_be_drawn_again(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Break it")
    assert app.button(key="break-again").disabled
    app.slider(key="break-noise").set_value(1.0).run()
    before = drawn_matrix(app)
    app.button(key="break-again").click().run()
    assert drawn_matrix(app) != before


@pytest.mark.parametrize("name", ["logistic", "ensemble"])
def test_any_model_can_be_broken(plain_models: dict[str, Run], machine: Path, name: str) -> None:
    give(plain_models[name], machine)
    app = open_app("explain", panel="Break it")
    app.slider(key="break-noise").set_value(2.0).run()
    assert not app.exception
    app.button(key="break-reset").click().run()
    assert not app.exception


def test_what_would_flip_it(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="What would flip it")
    assert "→ **" not in text(app)
    app.button(key="flip-search").click().run()
    from fmnist.dashboard.explain import flip  # here: it registers components, as pages do

    assert not app.exception
    shown = text(app)
    found = re.findall(r"^→ \*\*(.+)\*\*$", shown, re.MULTILINE)
    missed = [way.failed for way in flip.WAYS.values() if way.failed in shown]
    assert len(found) + len(missed) == len(flip.WAYS) and found
    (predicted,) = re.findall(r"turns \*\*(.+)\*\* into", shown)
    assert predicted not in found
    assert "flip-search" not in [button.key for button in app.button]


def test_a_class_to_flip_into(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="What would flip it")
    (predicted,) = re.findall(r"turns \*\*(.+)\*\* into", text(app))
    target = next(i for i, name in enumerate(CLASS_NAMES) if name != predicted)
    app.selectbox(key="flip-target").set_value(target).run()
    assert f"Nearest training images of {CLASS_NAMES[target]}" in text(app)
    app.button(key="flip-find").click().run()
    assert not app.exception
    tiles = [
        tile
        for wall in components(app, "grid")
        for tile in wall["tiles"]
        if "similarity" in tile["alt"]
    ]
    assert len(tiles) == 8
    assert {tile["lines"][0] for tile in tiles} == {CLASS_NAMES[target]}


@pytest.mark.parametrize("name", ["logistic", "ensemble"])
def test_any_model_can_be_flipped(plain_models: dict[str, Run], machine: Path, name: str) -> None:
    give(plain_models[name], machine)
    app = open_app("explain", panel="What would flip it")
    app.button(key="flip-search").click().run()
    assert not app.exception
    assert "→ **" in text(app)


@pytest.mark.parametrize("name", ["logistic", "ensemble"])
def test_a_run_without_the_weights_of_its_epochs_says_which_setting(
    plain_models: dict[str, Run], machine: Path, name: str
) -> None:
    give(plain_models[name], machine)
    shown = text(open_app("explain", panel="Over the epochs"))
    told = {
        "logistic": "Train one with the setting **Weights of each epoch: Saved as float16**",
        "ensemble": "An ensemble has no epochs of its own",
    }
    assert told[name] in shown


@pytest.mark.parametrize("model", ["lenet-5", "mlp"])
def test_the_epochs_are_played_from_the_initial_weights_on(
    machine: Path, tmp_path: Path, model: str
) -> None:
    settings = replace(SETTINGS, model=model, epochs=2, subset=50, epoch_weights="float16")
    run = store.create_run(tmp_path / "played", settings, name=model)
    with owning(run):
        train(run, small_dataset())
    run = give(store.open_run(tmp_path / "played", run.run_id), machine)
    app = open_app("explain", panel="Over the epochs")

    def told() -> str:
        (found,) = re.findall(r"^\*\*(Initial weights|Epoch \d+): ", text(app), re.MULTILINE)
        return str(found)

    assert told() == "Initial weights"
    assert "The same image after every epoch. Epoch 0 has the initial weights" in text(app)
    assert ("Without a convolution" in text(app)) == (model == "mlp")
    first = components(app, "grid")
    app.button(key="over-play").click().run()
    assert told() == "Initial weights" and app.button(key="over-play").label == "Stop"
    app.run()
    assert told() == "Epoch 1" and components(app, "grid") != first
    app.run()
    assert told() == "Epoch 2" and app.button(key="over-play").label == "Play"
    assert f"validation accuracy {run.history.epochs[1].accuracy:.2%}" in text(app)
    app.select_slider(key="over-epoch").set_value(1).run()
    assert told() == "Epoch 1"
    run.epoch_weights_path(1).write_bytes(b"rubbish")
    app.run()
    assert "Epoch 1 cannot be shown; choose another one: " in text(app) and "is damaged" in text(
        app
    )
    app.select_slider(key="over-epoch").set_value(0).run()
    assert told() == "Initial weights"
    app.button(key="over-play").click().run()
    app.run()  # the film ends where it cannot go on
    assert "Epoch 1 cannot be shown" in text(app)
    assert app.button(key="over-play").label == "Play" and "over-next" not in app.session_state
    run.epoch_weights_path(1).unlink()
    app.run()
    assert "The same image after 1 of the 2 epochs." in text(app) and told() == "Initial weights"
