"""The tabs of the Compare page: curves, settings, size and time, classes, significance."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, get_args

import numpy as np
import pandas as pd
import streamlit as st

from fmnist.dashboard import layout, session
from fmnist.dashboard.compare.robustness import show_robustness
from fmnist.dashboard.compare.run_comparison import RunComparison, toggle
from fmnist.dashboard.compare.seeds import SeedGroup, seed_groups, show_seeds
from fmnist.dashboard.compare.slices import show_slices
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import SPLITS
from fmnist.evaluation import leaderboard, significance
from fmnist.evaluation.leaderboard import Axis, Curve, LeaderboardRow
from fmnist.reports import charts
from fmnist.reports.charts import Band, RunCurve, RunPoint
from fmnist.reports.sentences import (
    MONITORED_IN_WORDS,
    many_pairs_in_words,
    mcnemar_in_words,
    selected_on_test_in_words,
)
from fmnist.reports.text import counted, percent
from fmnist.runs.names import distinct_labels
from fmnist.text import plain

_PLOT: Final = {"displayModeBar": False}


def _choice(title: str, options: Sequence[str], field: str) -> None:
    """Buttons that set a field of the selection."""
    key = f"compare-{field}"
    session.sync_widget(key, getattr(session.selection(), field))
    st.segmented_control(
        title,
        options,
        key=key,
        format_func=str.capitalize,
        required=True,
        width="content",
        on_change=lambda: session.change(**{field: st.session_state[key]}),
    )


_SEED_LINES: Final[Mapping[str, Band | None]] = {
    "Mean ± SD": "deviation", "Mean, min–max": "range", "Each": None,
}  # fmt: skip
_BANDS_IN_WORDS: Final[Mapping[Band, str]] = {
    "deviation": "standard deviation", "range": "the lowest and the highest",
}  # fmt: skip


class _CurveView(NamedTuple):
    """How the curves are drawn."""

    training: bool
    close_up: bool
    log_axes: Sequence[str]
    smoothing: float


def _curve_view() -> _CurveView:
    """Switches beside the chart of curves."""
    training = st.toggle(
        "Training curves",
        value=True,
        key="compare-training",
        persist_state="session",
        help="Dotted: on the training images of each epoch, with dropout, while the weights "
        "change.",
    )
    close_up = st.toggle(
        "Close-up",
        value=True,
        key="compare-close-up",
        persist_state="session",
        help="Fit the y axis to the second half of each run, where the runs differ. Without it "
        "the steep start is visible too.",
    )
    logarithmic = st.pills(
        "Log axis",
        ("x", "y"),
        key="compare-log",
        selection_mode="multi",
        format_func=str.upper,
        persist_state="session",
        help="A logarithmic scale shows early epochs, or small losses, larger.",
    )
    smoothing = st.slider(
        "Smoothing",
        0.0,
        0.95,
        0.0,
        0.05,
        key="compare-smoothing",
        persist_state="session",
        width=160,
        help="Each value is averaged with those before it; the higher, the more. The measured "
        "values stay beside the smoothed line, thin.",
    )
    return _CurveView(training, close_up, logarithmic, smoothing)


def show_curves(comparison: RunComparison) -> None:
    """Loss or accuracy of all selected runs in one chart."""
    selection = session.selection()
    with st.container(horizontal=True, vertical_alignment="bottom", key="curve-controls"):
        _choice("Curve", get_args(Curve), "curve")
        _choice("X axis", get_args(Axis), "axis")
        groups, band = seed_groups(comparison.chosen), None
        if groups:
            shown = st.segmented_control(
                "Seeds",
                list(_SEED_LINES),
                default=next(iter(_SEED_LINES)),
                key="compare-seed-lines",
                required=True,
                width="content",
                persist_state="session",
                help="One line for the runs of a group that differ in the seed alone: the mean, "
                "with one standard deviation on each side, or from the lowest to the highest.",
            )
            band = _SEED_LINES[shown]
            groups = groups if band else []
        view = _curve_view()
    untrained = [plain(entry.name) for entry in comparison.chosen if entry.run.members]
    if untrained:
        st.caption(
            f":material/info: {', '.join(untrained)}: ensembles have no training curves; open a "
            "member."
        )
    drawn = [e for e in comparison.chosen if e.run.history.epochs and not e.run.members]
    if not drawn:
        st.caption("These runs have no training curves.")
        return
    st.echarts_chart(
        charts.run_curves(
            _run_curves(comparison, drawn, groups),
            curve=selection.curve,
            axis=selection.axis,
            with_training=view.training,
            close_up=view.close_up,
            smoothing=view.smoothing,
            log_axes=view.log_axes,
            band=band or "deviation",
        ),
        key="compare-curves",
        height=360,
        renderer="svg",
        alt=f"{selection.curve.capitalize()} of {counted(len(drawn), 'run')} by {selection.axis}",
    )
    st.caption(_curves_in_words(selection.curve, selection.axis, view, drawn))
    for group in groups:
        st.caption(
            f"**{plain(group.name)}**: mean and {_BANDS_IN_WORDS[band or 'deviation']} of "
            f"{counted(len(group.entries), 'seed')}, in the color of {plain(group.first.name)}."
        )


def _curves_in_words(
    curve: Curve, axis: Axis, view: _CurveView, drawn: Sequence[LeaderboardRow]
) -> str:
    """What the lines are, in Markdown."""
    splits = {entry.run.history.epochs[0].split for entry in drawn}
    measured = " or ".join(MONITORED_IN_WORDS[split] for split in SPLITS if split in splits)
    unit = "Accuracy in percent" if curve == "accuracy" else "Cross-entropy in nats"
    words = [f"{unit} after each epoch. Solid: {measured}"]
    words += [", smoothed; thin: as measured."] if view.smoothing else ["."]
    if view.training:
        words.append(" Dotted: training images, during the epoch")
        if curve == "loss" and axis != "epoch" and any(e.run.history.steps for e in drawn):
            words.append(", at each log entry")
            if view.smoothing:
                words.append(", smoothed. The band of a run spans the values that are averaged")
        words.append(".")
    return "".join(words)


def _run_curves(
    comparison: RunComparison, drawn: Sequence[LeaderboardRow], groups: Sequence[SeedGroup]
) -> list[RunCurve]:
    """A curve for each run; for the seeds of a group, one in the color of its first."""
    members = {entry.run_id: group for group in groups for entry in group.entries}
    curves = []
    for entry in drawn:
        group, color = members.get(entry.run_id), comparison.colors[entry.run_id]
        if group is None:
            curves.append(RunCurve(entry.name, color, entry.run.history))
        elif entry is group.first:
            others = tuple(other.run.history for other in group.entries[1:])
            name = f"{group.name}, {counted(len(group.entries), 'seed')}"
            curves.append(RunCurve(name, color, entry.run.history, others))
    return curves


def show_settings(comparison: RunComparison) -> None:
    """The settings in which the selected runs differ."""
    if len(comparison.chosen) < 2:
        st.caption("Select a second run to see which settings differ.")
        return
    rows = leaderboard.differences([entry.run for entry in comparison.chosen])
    if not rows:
        st.info(
            "These runs have the same settings, data and machine.",
            icon=":material/equal:",
        )
        return
    frame = pd.DataFrame(
        [row.texts for row in rows],
        columns=[entry.name for entry in comparison.chosen],
        index=pd.Index([row.setting for row in rows], name="Setting"),
    )
    st.dataframe(
        frame,
        key="compare-settings",
        height="content",
        column_config={"Setting": st.column_config.Column(width=130)},
        alt="Settings in which the runs differ, one column per run",
    )
    same = len(leaderboard.settings(comparison.chosen[0].run)) - len(rows)
    st.caption(f"{same} other settings are the same for all selected runs.")


def pick(comparison: RunComparison, key: str) -> None:
    """Select or deselect the run whose point was clicked."""
    points = st.session_state[key].selection.points
    if points:
        toggle(comparison, str(points[0]["customdata"][0]))


def _points(
    comparison: RunComparison, x_of: Callable[[LeaderboardRow], float | None]
) -> list[RunPoint]:
    return [
        RunPoint(
            e.run_id,
            e.name,
            x,
            accuracy,
            e.standard_error,
            e.protocol,
            comparison.colors.get(e.run_id),
        )
        for e in comparison.measured
        if (x := x_of(e)) and (accuracy := e.test_accuracy) is not None
    ]


def show_costs(comparison: RunComparison) -> None:
    """Test accuracy against the number of parameters and against the training time."""
    sides = (
        (
            "parameters",
            "Parameters (log)",
            lambda e: e.size.parameters if e.size else None,
            "parameters",
        ),
        ("minutes", "Training time in minutes (log)", lambda e: e.minutes, "minutes"),
    )
    for column, (name, title, x_of, unit) in zip(st.columns(2, gap="medium"), sides, strict=True):
        points = _points(comparison, x_of)
        if not points:
            column.caption(f"No run has both a test accuracy and a number of {name} yet.")
            continue
        # the chart's own selection would outlive ours: other runs need a new chart
        key = f"compare-{name}-{'-'.join(comparison.ids)}"
        with column.container(key=f"compare-{name}"):
            st.plotly_chart(
                charts.accuracy_against(points, title=title, unit=unit),
                key=key,
                config=_PLOT,
                on_select=lambda key=key: pick(comparison, key),
                selection_mode="points",
                alt=f"Test accuracy of {counted(len(points), 'run')} against {name}",
            )
    st.caption(
        "All evaluated runs: selected ones in color, others gray. Bars show one standard error. "
        "Click a point to add or remove a run. The epoch of notebook runs was selected on the test "
        "images, so their accuracy is optimistic. The training time depends on the device and its "
        "load."
    )


def _evaluated(entries: Sequence[LeaderboardRow]) -> list[LeaderboardRow]:
    """The selected runs with predictions for the test images; a caption names the others."""
    lacking = [plain(entry.name) for entry in entries if entry.correctness is None]
    if lacking:
        st.caption(
            ":material/hourglass_empty: Not evaluated on the test images yet: "
            f"{', '.join(lacking)}."
        )
    return [entry for entry in entries if entry.correctness is not None]


def show_classes(comparison: RunComparison) -> None:
    """Accuracy of each class, by run."""
    entries = _evaluated(comparison.chosen)
    if not entries:
        return
    accuracies = np.stack([e.correctness.class_accuracies for e in entries if e.correctness])
    left, right = st.columns([5, 6], gap="medium")
    left.plotly_chart(
        charts.class_accuracies(
            accuracies, [e.name for e in entries], [comparison.colors[e.run_id] for e in entries]
        ),
        key="compare-classes",
        config=_PLOT,
        alt="Accuracy of each class, one dot per run",
    )
    columns = {"Class": CLASS_NAMES, "Spread": 100 * np.ptp(accuracies, axis=0)}
    columns |= {e.run_id: 100 * row for e, row in zip(entries, accuracies, strict=True)}
    titles = {e.run_id: e.name for e in entries}
    frame = pd.DataFrame(columns).rename(
        columns=distinct_labels({key: titles.get(key, key) for key in columns})
    )
    right.dataframe(
        frame,
        key="compare-class-table",
        hide_index=True,
        height="content",
        column_config={"Class": st.column_config.TextColumn(pinned=True)}
        | {
            name: st.column_config.NumberColumn(format="%.1f")
            for name in frame.columns
            if name != "Class"
        },
        alt="Accuracy of each class in percent, one column per run",
    )
    right.caption(
        "Percent of the class's test images that are correct (recall). Spread: difference between "
        "the best and the worst run, in points."
    )
    others = [plain(e.name) for e in entries if not entries[0].on_same_images(e)]
    if others:
        right.caption(
            f"Evaluated on other images than {plain(entries[0].name)}: {', '.join(others)}."
        )


def change_pair(number: int, pair: tuple[LeaderboardRow, LeaderboardRow]) -> None:
    """Compare the pair of the select boxes; selecting the other box's run swaps the two."""
    title = ("first", "second")[number]
    ids = [entry.run_id for entry in pair]
    chosen: str = st.session_state[f"pair-{title}"]
    if chosen == ids[1 - number]:
        ids.reverse()
    else:
        ids[number] = chosen
    session.compare(*ids)


