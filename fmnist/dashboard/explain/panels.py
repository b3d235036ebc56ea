"""The tabs of the Explain page."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from fmnist.dashboard import failures, session
from fmnist.dashboard.explain import break_it, flip, layers, over_epochs, where
from fmnist.dashboard.explain.subject import Subject

PANELS: Final[Mapping[str, Callable[[Subject], None]]] = {
    "Where it looks": where.show,
    "Layers": layers.show,
    "Over the epochs": over_epochs.show,
    "What would flip it": flip.show,
    "Break it": break_it.show,
}
"""The tabs by title."""


def show(subject: Subject) -> None:
    """The tabs; only the open one is drawn."""
    asked = session.selection().panel
    session.sync_widget("explain-panel", asked if asked in PANELS else next(iter(PANELS)))
    tabs = st.tabs(
        list(PANELS),
        key="explain-panel",
        on_change=lambda: session.change(panel=st.session_state["explain-panel"]),
    )
    for tab, panel in zip(tabs, PANELS.values(), strict=True):
        if tab.open:
            with tab, failures.shown():
                panel(subject)
