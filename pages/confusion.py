"""Confusion: how often each class is predicted as another, and the images behind every number."""

import streamlit as st

from fmnist.dashboard import filter_bar, image_grid, layout
from fmnist.dashboard.confusion import matrix, panels, playback
from fmnist.dashboard.context import gather

layout.header()
context = gather()
filter_bar.show_controls(context)

above, below = st.container(), st.container()
# the images first: a person who clicked a cell waits for them
with below:
    filter_bar.show_filters(context)
    image_grid.show_images(context, context.positions, key="confusion-images")

with above:
    left, right = st.columns([6, 5], gap="medium")
with left:
    display = matrix.matrix_controls(context)
    confusion = playback.show_matrix(context, display)
with right:
    tabs = st.tabs(list(panels.PANELS), on_change="rerun", key="panels")
    for tab, show_panel in zip(tabs, panels.PANELS.values(), strict=True):
        if tab.open:
            with tab:
                show_panel(context, confusion)
    matrix.export_menu(context, display, *matrix.filtered_confusion(context))
