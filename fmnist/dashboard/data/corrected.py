"""Train with corrected labels, beside a control run, and say what it brought."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import streamlit as st

from fmnist import paths
from fmnist.dashboard import failures, run_catalog, session
from fmnist.data.corrections import Corrections
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.evaluation.significance import mcnemar
from fmnist.reports.sentences import mcnemar_in_words, selected_on_test_in_words
from fmnist.reports.text import percent
from fmnist.runs import corrections, store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.text import plain

Choices = Mapping[str, Corrections]
"""Corrections by what they are called."""

_ERROR: Final = "corrected-error"


def show(config: TrainConfig, choices: Choices) -> None:
    """A choice of corrections, a button that trains with and without them, and what it brought.

    Parameters
    ----------
    config : TrainConfig
        Settings of both runs, but for the corrections.
    choices : mapping
    """
    with st.container(border=True, key="corrected"):
        st.markdown("**Does it help?** Train with these corrections, and a control run without.")
        chosen = st.segmented_control(
            "Correction", list(choices), default=next(iter(choices)), key="corrected-choice",
            required=True, label_visibility="collapsed",
        )  # fmt: skip
        changes = choices[chosen]
        changed = replace(config, corrections=changes.checksum)
        control, run = _newest(config), _newest(changed)
        if not len(changes):
            st.caption(
                "No verdict relabels or excludes an image yet, so there is nothing to train."
            )
        elif control and run and control.state == run.state == "finished":
            _show_result(control, run)
        else:
            _show_button(config, changes, [each for each in (control, run) if each])
        error = st.session_state.pop(_ERROR, None)
        if error:
            failures.tell(error)


def _newest(config: TrainConfig) -> Run | None:
    """The newest run with these settings that can be read, a finished one first."""
    runs = run_catalog.own_runs()
    found = [run for run in runs if run.training == config and run.state != "broken"]
    return next((run for run in found if run.state == "finished"), next(iter(found), None))


def _show_button(config: TrainConfig, changes: Corrections, begun: list[Run]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        has_control = any(r.state == "finished" and r.training == config for r in begun)
        st.button(
            "Train with the corrections" if has_control else "Train both",
            key="corrected-train",
            icon=":material/play_arrow:",
            disabled=any(run.state in ("queued", "running") for run in begun),
            on_click=_train,
            args=(config, changes),
        )
        states = ", ".join(f"{plain(run.name)} is {run.state}" for run in begun)
        st.caption(
            f"{changes.title.capitalize()} of the training images. Same settings, same seed. "
            + (f"{states}." if states else "The test images stay as they are."),
            width="stretch",
        )


def _train(config: TrainConfig, changes: Corrections) -> None:
    """Queue the run with the corrections, and the control run where there is none."""
    with (
        failures.kept(_ERROR),
        session.once("corrected", config, changes.checksum) as is_first,
    ):
        if not is_first:
            return
        corrections.keep(changes)
        for each, name in (
            (config, "Control run"),
            (replace(config, corrections=changes.checksum), f"Corrected: {changes.title}"),
        ):
            run = _newest(each) or store.create_run(paths.runs_folder(), each, name=name)
            known = run_catalog.trainer().snapshot()
            if run.state != "finished" and run.run_id not in (known.current, *known.queue):
                run_catalog.trainer().submit(run)


def _show_result(control: Run, run: Run) -> None:
    """What the corrections brought on the test images, with a test of significance."""
    with failures.shown("The result cannot be shown"):
        before, after = (stored_evaluation(each, "test") for each in (control, run))
        test = mcnemar(after.correct, before.correct)
        names = f"**{plain(run.name)}**", f"**{plain(control.name)}**"
        gain = 100 * (after.accuracy - before.accuracy)
        st.markdown(
            f"Test accuracy {percent(before.accuracy)} without and **{percent(after.accuracy)}** "
            f"with the corrections: {gain:+.2f} points. {mcnemar_in_words(test, *names)}"
        )
        st.button(
            "Open both on Compare",
            key="corrected-compare",
            icon=":material/compare_arrows:",
            on_click=_compare,
            args=(run.run_id, control.run_id),
        )
        st.caption("One pair of runs: other seeds may differ.")
        if control.config and control.config.protocol == "notebook":
            st.caption(f":material/info: {selected_on_test_in_words(names)}")


def _compare(first: str, second: str) -> None:
    session.change(runs=(first, second), panel="Significance")
    session.compare(first, second)
    session.go_to("compare")
