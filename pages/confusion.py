"""Confusion: what the run takes for what, and the images behind every number."""

import streamlit as st

from fmnist.dashboard import context as linked
from fmnist.dashboard import layout as components
from fmnist.dashboard.confusion import matrix as matrix_panel
from fmnist.dashboard.confusion import panels as confusion_panels

components.header(
    "Confusion matrix",
    "What the network takes for what. Click a cell, a row's or a column's name to see the images.",
)
here = linked.current()
linked.controls(here)

above, below = st.container(), st.container()
# the images first: they are what a person who clicked on a cell waits for
with below:
    linked.chips(here)
    linked.image_pages(here, here.positions, key="confusion-images")

with above:
    left, right = st.columns([6, 5], gap="medium")
with left:
    look = matrix_panel.look_controls(here)
    confusion = matrix_panel.show_matrix(here, look)
with right:
    tabs = st.tabs(list(confusion_panels.PANELS), on_change="rerun", key="panels")
    for tab, show in zip(tabs, confusion_panels.PANELS.values(), strict=True):
        if tab.open:
            with tab:
                show(here, confusion)
    matrix_panel.export_menu(here, look, *matrix_panel.filtered_confusion(here))