def choose_pair(comparison: RunComparison, pair: tuple[LeaderboardRow, LeaderboardRow]) -> None:
    """Select boxes for the two runs."""
    names = {entry.run_id: entry.name for entry in comparison.chosen}
    columns = st.columns(2, gap="medium")
    for number, (column, title) in enumerate(zip(columns, ("first", "second"), strict=True)):
        session.sync_widget(f"pair-{title}", pair[number].run_id)
        column.selectbox(
            f"{title.capitalize()} run",
            list(names),
            key=f"pair-{title}",
            format_func=names.__getitem__,
            on_change=change_pair,
            args=(number, pair),
        )


def show_significance(comparison: RunComparison) -> None:
    """Test whether one of two runs is significantly better."""
    if comparison.pair is None:
        st.caption("Select a second run to test for a significant difference.")
        return
    pair = comparison.pair
    choose_pair(comparison, pair)
    a, b = pair
    if a.correctness is None or b.correctness is None:
        _evaluated(pair)
        return
    if not a.on_same_images(b):
        st.warning(
            f"**{plain(a.name)}** and **{plain(b.name)}** were not evaluated on the same images, "
            "so they cannot be compared.",
            icon=":material/compare_arrows:",
        )
        return
    test = significance.mcnemar(a.correctness.correct, b.correctness.correct)
    st.markdown(mcnemar_in_words(test, f"**{plain(a.name)}**", f"**{plain(b.name)}**"))
    figures = " versus ".join(
        f"{percent(e.correctness.accuracy)} ± {100 * e.correctness.standard_error:.2f}"
        for e in pair
        if e.correctness
    )
    st.caption(
        f"Test accuracy {figures} (standard error, in points), on the same "
        f"{len(a.correctness.correct):,} images. McNemar's exact test uses the images that only "
        "one of the two classifies correctly. This compares these two runs only; other seeds may "
        "differ."
    )
    notebook = [f"**{plain(entry.name)}**" for entry in pair if entry.protocol == "notebook"]
    if notebook:
        st.caption(f":material/info: {selected_on_test_in_words(notebook)}")
    pairs = many_pairs_in_words(len(comparison.chosen))
    if pairs:
        st.caption(pairs)


PANELS: Final[Mapping[str, Callable[[RunComparison], None]]] = {
    "Curves": show_curves,
    "Settings": show_settings,
    "Size and time": show_costs,
    "Classes": show_classes,
    "Significance": show_significance,
    "Seeds": show_seeds,
    "Robustness": show_robustness,
    "Slices": show_slices,
}
"""The tabs below the table, by title."""


def show(comparison: RunComparison) -> None:
    """The tabs; only the open one is drawn."""
    for title, tab in layout.open_tabs(PANELS, key="compare-panel"):
        with tab:
            PANELS[title](comparison)
