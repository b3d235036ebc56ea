"""The Train page's view of one run: progress, controls, curves, what they say, its log."""

import time

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from fmnist.dashboard import cache, layout, run_catalog, session
from fmnist.models.registry import describe
from fmnist.reports import charts
from fmnist.reports.text import duration
from fmnist.runs.history import History
from fmnist.runs.run import ACTIVE_STATES, RESUMABLE_STATES, Run, RunError
from fmnist.training.loop import monitored_split


def stage(run_id: str) -> DeltaGenerator:
    """A place for one run: what stood there of another run is gone at once.

    Streamlit keeps what a container held until all of it has been drawn anew: for as long as that
    takes, the curves of the run before would stand below the new one's name, and their slider
    would take the keys that are meant for the new one's.
    """
    shown, turn = st.session_state.get("watched", (run_id, 0))
    turn = turn if shown == run_id else 1 - turn
    st.session_state["watched"] = run_id, turn
    # of two places, runs take turns; the other one is emptied, which Streamlit does at once
    if turn:
        st.empty()
    place = st.container(border=True, key=f"watched-{run_id}")
    if not turn:
        st.empty()
    return place


def shown_state(run: Run) -> str:
    """A run's state, with what the trainer is about to do."""
    snapshot = run_catalog.trainer().snapshot()
    if run.run_id == snapshot.current:
        if snapshot.state in ("pausing", "stopping"):
            return snapshot.state
        if run.state == "queued":
            return "starting"
    return run.state


def controls(run: Run) -> None:
    """Pause, resume and stop for the run under way."""
    trainer = run_catalog.trainer()
    snapshot = trainer.snapshot()
    if run.run_id in snapshot.queue:
        st.button("Take out of the queue", key="withdraw", on_click=withdraw, args=(run.run_id,))
    elif run.run_id == snapshot.current:
        paused = snapshot.state in ("pausing", "paused")
        if paused:
            st.button(
                "Resume",
                key="resume",
                icon=":material/play_arrow:",
                on_click=trainer.resume,
                args=(run.run_id,),
            )
        else:
            st.button(
                "Pause",
                key="pause",
                icon=":material/pause:",
                on_click=trainer.pause,
                args=(run.run_id,),
                disabled=snapshot.state == "stopping",
            )
        st.button(
            "Stop",
            key="stop",
            icon=":material/stop:",
            on_click=trainer.stop,
            args=(run.run_id,),
            disabled=snapshot.state == "stopping",
            help="End here and keep what it has; it can be resumed later.",
        )
    elif run.state in ACTIVE_STATES:
        st.caption("Trained by another process; stop it there (Ctrl-C keeps it).")
    elif run.state in RESUMABLE_STATES:
        st.button(
            "Resume training",
            key="resume-run",
            icon=":material/play_arrow:",
            type="primary",
            on_click=resume_run,
            args=(run,),
        )


def withdraw(run_id: str) -> None:
    """Take a run out of the queue."""
    try:
        run_catalog.trainer().withdraw(run_id)
    except (RunError, OSError) as error:
        st.toast(str(error), icon=":material/error:")


def resume_run(run: Run) -> None:
    """Queue a run that was interrupted, stopped or failed."""
    try:
        run_catalog.trainer().submit(run)
    except (RunError, OSError) as error:
        st.toast(str(error), icon=":material/error:")


