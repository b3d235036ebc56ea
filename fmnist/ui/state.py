"""The one selection that all pages share, in the session and in the address bar."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import streamlit as st

from fmnist.ui import cache

_KEY = "selection"
_LEFT_OUT = "selection_left_out"
_WANTED = "wanted_page"


@dataclass(frozen=True)
class Selection:
    """What the person looks at.

    Attributes
    ----------
    run : str or None
        Id of an own run or name of a shipped model; None where there is neither.
    """

    run: str | None = None


def selection() -> Selection:
    """The selection of this session."""
    current: Selection = st.session_state.get(_KEY, Selection())
    return current


def enter() -> None:
    """See to it that app.py has run in this session; called first by every page.

    Until `st.navigation` has been called once, Streamlit takes a folder called pages for its own
    older kind of app and runs a page's script alone: to the very first visitor of a server, who
    opens the address of a page. Such a visitor is sent through app.py, and back here by `wanted`.
    """
    if _KEY in st.session_state:
        return
    st.session_state[_WANTED] = PurePosixPath(urlsplit(st.context.url or "").path).name
    st.switch_page("app.py", query_params=dict(st.query_params))


def wanted() -> str | None:
    """The page that `enter` sent the person away from; told once."""
    name: str | None = st.session_state.pop(_WANTED, None)
    return name


def select(run: str | None) -> None:
    """Change the selection; pages drawn after this see it."""
    st.session_state[_KEY] = replace(selection(), run=run)


def sync() -> None:
    """Take the selection from the address bar when a session begins, then keep it there.

    Called once at the top of every run of the app, before any page reads the selection.
    """
    if _KEY not in st.session_state:
        wanted = st.query_params.get("run")
        if wanted and cache.run_or_none(wanted) is None:
            st.session_state[_LEFT_OUT] = f"run {wanted!r}"
            wanted = None
        st.session_state[_KEY] = Selection(run=wanted)
    if cache.run_or_none(selection().run) is None:
        select(_default_run())
    run = selection().run
    # writing the address bar sends a message to the browser: only when it changes
    if run and st.query_params.get("run") != run:
        st.query_params["run"] = run


def left_out() -> str | None:
    """What the address asked for and could not be shown; told once."""
    told: str | None = st.session_state.pop(_LEFT_OUT, None)
    return told


def _default_run() -> str | None:
    """The run that trains now, else the first shipped model, else the newest run."""
    own = cache.own_runs()
    active = [run for run in own if run.state in ("running", "paused", "queued")]
    candidates = [*active[:1], *cache.shipped_runs(), *own]
    return candidates[0].run_id if candidates else None
