"""The table of runs on the Train page: filters, columns, order, and what is done from its rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from fmnist.dashboard import failures, layout, run_catalog, session
from fmnist.dashboard.remembered import Remembered
from fmnist.dashboard.train import run_actions
from fmnist.data.splits import DATASET_TITLES
from fmnist.models.registry import describe
from fmnist.reports.sentences import MEASURED_ON
from fmnist.reports.text import counted, duration
from fmnist.runs import annotations
from fmnist.runs.history import When
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import plain

HEIGHT: Final = 10
"""Rows visible without scrolling."""
STAR, OPEN, ACTIONS = "★", "Open", "Actions"
EDIT, DELETE = ":material/edit: Edit", ":material/delete: Delete"
_BUTTON_WIDTHS: Final = {STAR: 40, OPEN: 65, ACTIONS: 60}
FIXED: Final = (STAR, "Name", OPEN, ACTIONS)
"""Columns that are always shown, in this order; all but the second are buttons."""

COLUMNS: Final[Mapping[str, Any]] = {
    "Name": st.column_config.TextColumn(pinned=True, width=180),
    "State": st.column_config.TextColumn(width=85),
    "Tags": st.column_config.ListColumn(width=150),
    "Group": st.column_config.TextColumn(width=110),
    "Notes": st.column_config.TextColumn(width=200),
    "Model": None,
    "Data": None,
    "Protocol": None,
    "Epochs": None,
    "Accuracy": st.column_config.NumberColumn(
        format="%.2f%%", help="On the monitored split, after the epoch chosen below View."
    ),
    "Loss": st.column_config.NumberColumn(
        format="%.4f", help="On the monitored split, after the epoch chosen below View."
    ),
    "Training loss": st.column_config.NumberColumn(
        format="%.4f", help="During that epoch, with dropout, while the weights change."
    ),
    "Epoch": st.column_config.NumberColumn(
        help="The epoch that accuracy and losses are of.", format="plain"
    ),
    "Monitored split": None,
    "Learning rate": st.column_config.NumberColumn(format="plain"),
    "Batch size": None,
    "Seed": None,
    "Time": None,
    "Created": None,
}
"""All columns with values, and their configuration where it is not the default."""
SHOWN_FIRST: Final = (
    "State", "Tags", "Group", "Epochs", "Accuracy", "Monitored split", "Created",
)  # fmt: skip
"""Columns shown by default, beside the fixed ones."""
ORDERS: Final[Mapping[str, Callable[[Run, Mapping[str, Any]], Any]]] = {
    "Created": lambda run, _: run.created,
    "Name": lambda run, _: run.name.lower(),
    "Accuracy": lambda _, row: row["Accuracy"],
    "Loss": lambda _, row: row["Loss"],
    "Group": lambda run, _: run.annotations.group,
    "Time": lambda run, _: run.progress.seconds,
}
"""What the table can be ordered by; None comes last."""
VALUES_AT: Final = ("Best epoch", "Last epoch", "Epoch…")
_Row = tuple[Run, dict[str, Any]]
_CHOOSABLE: Final = [name for name in COLUMNS if name != "Name"]
_REMEMBERED: Final = Remembered("fmnist-runs")


def table_row(run: Run, when: When = "best") -> dict[str, Any]:
    """A run as a row of the table, with its values after an epoch."""
    entry, config, training = run.history.at(when), run.config, run.training
    return {
        "Name": run.name,
        "State": layout.STATE_BADGES[run.state][0],
        "Tags": list(run.annotations.tags),
        "Group": run.annotations.group,
        "Notes": run.annotations.notes.replace("\n", " ") or None,
        "Model": describe(*config.models).title if config else "–",
        "Data": DATASET_TITLES[config.dataset] if config else "–",
        "Protocol": config.protocol.capitalize() if config else "–",
        "Epochs": f"{len(run.history.epochs)} of {training.epochs}" if training else "–",
        "Accuracy": 100 * entry.accuracy if entry else None,
        "Loss": entry.loss if entry else None,
        "Training loss": entry.train_loss if entry else None,
        "Epoch": entry.epoch if entry else None,
        "Monitored split": MEASURED_ON[entry.split] if entry else "–",
        "Learning rate": training.learning_rate if training else None,
        "Batch size": training.batch_size if training else None,
        "Seed": training.seed if training else None,
        "Time": duration(run.progress.seconds),
        "Created": layout.moment(run.created),
    }


def in_order(rows: Sequence[_Row], by: str, *, descending: bool) -> list[_Row]:
    """Rows by one of `ORDERS`; those without a value come last, whichever way."""
    value = ORDERS[by]
    known = [pair for pair in rows if value(*pair) is not None]
    return sorted(known, key=lambda pair: value(*pair), reverse=descending) + [
        pair for pair in rows if value(*pair) is None
    ]


def past_runs(opened: Run | None) -> None:
    """The table of runs, and buttons for the selected and the opened ones."""
    st.subheader("Your runs", anchor=False)
    error = st.session_state.pop(run_actions.ERROR, None)
    if error:
        failures.tell(error)
    run_actions.show_undo()
    own = run_catalog.own_runs()
    if not own:
        st.caption("No runs yet. Start one above. It stays when you close the browser.")
        return
    run_actions.show_dialog(own)
    _begin(own)
    listed = _filtered([(run, table_row(run, _when())) for run in own])
    rows, columns = _view(listed, len(own))
    if rows:
        chosen = _table(rows, columns)
        if chosen:
            run_actions.show_for_several(chosen, own)
    else:
        st.caption("No run matches the filters.")
    _REMEMBERED.write()
    for run in own:
        if run.annotations_problem:
            st.caption(f":material/broken_image: **{plain(run.name)}**: "
                       f"{plain(run.annotations_problem)}")  # fmt: skip
    if opened is not None and opened.run_id in {run.run_id for run in own}:
        run_actions.show_for_opened(opened)


def _begin(own: Sequence[Run]) -> None:
    """Give the widgets above the table the values that they were left with."""
    _REMEMBERED.begin("run-search", "")
    _REMEMBERED.begin("run-tags", [], run_actions.known_tags(own))
    _REMEMBERED.begin("run-group", None, annotations.groups(own))
    _REMEMBERED.begin("run-favorites", default=False)
    _REMEMBERED.begin("run-values-at", VALUES_AT[0], VALUES_AT)
    _REMEMBERED.begin("run-epoch", 1, range(1, 100_000))
    _REMEMBERED.begin("run-order", "Created", ORDERS)
    _REMEMBERED.begin("run-descending", default=True)
    _REMEMBERED.begin("run-columns", list(SHOWN_FIRST), _CHOOSABLE)


def _when() -> When:
    """The epoch whose values are shown."""
    at = st.session_state["run-values-at"]
    if at == "Epoch…":
        epoch: int = st.session_state["run-epoch"]
        return epoch
    return "last" if at == "Last epoch" else "best"


def _filtered(rows: Sequence[_Row]) -> list[_Row]:
    """Search, and filters for the tags, groups and favorites that there are."""
    own = [run for run, _ in rows]
    with st.container(horizontal=True, vertical_alignment="bottom", key="run-filters"):
        wanted = st.text_input(
            "Search",
            key="run-search",
            type="search",
            placeholder="Name, tag, note, model…",
            width=200,
            persist_state="session",
        )
        tags, group, favorites = [], None, False
        if known := run_actions.known_tags(own):
            tags = st.multiselect(
                "Tags",
                known,
                key="run-tags",
                placeholder="All tags",
                width=180,
                persist_state="session",
            )
        if groups := list(annotations.groups(own)):
            group = st.selectbox(
                "Group",
                groups,
                None,
                key="run-group",
                placeholder="All groups",
                width=180,
                persist_state="session",
            )
        if any(run.annotations.favorite for run in own):
            favorites = st.toggle("Favorites only", key="run-favorites", persist_state="session")
    return [
        (run, row)
        for run, row in rows
        if layout.matches_search(row, wanted or "")
        and set(tags) <= set(run.annotations.tags)
        and group in (None, run.annotations.group)
        and (run.annotations.favorite or not favorites)
    ]


def _view(rows: Sequence[_Row], count: int) -> tuple[list[_Row], list[str]]:
    """Which epoch's values are shown, in which columns and order; `count` is that of all runs."""
    with st.container(horizontal=True, vertical_alignment="center", key="run-view"):
        st.caption(f"{len(rows)} of {counted(count, 'run')}", width="content")
        with st.popover("View", icon=":material/view_column:"):
            at = st.segmented_control(
                "Values after",
                VALUES_AT,
                key="run-values-at",
                required=True,
                persist_state="session",
                help="The best epoch has the highest accuracy on the monitored split.",
            )
            if at == "Epoch…":
                st.number_input("Epoch", 1, key="run-epoch", persist_state="session")
            by = st.selectbox("Order by", list(ORDERS), key="run-order", persist_state="session")
            descending = st.toggle("Descending", key="run-descending", persist_state="session")
            wanted = st.pills(
                "Columns shown",
                _CHOOSABLE,
                key="run-columns",
                selection_mode="multi",
                persist_state="session",
            )
    columns = [name for name in COLUMNS if name == "Name" or name in wanted]
    return in_order(rows, by, descending=descending), columns


