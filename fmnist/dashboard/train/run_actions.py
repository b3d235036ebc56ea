"""What is done to past runs: open, edit, star, delete one or several, undo."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from fmnist import paths
from fmnist.dashboard import failures, layout, session
from fmnist.reports.text import counted
from fmnist.runs import annotations, store
from fmnist.runs.annotations import NOTES_LENGTH, Annotations
from fmnist.runs.archive import zip_run
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import NAME_LENGTH, plain

ERROR = "runs-error"
_EDITED = "edited-run"
_DELETED = "deleted"


def star(run: Run) -> None:
    """Make a run a favorite, or none."""
    with failures.kept(ERROR):
        annotations.change(run, lambda kept: replace(kept, favorite=not kept.favorite))


def edit(run: Run) -> None:
    """Open the dialog for a run's name, tags, group and notes."""
    st.session_state[_EDITED] = run.run_id


def delete(runs: Sequence[Run]) -> None:
    """Move runs to the trash, and offer to undo it."""
    asked = {run.run_id for run in runs}
    if asked == set(st.session_state.get(_DELETED, {})) and not any(r.exists() for r in runs):
        return  # the second click of a double click
    with failures.kept(ERROR):
        try:
            store.delete_runs(runs)
        except store.PartlyDeletedError as error:
            _offer_undo(error.deleted)
            raise
        _offer_undo(runs)


def _offer_undo(runs: Iterable[Run]) -> None:
    st.session_state[_DELETED] = {run.run_id: run.name for run in runs}


def undo_delete(run_ids: Iterable[str]) -> None:
    """Restore the runs that were deleted last."""
    with failures.kept(ERROR):
        for run in store.restore_runs(paths.runs_folder(), run_ids):
            session.select_run(run.run_id)


def show_undo() -> None:
    """The button that brings the last deleted runs back, those that still can be."""
    deleted = {
        run_id: name
        for run_id, name in st.session_state.get(_DELETED, {}).items()
        if store.can_restore(paths.runs_folder(), run_id)
    }
    if not deleted:
        return
    told = f"**{plain(next(iter(deleted.values())))}** was deleted."
    if len(deleted) > 1:
        told = f"{len(deleted)} runs were deleted."
    layout.offer_undo(
        f":material/delete: {told}",
        key=f"undo-delete-{next(iter(deleted))}",
        on_click=undo_delete,
        args=(tuple(deleted),),
    )


def show_dialog(runs: Sequence[Run]) -> None:
    """The dialog of the run that is edited, if there is one."""
    run = next((run for run in runs if run.run_id == st.session_state.get(_EDITED)), None)
    if run is None:
        st.session_state.pop(_EDITED, None)
        return
    title = "Edit the run"
    dialog = st.dialog(title, on_dismiss=lambda: st.session_state.pop(_EDITED, None))
    dialog(_edit_form)(run, runs)


def _edit_form(run: Run, runs: Sequence[Run]) -> None:
    """Name, tags, group and notes, saved together."""
    kept = run.annotations
    if run.annotations_problem:
        st.warning(plain(run.annotations_problem), icon=":material/broken_image:")
    with st.form(f"edit-{run.run_id}", border=False):
        name = st.text_input("Name", run.name, max_chars=NAME_LENGTH)
        tags = st.multiselect(
            "Tags",
            known_tags(runs),
            list(kept.tags),
            accept_new_options=True,
            placeholder="Choose tags, or type new ones",
        )
        group = st.selectbox(
            "Group",
            list(annotations.groups(runs)),
            None if kept.group is None else list(annotations.groups(runs)).index(kept.group),
            accept_new_options=True,
            placeholder="Choose a group, or type a new one",
            help="Runs that belong together, such as the seeds of one setting.",
        )
        notes = st.text_area("Notes", kept.notes, max_chars=NOTES_LENGTH)
        if not st.form_submit_button("Save", type="primary", icon=":material/save:"):
            return
    with failures.shown():

        def given(now: Annotations) -> Annotations:
            return replace(now, tags=tuple(tags), group=group, notes=notes or "")

        store.edit_run(run, name, given)
        st.session_state.pop(_EDITED, None)
        st.rerun()


def known_tags(runs: Iterable[Run]) -> list[str]:
    """The tags of all runs, by the alphabet."""
    return sorted({tag for run in runs for tag in run.annotations.tags}, key=str.lower)


def show_for_several(chosen: Sequence[Run], runs: Sequence[Run]) -> None:
    """What is done to the selected runs at once: tags, group, deletion."""
    with st.container(horizontal=True, vertical_alignment="center", key="chosen-runs"):
        st.markdown(f"**{counted(len(chosen), 'run')} selected**", width="content")
        with st.popover("Tags and group", icon=":material/sell:"):
            st.multiselect(
                "Add tags",
                known_tags(runs),
                key="added-tags",
                accept_new_options=True,
                placeholder="Choose tags, or type new ones",
            )
            st.selectbox(
                "Move to group",
                list(annotations.groups(runs)),
                None,
                key="new-group",
                accept_new_options=True,
                placeholder="Leave the groups as they are",
            )
            st.button("Apply", key="apply-to-chosen", on_click=_apply, args=(chosen,))
        st.button(
            f"Delete {counted(len(chosen), 'run')}",
            key="delete-chosen",
            icon=":material/delete:",
            on_click=delete,
            args=(chosen,),
            disabled=any(run.state in ACTIVE_STATES for run in chosen),
            help="Runs in training are stopped first."
            if any(run.state in ACTIVE_STATES for run in chosen)
            else None,
        )


def _apply(chosen: Sequence[Run]) -> None:
    """Give the selected runs the tags and the group of the popover."""
    added, group = st.session_state["added-tags"], st.session_state["new-group"]

    def edit(kept: Annotations) -> Annotations:
        return replace(kept, tags=(*kept.tags, *added), group=group or kept.group)

    with failures.kept(ERROR):
        annotations.change_all(chosen, edit)
        st.session_state["added-tags"], st.session_state["new-group"] = [], None


def show_for_opened(opened: Run) -> None:
    """Edit, download and delete the opened run."""
    with st.container(horizontal=True, vertical_alignment="center", key="run-actions"):
        st.markdown(f"**{plain(opened.name)}**", width="content")
        st.button(
            "Edit",
            key="edit-run",
            icon=":material/edit:",
            on_click=edit,
            args=(opened,),
            help="Its name, tags, group and notes.",
        )
        st.download_button(
            "Download",
            data=partial(zip_run, opened),
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
            args=([opened],),
            disabled=opened.state in ACTIVE_STATES,
        )
