"""Learning curve: what more training images bring, and images that a model chooses."""

from typing import Final

import numpy as np
import streamlit as st

from fmnist.csv import write_table
from fmnist.dashboard import cache, ending, failures, layout, run_catalog
from fmnist.data.corrections import Corrections, CorrectionsError
from fmnist.data.splits import Dataset, DatasetName, held_out_mask
from fmnist.evaluation.learning_curve import (
    WAY_TITLES,
    Curve,
    Measured,
    Way,
    curves,
    gain,
    measured_curves,
    point_config,
    run_of,
)
from fmnist.reports import charts
from fmnist.reports.learning_curve import extrapolation_in_words, gain_in_words, law_of
from fmnist.reports.text import counted, duration
from fmnist.runs import corrections
from fmnist.runs.run import Run
from fmnist.training.estimate import estimate_seconds
from fmnist.training.learning_curve import CurvePlan, CurveState, CurveTrainer

_POLL_SECONDS: Final = 2.0
_ERROR: Final = "curve-error"
_SEEN: Final = "curve-done"
_ACTIVE: Final[tuple[Way, ...]] = ("margin", "entropy")
_COLUMNS: Final = ("chosen", "images", "seeds", "test_accuracy", "low", "high", "runs")


@st.cache_resource(show_spinner=False)
def trainer() -> CurveTrainer:
    """What trains the runs of curves on this server, shared by all sessions."""
    made = CurveTrainer(run_catalog.trainer())
    ending.register(made.stop)
    return made


@st.cache_data(show_spinner=False, max_entries=256)
def _kept_choice(checksum: str, _run: Run) -> Corrections:
    return corrections.load(checksum, run_folder=_run.folder)


def _choice(checksum: str, run: Run) -> Corrections | None:
    """What a run's images are; None, which is not cached, if that cannot be read."""
    try:
        return _kept_choice(checksum, run)
    except (CorrectionsError, OSError):
        return None


def _own_curves(dataset: DatasetName, images: int) -> dict[Way, Curve]:
    return curves(
        run_catalog.own_runs(), dataset, images, lambda run, checksum: _choice(checksum, run)
    )


def show(dataset: Dataset) -> None:
    """The curves so far, what they say, and what trains their runs."""
    st.caption(
        "Would more images help? Each point is a run on so many training images, measured on the "
        "untouched test images. Images are drawn at random, or chosen as those that the model of "
        "the previous size is least sure of, from the training split (held-out protocol)."
    )
    images = int((~held_out_mask(dataset.train_labels)).sum())
    with failures.shown("The learning curve cannot be shown"):
        found = _own_curves(dataset.name, images)
        points = measured_curves(found, cache.correctness)
        random = points.get("random", ())
        measured = {  # ways with points of their own
            way: each
            for way, each in points.items()
            if way == "random" or any(point not in random for point in each)
        }
        if random:
            _show_curves(measured, images)
            _show_export(measured, found)
    plan = _controls(dataset, images)
    state = trainer().state()
    st.session_state[_SEEN] = (state.running, state.done)
    failures.fragment(_show_job, run_every=_POLL_SECONDS if state.running else None)(plan)


def _show_curves(measured: dict[Way, tuple[Measured, ...]], images: int) -> None:
    random = measured.get("random", ())
    law = law_of(random, to=2 * images)
    st.plotly_chart(
        charts.learning_curves(measured, law),
        key="curve-chart",
        config={"displayModeBar": False},
        alt="Test accuracy by the number of training images, a line for each way of choosing them",
    )
    sentences = [extrapolation_in_words(random, law, to=2 * images)]
    sentences += [
        gain_in_words(way, gain(points, random), max(len(each.accuracies) for each in points))
        for way, points in measured.items()
        if way != "random"
    ]
    for sentence in sentences:
        st.markdown(f":material/info: {sentence}")
    st.caption(
        "Bars: 95% intervals over the test images, and over the seeds where there are several; "
        "with one seed, the chance of training comes on top. Dotted: error = a + b·n^-c, the "
        "interval at its end by a parametric bootstrap. Swift recipe; fewer images take more "
        "epochs of smaller batches."
    )


