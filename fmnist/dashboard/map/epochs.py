"""The map after every epoch, which can be played."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, session
from fmnist.dashboard.components.image_map import Placed
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.map import computation, layouts
from fmnist.dashboard.map.layouts import RunMap
from fmnist.explain.map_process import MapTask
from fmnist.reports.text import counted
from fmnist.text import plain

ShowMaps = Callable[
    [
        PageContext,
        Sequence[RunMap],
        str,
        Sequence[Placed | None],
        Sequence[NDArray[np.floating] | None],
    ],
    None,
]


def control(context: PageContext) -> bool:
    """Whether the epochs are shown; absent for a run without them."""
    epochs = cache.epoch_evaluations(context.run)
    if epochs is None or len(epochs.logits) < 2:
        return False
    return st.toggle(
        "Over the epochs",
        key="map-epochs",
        persist_state="session",
        help="Play how the images came apart while the run was trained: maps by PaCMAP of the "
        "logits, or of the features where the run keeps the weights of its epochs (a setting of "
        "the Train page).",
    )


def show(context: PageContext, shown: Sequence[RunMap], coloring: str, show_maps: ShowMaps) -> None:
    """The maps of all epochs, or what is missing for them.

    Raises
    ------
    OSError, ToldError
        If a file cannot be read.
    """
    epochs = cache.epoch_evaluations(context.run)
    if epochs is None:
        return
    if layouts.epoch_order(context.run, context.snapshot) is None:
        st.info(
            f"The epochs of this run were evaluated on its {epochs.split} images.",
            icon=":material/movie:",
        )
        st.button(
            f"Show the {epochs.split} images",
            key="map-monitored",
            on_click=lambda: session.set_filters(split=epochs.split, epoch=None),
        )
        return
    usable, sources, found = [], [], []
    for each in shown:
        source = layouts.epochs_source(context, each.run)
        known = cache.epoch_evaluations(each.run)
        if layouts.epoch_order(each.run, each.snapshot) is None or not source or not known:
            st.caption(f"{plain(each.run.name)} keeps no epochs of these images.")
            continue
        usable.append(each)
        sources.append(source)
        found.append(layouts.epoch_layouts(source, len(known.logits)))
    missing = tuple(
        each.run.folder for each, layout in zip(usable, found, strict=True) if layout is None
    )
    space = "features" if all(each.space == "features" for each in sources) else "logits"
    if missing:
        computation.show_task(
            MapTask("epochs", epochs.split, missing),
            "Compute the maps of all epochs",
            f"Once, in the background: {counted(len(epochs.logits), 'map')} of the {space}, each "
            "started from the one before.",
        )
        return
    frames = []
    for each, layout in zip(usable, found, strict=True):
        order = layouts.epoch_order(each.run, each.snapshot)
        assert layout is not None and order is not None
        frames.append(layout.positions[:, order].astype(np.float32))
    show_maps(context, usable, coloring, (), frames)
    st.caption(
        f"PaCMAP of the {space} after every epoch, each map started from the one before and "
        "turned onto it. Between two epochs the points move in straight lines."
    )
