"""A sweep on the page: progress, the best so far, charts, the runs, the one that is measured."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import cache, failures, layout, notices, run_catalog, session
from fmnist.dashboard.sweeps.gathering import ShownSweep, SweepState, gather, workers
from fmnist.dashboard.sweeps.origin import show_measuring
from fmnist.notices.notice import key_of_sweep
from fmnist.reports import charts
from fmnist.reports.charts import TrialCurve, TriedSetting
from fmnist.reports.text import counted, duration, percent
from fmnist.runs.config import TrainConfig
from fmnist.runs.names import distinct_labels
from fmnist.sweeps.budget import set_budget
from fmnist.sweeps.space import Options, in_order, in_words
from fmnist.sweeps.sweep import Sweep, delete_sweep, list_sweeps
from fmnist.text import plain

if TYPE_CHECKING:
    from fmnist.sweeps.trials import Trial

POLL_SECONDS: Final = 2.0
ERROR: Final = "sweep-shown-error"

_BADGES: Final[dict[SweepState, tuple[str, str, str]]] = {
    "running": ("Running", "green", ":material/play_arrow:"),
    "stopping": ("Stopping…", "orange", ":material/stop:"),
    "stopped": ("Stopped", "gray", ":material/stop:"),
    "finished": ("Finished", "blue", ":material/check:"),
}
_ROWS: Final = 10
_MORE_RUNS: Final = 10
_MORE_MINUTES: Final = 10.0


def choose() -> Sweep | None:
    """The sweep that is shown, from a list of all; None without any."""
    found = {sweep.sweep_id: sweep for sweep in list_sweeps()}
    if not found:
        return None
    wanted = session.selection().sweep
    if wanted is not None and wanted not in found:
        st.warning(
            "The sweep of the address is gone: the newest is shown.", icon=":material/link_off:"
        )
    labels = distinct_labels(
        {key: f"{sweep.name} ({layout.moment(sweep.created)})" for key, sweep in found.items()}
    )
    shown = wanted if wanted in found else next(iter(found))
    st.session_state["sweep-picker"] = shown  # not by sync_widget: labels may change
    st.selectbox(
        "Sweep shown", list(found), key="sweep-picker", format_func=labels.__getitem__,
        on_change=lambda: session.change(sweep=st.session_state["sweep-picker"]),
    )  # fmt: skip
    return found[shown]


def show(sweep: Sweep) -> None:
    """All of a sweep, drawn again every few seconds while it runs."""
    shown = None
    with failures.shown():
        shown = gather(sweep)
    if shown is None:
        _show_deleting(sweep, sweep.workers())
        return
    is_live = shown.workers > 0
    with st.container(border=True, key=f"sweep-{sweep.sweep_id}"):
        failures.fragment(_show_live, run_every=POLL_SECONDS if is_live else None)(
            sweep, shown.state, session.selection().run
        )
        if not is_live:
            with failures.shown():
                _show_more(shown)
                _show_measuring(shown)
        _show_details(shown)


def _show_live(sweep: Sweep, was: SweepState, was_run: str | None) -> None:
    shown = gather(sweep)
    if shown.state != was or session.selection().run != was_run:
        st.rerun()  # the whole page: buttons and the sidebar change with it
    _show_head(shown)
    if not shown.trials:
        st.caption("The first run is being prepared…" if shown.workers else "No run has begun yet.")
        return
    _show_best(shown)
    _show_charts(shown)
    _show_runs(shown)


def _show_head(shown: ShownSweep) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="sweep-head"):
        st.subheader(plain(shown.sweep.name), anchor=False, width="content")
        text, color, icon = _BADGES[shown.state]
        st.badge(text, color=color, icon=icon)  # type: ignore[arg-type]
        with st.container(horizontal=True, horizontal_alignment="right"):
            if shown.workers:
                st.button(
                    "Stop", key=f"sweep-stop-{shown.sweep.sweep_id}", icon=":material/stop:",
                    on_click=_stop, args=(shown.sweep,), disabled=shown.state == "stopping",
                    help="The run that trains is saved; the sweep goes on with it when you resume.",
                )  # fmt: skip
            elif shown.state == "stopped":
                st.button(
                    "Resume", key=f"sweep-resume-{shown.sweep.sweep_id}", type="primary",
                    icon=":material/play_arrow:", on_click=_resume, args=(shown.sweep,),
                )  # fmt: skip
    error = st.session_state.pop(ERROR, None) or (None if shown.workers else shown.error)
    if error:
        failures.tell(error)
    st.progress(*_bar(shown))


def _bar(shown: ShownSweep) -> tuple[float, str]:
    """How full the progress bar is, in [0, 1], and its text."""
    done, minutes = shown.ended, shown.plan.minutes
    share = done / shown.limit if shown.limit else 0.0
    text = f"{done} of {counted(shown.limit, 'run')}" if shown.limit else counted(done, "run")
    if minutes is not None:
        share = max(share, min(shown.seconds / 60 / minutes, 1.0))
        text += f", {duration(shown.seconds)} of {duration(60 * minutes)} of training"
    text += " done"
    running = [trial.number + 1 for trial in shown.trials if trial.state == "running"]
    if running and shown.workers:
        text += f"; training: run {', '.join(map(str, running))}"
    return (1.0 if shown.state == "finished" else min(share, 1.0)), text


def _show_best(shown: ShownSweep) -> None:
    counts = Counter(trial.state for trial in shown.trials)
    best = shown.best
    with st.container(horizontal=True, key="sweep-figures"):
        value = percent(best.value) if best and best.value is not None else "–"
        st.metric("Best validation accuracy", value, width="content")
        for state in ("finished", "pruned", "failed"):
            if counts[state] or state == "finished":
                st.metric(f"Runs {state}", counts[state], width="content")
        st.metric("Training time", duration(shown.seconds), width="content")
    if best is not None:
        st.markdown(
            f":material/trophy: Best so far: **run {best.number + 1}** with {_words(best)}."
        )


def _words(trial: "Trial") -> str:
    """The values of a trial, in Markdown."""
    settings = TrainConfig.settings()
    return ", ".join(
        f"{settings[name].title.lower()} **{plain(in_words(name, value))}**"
        for name, value in trial.params.items()
    )


def _curves(shown: ShownSweep) -> list[TrialCurve]:
    names = in_order(shown.plan.space)
    return [
        TrialCurve(
            f"Run {trial.number + 1}",
            trial.state,
            trial.accuracies,
            trial.value
            if trial.value is not None
            else max(trial.accuracies.values(), default=None),
            [_drawn(name, trial.params.get(name), shown) for name in names],
        )
        for trial in shown.trials
    ]


def _drawn(name: str, value: Any, shown: ShownSweep) -> float | str | None:
    is_list = isinstance(shown.plan.space[name], Options)
    return in_words(name, value) if is_list and value is not None else value


def _axes(shown: ShownSweep) -> list[TriedSetting]:
    settings, axes = TrainConfig.settings(), []
    for name in in_order(shown.plan.space):
        search, title = shown.plan.space[name], settings[name].title
        if isinstance(search, Options):
            words = [settings[name].in_words(value) for value in search.values]  # noqa: PD011
            axes.append(TriedSetting(title, options=words))
        else:
            axes.append(TriedSetting(title, search.low, search.high, search.log))
    return axes


def _show_charts(shown: ShownSweep) -> None:
    from fmnist.sweeps.trials import LEAST_FOR_IMPORTANCE

    trials, sweep_id = _curves(shown), shown.sweep.sweep_id
    best = shown.best.number if shown.best else None
    opened = shown.trial_of_run(session.selection().run)
    marks = {"best": best, "chosen": opened.number if opened else None}
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Validation accuracy** (%) by epoch")
        key = f"sweep-curves-{sweep_id}"
        st.echarts_chart(
            charts.sweep_curves(trials, **marks), key=key, height=320, renderer="svg",
            on_select=partial(_pick, key, shown), alt="Validation accuracy of each run by epoch",
        )  # fmt: skip
    with right:
        st.markdown("**Which settings matter**")
        if shown.importance:
            titles = {name: TrainConfig.settings()[name].title for name in shown.importance}
            shares = {titles[name]: share for name, share in shown.importance.items()}
            st.echarts_chart(
                charts.importance_bars(shares), key=f"sweep-importance-{sweep_id}",
                height=max(120, 60 + 40 * len(shares)), renderer="svg",
                alt="How much each setting matters",
            )  # fmt: skip
            st.caption(
                "How much the values of the best quarter of the finished runs differ from those of "
                "all (PED-ANOVA, Watanabe et al. 2023). With few runs, a hint only."
            )
        else:
            st.caption(f"Known once {LEAST_FOR_IMPORTANCE} runs have finished.")
    st.markdown("**Values that were tried**, a line a run")
    key = f"sweep-values-{sweep_id}"
    st.echarts_chart(
        charts.tried_settings(_axes(shown), trials, **marks), key=key, height=320, renderer="svg",
        on_select=partial(_pick, key, shown),
        alt="Parallel coordinates: the settings of each run and its validation accuracy",
    )  # fmt: skip
    st.caption(
        "Green: the best run. Faded: pruned or failed. Among the values, from yellow to blue: from "
        "the lowest to the highest accuracy. Click a line to open its run on all pages; drag along "
        "an axis of the values to keep only the runs that pass there."
    )


def _pick(key: str, shown: ShownSweep) -> None:
    """Open the run whose line was clicked."""
    chosen = st.session_state[key].selection.selected
    now = {entry["series_id"] for entry in chosen if entry["data_indices"]}
    # a second click on a line takes it out of the chart's own selection
    changed = now ^ st.session_state.get(f"{key}-before", set())
    st.session_state[f"{key}-before"] = now
    if len(changed) == 1:
        _open(shown.trials[int(changed.pop())])


def _open(trial: "Trial") -> None:
    if trial.run_id is None:
        return
    if run_catalog.run_or_none(trial.run_id) is None:
        st.session_state[ERROR] = f"Run {trial.number + 1} has been deleted; it cannot be opened."
        return
    session.select_run(trial.run_id)


def _show_runs(shown: ShownSweep) -> None:
    names = in_order(shown.plan.space)
    settings = TrainConfig.settings()
    rows = [_row(trial, names, shown) for trial in shown.trials]
    key = f"sweep-runs-{shown.sweep.sweep_id}"
    st.dataframe(
        pd.DataFrame(rows).rename(
            columns=distinct_labels({name: settings[name].title for name in names})
        ),
        key=key,
        hide_index=True,
        placeholder="–",
        on_select=lambda: _open_row(key, shown.trials),
        selection_mode="single-row",
        height=38 + 35 * min(len(rows), _ROWS),
        column_config={
            "Validation %": st.column_config.NumberColumn(
                format="%.2f",
                help="Of the epoch whose weights are saved; of a pruned run, of its last epoch.",
            ),
        },
        alt="The runs of the sweep; select a row to open one",
    )
    opened = shown.trial_of_run(session.selection().run)
    with st.container(horizontal=True, vertical_alignment="center", key="sweep-opened"):
        if opened is None:
            st.caption("Select a row, or click a line, to open its run on all pages.")
            return
        st.markdown(
            f"**Run {opened.number + 1}** is shown on all pages: {_words(opened)}.", width="content"
        )
        st.page_link("pages/train.py", label="Its training", icon=":material/model_training:")
        st.page_link("pages/confusion.py", label="Confusion matrix", icon=":material/grid_on:")


def _row(trial: "Trial", names: Sequence[str], shown: ShownSweep) -> dict[str, Any]:
    value = trial.value if trial.value is not None else max(trial.accuracies.values(), default=None)
    state = "waiting" if trial.state == "running" and not shown.workers else trial.state
    return {
        "Run": trial.number + 1,
        "State": state.capitalize() + ", deleted" * (trial.number in shown.deleted),
        "Validation %": None if value is None else 100 * value,
        "Epochs": len(trial.accuracies),
        **{name: in_words(name, trial.params.get(name)) for name in names},
        "Time": duration(trial.seconds) if trial.seconds else None,
        "Why it ended": trial.reason or None,
    }


def _open_row(key: str, trials: "Sequence[Trial]") -> None:
    rows = st.session_state[key].selection.rows
    if rows and rows[0] < len(trials):
        _open(trials[rows[0]])


def _show_more(shown: ShownSweep) -> None:
    """What lets a sweep that has ended go on: further runs, or minutes."""
    if shown.state != "finished" or shown.sweep.measured_run() is not None:
        return
    if shown.is_exhausted:
        st.caption("All combinations of these values have been tried.")
        return
    plan, sweep_id = shown.plan, shown.sweep.sweep_id
    least = int(plan.runs is None or plan.minutes is None)  # of two budgets, one may stay
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep-more"):
        if plan.runs is not None:
            st.number_input(
                "Further runs", least, 10_000, _MORE_RUNS, key=f"sweep-more-runs-{sweep_id}",
                width=130,
            )  # fmt: skip
        if plan.minutes is not None:
            st.number_input(
                "Further minutes", float(least), 1e5, _MORE_MINUTES,
                key=f"sweep-more-minutes-{sweep_id}", width=150,
            )  # fmt: skip
        st.button(
            "Train more", key=f"sweep-more-{sweep_id}", icon=":material/add:", on_click=_train_more,
            args=(shown,), help="The sweep goes on, and learns from the runs it has.",
        )  # fmt: skip


def _show_measuring(shown: ShownSweep) -> None:
    """The one run that is measured on the test images, or the button that measures it."""
    chosen = shown.trial_of_run(shown.sweep.measured_run())
    if chosen is not None and chosen.number in shown.deleted:
        st.caption(
            f"Run {chosen.number + 1} was chosen to be measured on the test images. It has been "
            "deleted, and no other run can be measured."
        )
        return
    trial = chosen or shown.best_kept
    run = run_catalog.run_or_none(trial.run_id) if trial else None
    if trial is None or run is None:
        return
    accuracy = cache.accuracy(run.evaluation_path("test"))
    if accuracy is not None:
        st.markdown(
            f":material/verified: **Run {trial.number + 1}** was chosen, and measured once: test "
            f"accuracy **{percent(accuracy)}** (held-out protocol)."
        )
        return
    show_measuring(
        run,
        f"Measure run {trial.number + 1} on the test images",
        f"The best on validation{_but_deleted(trial, shown)}. Once, and no other run of this "
        "sweep: choosing by the test images would make the figure optimistic.",
    )


def _but_deleted(trial: "Trial", shown: ShownSweep) -> str:
    best = shown.best
    if best is None or best.number not in shown.deleted or trial.number == best.number:
        return ""
    return f" but run {best.number + 1}, which has been deleted"


def _show_details(shown: ShownSweep) -> None:
    sweep, plan = shown.sweep, shown.plan
    with st.expander("More workers, settings, delete", icon=":material/more_horiz:"):
        st.markdown(
            "One more worker, in a terminal here or on a host that shares the folder "
            f"`{plain(str(paths.artifacts_folder()))}`:"
        )
        st.code(f"python -m fmnist sweep --resume {sweep.sweep_id}", language=None)
        settings = TrainConfig.settings()
        tried = {settings[name].title: str(search) for name, search in plan.space.items()}
        st.json(
            {
                "tried": tried,
                "budget": {"runs": plan.runs, "minutes": plan.minutes},
                "sampler": plan.sampler,
                "pruner": plan.pruner,
                "other settings": plan.base.to_json(),
            },
            expanded=1,
        )
        _show_deleting(sweep, shown.workers)


def _show_deleting(sweep: Sweep, workers: int) -> None:
    st.button(
        "Delete the sweep", key=f"sweep-delete-{sweep.sweep_id}", icon=":material/delete:",
        on_click=_delete, args=(sweep,), disabled=workers > 0, help="Its runs stay.",
    )  # fmt: skip


def _stop(sweep: Sweep) -> None:
    with failures.kept(ERROR):
        sweep.stop()


def _resume(sweep: Sweep) -> None:
    with failures.kept(ERROR), session.once("sweep-resume", sweep.sweep_id) as is_first:
        if is_first:
            notices.hand_over(key_of_sweep(sweep.sweep_id))
            workers().start(sweep)


def _train_more(shown: ShownSweep) -> None:
    sweep, plan = shown.sweep, shown.plan
    with failures.kept(ERROR), session.once("sweep-more", sweep.sweep_id) as is_first:
        if not is_first:
            return
        # runs that began in time may have taken longer than the budget
        trained = max(plan.minutes or 0.0, shown.seconds / 60)
        further = f"sweep-more-{{}}-{sweep.sweep_id}".format
        runs = plan.runs and plan.runs + st.session_state[further("runs")]
        minutes = plan.minutes and trained + st.session_state[further("minutes")]
        enlarged = set_budget(sweep, runs=runs, minutes=minutes)
        notices.hand_over(key_of_sweep(sweep.sweep_id))
        workers().start(enlarged)


def _delete(sweep: Sweep) -> None:
    with failures.kept(ERROR):
        delete_sweep(sweep)
        session.change(sweep=None)
