"""What people say of single images: giving a verdict, taking it back, all of them as a file."""

import numpy as np
import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import cache
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.layout import moment
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.verdicts import VERDICT_TITLES, VERDICTS, Verdict, VerdictError, VerdictStore

_GIVEN = "verdicts-given"
_ERROR = "verdict-error"
_TOLD = "verdict-told"


def store() -> VerdictStore:
    """The database."""
    return cache.verdict_store(paths.artifacts_folder() / "verdicts.sqlite")


def give(context: PageContext, image: int, verdict: str | None) -> None:
    """Record a verdict with the note in the field, or take the present one away."""
    position = context.snapshot.position(image)
    if position is None:
        return
    evaluation = context.snapshot.evaluation
    try:
        if verdict is None:
            change = store().withdraw(context.key(image))
        else:
            change = store().give(
                Verdict(
                    context.key(image),
                    verdict,
                    note=st.session_state.get(f"note-{context.part}-{image}", ""),
                    true_label=int(evaluation.labels[position]),
                    predicted_label=int(evaluation.predicted_labels[position]),
                    run=context.run.run_id,
                )
            )
    except VerdictError as error:
        st.session_state[_ERROR] = str(error)
        return
    st.session_state[_GIVEN] = [*st.session_state.get(_GIVEN, []), change]


def undo() -> None:
    """Take back the last verdict given here."""
    given = st.session_state.get(_GIVEN, [])
    if not given:
        return
    st.session_state[_GIVEN] = given[:-1]
    try:
        store().undo(given[-1])
    except VerdictError as error:
        st.session_state[_ERROR] = str(error)


def show_error() -> None:
    """What went wrong with the last verdict."""
    error = st.session_state.pop(_ERROR, None)
    if error:
        st.error(error, icon=":material/error:")
    told = st.session_state.pop(_TOLD, None)
    if told:
        st.success(told, icon=":material/check:")


def undo_button() -> None:
    """Offered where a verdict was given here."""
    if st.session_state.get(_GIVEN):
        st.button(
            "Undo verdict", key="verdict-undo", icon=":material/undo:", type="tertiary",
            on_click=undo,
        )  # fmt: skip


def ask(context: PageContext, image: int) -> None:
    """Whose mistake one image is."""
    show_error()
    present = context.verdicts.get(image)
    note_key = f"note-{context.part}-{image}"
    if note_key not in st.session_state:
        st.session_state[note_key] = present.note if present else ""
    st.markdown("**Whose mistake is it?**")
    with st.container(horizontal=True, key="verdict-buttons"):
        for number, verdict in enumerate(VERDICTS, 1):
            is_present = present is not None and present.verdict == verdict
            st.button(
                VERDICT_TITLES[verdict],
                key=f"verdict-{verdict}",
                shortcut=str(number),
                type="primary" if is_present else "secondary",
                help="Click again to take it away." if is_present else None,
                on_click=give,
                args=(context, image, None if is_present else verdict),
            )
        undo_button()
    st.text_input(
        "Note",
        key=note_key,
        max_chars=500,
        placeholder="Kept with the verdict (optional)",
        on_change=lambda: give(context, image, present.verdict) if present else None,
    )
    if present:
        noted = " · with your note" if present.note else ""
        st.caption(f"{VERDICT_TITLES[present.verdict]}, {moment(present.time)}{noted}")


def show_verdicts(context: PageContext) -> None:
    """Counts of the verdicts, and all of them as a file, out and in."""
    show_error()
    section = st.expander(
        f"Verdicts ({len(context.verdicts):,} on images of this file)",
        icon=":material/gavel:",
        on_change="rerun",
        key="verdicts-section",
    )
    undo_button()
    if not section.open:
        return
    with section:
        try:
            counts = store().counts(context.dataset_name)
        except VerdictError as error:
            st.error(str(error), icon=":material/error:")
            return
        if not counts.any():
            st.caption("None yet. Open an image and say whose mistake it is.")
        else:
            frame = pd.DataFrame(
                counts,
                index=pd.Index(CLASS_NAMES, name="True class"),
                columns=[VERDICT_TITLES[verdict] for verdict in VERDICTS],
            )
            frame.loc["All"] = frame.sum()
            st.dataframe(
                frame,
                height=38 + 35 * int(np.count_nonzero(frame.index)),
                alt="Verdicts by true class",
            )
            st.download_button(
                "Export CSV",
                data=lambda: store().export_csv(context.dataset_name),
                file_name="verdicts.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
            )
        st.file_uploader(
            "Import verdicts (CSV, as exported)",
            type="csv",
            key=f"verdict-upload-{st.session_state.get('verdict-uploads', 0)}",
            on_change=take_in,
        )


def take_in() -> None:
    """Import the file that was chosen; all of it, or nothing."""
    number = st.session_state.get("verdict-uploads", 0)
    upload = st.session_state[f"verdict-upload-{number}"]
    if upload is None:
        return
    st.session_state["verdict-uploads"] = number + 1  # an empty field for the next file
    try:
        result = store().import_csv(upload.getvalue().decode("utf-8-sig"))
    except UnicodeDecodeError:
        st.session_state[_ERROR] = "The file is no UTF-8 text; export verdicts to see the format."
    except VerdictError as error:
        st.session_state[_ERROR] = str(error)
    else:
        st.session_state[_TOLD] = (
            f"Imported: {result.added:,} added, {result.changed:,} changed, "
            f"{result.unchanged:,} as they were."
        )
