"""The Train page's bar that starts a run: presets, settings, architecture."""

from collections.abc import Mapping
from typing import Any, Final, get_args

import pandas as pd
import streamlit as st

from fmnist import datasets, runs
from fmnist.config import (
    PROTOCOL_TITLES,
    RECIPES,
    Augmentation,
    ConfigError,
    DatasetName,
    Drawings,
    Optimiser,
    Precision,
    Protocol,
    Schedule,
    TrainConfig,
)
from fmnist.models.registry import MODELS
from fmnist.runs import RunError
from fmnist.ui import cache, state

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Quick look": {"epochs": 3, "subset": 5_000, "log_every": 10},
    "One epoch": {"epochs": 1, "subset": None, "log_every": 20},
    "Original recipe": RECIPES["original"],
    "Sketch recipe": RECIPES["sketch"],
}
PRESET_CAPTIONS: Final[Mapping[str | None, str]] = {
    "Quick look": "5,000 images, 3 epochs: usually less than a minute.",
    "One epoch": "All training images once: one to two minutes on two cores.",
    "Original recipe": "FashionCNN, 20 epochs: about half an hour on two cores.",
    "Sketch recipe": "Photographs and drawings, for the Draw page: about half an hour, "
    "some minutes of it to make the drawings.",
    None: "Your own settings.",
}


def apply_preset(chosen: str) -> None:
    """Put a preset into the settings' widgets, before they are drawn."""
    defaults = TrainConfig().to_json() | dict(PRESETS[chosen])
    defaults["dataset"] = datasets.locate().name
    for name, value in defaults.items():
        st.session_state[f"setting-{name}"] = value
    st.session_state["setting-whole"] = defaults["subset"] is None
    st.session_state["setting-subset"] = defaults["subset"] or 5_000


def want_preset() -> None:
    """A preset was chosen, or so it seems: see `settle_preset`."""
    st.session_state["preset-wanted"] = st.session_state["preset"]


def custom() -> None:
    """A setting was changed by hand: no preset describes it any more."""
    st.session_state["preset-left"] = True


def named() -> None:
    """Something else was done beside the settings: see `settle_preset`."""
    st.session_state["preset-beside"] = True


def settle_preset() -> None:
    """Apply the preset that was chosen, or leave it where a setting was changed.

    A browser that has not heard yet that the preset was left sends it along with whatever is done
    next. Nobody does two things at once: what comes with another change is no choice.
    """
    wanted = st.session_state.pop("preset-wanted", None)
    was_left = st.session_state.pop("preset-left", False)
    beside = st.session_state.pop("preset-beside", False)
    if was_left or (wanted and beside):
        st.session_state["preset"] = None
    elif wanted:
        apply_preset(wanted)


def settings_form() -> None:
    """The widgets of every setting, one a field of `TrainConfig`."""
    keep: dict[str, Any] = {"on_change": custom, "persist_state": "session"}
    first, second, third = st.columns(3)
    first.selectbox(
        "Model",
        list(MODELS),
        format_func=lambda name: MODELS[name].title,
        key="setting-model",
        help=" ".join(f"**{spec.title}**: {spec.summary}" for spec in MODELS.values()),
        **keep,
    )
    available = [
        n for n in get_args(DatasetName) if n in ("drawn-garments", datasets.locate().name)
    ]
    second.selectbox(
        "Data set",
        available,
        format_func=lambda name: datasets.DATASET_TITLES[name],
        key="setting-dataset",
        **keep,
    )
    third.selectbox(
        "Protocol",
        get_args(Protocol),
        key="setting-protocol",
        format_func=str.capitalize,
        help=" ".join(f"{title}." for title in PROTOCOL_TITLES.values()),
        **keep,
    )
    first.number_input(
        "Epochs", 1, 1000, key="setting-epochs", help="Passes over the training images.", **keep
    )
    second.number_input(
        "Batch size",
        1,
        4096,
        key="setting-batch_size",
        help="Images a step: more make steadier, fewer and slower steps.",
        **keep,
    )
    third.number_input(
        "Learning rate",
        1e-6,
        1.0,
        key="setting-learning_rate",
        format="%.6g",
        step=1e-4,
        help="How far the optimiser moves the weights in a step.",
        **keep,
    )
    first.selectbox(
        "Schedule",
        get_args(Schedule),
        key="setting-schedule",
        format_func={"constant": "Constant", "one-cycle": "One cycle"}.__getitem__,
        help="The learning rate stays as it is, or rises to it over the first fifth of the steps "
        "and falls to almost 0 over the rest: quick at first, fine at the end.",
        **keep,
    )
    second.selectbox(
        "Optimiser",
        get_args(Optimiser),
        key="setting-optimiser",
        format_func={"adam": "Adam", "adamw": "AdamW"}.__getitem__,
        help="Adam gives every weight a step of its own; AdamW also lets weights decay.",
        **keep,
    )
    third.number_input(
        "Weight decay",
        0.0,
        1.0,
        key="setting-weight_decay",
        format="%.6g",
        step=0.01,
        help="Of AdamW: pulls weights towards 0, against overfitting.",
        **keep,
    )
    first.selectbox(
        "Augmentation",
        get_args(Augmentation),
        key="setting-augmentation",
        format_func={
            "none": "None",
            "flip": "Mirror",
            "flip-shift": "Mirror and move",
        }.__getitem__,
        help="Shows each image a little differently every time: mirrored or not, moved by up to "
        "two pixels.",
        **keep,
    )
    second.selectbox(
        "Drawings",
        get_args(Drawings),
        key="setting-drawings",
        format_func={
            "none": "None",
            "outlines": "Outlines",
            "sketches": "Outlines, sketches",
            "doodles": "Outlines, sketches, doodles",
        }.__getitem__,
        help="To train on beside the photographs: their outlines, garments as people sketch "
        "them, and doodles of other things, to be told from garments. Making them takes minutes "
        "the first time.",
        **keep,
    )
    third.selectbox(
        "Precision",
        get_args(Precision),
        key="setting-precision",
        format_func={"float32": "32 bits", "bfloat16": "16 bits (bfloat16)"}.__getitem__,
        help="Of the network's sums: 16 bits are quicker where the processor has them.",
        **keep,
    )
    first.number_input(
        "Seed",
        0,
        2**32 - 1,
        key="setting-seed",
        help="The same seed gives the same initial weights, order of images, dropout, drawings.",
        **keep,
    )
    second.number_input("Log the loss every … steps", 1, 10_000, key="setting-log_every", **keep)
    whole = st.session_state.get("setting-whole", True)
    third.number_input(
        "Images to train on", 10, 60_000, key="setting-subset", disabled=whole, **keep
    )
    third.checkbox("All of them", key="setting-whole", **keep)


