"""The matrix of the Confusion page with the slider over its epochs, which can be played."""

from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, session, snapshots
from fmnist.dashboard.confusion.matrix import MatrixDisplay, draw, filtered_confusion
from fmnist.dashboard.context import PageContext
from fmnist.reports.text import counted

_SECONDS_PER_EPOCH: Final = 0.7
_NEXT: Final = "playing"
_SHOWN: Final = "played"


def show_matrix(context: PageContext, display: MatrixDisplay) -> NDArray[np.int64]:
    """Draw the matrix of the selection, or of one epoch after the other while it plays.

    Returns
    -------
    int64 (C, C)
        The matrix of the selection.
    """
    confusion, other = filtered_confusion(context)
    run_every = _SECONDS_PER_EPOCH if _NEXT in st.session_state else None
    if run_every is None:
        _matrix_and_epochs(context, display, confusion, other)
    else:
        failures.fragment(_matrix_and_epochs, run_every=run_every)(
            context, display, confusion, other
        )
    return confusion


def _matrix_and_epochs(
    context: PageContext,
    display: MatrixDisplay,
    confusion: NDArray[np.int64],
    other: NDArray[np.int64] | None,
) -> None:
    if session.selection() != context.selection:
        st.rerun()  # stopped by a click: the whole page shows another epoch now
    order = display.order(context.snapshot.evaluation.confusion, context.num_classes)
    epochs = snapshots.epoch_confusions(context.run)
    played: int | None = st.session_state.get(_NEXT)
    if played is not None and epochs is not None:
        scale = "Counts" if display.scale == "Difference" else display.scale
        display = MatrixDisplay(scale, display.errors_only, grouped=False)
        draw(
            display, epochs[played - 1], None, order=order, title=f"epoch {played}",
            names=context.class_names,
        )  # fmt: skip
        st.session_state[_SHOWN] = played
        if played >= len(epochs):
            _stop()
            st.rerun()
        st.session_state[_NEXT] = played + 1
    else:
        title = counted(len(context.snapshot.evaluation.labels), f"{context.split} image")
        draw(display, confusion, other, order=order, title=title, names=context.class_names)
        if context.snapshot.epoch:
            session.sync_widget("epoch-slider", context.snapshot.epoch)
    if epochs is not None and len(epochs) > 1:
        _epoch_controls(context, len(epochs), played)


def _epoch_controls(context: PageContext, epochs: int, played: int | None) -> None:
    measured = cache.epoch_evaluations(context.run)
    with st.container(horizontal=True, vertical_alignment="bottom", key="epoch-controls"):
        st.button(
            "Stop" if played else "Play",
            key="epoch-play",
            icon=":material/stop:" if played else ":material/play_arrow:",
            on_click=_stop if played else _start,
            args=() if played else (epochs,),
            help=None if played else "Show the matrix of one epoch after the other.",
        )
        title = f"Epoch ({measured.split if measured else ''} split)"
        if played:
            # Not the slider that people move: a slow browser asks for the next epoch before it
            # knows this one, and the older value of its slider would count as a person's choice.
            st.session_state["epoch-playing"] = played
            st.slider(title, 1, epochs, key="epoch-playing", disabled=True, width="stretch")
        else:
            st.slider(title, 1, epochs, key="epoch-slider", on_change=_show_epoch, width="stretch")


def _show_epoch() -> None:
    session.set_filters(epoch=st.session_state["epoch-slider"], split=None)


def _start(epochs: int) -> None:
    """Start at the selected epoch, or at the first if none or the last is selected."""
    selected = session.selection().epoch
    first = selected if selected and selected < epochs else 1
    st.session_state[_NEXT] = st.session_state[_SHOWN] = first


def _stop() -> None:
    """Stay at the epoch on screen."""
    st.session_state.pop(_NEXT, None)
    session.set_filters(epoch=st.session_state[_SHOWN], split=None)
