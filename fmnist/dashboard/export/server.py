"""The section with the command that answers requests with the run."""

import streamlit as st

from fmnist.export import kept
from fmnist.runs.run import Run
from fmnist.text import plain


def show(run: Run) -> None:
    """What the server is for, and its command; nothing for a run that cannot be exported."""
    if kept.why_not(run):
        return  # the section of the model file says why
    with st.container(border=True, key="export-server"):
        st.subheader("Server", anchor=False)
        st.markdown(
            f"**{plain(run.name)}** answers HTTP requests of other programs: pictures, drawings or "
            "images in, probabilities out."
        )
        st.code(f"python -m fmnist serve {run.run_id}", language="shell")
