"""The computation of a map: its button, its progress, its end."""

from collections.abc import Sequence

import streamlit as st

from fmnist.dashboard import failures
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.map import layouts
from fmnist.dashboard.map.layouts import RunMap
from fmnist.explain.embeddings import Method
from fmnist.explain.map_process import MapTask
from fmnist.text import plain

_POLL_SECONDS = 1.0


def show(context: PageContext, shown: Sequence[RunMap], method: Method, title: str) -> None:
    """A button to compute what is missing, or the progress; nothing if all is there."""
    missing = [each for each in shown if not each.is_computed]
    if not missing:
        return
    first = missing[0]
    # one task is of one epoch; what is left after it gets a button of its own
    together = [each for each in missing if each.source.epoch == first.source.epoch]
    folders = tuple(each.run.folder for each in together)
    task = MapTask(method, context.split, folders, first.source.epoch)
    names = " and ".join(plain(each.run.name) for each in missing) if len(shown) > 1 else ""
    show_task(
        task,
        f"Compute the {title} map",
        "It takes a while, in the background, and is kept: you may go on meanwhile.",
        shown=_shown_instead(first, method, title, names),
    )


def _shown_instead(first: RunMap, method: Method, title: str, names: str) -> str:
    """What the map shows until it is computed, in a sentence; `names` of the runs, or none."""
    of_runs = f" of {names}" if names else ""
    if method != "pca":
        space = "ten logits" if first.of_logits else "features"
        return (
            f"**Shown now is PCA of the {space}, not {title}**: the {title} map{of_runs} is not "
            "computed yet."
        )
    if first.of_logits and first.source.space != "logits":
        return (
            f"**Shown now is PCA of the ten logits**: that of the features{of_runs} is not "
            "computed yet."
        )
    return f"How well the PCA map{of_runs} agrees with its space is not computed yet."


def show_task(task: MapTask, label: str, explanation: str, *, shown: str = "") -> None:
    """A button that starts a task; its progress while it runs, its reason if it failed.

    Parameters
    ----------
    task : MapTask
    label, explanation : str
        Of the button.
    shown : str
        What is seen until it has ended, in Markdown; the explanation is then a help text.
    """
    running = layouts.process().poll().running
    failures.fragment(_show_task, run_every=_POLL_SECONDS if running else None)(
        task, label, explanation, shown, running
    )


def _show_task(task: MapTask, label: str, explanation: str, shown: str, was_running: bool) -> None:
    process = layouts.process()
    state = process.poll()
    if state.running != was_running:
        # the whole page: once begun, it has to poll; once ended, there is a map to show
        st.rerun()
    with st.container(border=True, key="map-computation", gap="small"):
        if shown:
            st.markdown(f":material/info: {shown}")
        if state.running:
            other = "" if state.task == task else "Another map first. "
            st.progress(state.done, f"{other}{plain(state.text)}…")  # it names a run
            st.button("Cancel", key="map-cancel", on_click=process.cancel)
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                label,
                key="map-compute",
                type="primary",
                icon=":material/scatter_plot:",
                on_click=process.start,
                args=(task,),
                help=explanation if shown else None,
            )
            if not shown:
                st.caption(explanation, width="stretch")
        if state.error and state.task == task:
            failures.tell(f"The map could not be computed: {state.error}")