def read_settings() -> TrainConfig:
    """The settings as the widgets have them.

    Raises
    ------
    ConfigError
        If they cannot be trained with.
    """
    fields = TrainConfig().to_json()
    values = {
        name: st.session_state[f"setting-{name}"]
        for name in fields
        if f"setting-{name}" in st.session_state
    }
    if st.session_state.get("setting-whole", True):
        values["subset"] = None
    return TrainConfig.from_json(values)


def start() -> None:
    """Make a run of the settings, queue it and open it."""
    named()
    try:
        config = read_settings()
        run = runs.create_run(runs.runs_folder(), config, name=st.session_state.get("run-name", ""))
        cache.trainer().submit(run)
    except (ConfigError, RunError, OSError) as error:
        st.session_state["start-error"] = str(error)
        return
    st.session_state["run-name"] = ""
    state.select(run.run_id)


def launch_bar() -> None:
    """Choose what to train, and start it."""
    if "preset" not in st.session_state:
        st.session_state["preset"] = "Quick look"
        if "setting-model" not in st.session_state:
            apply_preset("Quick look")
    settle_preset()
    with st.container(border=True, key="launch"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.segmented_control(
                "New run", list(PRESETS), key="preset", on_change=want_preset, width="content"
            )
            st.text_input(
                "Name (optional)",
                key="run-name",
                max_chars=80,
                on_change=named,
                width=190,
                placeholder="What to call it",
            )
            snapshot = cache.trainer().snapshot()
            st.button(
                "Start training" if snapshot.current is None else "Add to the queue",
                key="start",
                type="primary",
                icon=":material/play_arrow:",
                on_click=start,
            )
        st.caption(PRESET_CAPTIONS[st.session_state["preset"]])
        with st.expander("Settings", icon=":material/tune:"):
            settings_form()
        error = st.session_state.pop("start-error", None)
        if error:
            st.error(error, icon=":material/error:")


def show_architecture(model: str) -> None:
    """The layers of a model, counted from the module."""
    with st.expander(
        f"Architecture of {MODELS[model].title}",
        icon=":material/account_tree:",
        on_change="rerun",
        key="architecture",
    ) as expander:
        if not expander.open:
            return  # counting the layers imports torch, which takes seconds
        layers = pd.DataFrame(cache.architecture(model))
        st.dataframe(
            layers.rename(
                columns={
                    "name": "Name",
                    "layer": "Layer",
                    "output_shape": "Output of one image",
                    "parameters": "Parameters",
                    "multiply_adds": "Multiply-adds",
                }
            ),
            hide_index=True,
            alt="Layers with output shapes, parameters and multiply-adds",
            column_config={
                name: st.column_config.NumberColumn(format="localized")
                for name in ("Parameters", "Multiply-adds")
            },
        )
        st.markdown(
            f"**{layers['parameters'].sum():,} parameters** and "
            f"**{layers['multiply_adds'].sum():,} multiply-adds** an image in all."
        )
