"""Verdicts on single images: give, withdraw, count, export and import."""

from contextlib import suppress
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import cache, failures
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.imports import ask_for_file
from fmnist.dashboard.layout import moment
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.evaluation.verdict_accuracy import accuracy_with_verdicts
from fmnist.evaluation.verdicts import (
    NOTE_LENGTH,
    VERDICT_TITLES,
    VERDICTS,
    ImageKey,
    Verdict,
    VerdictConflict,
    VerdictError,
    VerdictStore,
)
from fmnist.reports.text import counted, percent
from fmnist.text import plain

_GIVEN = "verdicts-given"
_ERROR = "verdict-error"
_MESSAGE = "verdict-message"
_MAX_MEGABYTES: Final = 50  # every image with a long note
_DRAFTS = "verdict-drafts"
_NEWEST = "verdict-newest"


def store() -> VerdictStore:
    """The database."""
    return cache.verdict_store(paths.artifacts_folder() / "verdicts.sqlite")


def _of_the_ten(label: int) -> int | None:
    """The prediction as the database of all runs knows it: own classes are those of one run."""
    return label if label < NUM_CLASSES else None


def give(context: PageContext, image: int, verdict: str | None) -> None:
    """Store a verdict with the note in the field; None withdraws the present one.

    A verdict that was given in another window since is not replaced: the page tells it, and the
    field then holds both notes.
    """
    position = context.snapshot.position(image)
    if position is None:
        return
    evaluation, key = context.snapshot.evaluation, context.key(image)
    present = context.verdicts.get(image)
    seen, note = present.change if present else 0, st.session_state.get(_note_key(key, present), "")
    try:
        if verdict is None:
            change = store().withdraw(key, seen=seen)
        else:
            given = Verdict(
                key,
                verdict,
                note,
                true_label=int(evaluation.labels[position]),
                predicted_label=_of_the_ten(int(evaluation.predicted_labels[position])),
                run=context.run.run_id,
            )
            change = store().give(given, seen=seen)
    except VerdictError as error:
        st.session_state[_ERROR] = str(error)
        if isinstance(error, VerdictConflict):
            st.session_state[_ERROR] += (
                " Yours is not saved yet: look at the verdict and the note below, then click again."
            )
        if note != (present.note if present else ""):
            _drafts()[key] = note
        return
    _drafts().pop(key, None)
    st.session_state[_GIVEN] = [*st.session_state.get(_GIVEN, []), (change, key)]
    _newest()[key] = change


def _drafts() -> dict[ImageKey, str]:
    """Notes that are not saved yet, by image."""
    drafts: dict[ImageKey, str] = st.session_state.setdefault(_DRAFTS, {})
    return drafts


def _newest() -> dict[ImageKey, int]:
    """This session's newest change of each image."""
    newest: dict[ImageKey, int] = st.session_state.setdefault(_NEWEST, {})
    return newest


def _note_key(image: ImageKey, present: Verdict | None) -> str:
    """Key of the field for the note: another image or another verdict has another field."""
    change = present.change if present else f"none-{_newest().get(image, 0)}"
    return f"note-{_identity(image)}-{change}"


def _identity(image: ImageKey) -> str:
    return f"{image.dataset}-{image.part}-{image.index}"


def _first_note(image: ImageKey, present: Verdict | None) -> str:
    """What a new field holds: the note of the present verdict, and one that is not saved yet."""
    saved, draft = present.note if present else "", _drafts().get(image, "")
    both = " / ".join(note for note in dict.fromkeys((saved, draft)) if note)
    return both if len(both) <= NOTE_LENGTH else draft  # `ask` shows the saved one below


def _take_note(context: PageContext, image: int) -> None:
    """Save the note with the present verdict; without one, keep it for the verdict to come."""
    present, key = context.verdicts.get(image), context.key(image)
    if present:
        give(context, image, present.verdict)
    else:
        _drafts()[key] = st.session_state[_note_key(key, None)]


def undo() -> None:
    """Revert the last verdict of this session."""
    given = st.session_state.get(_GIVEN, [])
    if not given:
        return
    st.session_state[_GIVEN] = given[:-1]
    change, image = given[-1]
    try:
        _newest()[image] = store().undo(change, seen=_newest()[image])
    except VerdictError as error:
        st.session_state[_ERROR] = str(error)


def show_messages() -> None:
    """Show the error or the result of the last action, once."""
    failures.show_kept(_ERROR, _MESSAGE)


