"""A component that shows notifications of the browser, and the switch for them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from fmnist.dashboard.components.clickable import register

_NOTICES: Final = register(
    "notices",
    '<div class="notices" hidden><label><input type="checkbox" role="switch"><span></span></label>'
    '<div class="told" role="status"></div></div>',
)
_WATCHED_KEY: Final = "notices-watched"
_MOST: Final = 50


def switch(label: str) -> None:
    """The switch; the browser remembers it."""
    _NOTICES(key="notices-switch", data={"label": label})


def asked_keys() -> list[str]:
    """What the browser waits for the end of, so far as it had to ask."""
    value: Mapping[str, Any] = st.session_state.get(_WATCHED_KEY) or {}
    keys = value.get("watched")
    found = keys if isinstance(keys, list | tuple) else []
    return [key for key in found[:_MOST] if isinstance(key, str)]


def watch(entries: Sequence[Mapping[str, str | bool]], asked: Sequence[str]) -> None:
    """Notify of what has ended since the browser last looked.

    Parameters
    ----------
    entries : sequence of mapping
        key; state ("gone" if there is nothing of this key, or that of a notice); title and body
        of the notification; opened: whether the browser is to watch it from now on.
    asked : sequence of str
        What `asked_keys` has returned.
    """
    _NOTICES(
        key=_WATCHED_KEY,
        height=1,
        data={"entries": tuple(entries), "asked": tuple(asked)},
        on_watched_change=_nothing,
    )


def _nothing() -> None:
    """The rerun alone is wanted."""
