"""Results of the Explain page that take seconds: computed once, with progress, kept in memory.

`st.cache_data` would record what the progress shows, and show it again with the result.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import streamlit as st

_Result = TypeVar("_Result")
Progress = Callable[[int, int], None]
_MOST: Final = 48


@st.cache_resource(show_spinner=False)
def _results() -> dict[tuple[object, ...], Any]:
    return {}


def forget() -> None:
    """Drop all results."""
    _results().clear()


def is_kept(key: tuple[object, ...]) -> bool:
    """Whether the result of a key is at hand."""
    return key in _results()


def is_asked_for(key: tuple[object, ...], title: str, note: str, *, button: str) -> bool:
    """Whether a result is at hand, or asked for now by the button that is shown otherwise.

    Parameters
    ----------
    key : tuple
        As in `result`.
    title : str
        Text of the button.
    note : str
        What it does, and how long it takes.
    button : str
        Key of the button.
    """
    if is_kept(key):
        return True
    place = st.empty()
    with place.container():
        is_asked = st.button(title, key=button, icon=":material/play_arrow:")
        st.caption(note)
    if is_asked:
        place.empty()
    return is_asked


def result(
    key: tuple[object, ...], compute: Callable[[Progress], _Result], *, doing: str
) -> _Result:
    """What `compute` gives, computed at the first call for this key.

    Parameters
    ----------
    key : tuple
        Hashable; equal for equal results.
    compute : callable
        Called with a function that takes (done, in all) and shows the progress.
    doing : str
        What is being done, for the bar: "Searching…".
    """
    results = _results()
    if key not in results:
        bar = st.progress(0.0, doing)

        def show_progress(done: int, total: int) -> None:
            bar.progress(done / max(total, 1), doing)

        try:
            found = compute(show_progress)
        finally:
            bar.empty()
        while len(results) >= _MOST:  # the oldest first
            results.pop(next(iter(results)), None)
        results[key] = found
    return cast(_Result, results[key])