def show_progress(run_id: str, was: str) -> None:
    """How far the run is; drawn again every few seconds while it trains."""
    run = run_catalog.run_or_none(run_id)
    if run is None or run.state != was:
        st.rerun()  # the whole page: controls, table and charts change with the state
        return
    progress = run.progress
    with st.container(horizontal=True, vertical_alignment="center", key="progress-head"):
        st.subheader(run.name, anchor=False, width="content")
        layout.state_badge(shown_state(run))
        with st.container(horizontal=True, horizontal_alignment="right"):
            controls(run)
    failure = run.reason or run_catalog.trainer().snapshot().failures.get(run_id)
    if run.state in ("failed", "broken", "interrupted") and failure:
        st.error(failure, icon=":material/error:")
    elif run.state == "interrupted":
        st.info(
            "The training was cut off; nothing up to its last checkpoint is lost.",
            icon=":material/power_off:",
        )
    if run.config is None:
        return
    if run.state in ACTIVE_STATES:
        where = (
            f"Epoch {progress.epoch} of {run.config.epochs} · step {progress.step:,} of "
            f"{progress.steps:,} · {progress.fraction:.0%}"
        )
        if progress.step == 0:
            where = "Starting…"
        elif progress.step == progress.steps:  # a large network takes minutes for the test images
            told = [event.text for event in run.read_events() if " measured" in event.text]
            where = f"{told[-1]}…" if told else "Measuring…"
        st.progress(progress.fraction, where)
    best, last = run.history.selected, run.history.epochs[-1] if run.history.epochs else None
    with st.container(horizontal=True, key="progress-figures"):
        elapsed = "Training of all members" if run.members else "Elapsed"
        st.metric(elapsed, duration(progress.seconds), width="content")
        if run.state in ACTIVE_STATES:
            st.metric("Remaining", duration(progress.remaining), width="content")
            pace = progress.images_per_second
        else:
            pace = last.images_per_second if last else 0.0
        if not run.members:
            st.metric("Images per second", f"{pace:,.0f}" if pace else "–", width="content")
        is_last = run.history.checkpoint == "last"
        name = f"{'Last' if is_last else 'Best'} {best.split} accuracy" if best else "Accuracy"
        if best and best.split == "train":
            name = "Accuracy on images trained on"
        elif best and run.members:
            name = f"{best.split.capitalize()} accuracy"
        st.metric(name, f"{best.accuracy:.2%}" if best else "–", width="content")
        if run.state not in ACTIVE_STATES and run.config.protocol != "notebook":
            test, several = (cache.accuracy(p) for p in (run.evaluation_path("test"), run.tta_path))
            if test is not None:
                st.metric("Test accuracy", f"{test:.2%}", width="content")
            if several is not None:
                st.metric("Over several views", f"{several:.2%}", width="content")


def show_curves(run_id: str) -> None:
    """Loss and accuracy so far, and what they say."""
    run = run_catalog.run_or_none(run_id)
    if run is None or run.config is None:
        return
    history = run.history
    if not history.steps and not history.epochs:
        if run.state in ACTIVE_STATES:
            st.caption(f"The curves begin after {run.config.log_every} steps.")
        else:
            st.caption("Nothing was logged of this run.")
        return
    config, epochs = run.config, run.config.epochs
    split = monitored_split(config)
    measured = layout.MEASURED_ON[split]
    shown = st.session_state.get(f"epochs-shown-{run_id}")
    if shown == (0, epochs):
        shown = None
    first, second = st.columns(2, gap="medium")
    first.markdown("**Loss** (cross-entropy, nats)")
    first.echarts_chart(
        charts.loss_curves(
            history,
            monitored=measured,
            steps_per_epoch=max(1.0, run.progress.steps / epochs),
            shown=shown,
        ),
        key="loss",
        height=320,
        renderer="svg",
        alt="Loss of training and of the measured split over epochs",
    )
    second.markdown("**Accuracy** (%)")
    if history.epochs:
        second.echarts_chart(
            charts.accuracy_curves(history, monitored=measured, shown=shown),
            key="accuracy",
            height=320,
            renderer="svg",
            alt="Accuracy of training and of the measured split over epochs",
        )
    else:
        second.caption("Measured after each epoch.")
    with st.container(horizontal=True, vertical_alignment="center", key="curves-foot"):
        st.caption(
            f"{len(history.steps):,} logged steps, {len(history.epochs):,} measured epochs.",
            width="content",
        )
        if epochs > 2:
            st.slider(
                "Epochs shown",
                0,
                epochs,
                (0, epochs),
                key=f"epochs-shown-{run_id}",
                width=320,
                help="Zoom in on a part of the run; it stays so while the curves grow.",
            )
    for sentence in explain(history):
        st.markdown(sentence)
    if config.label_smoothing or config.batch_mix:
        st.caption(
            "The loss on training images is of smoothed labels or mixed images, the other is not: "
            "look at their course, not at which is higher."
        )


