"""The table of runs on the Train page: search, open, rename, delete, download."""

from typing import Any

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import failures, layout, run_catalog, session
from fmnist.data.splits import DATASET_TITLES
from fmnist.models.registry import describe
from fmnist.reports.sentences import MEASURED_ON
from fmnist.reports.text import duration
from fmnist.runs import store
from fmnist.runs.archive import zip_run
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import plain


def table_row(run: Run) -> dict[str, Any]:
    """A run as a row of the table."""
    best, config = run.history.selected, run.config
    return {
        "Name": run.name,
        "State": layout.STATE_BADGES[run.state][0],
        "Model": describe(*config.models).title if config else "–",
        "Data": DATASET_TITLES[config.dataset] if config else "–",
        "Protocol": config.protocol.capitalize() if config else "–",
        "Epochs": f"{len(run.history.epochs)} of {run.training.epochs}" if run.training else "–",
        "Accuracy": 100 * best.accuracy if best else None,
        "Monitored split": MEASURED_ON[best.split] if best else "–",
        "Time": duration(run.progress.seconds),
        "Created": layout.moment(run.created),
    }


def open_row(ids: list[str]) -> None:
    """Open the run whose row was selected."""
    chosen = st.session_state["run-table"].selection.rows
    if chosen:
        session.select_run(ids[chosen[0]])


def delete(run: Run) -> None:
    """Move a run to the trash, and offer to undo it."""
    if run.run_id == st.session_state.get("deleted", ("", ""))[0] and not run.folder.exists():
        return  # the second click of a double click
    with failures.kept("runs-error"):
        store.delete_run(run)
        st.session_state["deleted"] = (run.run_id, run.name)


def undo_delete(run_id: str) -> None:
    """Restore the run that was deleted last."""
    with failures.kept("runs-error"):
        store.restore_run(paths.runs_folder(), run_id)
        session.select_run(run_id)
    st.session_state.pop("deleted", None)


def rename(run: Run) -> None:
    """Rename a run to what the text field says."""
    with failures.kept("runs-error"):
        store.rename_run(run, st.session_state[f"new-name-{run.run_id}"])


def past_runs(opened: Run | None) -> None:
    """The table of runs, and buttons for the opened one."""
    st.subheader("Your runs", anchor=False)
    error = st.session_state.pop("runs-error", None)
    if error:
        failures.tell(error)
    _show_undo()
    own = run_catalog.own_runs()
    if not own:
        st.caption("No runs yet. Start one above. It stays when you close the browser.")
        return
    wanted = st.text_input("Search", key="run-search", placeholder="Name, model, state…", width=320)
    rows = [(run, table_row(run)) for run in own]
    rows = [(run, row) for run, row in rows if layout.matches_search(row, wanted)]
    if not rows:
        st.caption("No run matches the search.")
        return
    ids = [run.run_id for run, _ in rows]
    st.dataframe(
        pd.DataFrame([row for _, row in rows]),
        key="run-table",
        hide_index=True,
        on_select=lambda: open_row(ids),
        selection_mode="single-row",
        height=min(38 + 35 * len(rows), 400),
        column_config={"Accuracy": st.column_config.NumberColumn(format="%.2f%%")},
        alt="Your runs, newest first; select a row to open it",
    )
    st.caption("To open a run, select a row here or use the list in the sidebar.")
    if opened is None or opened.run_id not in {run.run_id for run in own}:
        return
    _show_actions(opened)


def _show_undo() -> None:
    """The button that brings the last deleted run back."""
    if "deleted" in st.session_state:
        run_id, name = st.session_state["deleted"]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/delete: **{plain(name)}** was deleted.", width="content")
            st.button(
                "Undo",
                key=f"undo-delete-{run_id}",
                icon=":material/undo:",
                on_click=undo_delete,
                args=(run_id,),
            )


def _show_actions(opened: Run) -> None:
    """Rename, download and delete the opened run."""
    with st.container(horizontal=True, vertical_alignment="center", key="run-actions"):
        st.markdown(f"**{plain(opened.name)}**", width="content")
        with st.popover("Rename", icon=":material/edit:"):
            key, shown = f"new-name-{opened.run_id}", f"name-shown-{opened.run_id}"
            if key not in st.session_state or st.session_state.get(shown) != opened.name:
                # the name may have been changed in another window
                st.session_state[key] = st.session_state[shown] = opened.name
            st.text_input("New name", max_chars=80, key=key, on_change=rename, args=(opened,))
        st.download_button(
            "Download",
            data=lambda: zip_run(opened),
            file_name=f"{opened.run_id}.zip",
            mime="application/zip",
            icon=":material/download:",
            on_click="ignore",
            help="The folder of the run as a zip archive.",
        )
        st.button(
            "Delete",
            key=f"delete-{opened.run_id}",
            icon=":material/delete:",
            on_click=delete,
            args=(opened,),
            disabled=opened.state in ACTIVE_STATES,
        )
