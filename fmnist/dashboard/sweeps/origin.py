"""On the Train page: whose trial a run is, and the test images that were not measured yet."""

import streamlit as st

from fmnist.dashboard import jobs, session
from fmnist.dashboard.jobs import JobText
from fmnist.dashboard.sweeps.gathering import measuring
from fmnist.runs.run import Run
from fmnist.sweeps.measuring_job import MeasuringTask
from fmnist.sweeps.sweep import list_sweeps, trial_of
from fmnist.text import plain


def show(run: Run) -> None:
    """The sweep of a run, with the way there; for other runs, what measures them."""
    whose = trial_of(run)
    if whose is not None:
        sweep = next((each for each in list_sweeps() if each.sweep_id == whose[0]), None)
        if sweep is not None:
            with st.container(horizontal=True, vertical_alignment="center", key="run-sweep"):
                st.markdown(
                    f":material/tune: Run {whose[1] + 1} of the sweep **{plain(sweep.name)}**.",
                    width="content",
                )
                st.button(
                    "Show the sweep", key=f"show-sweep-{run.run_id}", type="tertiary",
                    on_click=_go_to, args=(sweep.sweep_id,),
                )  # fmt: skip
            return
    if (
        run.training is not None
        and run.training.measure_test == "later"
        and run.state == "finished"
        and not run.evaluation_path("test").exists()
    ):
        show_measuring(run, "Measure on the test images", "Once, when all is decided.")


def show_measuring(run: Run, label: str, explanation: str) -> None:
    """The button that measures a run on the test images, and its progress."""
    text = JobText(
        key="measure",
        start=label,
        icon=":material/verified:",
        explanation=explanation,
        other="Another run is being measured.",
        failed="It could not be measured",
    )
    jobs.show_job(measuring(), MeasuringTask(run.folder), text)


def _go_to(sweep_id: str) -> None:
    session.change(sweep=sweep_id)
    session.go_to("sweeps")