def _show_export(measured: dict[Way, tuple[Measured, ...]], found: dict[Way, Curve]) -> None:
    def table() -> str:
        rows = []
        for way, points in measured.items():
            runs = {point.size: point.runs for point in found[way]}
            for point in points:
                low, high = point.interval
                ids = [run.run_id for run in runs[point.size] if run.state == "finished"]
                values = (
                    way, point.size, len(point.accuracies),
                    *(round(value, 6) for value in (point.accuracy, low, high)), " ".join(ids),
                )  # fmt: skip
                rows.append(dict(zip(_COLUMNS, values, strict=True)))
        return write_table(_COLUMNS, rows)

    st.download_button(
        "Table (CSV)", data=table, file_name="learning-curve.csv", mime="text/csv",
        icon=":material/download:", on_click="ignore", key="curve-csv",
    )  # fmt: skip


def _controls(dataset: Dataset, images: int) -> CurvePlan:
    """What is to be trained, as the person chooses."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="curve-controls"):
        ways = st.pills(
            "Chosen images, beside random ones", _ACTIVE, selection_mode="multi",
            default=_ACTIVE[:1], key="curve-ways", format_func=WAY_TITLES.__getitem__,
            help="Smallest margin between the two most probable classes, or highest entropy, of "
            "the model of the previous size.", width="content", persist_state="session",
        )  # fmt: skip
        seeds: int = st.segmented_control(
            "Seeds", (1, 3), default=1, key="curve-seeds", required=True, width="content",
            help="Several seeds tell the chance of training.", persist_state="session",
        )  # fmt: skip
    chosen: tuple[Way, ...] = tuple(way for way in _ACTIVE if way in ways)
    return CurvePlan(dataset.name, images, chosen, tuple(range(seeds)))


def _show_job(plan: CurvePlan) -> None:
    """The button, or how far the runs are; the page is drawn anew with each point."""
    job = trainer()
    state = job.state()
    if (state.running, state.done) != st.session_state.get(_SEEN):
        st.rerun()
    with st.container(border=True, key="curve-job"):
        if state.running and state.plan:
            _show_progress(state)
            st.button(
                "Stop", key="curve-stop", on_click=job.stop, disabled=state.stopping,
                help="A run that is being trained is finished first; what is done stays.",
            )  # fmt: skip
            layout.train_link()
            return
        _show_start(plan)
        error = st.session_state.pop(_ERROR, None) or state.error
        if error:
            failures.tell(error)


def _show_progress(state: CurveState) -> None:
    total = len(state.plan.steps) if state.plan else 1
    doing = ""
    if state.step:
        doing = f": {state.step.size:,} images, {WAY_TITLES[state.step.way].lower()}"
    stopping = " Stopping after this run." if state.stopping else ""
    st.progress(
        state.done / total, f"{state.done} of {counted(total, 'run')} are done{doing}…{stopping}"
    )


def _show_start(plan: CurvePlan) -> None:
    found = _own_curves(plan.dataset, plan.images)
    missing = []
    for step in plan.steps:
        run = run_of(found, step.way, step.size, step.seed)
        if run is None or run.state != "finished":
            missing.append(step)
    if not missing:
        st.markdown(":material/task_alt: All these runs are trained.")
        return
    runs = run_catalog.own_runs()
    times = [
        estimate_seconds(point_config(plan.dataset, step.size, plan.images), runs)
        for step in missing
    ]
    known = [seconds for seconds in times if seconds is not None]
    about = f" About {duration(float(np.sum(known)))} on this computer." if known else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Train the curve" if len(missing) == len(plan.steps) else "Train what is missing",
            key="curve-start", type="primary", icon=":material/show_chart:",
            on_click=_start, args=(plan,),
        )  # fmt: skip
        st.caption(
            f"{counted(len(missing), 'quick run')}, one after the other in the background; you can "
            f"leave this page.{about}",
            width="stretch",
        )


def _start(plan: CurvePlan) -> None:
    with failures.kept(_ERROR):
        trainer().start(plan)


__all__ = ["show", "trainer"]
