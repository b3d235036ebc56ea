"""Confidence: how sure the run is, and whether it is right to be."""

import streamlit as st

from fmnist.dashboard import filter_bar, image_grid, layout
from fmnist.dashboard.confidence import panels as confidence_panels
from fmnist.dashboard.context import gather

layout.header()
context = gather()
filter_bar.show_controls(context)

panels = confidence_panels.PANELS
for tab, show in zip(
    st.tabs(list(panels), on_change="rerun", key="confidence-panels"), panels.values(), strict=True
):
    if tab.open:
        with tab:
            show(context)

filter_bar.show_filters(context)
image_grid.show_images(context, context.positions, key="confidence-images")
