"""The Compare page's table of all runs: filters, columns, choice of rows, CSV."""

import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, get_args

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import layout
from fmnist.dashboard.compare import run_comparison as compared
from fmnist.dashboard.compare.run_comparison import RunComparison
from fmnist.data.splits import DATASET_TITLES, Protocol
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.models.registry import describe
from fmnist.reports import images as exports
from fmnist.runs.setting import format_value

ALWAYS: Final = "Name"
AT_FIRST: Final = (
    "Protocol", "Validation %", "Test %", "± points", "Parameters", "Multiply-adds",
    "Epochs", "Minutes", "Device",
)  # fmt: skip
"""Columns that are shown until others are chosen."""

_WORTH: Final[Mapping[Protocol, str]] = {
    "held-out": "the epoch was chosen on validation images; the test images had no part in it.",
    "notebook": "the epoch was chosen on the test images themselves, which may flatter.",
    "full": "trained on all training images, the last epoch kept; the test images were measured "
    "once.",
}
_WORTH_TOLD: Final = " ".join(f"{name.capitalize()}: {text}" for name, text in _WORTH.items())

COLUMNS: Final[Mapping[str, Any]] = {
    "Name": st.column_config.TextColumn(pinned=True, width=230),
    "State": None,
    "Model": None,
    "Data": None,
    "Protocol": st.column_config.TextColumn(
        help=_WORTH_TOLD,
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
    "Parameters": st.column_config.NumberColumn(format="localized"),
    "Multiply-adds": st.column_config.NumberColumn(
        format="compact",
        help="For one image: multiplications of convolutions and products of matrices, each with "
        "the addition after it.",
    ),
    "Epochs": None,
    "Best epoch": None,
    "Minutes": st.column_config.NumberColumn(
        format="%.1f", help="Of training, pauses left out, on the device that did it."
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
    "Images": st.column_config.TextColumn(help="Images of the training split that were used."),
    "Seed": None,
    "Created": None,
    "Id": None,
}
"""All columns, and how they are shown where not as they come."""

HEIGHT: Final = 8
"""Rows that are seen at once."""


def table_row(entry: LeaderboardRow) -> dict[str, Any]:
    """A run as a row of the table; accuracies in percent."""
    run, config, best = entry.run, entry.run.config, entry.run.history.selected

    def percent(share: float | None) -> float | None:
        return None if share is None else round(100 * share, 2)

    row = {
        "Name": entry.name,
        "State": _state(entry),
        "Validation %": percent(entry.validation_accuracy),
        "Test %": percent(entry.test_accuracy),
        "± points": percent(entry.standard_error),
        "Parameters": entry.size.parameters if entry.size else None,
        "Multiply-adds": entry.size.multiply_adds if entry.size else None,
        "Epochs": len(run.history.epochs),
        "Best epoch": best.epoch if best else None,
        "Minutes": round(entry.minutes, 2),
        "Created": layout.moment(run.created),
        "Id": run.run_id,
    }
    if config:
        threads = run.environment.get("threads")
        row |= {
            "Model": describe(config.model).title,
            "Data": DATASET_TITLES[config.dataset],
            "Protocol": config.protocol.capitalize(),
            "Device": run.environment.get("device", "–")
            + (f", {threads} thread{'s' * (threads != '1')}" if threads else ""),
            "Optimizer": config.optimizer,
            "Learning rate": config.learning_rate,
            "Schedule": config.schedule,
            "Weight decay": config.weight_decay,
            "Batch size": config.batch_size,
            "Augmentation": format_value(config.augmentation),
            "Drawings": format_value(config.training_drawings),
            "Precision": config.precision,
            "Images": f"{config.subset:,}" if config.subset else "all",
            "Seed": config.seed,
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


def filters(comparison: RunComparison) -> list[tuple[LeaderboardRow, dict[str, Any]]]:
    """Search, model and protocol; the runs that fit, with their rows."""
    rows = [(entry, table_row(entry)) for entry in comparison.entries]
    models = sorted({row["Model"] for _, row in rows if row["Model"]})
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-filters"):
        wanted = st.text_input(
            "Search",
            key="compare-search",
            type="search",
            live=True,
            placeholder="Name, model, device…",
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
            ["All", *(name.capitalize() for name in get_args(Protocol))],
            default="All",
            key="compare-protocol",
            required=True,
            width="content",
            persist_state="session",
            help=_WORTH_TOLD,
        )
    return [
        (entry, row)
        for entry, row in rows
        if layout.matches_search(row, wanted or "")
        and (not chosen or row["Model"] in chosen)
        and protocol in ("All", row["Protocol"])
    ]


def choose_rows(comparison: RunComparison, listed: Sequence[LeaderboardRow], key: str) -> None:
    """Put the chosen rows side by side; runs that a filter hides stay as they are."""
    chosen = {listed[row].run_id for row in st.session_state[key].selection.rows}
    visible = {entry.run_id for entry in listed}
    kept = [run_id for run_id in comparison.ids if run_id in chosen or run_id not in visible]
    new = [entry.run_id for entry in listed if entry.run_id in chosen and entry.is_measured]
    compared.choose(dict.fromkeys([*kept, *new]))


def show(comparison: RunComparison) -> None:
    """The table, with what narrows it."""
    found = filters(comparison)
    # between the filters and the table, whose toolbar would otherwise lie upon the filters
    columns = tools(comparison, [row for _, row in found])
    with st.container(key="compare-table"):
        if found:
            table(comparison, found, columns)
        else:
            st.info("No run fits these filters.", icon=":material/filter_alt_off:")
    found_protocols = {entry.protocol for entry, _ in found}
    kinds = [f"**{p.capitalize()}**: {_WORTH[p]}" for p in _WORTH if p in found_protocols]
    st.caption(" ".join(["Choose rows to put runs side by side.", *kinds]))
    for entry in comparison.entries:
        if entry.problem:
            st.caption(f":material/broken_image: **{entry.name}** is left out: {entry.problem}")


def table(
    comparison: RunComparison,
    found: Sequence[tuple[LeaderboardRow, dict[str, Any]]],
    columns: Sequence[str],
) -> None:
    """The runs that fit, in the columns chosen."""
    listed = [entry for entry, _ in found]
    frame = pd.DataFrame([row for _, row in found], columns=list(columns))
    # a table of its own for other rows: a slow browser, which has not heard of them yet, sends the
    # places chosen among the rows before
    key = f"compare-table-{zlib.crc32(repr([entry.run_id for entry in listed]).encode())}"
    # the table follows the selection, which may have been changed elsewhere
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
        alt="All measured runs; the rows chosen stand side by side below",
    )


def tools(comparison: RunComparison, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many runs fit, the columns, and the table as CSV.

    Returns
    -------
    list of str
        The columns chosen.
    """
    with st.container(horizontal=True, vertical_alignment="center", key="compare-tools"):
        st.caption(f"{len(rows)} of {len(comparison.entries)} runs", width="content")
        with st.popover("Columns", icon=":material/view_column:"):
            wanted = st.pills(
                "Columns shown",
                [name for name in COLUMNS if name != ALWAYS],
                default=AT_FIRST,
                key="compare-columns",
                selection_mode="multi",
                persist_state="session",
            )
        columns = [name for name in COLUMNS if name == ALWAYS or name in wanted]
        st.download_button(
            "CSV",
            data=partial(exports.table_csv, columns, rows),
            file_name="runs.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            help="These runs, in the columns shown.",
        )
    return columns
