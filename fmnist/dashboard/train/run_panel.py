"""One run on the Train page: progress, controls, curves with explanations, log of events."""

from functools import partial
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from fmnist.dashboard import cache, failures, layout, notices, run_catalog, session
from fmnist.dashboard.selection import MAX_COMPARED
from fmnist.data.splits import monitored_split
from fmnist.errors import sentence
from fmnist.evaluation.seeds import Spread
from fmnist.models.registry import describe
from fmnist.notices.notice import key_of
from fmnist.reports import charts
from fmnist.reports.sentences import MEASURED_ON, curves_in_words, spread_in_words
from fmnist.reports.text import counted, duration, percent, trained_on
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.run import ACTIVE_STATES, RESUMABLE_STATES, Run
from fmnist.runs.seeds import one_a_seed, siblings
from fmnist.text import plain

LOST_SECONDS: Final = 2.0


def stage(run_id: str) -> DeltaGenerator:
    """A container for one run, from which another run disappears at once.

    Streamlit keeps the old elements of a container until all new ones are drawn. Until then, the
    curves of the previous run would be below the name of the new one, and their slider would take
    key presses that are meant for the new one.
    """
    shown, turn = st.session_state.get("watched", (run_id, 0))
    turn = turn if shown == run_id else 1 - turn
    st.session_state["watched"] = run_id, turn
    # two containers in turn: the other one is emptied, which Streamlit does at once
    if turn:
        st.empty()
    place = st.container(border=True, key=f"watched-{run_id}")
    if not turn:
        st.empty()
    return place


def shown_state(run: Run) -> str:
    """State of a run, or what the trainer is about to do with it."""
    snapshot = run_catalog.trainer().snapshot()
    if run.run_id == snapshot.current:
        if snapshot.state in ("pausing", "stopping"):
            return snapshot.state
        if run.state == "queued":
            return "starting"
    return run.state


def controls(run: Run) -> None:
    """Buttons to pause, resume and stop a run.

    Their keys name it: a click on a button that was drawn for another run has no effect.
    """
    trainer = run_catalog.trainer()
    snapshot = trainer.snapshot()
    if run.run_id in snapshot.queue:
        st.button(
            "Remove from the queue",
            key=f"withdraw-{run.run_id}",
            on_click=withdraw,
            args=(run.run_id,),
        )
    elif run.run_id == snapshot.current:
        paused = snapshot.state in ("pausing", "paused")
        if paused:
            st.button(
                "Resume",
                key=f"resume-{run.run_id}",
                icon=":material/play_arrow:",
                on_click=trainer.resume,
                args=(run.run_id,),
            )
        else:
            st.button(
                "Pause",
                key=f"pause-{run.run_id}",
                icon=":material/pause:",
                on_click=trainer.pause,
                args=(run.run_id,),
                disabled=snapshot.state == "stopping",
            )
        st.button(
            "Stop",
            key=f"stop-{run.run_id}",
            icon=":material/stop:",
            on_click=trainer.stop,
            args=(run.run_id,),
            disabled=snapshot.state == "stopping",
            help="End the run and evaluate it. You can resume it later.",
        )
    elif run.state in ACTIVE_STATES:
        st.caption("Trained by another process. Press Ctrl-C there to pause it.")
    elif run.state in RESUMABLE_STATES:
        st.button(
            "Resume training",
            key=f"resume-run-{run.run_id}",
            icon=":material/play_arrow:",
            type="primary",
            on_click=resume_run,
            args=(run,),
        )


def withdraw(run_id: str) -> None:
    """Remove a run from the queue."""
    try:
        run_catalog.trainer().withdraw(run_id)
    except failures.EXPECTED as error:
        st.toast(plain(sentence(error)), icon=":material/error:")


def resume_run(run: Run) -> None:
    """Queue a run that was interrupted, stopped or failed."""
    try:
        with session.once("resume", run.run_id) as is_first:
            if is_first:
                notices.hand_over(key_of(run, run_catalog.own_runs()))
                run_catalog.trainer().submit(run)
    except failures.EXPECTED as error:
        st.toast(plain(sentence(error)), icon=":material/error:")


def lost_runs() -> None:
    """Runs that failed and can no longer be opened, since their folders are gone."""
    is_vanishing = _is_vanishing()
    poll = LOST_SECONDS if is_vanishing else None
    failures.fragment(_lost_runs, run_every=poll)(is_vanishing)


