"""The Draw page's way to the Train page: watch a training learn the drawing."""

import streamlit as st

from fmnist.dashboard import followed_drawings
from fmnist.dashboard.draw.prediction import Prediction


def show(prediction: Prediction | None) -> None:
    """The button that lets a training follow the drawing."""
    if st.button(
        "Watch it learn",
        key="draw-watch",
        icon=":material/show_chart:",
        disabled=prediction is None,
        width="stretch",
        help="Opens the Train page, where a training shows after each epoch what it predicts for "
        "this drawing: the one under way, or the next. Copies that are taught below follow none: "
        "they learn in one go.",
    ):
        assert prediction is not None
        followed_drawings.follow(prediction.model_input)
        st.rerun()
