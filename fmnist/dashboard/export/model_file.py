"""The section with the model as a file for other programs."""

import streamlit as st

from fmnist.export.names import FORMATS
from fmnist.runs.run import Run
from fmnist.text import plain


def show(run: Run) -> None:
    """The choice of a format, and the file in it."""
    st.subheader("Model file", anchor=False)
    st.markdown(
        f"**{plain(run.name)}** as one file: images in, probabilities out, with nothing else to "
        "install but the runtime."
    )
    chosen = st.segmented_control(
        "Format",
        list(FORMATS),
        default="onnx",
        key="export-format",
        format_func=lambda form: FORMATS[form].title,
        required=True,
        persist_state="session",
    )
    st.code(f"python -m fmnist export {run.run_id} --format {chosen}", language="shell")
