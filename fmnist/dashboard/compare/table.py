"""The leaderboard of the Compare page: filters, columns, selection of rows, CSV."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, get_args

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.csv import write_table
from fmnist.dashboard import layout
from fmnist.dashboard.compare.run_comparison import RunComparison, choose
from fmnist.dashboard.compare.seeds import seed_groups
from fmnist.dashboard.remembered import Remembered
from fmnist.data.splits import DATASET_TITLES, Protocol
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.models.registry import describe
from fmnist.reports.sentences import PROTOCOLS_IN_WORDS
from fmnist.reports.text import counted
from fmnist.runs.setting import format_value
from fmnist.text import plain

ALWAYS: Final = "Name"
SEED_SPREAD: Final = "Seed spread"
DEFAULT_COLUMNS: Final = (
    "Protocol", "Validation %", "Test %", "± points", "Parameters", "Multiply-adds",
    "Epochs", "Minutes", "Device",
)  # fmt: skip
"""Columns shown by default."""

_PROTOCOL_HELP: Final = " ".join(
    f"{name.capitalize()}: {text}" for name, text in PROTOCOLS_IN_WORDS.items()
)

COLUMNS: Final[Mapping[str, Any]] = {
    "Name": st.column_config.TextColumn(pinned=True, width=230),
    "State": None,
    "Tags": None,
    "Group": None,
    "Notes": None,
    "Model": None,
    "Data": None,
    "Protocol": st.column_config.TextColumn(
        help=_PROTOCOL_HELP,
    ),
    "Validation %": st.column_config.NumberColumn(
        format="%.2f", help="Accuracy of the best epoch on the validation images, in percent."
    ),
    "Test %": st.column_config.NumberColumn(
        format="%.2f", help="Accuracy on the test images, in percent."
    ),
    "± points": st.column_config.NumberColumn(
        format="%.2f",
        help="Standard error of the test accuracy, √(p (1 − p) / n), in percentage points.",
    ),
    SEED_SPREAD: st.column_config.TextColumn(
        width=180,
        help="Mean ± standard deviation of the test accuracy (else validation) over the runs of "
        "its group that differ in the seed alone.",
    ),
    "Parameters": st.column_config.NumberColumn(format="localized"),
    "Multiply-adds": st.column_config.NumberColumn(
        format="compact",
        help="Per image, in convolutions and matrix products.",
    ),
    "Epochs": None,
    "Best epoch": None,
    "Minutes": st.column_config.NumberColumn(
        format="%.1f", help="Training time without pauses, on the device of the run."
    ),
    "Device": None,
    "Optimizer": None,
    "Learning rate": st.column_config.NumberColumn(format="plain"),
    "Schedule": None,
    "Weight decay": st.column_config.NumberColumn(format="plain"),
    "Batch size": None,
    "Augmentation": None,
    "Drawings": None,
    "Precision": None,
    "Images": st.column_config.TextColumn(help="Number of training images used."),
    "Seed": None,
    "Created": None,
    "Id": None,
}
"""All columns, and their configuration where it is not the default."""

_CHOOSABLE: Final = [name for name in COLUMNS if name != ALWAYS]
_PROTOCOLS: Final = ["All", *(name.capitalize() for name in get_args(Protocol))]
_REMEMBERED: Final = Remembered("fmnist-compare")

HEIGHT: Final = 8
"""Rows visible without scrolling."""


def table_row(entry: LeaderboardRow) -> dict[str, Any]:
    """A run as a row of the table; accuracies in percent."""
    run, config, best = entry.run, entry.run.config, entry.run.history.selected

    def percent(share: float | None) -> float | None:
        return None if share is None else round(100 * share, 2)

    row = {
        "Name": entry.name,
        "State": _state(entry),
        "Tags": ", ".join(run.annotations.tags) or None,
        "Group": run.annotations.group,
        "Notes": run.annotations.notes.replace("\n", " ") or None,
        "Validation %": percent(entry.validation_accuracy),
        "Test %": percent(entry.test_accuracy),
        "± points": percent(entry.standard_error),
        "Parameters": entry.size.parameters if entry.size else None,
        "Multiply-adds": entry.size.multiply_adds if entry.size else None,
        # an ensemble is not trained itself: its one entry stands for its members
        "Epochs": None if run.members else len(run.history.epochs),
        "Best epoch": best.epoch if best and not run.members else None,
        "Minutes": round(entry.minutes, 2),
        "Created": layout.moment(run.created),
        "Id": run.run_id,
    }
    if config:
        threads = run.environment.get("threads")
        row |= {
            "Model": describe(*config.models).title,
            "Data": DATASET_TITLES[config.dataset],
            "Protocol": config.protocol.capitalize(),
            "Device": run.environment.get("device", "–")
            + (f", {threads} thread{'s' * (threads != '1')}" if threads else ""),
        }
    if training := run.training:
        row |= {
            "Optimizer": training.optimizer,
            "Learning rate": training.learning_rate,
            "Schedule": training.schedule,
            "Weight decay": training.weight_decay,
            "Batch size": training.batch_size,
            "Augmentation": format_value(training.augmentation),
            "Drawings": format_value(training.training_drawings),
            "Precision": run.precision,
            "Images": f"{training.subset:,}"
            if training.subset
            else ("corrected" if training.corrections else "all"),
            "Seed": training.seed,
        }
    return {name: row.get(name) for name in COLUMNS}


def _state(entry: LeaderboardRow) -> str:
    if entry.problem:
        return layout.STATE_BADGES["broken"][0]
    if entry.run.folder.parent == paths.pretrained_folder():
        return "Shipped"
    if entry.run.folder.parent == paths.benchmark_folder():
        return "Benchmark"
    return layout.STATE_BADGES[entry.run.state][0]


def _seed_spreads(comparison: RunComparison) -> dict[str, str]:
    """Mean and spread of the seeds, by the ids of their runs."""
    found: dict[str, str] = {}
    for group in seed_groups(comparison.measured):
        spread = group.spread("test" if group.accuracies("test") else "validation")
        found |= {entry.run_id: spread for entry in group.entries}
    return found


def show_filters(comparison: RunComparison) -> list[tuple[LeaderboardRow, dict[str, Any]]]:
    """Search, model and protocol.

    Returns
    -------
    list of tuple
        The matching runs and their rows of the table.
    """
    spreads = _seed_spreads(comparison)
    rows = [
        (entry, table_row(entry) | {SEED_SPREAD: spreads.get(entry.run_id)})
        for entry in comparison.entries
    ]
    models = sorted({row["Model"] for _, row in rows if row["Model"]})
    _REMEMBERED.begin("compare-search", "")
    _REMEMBERED.begin("compare-models", [], models)
    _REMEMBERED.begin("compare-protocol", "All", _PROTOCOLS)
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-filters"):
        wanted = st.text_input(
            "Search",
            key="compare-search",
            type="search",
            live=True,
            placeholder="Name, tag, model…",
            width=240,
            persist_state="session",
        )
        chosen = st.multiselect(
            "Models",
            models,
            key="compare-models",
            placeholder="All models",
            width=240,
            persist_state="session",
        )
        protocol = st.segmented_control(
            "Protocol",
            _PROTOCOLS,
            key="compare-protocol",
            required=True,
            width="content",
            persist_state="session",
            help=_PROTOCOL_HELP,
        )
    return [
        (entry, row)
        for entry, row in rows
        if layout.matches_search(row, wanted or "")
        and (not chosen or row["Model"] in chosen)
        and protocol in ("All", row["Protocol"])
    ]


def choose_rows(comparison: RunComparison, listed: Sequence[LeaderboardRow], key: str) -> None:
    """Select the runs of the selected rows; runs that a filter hides stay selected."""
    chosen = {listed[row].run_id for row in st.session_state[key].selection.rows}
    visible = {entry.run_id for entry in listed}
    kept = [run_id for run_id in comparison.ids if run_id in chosen or run_id not in visible]
    new = [entry.run_id for entry in listed if entry.run_id in chosen and entry.is_measured]
    choose(dict.fromkeys([*kept, *new]))


def show(comparison: RunComparison) -> None:
    """The table with its filters."""
    found = show_filters(comparison)
    # between the filters and the table, whose toolbar would otherwise cover the filters
    columns = tools(comparison, [row for _, row in found])
    with st.container(key="compare-table"):
        if found:
            table(comparison, found, columns)
        else:
            st.info("No run matches these filters.", icon=":material/filter_alt_off:")
    _REMEMBERED.write()
    found_protocols = {entry.protocol for entry, _ in found}
    kinds = [
        f"**{name.capitalize()}**: {text}"
        for name, text in PROTOCOLS_IN_WORDS.items()
        if name in found_protocols
    ]
    st.caption(" ".join(["Select rows to compare runs side by side.", *kinds]))
    for entry in comparison.entries:
        if entry.problem:
            st.caption(
                f":material/broken_image: **{plain(entry.name)}** is not shown: "
                f"{plain(entry.problem)}"
            )


def table(
    comparison: RunComparison,
    found: Sequence[tuple[LeaderboardRow, dict[str, Any]]],
    columns: Sequence[str],
) -> None:
    """The matching runs, in the selected columns."""
    listed = [entry for entry, _ in found]
    frame = pd.DataFrame([row for _, row in found], columns=list(columns))
    key = layout.rows_key("compare-table", (entry.run_id for entry in listed))
    # the selection may have been changed elsewhere
    rows = [number for number, entry in enumerate(listed) if entry.run_id in comparison.ids]
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        placeholder="–",
        on_select=lambda: choose_rows(comparison, listed, key),
        selection_mode="multi-row",
        height=40 + 35 * min(len(found), HEIGHT),
        column_config={name: COLUMNS[name] for name in columns if COLUMNS[name] is not None},
        alt="All evaluated runs; the selected rows are compared below",
    )


def tools(comparison: RunComparison, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Number of matching runs, selection of columns, CSV download.

    Returns
    -------
    list of str
        The selected columns.
    """
    has_seeds = any(row[SEED_SPREAD] for row in rows)
    default = [*DEFAULT_COLUMNS, *([SEED_SPREAD] if has_seeds else [])]
    _REMEMBERED.begin("compare-columns", default, _CHOOSABLE)
    with st.container(horizontal=True, vertical_alignment="center", key="compare-tools"):
        st.caption(f"{len(rows)} of {counted(len(comparison.entries), 'run')}", width="content")
        with st.popover("Columns", icon=":material/view_column:"):
            wanted = st.pills(
                "Columns shown",
                _CHOOSABLE,
                key="compare-columns",
                selection_mode="multi",
                persist_state="session",
            )
        columns = [name for name in COLUMNS if name == ALWAYS or name in wanted]
        st.download_button(
            "CSV",
            data=partial(write_table, columns, rows),
            file_name="runs.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            help="The runs and columns shown.",
        )
    return columns