def _is_vanishing() -> bool:
    """Whether the trainer has not noticed yet that the folder of its run is gone."""
    current = run_catalog.trainer().snapshot().current
    return current is not None and run_catalog.run_or_none(current) is None


def _lost_runs(was_vanishing: bool) -> None:
    if was_vanishing and not _is_vanishing():
        st.rerun()  # the whole page: the queue goes on
    trainer = run_catalog.trainer()
    for run_id, reason in trainer.snapshot().lost.items():
        if run_catalog.run_or_none(run_id) is not None:
            continue  # it is back
        with st.container(horizontal=True, vertical_alignment="center"):
            failures.tell(reason, icon=":material/folder_off:")
            st.button("Dismiss", key=f"dismiss-{run_id}", on_click=trainer.forget, args=(run_id,))


def show_progress(run_id: str, was: str) -> None:
    """Progress of the run, drawn again every few seconds while it trains."""
    run = run_catalog.run_or_none(run_id)
    if run is None or run.state != was:
        st.rerun()  # the whole page: controls, table and charts change with the state
        return
    with st.container(horizontal=True, vertical_alignment="center", key="progress-head"):
        st.subheader(plain(run.name), anchor=False, width="content")
        layout.state_badge(shown_state(run))
        with st.container(horizontal=True, horizontal_alignment="right"):
            controls(run)
    failure = run.reason or run_catalog.trainer().snapshot().failures.get(run_id)
    if run.state in ("failed", "broken", "interrupted") and failure:
        failures.tell(failure)
    elif run.state == "interrupted":
        st.info(
            "The training was interrupted. Resume it from its last checkpoint.",
            icon=":material/power_off:",
        )
    if run.config is None:
        return
    if run.state in ACTIVE_STATES and run.training:
        st.progress(*_bar(run.progress, run.training.epochs))
    with st.container(horizontal=True, key="progress-figures"):
        _figures(run)
    machine = trained_on(run.environment, is_active=run.state in ACTIVE_STATES)
    if run.training and machine:
        st.caption(plain(machine))


def _bar(progress: Progress, epochs: int) -> tuple[float, str]:
    """How full the progress bar is, in [0, 1], and the text above it."""
    if progress.phase in ("preparing data", "evaluating"):  # takes minutes for a large network
        text = f"{progress.phase.capitalize()}: {percent(progress.phase_fraction, 0)}"
        return progress.phase_fraction, text
    if progress.step == 0:
        return 0.0, "Starting…"
    if progress.step == progress.steps:
        return 1.0, "Evaluating…"
    text = (
        f"Epoch {progress.epoch} of {epochs} · step {progress.step:,} of {progress.steps:,} · "
        f"{percent(progress.fraction, 0)}"
    )
    return progress.fraction, text


def _figures(run: Run) -> None:
    """Times, speed and accuracies."""
    progress, best = run.progress, run.history.selected
    elapsed = "Training of all members" if run.members else "Elapsed"
    st.metric(elapsed, duration(progress.seconds), width="content")
    if run.state in ACTIVE_STATES:
        st.metric("Remaining", duration(progress.remaining), width="content")
        pace = progress.images_per_second
    else:
        pace = run.history.epochs[-1].images_per_second if run.history.epochs else 0.0
    if not run.members:
        st.metric("Images per second", f"{pace:,.0f}" if pace else "–", width="content")
    st.metric(_accuracy_title(run), percent(best.accuracy) if best else "–", width="content")
    if run.state in ACTIVE_STATES or run.config is None or run.config.protocol == "notebook":
        return
    test, with_tta = (cache.accuracy(p) for p in (run.evaluation_path("test"), run.tta_path))
    if test is not None:
        st.metric("Test accuracy", percent(test), width="content")
    if with_tta is not None:
        st.metric("Test accuracy with TTA", percent(with_tta), width="content")


