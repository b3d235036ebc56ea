"""What the Compare page shows: all runs that were measured, and those that stand side by side."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from fmnist import paths
from fmnist.dashboard import cache, filter_bar, run_catalog, session
from fmnist.dashboard.confusion import panels as confusion_panels
from fmnist.dashboard.context import watch
from fmnist.dashboard.selection import MAX_COMPARED
from fmnist.evaluation import leaderboard
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.reports import charts
from fmnist.runs.run import ACTIVE_STATES, Run, RunError


@dataclass(frozen=True, eq=False)
class RunComparison:
    """The runs that there are, and the chosen ones.

    Attributes
    ----------
    entries : sequence of LeaderboardRow
        All runs that were measured, and those that cannot be.
    chosen : sequence of LeaderboardRow
        Side by side, in the order they were chosen.
    """

    entries: Sequence[LeaderboardRow]
    chosen: Sequence[LeaderboardRow]

    @cached_property
    def measured(self) -> list[LeaderboardRow]:
        """The runs that can be chosen."""
        return [entry for entry in self.entries if entry.is_measured]

    @cached_property
    def ids(self) -> list[str]:
        """Of the chosen."""
        return [entry.run_id for entry in self.chosen]

    @cached_property
    def colors(self) -> Mapping[str, str]:
        """Of the chosen, by id."""
        known = sorted(self.entries, key=lambda entry: (entry.run.created, entry.run_id))
        return charts.run_colors(self.ids, [entry.run_id for entry in known])

    @cached_property
    def pair(self) -> tuple[LeaderboardRow, LeaderboardRow] | None:
        """The open run and the compared one, or else the first two; None where there are no two."""
        chosen = session.selection()
        by_id = {entry.run_id: entry for entry in self.chosen}
        first = by_id.get(chosen.run or "") or next(iter(self.chosen), None)
        others = [entry for entry in self.chosen if entry is not first]
        second = by_id.get(chosen.compared or "")
        if second is None or second is first:
            second = next(iter(others), None)
        return (first, second) if first and second else None


def _entry(run: Run, name: str) -> LeaderboardRow:
    if run.state == "broken" or run.config is None:
        return LeaderboardRow(run, name, problem=run.reason or "It cannot be read.")
    try:
        answers = cache.answers(run)
    except (ValueError, OSError) as error:
        return LeaderboardRow(run, name, problem=f"Its evaluation cannot be read: {error}")
    return LeaderboardRow(run, name, answers, cache.model_sizes().get(run.config.model))


def current() -> RunComparison:
    """The runs as they are now, and those that the selection names."""
    runs = run_catalog.all_runs()
    names = leaderboard.unique_names(runs)
    listed = [_entry(run, name) for run, name in zip(runs, names, strict=True)]
    entries = [entry for entry in listed if entry.is_measured or entry.problem]
    by_id = {entry.run_id: entry for entry in entries if entry.is_measured}
    selection = session.selection()
    wanted = [run_id for run_id in selection.runs if run_id in by_id]
    if not wanted:
        shipped = [run.run_id for run in run_catalog.shipped_runs()]
        wanted = [run_id for run_id in (selection.run, selection.compared, *shipped) if run_id]
    ids = [run_id for run_id in dict.fromkeys(wanted) if run_id in by_id]
    if not selection.runs and len(ids) < 2:
        # not even a shipped model: the newest runs are as good as any
        ids = list(dict.fromkeys([*ids, *list(by_id)[:2]]))
    return RunComparison(entries, [by_id[run_id] for run_id in ids[:MAX_COMPARED]])


def choose(ids: Iterable[str]) -> None:
    """Put runs side by side, as many as there are colors."""
    kept = tuple(ids)
    if len(kept) > MAX_COMPARED:
        st.toast(
            f"{MAX_COMPARED} runs stand side by side at most: the first ones chosen.",
            icon=":material/compare_arrows:",
        )
    session.change(runs=kept[:MAX_COMPARED])


def toggle(comparison: RunComparison, run_id: str) -> None:
    """Put a run beside the others, or take it away."""
    if run_id in comparison.ids:
        choose(other for other in comparison.ids if other != run_id)
    else:
        choose([*comparison.ids, run_id])


def controls(comparison: RunComparison) -> None:
    """The choice of runs without the table, the way to two runs' matrix, and all colors."""
    names = {entry.run_id: entry.name for entry in comparison.measured}
    session.sync_widget("compare-runs", comparison.ids)
    st.multiselect(
        "Runs side by side",
        list(names),
        key="compare-runs",
        format_func=names.__getitem__,
        max_selections=MAX_COMPARED,
        select_all=False,
        wrap=True,
        help="As the rows chosen in the table. None chosen: the open run, the compared one, and "
        "the models that came with the app.",
        on_change=lambda: choose(st.session_state["compare-runs"]),
    )
    with st.container(horizontal=True, vertical_alignment="center", key="compare-actions"):
        if comparison.pair:
            first, second = comparison.pair
            st.button(
                "Two-run confusion matrix",
                key="compare-matrix",
                icon=":material/grid_on:",
                on_click=confusion_panels.open_two_runs,
                args=(first.run_id, second.run_id),
                help="Their difference, on the Confusion page.",
            )
            st.button(
                "Make an ensemble",
                key="make-ensemble",
                icon=":material/group_work:",
                on_click=make_ensemble,
                args=([entry.run for entry in comparison.chosen],),
                help="A run whose probabilities are the mean of those of the runs side by side. "
                "They need their weights, the same data and the same protocol.",
            )
            st.caption(
                f"{first.name} against {second.name}; *Significance* below takes another pair.",
                width="content",
            )
        filter_bar.undo_button()
    problem = st.session_state.pop("ensemble-error", None)
    if problem:
        st.error(problem, icon=":material/error:")
    legend(comparison)
    for entry in comparison.chosen:
        if entry.run.state in ACTIVE_STATES:
            watch(entry.run)


def make_ensemble(members: Sequence[Run]) -> None:
    """Make a run of several, and put it beside them."""
    from fmnist.training.ensemble import combine  # torch, which takes seconds

    try:
        made = combine(members, paths.runs_folder())
    except (RunError, OSError) as error:
        st.session_state["ensemble-error"] = str(error)
        return
    choose([made.run_id, *(run.run_id for run in members)])


def legend(comparison: RunComparison) -> None:
    """The color of each chosen run, the same in all charts."""
    # the one legend of all panels, in the colors of the charts, which Markdown does not have
    marks = [
        f'<span style="display: inline-block; margin-right: 1.2rem; font-size: 0.9rem">'
        f'<span style="color: {comparison.colors[entry.run_id]}" aria-hidden="true">⬤</span> '
        f"{html.escape(entry.name)} <small>{entry.protocol}</small></span>"
        for entry in comparison.chosen
    ]
    with st.container(key="compare-legend"):
        st.html("<div>" + " ".join(marks) + "</div>")


def count_what_is_missing(comparison: RunComparison) -> None:
    """Count the sizes of models that are not known yet; last, since it takes a while once."""
    names = {e.run.config.model for e in comparison.measured if e.run.config and e.size is None}
    if names:
        with st.spinner("Counting the parameters of the networks, this once…"):
            cache.count_models(sorted(names))
        st.rerun()
