"""Import what the next page needs, while a person reads the first one."""

import gc
import importlib
import threading
from contextlib import suppress
from typing import Final

import streamlit as st

NEEDED_LATER: Final = (
    "plotly.graph_objects",
    "scipy.special",
    "fmnist.reports.charts",
    "torch",
    "fmnist.models.classifier",
    "fmnist.explain.attributions",
)
"""What takes more than a tenth of a second to import, in the order in which people need it."""


@st.cache_resource(show_spinner=False)
def start() -> threading.Thread:
    """Begin once a server, in a thread of its own; call when the first page is drawn."""
    # no daemon: those are torn down at exit, and torch aborts the process when that happens to it
    thread = threading.Thread(target=_import_all, name="warm-up")
    thread.start()
    return thread


def _import_all() -> None:
    for module in NEEDED_LATER:
        if not threading.main_thread().is_alive():
            return
        # the page that needs it says what is wrong with it
        with suppress(ImportError, OSError):
            importlib.import_module(module)
    # Streamlit collects garbage after every run of a script, which holds up all threads for as long
    # as it takes to look through torch and its kin: those stay, so leave them out from here on
    gc.freeze()
