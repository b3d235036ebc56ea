"""Sweeps: try several settings, see what matters, take the best."""

import streamlit as st

from fmnist.dashboard import failures, layout, notices
from fmnist.dashboard.sweeps import form, panels
from fmnist.sweeps.trials import INSTALL, is_installed

layout.header()
if is_installed():
    with failures.shown():
        sweep = panels.choose()
        with st.expander(
            "New sweep",
            icon=":material/add:",
            expanded=sweep is None or st.session_state.get("sweep-new", False),
        ):
            form.show()
        notices.choices()
        if sweep is not None:
            panels.show(sweep)
else:
    st.info(
        f"Sweeps need the package Optuna. Install it with `{INSTALL}`, then start the app again.",
        icon=":material/extension:",
    )
