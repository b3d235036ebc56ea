"""Confidence: how sure the run is, and whether it is right to be."""

import streamlit as st

from fmnist.dashboard import context as linked
from fmnist.dashboard import layout as components
from fmnist.dashboard.confidence import panels as confidence_panels

components.header(
    "Confidence",
    "How sure the network is, whether it is right to be, and what it gains by saying "
    "“I do not know”.",
)
here = linked.current()
linked.controls(here)

panels = confidence_panels.PANELS
for tab, show in zip(
    st.tabs(list(panels), on_change="rerun", key="confidence-panels"), panels.values(), strict=True
):
    if tab.open:
        with tab:
            show(here)

linked.chips(here)
linked.image_pages(here, here.positions, key="confidence-images")
