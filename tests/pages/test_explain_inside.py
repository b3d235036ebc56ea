"""What shows the inside of a model on the Explain page, without a browser."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

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
    (shown,) = re.findall(r"^\*\*(?:Channel|Unit) \d+.*: (\S+)\*\*$", text(app), re.MULTILINE)
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


def test_other_layers_are_explained_in_a_sentence(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain", panel="Layers")
    for layer, words in (("relu1", "max(0, x) of x = "), ("pool", "The highest of ")):
        app.session_state["layers-layer"] = layer
        app.run()
        assert words in text(app)


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