def _table(rows: Sequence[_Row], columns: Sequence[str]) -> list[Run]:
    """The table; returns the selected runs."""
    listed = [run for run, _ in rows]
    frame = pd.DataFrame([row for _, row in rows], columns=list(columns))
    actions = [[EDIT] if run.state in ACTIVE_STATES else [EDIT, DELETE] for run in listed]
    frame.insert(0, STAR, ["★" if run.annotations.favorite else "☆" for run in listed])
    frame.insert(2, OPEN, "Open")
    frame.insert(3, ACTIONS, actions)
    key = layout.rows_key("run-table", (run.run_id for run in listed))

    def button(title: str, action: Callable[[str, Run], None], help_text: str) -> Any:
        clicked = f"{key}-{title}"

        def act() -> None:
            click = st.session_state[clicked]
            if click is not None and click.row < len(listed):
                action(click.label, listed[click.row])

        return st.column_config.ButtonColumn(
            title, type="tertiary", help=help_text, on_click=act, key=clicked,
            pinned=title == STAR or None, width=_BUTTON_WIDTHS[title],
        )  # fmt: skip

    event = st.dataframe(
        frame,
        key=key,
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        height=40 + 35 * min(len(listed), HEIGHT),
        column_config={
            STAR: button(STAR, lambda _, run: run_actions.star(run), "Favorite"),
            OPEN: button(OPEN, lambda _, run: session.select_run(run.run_id), "Open the run"),
            ACTIONS: button(ACTIONS, act_on, "Edit name, tags, group and notes; delete"),
        }
        | {name: COLUMNS[name] for name in columns if COLUMNS[name] is not None},
        alt="Your runs; select rows to tag, group or delete several",
    )
    st.caption("Select rows to tag, group or delete several runs at once.")
    return [listed[row] for row in event.selection.rows if row < len(listed)]


def act_on(label: str, run: Run) -> None:
    """Do what was chosen from a row's actions."""
    if label == DELETE:
        run_actions.delete([run])
    else:
        run_actions.edit(run)
