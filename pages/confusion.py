"""Confusion: what the run takes for what, and the images behind every number."""

import streamlit as st

from fmnist.dashboard import filter_bar, image_grid, layout
from fmnist.dashboard.confusion import matrix as matrix_panel
from fmnist.dashboard.confusion import panels as confusion_panels
from fmnist.dashboard.context import gather

layout.header()
context = gather()
filter_bar.show_controls(context)

above, below = st.container(), st.container()
# the images first: they are what a person who clicked on a cell waits for
with below:
    filter_bar.show_filters(context)
    image_grid.show_images(context, context.positions, key="confusion-images")

with above:
    left, right = st.columns([6, 5], gap="medium")
with left:
    look = matrix_panel.look_controls(context)
    confusion = matrix_panel.show_matrix(context, look)
with right:
    tabs = st.tabs(list(confusion_panels.PANELS), on_change="rerun", key="panels")
    for tab, show in zip(tabs, confusion_panels.PANELS.values(), strict=True):
        if tab.open:
            with tab:
                show(context, confusion)
    matrix_panel.export_menu(context, look, *matrix_panel.filtered_confusion(context))