def undo_button() -> None:
    """Shown after a verdict in this session."""
    if st.session_state.get(_GIVEN):
        st.button(
            "Undo verdict", key="verdict-undo", icon=":material/undo:", type="tertiary",
            on_click=undo,
        )  # fmt: skip


def ask(context: PageContext, image: int) -> None:
    """Ask for a verdict on one image."""
    show_messages()
    present, key = context.verdicts.get(image), context.key(image)
    note_key = _note_key(key, present)
    if note_key not in st.session_state:
        st.session_state[note_key] = _first_note(key, present)
    st.markdown("**Your verdict on this image**")
    with st.container(horizontal=True, key="verdict-buttons"):
        for number, verdict in enumerate(VERDICTS, 1):
            is_present = present is not None and present.verdict == verdict
            st.button(
                VERDICT_TITLES[verdict],
                # a click belongs to the image that was on screen
                key=f"verdict-{verdict}-{_identity(key)}",
                shortcut=str(number),
                type="primary" if is_present else "secondary",
                help="Click again to withdraw it." if is_present else None,
                on_click=give,
                args=(context, image, None if is_present else verdict),
            )
        undo_button()
    st.text_input(
        "Note",
        key=note_key,
        max_chars=NOTE_LENGTH,
        placeholder="Saved with the verdict (optional)",
        on_change=_take_note,
        args=(context, image),
    )
    if present:
        noted = " · with your note" if present.note else ""
        st.caption(f"{VERDICT_TITLES[present.verdict]}, {moment(present.time)}{noted}")
        if present.note not in st.session_state[note_key]:
            st.text(f"Saved note: {present.note}")
    show_accuracy(context)


def show_accuracy(context: PageContext) -> None:
    """The accuracy if the verdicts hold, with bounds, once an image of the split has one."""
    if context.split == "train":
        return
    found = accuracy_with_verdicts(context.snapshot.evaluation, context.verdicts)
    if not found.seen and not found.spoiled:
        return
    are = "is" if found.label_errors == 1 else "are"
    judged = (
        f"{found.label_errors:,} of {counted(found.seen, 'misclassified image')} with a verdict "
        f"{are} labeled wrong"
    )
    if found.spoiled:
        judged += f", and {counted(found.spoiled, 'image')} predicted as labeled"
    bounds = (
        f"Nobody has looked at {counted(found.unseen, 'misclassified image')}: the accuracy is "
        f"{percent(found.low)} if none of them is labeled wrong, and {percent(found.high)} if all "
        "are."
        if found.unseen
        else "Every misclassified image has a verdict."
    )
    st.markdown(
        f"{context.split.capitalize()} accuracy {percent(found.measured)} as measured, "
        f"**{percent(found.low)} if the verdicts hold**: {judged}. {bounds}",
        help="Where the label looks wrong, the prediction that you saw counts as right. Ambiguous "
        "images stay errors.",
    )


def show_verdicts(context: PageContext) -> None:
    """Number of verdicts by class; export and import."""
    show_messages()
    show_accuracy(context)
    with suppress(VerdictError):  # the page has told of a database that cannot be read
        if problem := cache.verdict_problem(context.dataset_name, context.part):
            st.warning(plain(problem), icon=":material/broken_image:")
    section = st.expander(
        f"Your verdicts ({len(context.verdicts):,} on {context.part} images)",
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
            failures.tell(str(error))
            return
        if not counts.any():
            st.caption("None yet. Open an image and give your verdict.")
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
        ask_for_file(
            "Import verdicts (CSV, as exported)", "csv", key="verdict",
            max_megabytes=_MAX_MEGABYTES, take=import_file,
        )  # fmt: skip


def import_file(content: bytes) -> None:
    """Import a file, all of it or nothing, and show how far it is."""
    bar = st.progress(0.0, "Importing verdicts…")

    def show(done: int, total: int) -> None:
        bar.progress(done / total, f"Importing verdicts: {done:,} of {total:,} lines")

    try:
        result = store().import_csv(content.decode("utf-8-sig"), show)
    except UnicodeDecodeError:
        st.session_state[_ERROR] = 'The file is not UTF-8 text; save it as "CSV UTF-8".'
    except VerdictError as error:
        st.session_state[_ERROR] = str(error)
    else:
        st.session_state[_MESSAGE] = (
            f"Imported: {result.added:,} added, {result.changed:,} changed, "
            f"{result.unchanged:,} unchanged."
        )
