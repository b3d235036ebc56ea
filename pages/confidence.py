"""Confidence: how confident the predictions are, and whether the confidence can be trusted."""

import streamlit as st

from fmnist.dashboard import filter_bar, image_grid, layout
from fmnist.dashboard.confidence.panels import PANELS
from fmnist.dashboard.context import gather

layout.header()
context = gather()
filter_bar.show_controls(context)

tabs = st.tabs(list(PANELS), on_change="rerun", key="confidence-panels")
for tab, show_panel in zip(tabs, PANELS.values(), strict=True):
    if tab.open:
        with tab:
            show_panel(context)

filter_bar.show_filters(context)
image_grid.show_images(context, context.positions, key="confidence-images")
