"""A field for a file that a page imports."""

from collections.abc import Callable

import streamlit as st


def ask_for_file(
    label: str, kind: str, *, key: str, max_megabytes: int, take: Callable[[bytes], None]
) -> None:
    """A field that is empty again once its file has been taken; the page is then drawn anew.

    Parameters
    ----------
    label : str
    kind : str
        Ending of the file's name: "csv".
    key : str
        Beginning of the widget's key: each file has a field of its own.
    max_megabytes : int
    take : callable
        Called with the content; keeps its result or its error for the next drawing.
    """
    count = f"{key}-uploads"
    number = st.session_state.get(count, 0)
    upload = st.file_uploader(
        label, type=kind, key=f"{key}-upload-{number}", max_upload_size=max_megabytes
    )
    if upload is not None:
        st.session_state[count] = number + 1
        take(upload.getvalue())
        st.rerun()
