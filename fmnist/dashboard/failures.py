"""The failed state of a page, or of a part of it: what cannot be read or written, in a sentence."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Final, ParamSpec

import streamlit as st

from fmnist.errors import ToldError, sentence
from fmnist.text import plain

_P = ParamSpec("_P")
_log = logging.getLogger(__name__)

EXPECTED: Final = (OSError, ToldError)
"""What files and disks raise. Everything else is a mistake of the code, and shows as one."""


@contextmanager
def shown(what: str = "") -> Iterator[None]:
    """Show an error of a file or a disk in place of what the block would have drawn.

    Parameters
    ----------
    what : str
        What failed, as `fmnist.errors.sentence` takes it.
    """
    try:
        yield
    except EXPECTED as error:
        _log.warning("A part of the page failed", exc_info=True)
        tell(sentence(error, what), icon=":material/broken_image:")


@contextmanager
def kept(key: str) -> Iterator[None]:
    """Keep an error of a file or a disk in the session: a click's callback cannot draw it.

    Parameters
    ----------
    key : str
        In the session's state; the sentence is there until the page takes it.
    """
    try:
        yield
    except EXPECTED as error:
        _log.warning("A click failed", exc_info=True)
        st.session_state[key] = sentence(error)


def show_kept(error: str, message: str) -> None:
    """Show the error or the result of the last click, once.

    Parameters
    ----------
    error, message : str
        Keys in the session's state: a sentence that `kept` kept, and a result in Markdown.
    """
    problem = st.session_state.pop(error, None)
    if problem:
        tell(problem)
    result = st.session_state.pop(message, None)
    if result:
        st.success(result, icon=":material/check:")


def tell(problem: str, *, icon: str = ":material/error:") -> None:
    """Show what went wrong, as plain text: such sentences quote files, names and addresses."""
    st.error(plain(problem), icon=icon)


def fragment(
    function: Callable[_P, None], *, run_every: float | None = None, key: str | None = None
) -> Callable[_P, None]:
    """`st.fragment` with its errors shown in its place: its later runs are outside the page's."""

    @wraps(function)
    def guarded(*arguments: _P.args, **keywords: _P.kwargs) -> None:
        with shown():
            function(*arguments, **keywords)

    return st.fragment(guarded, run_every=run_every, key=key)
