"""Drawings that a training is to follow: given on the Draw page, taken up by the Train page."""

from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import failures, run_catalog, session
from fmnist.runs import drawings
from fmnist.runs.run import ACTIVE_STATES, Run, RunError

ERROR: Final = "followed-drawings-error"
"""Key in the session's state of why a drawing is not followed, in a sentence."""
_WAITING: Final = "followed-drawings"


def waiting() -> list[NDArray[np.uint8]]:
    """The drawings, uint8 (28, 28), that the next training of this session follows."""
    found: list[NDArray[np.uint8]] = st.session_state.setdefault(_WAITING, [])
    return found


def follow(image: NDArray[np.uint8]) -> None:
    """Let the training under way follow a drawing, or else the next one; open the Train page.

    Parameters
    ----------
    image : uint8 (28, 28)
        The drawing as a model input.
    """
    with failures.kept(ERROR):
        run = _in_training()
        if run is not None:
            session.select_run(run.run_id)
            drawings.choose(run, image)
        elif all(not np.array_equal(image, other) for other in waiting()):
            if len(waiting()) >= drawings.MOST:
                raise RunError(f"A training follows {drawings.MOST} drawings at most.")
            waiting().append(image)
    session.go_to("train")


def _in_training() -> Run | None:
    """The run that is opened if it trains or waits, else the one that trains."""
    own = run_catalog.own_runs()
    active = [run for run in own if run.state in ACTIVE_STATES and run.training]
    opened = session.selection().run
    # the one that trains comes before those that wait
    active.sort(key=lambda run: (run.run_id != opened, run.state == "queued"))
    return active[0] if active else None


def hand_over(run: Run) -> None:
    """Let a new run follow the drawings that wait."""
    with failures.kept(ERROR):
        for image in waiting():
            drawings.choose(run, image)
        forget()


def forget() -> None:
    """Let no drawing wait any more."""
    waiting().clear()
