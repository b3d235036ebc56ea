"""What the Compare page shows: all evaluated runs, and the selected ones side by side."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from fmnist import paths
from fmnist.dashboard import cache, failures, filter_bar, report_button, run_catalog, session
from fmnist.dashboard.confusion import panels as confusion_panels
from fmnist.dashboard.context import watch
from fmnist.dashboard.selection import MAX_COMPARED, Selection
from fmnist.errors import sentence
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.models.sizes import total
from fmnist.reports import charts
from fmnist.runs.names import distinct_names
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import plain


@dataclass(frozen=True, eq=False)
class RunComparison:
    """All runs and the selected ones.

    Attributes
    ----------
    entries : sequence of LeaderboardRow
        All evaluated runs, and those that cannot be read.
    chosen : sequence of LeaderboardRow
        The runs side by side, in the order of selection.
    selection : Selection
    """

    entries: Sequence[LeaderboardRow]
    chosen: Sequence[LeaderboardRow]
    selection: Selection

    @cached_property
    def measured(self) -> list[LeaderboardRow]:
        """The runs that can be selected."""
        return [entry for entry in self.entries if entry.is_measured]

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the selected runs."""
        return [entry.run_id for entry in self.chosen]

    @cached_property
    def colors(self) -> Mapping[str, str]:
        """Colors of the selected runs, by id."""
        known = sorted(self.entries, key=lambda entry: (entry.run.created, entry.run_id))
        return charts.run_colors(self.ids, [entry.run_id for entry in known])

    @cached_property
    def pair(self) -> tuple[LeaderboardRow, LeaderboardRow] | None:
        """The open and the compared run, else the first two selected; None with fewer than two."""
        selection = self.selection
        by_id = {entry.run_id: entry for entry in self.chosen}
        first = by_id.get(selection.run or "") or next(iter(self.chosen), None)
        others = [entry for entry in self.chosen if entry is not first]
        second = by_id.get(selection.compared or "")
        if second is None or second is first:
            second = next(iter(others), None)
        return (first, second) if first and second else None


def _entry(run: Run, name: str) -> LeaderboardRow:
    if run.state == "broken" or run.config is None:
        return LeaderboardRow(run, name, problem=run.reason or "its files cannot be read.")
    try:
        answers = cache.correctness(run)
    except failures.EXPECTED as error:
        problem = sentence(error, "Its evaluation cannot be read")
        return LeaderboardRow(run, name, problem=problem)
    return LeaderboardRow(run, name, answers, total(run.config.models, cache.model_sizes()))


def gather_comparison() -> RunComparison:
    """Read all runs, and pick those that the selection names."""
    runs = run_catalog.all_runs()
    names = distinct_names(runs)
    listed = [_entry(run, names[run.run_id]) for run in runs]
    entries = [entry for entry in listed if entry.is_measured or entry.problem]
    by_id = {entry.run_id: entry for entry in entries if entry.is_measured}
    selection = session.selection()
    wanted = [run_id for run_id in selection.runs if run_id in by_id]
    if not wanted:
        shipped = [run.run_id for run in run_catalog.shipped_runs()]
        wanted = [run_id for run_id in (selection.run, selection.compared, *shipped) if run_id]
    ids = [run_id for run_id in dict.fromkeys(wanted) if run_id in by_id]
    if not selection.runs and len(ids) < 2:
        # without shipped models: the newest runs
        ids = list(dict.fromkeys([*ids, *list(by_id)[:2]]))
    return RunComparison(entries, [by_id[run_id] for run_id in ids[:MAX_COMPARED]], selection)


def choose(ids: Iterable[str]) -> None:
    """Select runs, at most `MAX_COMPARED`."""
    run_ids = tuple(ids)
    if len(run_ids) > MAX_COMPARED:
        st.toast(
            f"At most {MAX_COMPARED} runs can be compared. Only the first ones are selected.",
            icon=":material/compare_arrows:",
        )
    session.change(runs=run_ids[:MAX_COMPARED])


def toggle(comparison: RunComparison, run_id: str) -> None:
    """Add a run to the selected ones, or remove it."""
    if run_id in comparison.ids:
        choose(other for other in comparison.ids if other != run_id)
    else:
        choose([*comparison.ids, run_id])


def show_controls(comparison: RunComparison) -> None:
    """Select box for runs, actions on them, and the legend."""
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
        help="Also selected by the rows of the table. If empty: the open run, the compared run and "
        "the shipped models.",
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
                help="Show the difference of the two runs on the Confusion page.",
            )
            st.button(
                "Make an ensemble",
                key="make-ensemble",
                icon=":material/group_work:",
                on_click=make_ensemble,
                args=([entry.run for entry in comparison.chosen],),
                help="Make a run that averages the probabilities of the runs side by side. They "
                "need weights, the same data and the same protocol.",
            )
            report_button.show(
                [entry.run for entry in comparison.chosen],
                "Report",
                help="Download the comparison of the runs side by side as one HTML file to read, "
                "send and print. Written in a few seconds, when you press it.",
            )
            st.caption(
                f"{plain(first.name)} versus {plain(second.name)}. Select another pair under "
                "*Significance*.",
                width="content",
            )
        filter_bar.undo_button()
    problem = st.session_state.pop("ensemble-error", None)
    if problem:
        failures.tell(problem)
    legend(comparison)
    for entry in comparison.chosen:
        if entry.run.state in ACTIVE_STATES:
            watch(entry.run)


def make_ensemble(members: Sequence[Run]) -> None:
    """Make an ensemble of runs, and add it to the selected runs."""
    from fmnist.training.ensemble import combine  # torch, which takes seconds

    ids = [run.run_id for run in members]
    with failures.kept("ensemble-error"):
        with session.once("ensemble", *ids) as is_first:
            if not is_first:
                return
            made = combine(members, paths.runs_folder())
        choose([made.run_id, *ids])


def legend(comparison: RunComparison) -> None:
    """The color of each selected run, the same in all charts."""
    # HTML, since Markdown lacks the colors of the charts
    marks = [
        f'<span style="display: inline-block; margin-right: 1.2rem; font-size: 0.9rem">'
        f'<span style="color: {comparison.colors[entry.run_id]}" aria-hidden="true">⬤</span> '
        f"{html.escape(entry.name)} <small>{entry.protocol}</small></span>"
        for entry in comparison.chosen
    ]
    with st.container(key="compare-legend"):
        st.html("<div>" + " ".join(marks) + "</div>")


def count_missing_sizes(comparison: RunComparison) -> None:
    """Count the sizes of models that are not known yet; call it last, since it takes seconds."""
    counted = [e.run.config.models for e in comparison.measured if e.run.config and e.size is None]
    names = {model for models in counted for model in models}
    if names:
        with st.spinner("Counting the parameters of the models, once…"):
            cache.count_models(sorted(names))
        st.rerun()