def show_members(run: Run) -> None:
    """What an ensemble is made of; a row opens the member."""
    members = [(run_id, run_catalog.run_or_none(run_id)) for run_id in run.members]

    def open_member() -> None:
        chosen = st.session_state["members"].selection.rows
        if chosen and members[chosen[0]][1]:
            session.select_run(members[chosen[0]][0])

    rows = []
    for run_id, member in members:
        best = member.history.selected if member else None
        test = cache.accuracy(member.evaluation_path("test")) if member else None
        rows.append(
            {
                "Member": member.name if member else f"{run_id} (gone)",
                "Test accuracy": None if test is None else 100 * test,
                "Accuracy": 100 * best.accuracy if best else None,
                "Model": describe(member.config.model).title if member and member.config else "–",
                "Time": duration(member.progress.seconds) if member else "–",
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        key="members",
        hide_index=True,
        placeholder="–",
        on_select=open_member,
        selection_mode="single-row",
        height=38 + 35 * len(rows),
        column_config={
            "Member": st.column_config.TextColumn(width=280),
            "Accuracy": st.column_config.NumberColumn(
                format="%.2f%%", help="On the images that its epochs are measured on."
            ),
            "Test accuracy": st.column_config.NumberColumn(format="%.2f%%"),
        },
        alt="The members of the ensemble; choose a row to open one",
    )
    st.caption(
        "An ensemble is not trained: its probabilities are the mean of its members'. Choose a row "
        "to open one, with its curves."
    )


def explain(history: History) -> list[str]:
    """What the curves say, in words."""
    if not history.epochs:
        return []
    last, best = history.epochs[-1], history.selected
    if last.split == "train":
        return [
            ":material/info: Measured on some of the images that it trains on (full protocol): "
            "that shows whether it learns, not how well it knows other images. The test images "
            "are measured once, at the end."
        ]
    gap = 100 * (last.train_accuracy - last.accuracy)
    split = last.split
    sentences = [
        f":material/straighten: **Generalization gap** after epoch {last.epoch}: training accuracy "
        f"{last.train_accuracy:.1%} (with dropout on), {split} {last.accuracy:.1%}: "
        f"{abs(gap):.1f} points {'above' if gap >= 0 else 'below'}."
    ]
    onset = history.overfitting_onset
    if onset and best:
        sentences.append(
            f":material/trending_up: **Overfitting since epoch {onset.epoch}**: {split} loss was "
            f"lowest then ({onset.loss:.3f}) and is {last.loss:.3f} now, while training loss goes "
            f"on falling. The weights kept are those of epoch {best.epoch}, "
            f"the {'last' if history.checkpoint == 'last' else 'most accurate'}."
        )
    elif len(history.epochs) >= 3:
        sentences.append(
            f":material/trending_down: {split.capitalize()} loss has not started rising: "
            "no sign of overfitting."
        )
    if split == "test":
        sentences.append(
            ":material/info: The best epoch is chosen on the test images here (notebook protocol), "
            "so its accuracy may flatter."
        )
    return sentences


def run_details(run: Run) -> None:
    """Log of events and settings of the opened run."""
    with st.expander("Log of events", icon=":material/list:"):
        events = run.read_events()
        lines = [
            f"{time.strftime('%H:%M:%S', time.localtime(event.time))}  {event.text}"
            for event in events[-200:]
        ]
        if lines:
            st.code("\n".join(reversed(lines)), language=None, wrap_lines=True)
        else:
            st.caption("No events were logged.")
    if run.config is not None:
        with st.expander("Settings and versions", icon=":material/tune:"):
            st.json(
                {
                    "config": run.config.to_json(),
                    "dataset": dict(run.dataset),
                    "environment": dict(run.environment),
                }
            )
