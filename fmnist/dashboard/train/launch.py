"""Start a run on the Train page: presets, name, settings; the architecture of the model."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import (
    cache,
    failures,
    followed_drawings,
    notices,
    run_catalog,
    session,
)
from fmnist.dashboard.train import drawings, settings
from fmnist.models.registry import MODELS
from fmnist.notices.notice import key_of
from fmnist.reports.text import duration
from fmnist.runs import store
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.recipes import RECIPES
from fmnist.runs.seeds import MOST_SEEDS, make_seeds
from fmnist.runs.teachers import teachers_of
from fmnist.training.estimate import estimate_seconds
from fmnist.training.tensorboard import check_installed
from fmnist.training.timing import time_in_process

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Quick run": {**RECIPES["swift"], "log_every": 10},
    "One epoch": {"epochs": 1, "log_every": 20},
    "Original recipe": RECIPES["original"],
    "Sketch recipe": RECIPES["sketch"],
}
PRESET_CAPTIONS: Final[Mapping[str, str]] = {
    "Quick run": "Swift with Muon, 4 epochs: about 93% validation accuracy.",
    "One epoch": "FashionCNN, all training images once.",
    "Original recipe": "FashionCNN, 20 epochs.",
    "Sketch recipe": "Images and drawings, for the Draw page. Making the drawings takes some "
    "minutes the first time.",
}

_TIMED: Final = "timed-steps"
_SAME_PACE: Final = (
    "dataset", "protocol", "epochs", "learning_rate", "schedule", "warmup_epochs", "checkpoint",
    "patience", "tta", "training_drawings", "seed", "subset", "corrections", "left_out_fold",
    "followed_images", "log_every", "tensorboard",
)  # fmt: skip
"""Settings that do not change how long a step takes."""


def _settings_in_form() -> TrainConfig | None:
    """The settings in the form; None while no model can be trained with them."""
    try:
        return settings.read()
    except ConfigError:
        return None


def _preset_of(config: TrainConfig) -> str | None:
    """The preset that has these settings, if any."""
    for name, values in PRESETS.items():
        if config == TrainConfig(**{**values, "dataset": config.dataset}):
            return name
    return None


def _show_time(config: TrainConfig, caption: str) -> None:
    """Estimated time of settings, from earlier runs or from a few timed steps."""
    seconds = estimate_seconds(config, run_catalog.own_runs())
    source = "your earlier runs"
    key = tuple(value for name, value in vars(config).items() if name not in _SAME_PACE)
    timed = st.session_state.setdefault(_TIMED, {})
    if seconds is None:
        seconds = estimate_seconds(config, [], timed=timed.get(key))
        source = "a few timed steps"
    if seconds is not None:
        about = f"About {duration(seconds)} on this computer, estimated from {source}."
        st.caption(f"{caption} {about}")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(caption, width="content")
        pressed = st.button(
            "Estimate the time",
            key="estimate-time",
            type="tertiary",
            icon=":material/timer:",
            help="Time a few steps with these settings. Takes about ten seconds.",
        )
    if pressed:
        with st.spinner("Timing a few steps…"), failures.shown():
            timed[key] = time_in_process(config)
            st.rerun()


def start() -> None:
    """Create a run with these settings, queue it and open it; a double click makes one.

    With several seeds, a run for each of them, as a group.
    """
    with failures.kept("start-error"):
        config, count = settings.read(), st.session_state.get("run-seeds", 1)
        with session.once("start", config, count) as is_first:
            if not is_first:
                return
            check_installed(config)
            notices.hand_over()  # fails early, as the next line does
            teachers_of(config)  # before there is a run
            name = st.session_state.get("run-name", "")
            if count > 1:
                seeds = range(config.seed, config.seed + count)
                runs = make_seeds(paths.runs_folder(), config, seeds, name=name)
            else:
                runs = [store.create_run(paths.runs_folder(), config, name=name)]
            followed_drawings.hand_over(runs[0])  # before it begins
            notices.hand_over(key_of(runs[0], runs))
            for run in runs:
                run_catalog.trainer().submit(run)
        st.session_state["run-name"] = ""
        st.session_state["run-seeds"] = 1
        session.select_run(runs[0].run_id)


def _try_several() -> None:
    st.session_state["sweep-new"] = True
    session.go_to("sweeps")


def launch_bar() -> None:
    """Choose what to train, and start it."""
    if "setting-model" not in st.session_state:
        settings.fill_in(PRESETS["Quick run"])
    config = _settings_in_form()
    selected = _preset_of(config) if config else None
    with st.container(border=True, key="launch"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for name, values in PRESETS.items():
                st.button(
                    name,
                    key=f"preset-{name.split()[0].lower()}",
                    help=PRESET_CAPTIONS[name],
                    icon=":material/check:" if name == selected else None,
                    on_click=settings.fill_in,
                    args=(values,),
                )
            st.text_input("Name (optional)", key="run-name", max_chars=80, width=150)
            st.number_input(
                "Seeds",
                1,
                MOST_SEEDS,
                1,
                key="run-seeds",
                width=110,
                help="Several runs that differ in the seed alone, as a group: they tell how much "
                "of a difference is chance. Compare shows their mean and spread.",
            )
            snapshot = run_catalog.trainer().snapshot()
            st.button(
                "Start training" if snapshot.current is None else "Add to queue",
                key="start",
                type="primary",
                icon=":material/play_arrow:",
                on_click=start,
            )
            st.button(
                "Try several",
                key="try-several",
                icon=":material/tune:",
                on_click=_try_several,
                help="A sweep: many runs from these settings, with other values of some of them.",
            )
            notices.choices()
        drawings.show_waiting()
        caption = PRESET_CAPTIONS[selected] if selected else "Your own settings."
        if config:
            _show_time(config, caption)
        else:
            st.caption(caption)
        with st.expander("Settings", icon=":material/tune:"):
            settings.form()
        error = st.session_state.pop("start-error", None)
        if error:
            failures.tell(error)


def show_architecture(model: str) -> None:
    """Layers of a model, with their sizes."""
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
                    "output_shape": "Output for one image",
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
            f"**{layers['multiply_adds'].sum():,} multiply-adds** per image in total."
        )
