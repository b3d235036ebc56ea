"""A job in another process on the page: the button that starts it, its progress, its end."""

from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from fmnist.dashboard import failures
from fmnist.jobs import Job
from fmnist.text import plain

_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class JobText:
    """What people read of a job.

    Attributes
    ----------
    key : str
        Beginning of the widgets' keys.
    start : str
        Label of the button.
    icon : str
    explanation : str
        Beside the button, in Markdown: how often, and what it is for.
    other : str
        What to say while another task of the same kind runs.
    failed : str
        What to say before the reason.
    notice : str
        What is seen until it has ended, in Markdown; the explanation is then a help text.
    """

    key: str
    start: str
    icon: str
    explanation: str
    other: str
    failed: str
    notice: str = ""


def show_job(job: Job[Any], task: object, text: JobText) -> None:
    """A button that starts a task; its progress while it runs, its reason if it failed.

    Parameters
    ----------
    job : Job
        Shared by all sessions of the server.
    task : object
        As `job` takes it.
    text : JobText
    """
    running, seen = job.poll().running, f"{text.key}-job-running"
    was_running = st.session_state.get(seen, False)
    st.session_state[seen] = running
    if was_running and not running:
        st.rerun()  # it has ended since the page looked for what it makes
    failures.fragment(_show, run_every=_POLL_SECONDS if running else None)(job, task, text, running)


def _show(job: Job[Any], task: object, text: JobText, was_running: bool) -> None:
    state = job.poll()
    if state.running != was_running:
        # the whole page: once begun, it has to poll; once ended, there is something to show
        st.session_state[f"{text.key}-job-running"] = state.running
        st.rerun()
    with st.container(border=True, key=f"{text.key}-job", gap="small"):
        if text.notice:
            st.markdown(f":material/info: {text.notice}")
        if state.running:
            other = "" if state.task == task else f"{text.other} "
            st.progress(state.done, f"{other}{plain(state.text)}…")  # it names a run
            st.button("Cancel", key=f"{text.key}-cancel", on_click=job.cancel)
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                text.start,
                key=f"{text.key}-start",
                type="primary",
                icon=text.icon,
                on_click=_start,
                args=(job, task, text),
                help=text.explanation if text.notice else None,
            )
            if not text.notice:
                st.caption(text.explanation, width="stretch")
        error = st.session_state.pop(_error_key(text), None)
        if state.error and state.task == task:
            error = state.error
        if error:
            failures.tell(f"{text.failed}: {error}")


def _start(job: Job[Any], task: object, text: JobText) -> None:
    with failures.kept(_error_key(text)):
        job.start(task)
        st.session_state[_started_key(text.key)] = True


def take_end(job: Job[Any], key: str) -> bool:
    """Whether the task that this session has started has ended well; true once.

    Parameters
    ----------
    job : Job
    key : str
        As in `JobText`.
    """
    state = job.poll()
    if state.running:
        return False
    return bool(st.session_state.pop(_started_key(key), False)) and state.finished


def _started_key(key: str) -> str:
    return f"{key}-job-started"


def _error_key(text: JobText) -> str:
    return f"{text.key}-job-error"