def show_seeds(run: Run) -> None:
    """Mean and spread over the seeds of a run's group, if it is one of several."""
    alike = siblings(run, run_catalog.own_runs())
    same = one_a_seed(other for other in alike if other.state == "finished")
    known = [best for r in same if (best := r.history.selected)]
    if len(known) < 2 or run.annotations.group is None:
        return
    spread = spread_in_words(Spread.of([best.accuracy for best in known]))
    with st.container(horizontal=True, vertical_alignment="center", key="run-seeds-told"):
        st.markdown(
            f":material/casino: One of several seeds: **{plain(run.annotations.group)}**, "
            f"{known[0].split} accuracy {spread}.",
            width="content",
        )
        st.button(
            "Compare them", key=f"compare-seeds-{run.run_id}", type="tertiary",
            on_click=_compare_seeds, args=([r.run_id for r in same],),
        )  # fmt: skip


def _compare_seeds(run_ids: list[str]) -> None:
    session.change(runs=tuple(run_ids[:MAX_COMPARED]), panel="Seeds")
    session.go_to("compare")


def _accuracy_title(run: Run) -> str:
    best = run.history.selected
    if best is None:
        return "Accuracy"
    if best.split == "train":
        return "Accuracy on training images"
    if run.members:
        return f"{best.split.capitalize()} accuracy"
    return f"{'Last' if run.history.checkpoint == 'last' else 'Best'} {best.split} accuracy"


def _draw_curves(run: Run, config: TrainConfig, shown: tuple[int, int] | None) -> None:
    """The two charts; `shown` is the first and the last epoch, None for all."""
    history = run.history
    measured = MEASURED_ON[monitored_split(config.protocol)]
    first, second = st.columns(2, gap="medium")
    first.markdown("**Loss** (cross-entropy, nats)")
    first.echarts_chart(
        charts.loss_curves(
            history,
            monitored=measured,
            epochs_after=partial(config.epochs_after, steps=run.progress.steps),
            shown=shown,
        ),
        key="loss",
        height=320,
        renderer="svg",
        alt="Training and monitored loss over the epochs",
    )
    second.markdown("**Accuracy** (%)")
    if history.epochs:
        second.echarts_chart(
            charts.accuracy_curves(history, monitored=measured, shown=shown),
            key="accuracy",
            height=320,
            renderer="svg",
            alt="Training and monitored accuracy over the epochs",
        )
    else:
        second.caption("Available after the first epoch.")


def show_curves(run_id: str) -> None:
    """Loss and accuracy so far, with an explanation."""
    run = run_catalog.run_or_none(run_id)
    if run is None or run.training is None:
        return
    history = run.history
    if not history.steps and not history.epochs:
        if run.state in ACTIVE_STATES:
            st.caption(f"The curves start after {run.training.log_every} steps.")
        else:
            st.caption("This run has no history.")
        return
    config, epochs = run.training, run.training.epochs
    shown = st.session_state.get(f"epochs-shown-{run_id}")
    if shown == (0, epochs):
        shown = None
    _draw_curves(run, config, shown)
    with st.container(horizontal=True, vertical_alignment="center", key="curves-foot"):
        st.caption(
            f"{counted(len(history.steps), 'logged step')}, "
            f"{counted(len(history.epochs), 'evaluated epoch')}.",
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
                help="Zoom in on a part of the run. The zoom stays while the curves grow.",
            )
    for remark in curves_in_words(history):
        title = remark.title and f"**{remark.title}**"
        st.markdown(f":material/{remark.icon}: {title}{remark.text}")
    if config.label_smoothing or config.batch_mix:
        st.caption(
            "Only training loss is measured with smoothed labels or mixed images. Compare the "
            "trends, not the values."
        )


def show_members(run: Run) -> None:
    """Members of an ensemble; selecting a row opens the member."""
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
                "Member": member.name if member else f"{run_id} (deleted)",
                "Test accuracy": None if test is None else 100 * test,
                "Accuracy": 100 * best.accuracy if best else None,
                "Model": describe(*member.config.models).title if member and member.config else "–",
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
                format="%.2f%%", help="On the monitored split."
            ),
            "Test accuracy": st.column_config.NumberColumn(format="%.2f%%"),
        },
        alt="The members of the ensemble; select a row to open one",
    )
    st.caption(
        "An ensemble is not trained: it averages the probabilities of its members. It has no "
        "training curves. Select a row to open a member."
    )


def run_details(run: Run) -> None:
    """Log of events, settings and versions of a run."""
    with st.expander("Log of events", icon=":material/list:"), failures.shown():
        events = run.read_events()
        lines = [
            f"{layout.moment(event.time, '%Y-%m-%d %H:%M:%S')}  {event.text}"
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
