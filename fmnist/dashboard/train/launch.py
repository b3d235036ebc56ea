"""The Train page's bar that starts a run: presets and architecture."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import cache, run_catalog, session
from fmnist.dashboard.train import settings
from fmnist.models.registry import MODELS
from fmnist.runs import store
from fmnist.runs.config import ConfigError
from fmnist.runs.recipes import RECIPES
from fmnist.runs.run import RunError

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Quick look": {**RECIPES["swift"], "log_every": 10},
    "One epoch": {"epochs": 1, "subset": None, "log_every": 20},
    "Original recipe": RECIPES["original"],
    "Sketch recipe": RECIPES["sketch"],
}
PRESET_CAPTIONS: Final[Mapping[str | None, str]] = {
    "Quick look": "The swift recipe, 4 epochs: less than a minute on two cores, 90 % after the "
    "first.",
    "One epoch": "All training images once: one to two minutes on two cores.",
    "Original recipe": "FashionCNN, 20 epochs: about half an hour on two cores.",
    "Sketch recipe": "Photographs and drawings, for the Draw page: about half an hour, "
    "some minutes of it to make the drawings.",
    None: "Your own settings.",
}


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
        settings.fill_in(PRESETS[wanted])


def start() -> None:
    """Make a run of the settings, queue it and open it."""
    named()
    try:
        config = settings.read()
        store.teachers_of(config)  # fails before there is a run, if one cannot be asked
        run = store.create_run(
            paths.runs_folder(), config, name=st.session_state.get("run-name", "")
        )
        run_catalog.trainer().submit(run)
    except (ConfigError, RunError, OSError) as error:
        st.session_state["start-error"] = str(error)
        return
    st.session_state["run-name"] = ""
    session.select_run(run.run_id)


def launch_bar() -> None:
    """Choose what to train, and start it."""
    if "preset" not in st.session_state:
        st.session_state["preset"] = "Quick look"
        if "setting-model" not in st.session_state:
            settings.fill_in(PRESETS["Quick look"])
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
                width=150,
                placeholder="What to call it",
            )
            snapshot = run_catalog.trainer().snapshot()
            st.button(
                "Start training" if snapshot.current is None else "Add to the queue",
                key="start",
                type="primary",
                icon=":material/play_arrow:",
                on_click=start,
            )
        st.caption(PRESET_CAPTIONS[st.session_state["preset"]])
        with st.expander("Settings", icon=":material/tune:"):
            settings.form(custom)
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
