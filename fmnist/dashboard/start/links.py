"""The links of the Start page to the other pages."""

from typing import Final

import streamlit as st

_LINKS: Final = (
    ("train", "Train a model", ":material/model_training:"),
    ("sweeps", "Try several settings", ":material/tune:"),
    ("confusion", "Confusion matrix", ":material/grid_on:"),
    ("errors", "Misclassified images", ":material/image_search:"),
    ("confidence", "Confidence", ":material/speed:"),
    ("explain", "Look inside", ":material/frame_inspect:"),
    ("map", "Map of all images", ":material/scatter_plot:"),
    ("compare", "Compare runs", ":material/compare_arrows:"),
    ("export", "Take a model with you", ":material/ios_share:"),
    ("draw", "Draw a garment", ":material/draw:"),
    ("data", "Browse the data", ":material/photo_library:"),
)
"""Page, label and icon."""


def show_links() -> None:
    """A link to every page, by what can be done there."""
    with st.container(horizontal=True, key="page-links"):
        for page, label, icon in _LINKS:
            st.page_link(f"pages/{page}.py", label=f"**{label}**", icon=icon)
