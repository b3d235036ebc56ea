"""Teach it: own classes, a copy of a model that learns drawings, and what that changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from fmnist import paths
from fmnist.dashboard import ending, failures, layout, run_catalog, session
from fmnist.dashboard.draw import gallery, models
from fmnist.dashboard.jobs import JobText, show_job, take_end
from fmnist.data.labels import MAX_OWN_CLASSES, NO_GARMENT, OWN_NAME_LENGTH
from fmnist.evaluation.fine_tuning_effect import FineTuningEffect
from fmnist.evaluation.significance import SIGNIFICANCE
from fmnist.reports.fine_tuning import changes, explanation, of_damaged
from fmnist.reports.text import counted, duration, markdown_table, p_value
from fmnist.runs import store
from fmnist.runs.config import LearnedPart
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run
from fmnist.sketchpad.gallery import SavedDrawing
from fmnist.sketchpad.recognition import OOD_MODEL
from fmnist.text import plain
from fmnist.training.fine_tuned import (
    ENOUGH_OF_OWN,
    MIN_DRAWINGS,
    has_block,
    left_out,
    why_not,
)
from fmnist.training.fine_tuning_job import FineTuneProcess, FineTuneTask
from fmnist.training.own_drawings import is_damaged

_NEW_CLASS: Final = "draw-new-class"
_BASE: Final = "draw-teach-base"
_PROBLEM: Final = "draw-teach-problem"
_PART: Final = "draw-teach-part"
_PARTS: Final[Mapping[LearnedPart, str]] = {
    "last-layer": "Last layer",
    "last-block": "Last block and layer",
}
_SHOWN: Final = "draw-teach-shown"
_UNDONE: Final = "draw-teach-undone"
_KEY: Final = "teach"


@st.cache_resource(show_spinner=False)
def process() -> FineTuneProcess:
    """The fine-tuning of this server, shared by all sessions."""
    made = FineTuneProcess()
    ending.register(made.cancel)
    return made


def show(drawings: Sequence[SavedDrawing]) -> None:
    """The section, for the drawings of the gallery."""
    st.subheader("Teach it", anchor=False)
    st.caption(
        "A copy of a model learns your labeled drawings, also classes of your own, in about a "
        "minute, longer on a busy machine. The model itself stays as it is."
    )
    problem = st.session_state.pop(_PROBLEM, None)
    if problem:
        failures.tell(problem)
    with failures.shown("Your classes cannot be shown"):
        _show_classes(drawings)
    with failures.shown("The models cannot be shown"):
        _show_training(drawings)
        _show_undone()
        run = _shown_run()
        if run is not None:
            _show_result(run)


# --- Own classes --------------------------------------------------------------------------------


def _show_classes(drawings: Sequence[SavedDrawing]) -> None:
    names = gallery.store().own_classes()
    counts = Counter(drawing.label for drawing in drawings)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for number, name in enumerate(names):
            _show_class(name, counts[name], key=f"draw-class-{number}")
        if len(names) < MAX_OWN_CLASSES:
            with (
                st.form("draw-class-form", clear_on_submit=True, border=False, width=300),
                st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
            ):
                st.text_input(
                    "Add a class of your own",
                    key=_NEW_CLASS,
                    max_chars=OWN_NAME_LENGTH,
                    placeholder="hat",
                    width=180,
                    help=f"Beside the ten classes, at most {MAX_OWN_CLASSES}. Then draw some.",
                )
                st.form_submit_button("Add class", key="draw-add-class", on_click=_add_class)
    if names:
        st.caption(
            f"Draw one above, or upload a picture, then click *Add to {plain(names[-1])}* beside "
            "it. Ten that differ are a good start."
        )


def _show_class(name: str, count: int, *, key: str) -> None:
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", width="content", gap="xsmall",
        key=key,
    ):  # fmt: skip
        st.markdown(f"**{plain(name)}** {counted(count, 'drawing')}", width="content")
        st.button(
            "",
            key=f"draw-remove-class-{name}",
            icon=":material/delete:",
            help="Remove this class",
            type="tertiary",
            on_click=_remove_class,
            args=(name,),
        )


def _add_class() -> None:
    with failures.kept(_PROBLEM):
        gallery.store().add_class(st.session_state[_NEW_CLASS])


def _remove_class(name: str) -> None:
    with failures.kept(_PROBLEM):
        gallery.store().remove_class(name)


# --- Training -----------------------------------------------------------------------------------


def _show_training(drawings: Sequence[SavedDrawing]) -> None:
    all_labeled = [drawing for drawing in drawings if drawing.label is not None]
    labeled = [drawing for drawing in all_labeled if not is_damaged(drawing)]
    labels = tuple(drawing.label for drawing in labeled if drawing.label is not None)
    bases = {run.run_id: run for run in models.runs_with_weights().values() if not why_not(run)}
    if not bases:
        st.info("There is no model to copy yet: train one first.", icon=":material/school:")
        return
    damaged = len(all_labeled) - len(labeled)
    if damaged:
        failures.tell(of_damaged(damaged), icon=":material/broken_image:")
    if len(labels) < MIN_DRAWINGS:
        st.info(
            f"Save at least {MIN_DRAWINGS} drawings or pictures with labels: draw, then answer "
            f"*What did you draw?* beside the canvas. You have {len(labels)}.",
            icon=":material/school:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        base = _choose_base(bases)
        part = _choose_part(base)
    _tell_ensembles()
    _take_over()
    has_ood_class = base.training is not None and base.training.has_ood_class
    for sentence in _cautions(labels, has_ood_class=has_ood_class):
        st.caption(f":material/info: {sentence}")
    text = JobText(
        _KEY,
        "Teach a copy",
        ":material/school:",
        f"Learns {_in_words(labeled)}. In the background; the copy is a run of its own.",
        "Another copy is being taught first.",
        "Nothing was learned",
    )
    folder = paths.artifacts_folder() / "drawings"
    show_job(process(), FineTuneTask(base.folder, folder, paths.runs_folder(), part), text)


def _choose_base(bases: dict[str, Run]) -> Run:
    names = distinct_names(list(bases.values()))
    if st.session_state.get(_BASE) not in bases:
        default = models.chosen_model()
        if default is not None and default.fine_tuning:
            default = run_catalog.run_or_none(default.fine_tuning.base)
        wanted = (default.run_id if default else None, OOD_MODEL, *bases)
        st.session_state[_BASE] = next(run_id for run_id in wanted if run_id in bases)
    st.selectbox(
        "Model to copy",
        list(bases),
        key=_BASE,
        format_func=names.__getitem__,
        width=300,
        help="What it says of training images and sketches is replayed, so that nothing else is "
        "forgotten.",
    )
    return bases[st.session_state[_BASE]]


def _choose_part(base: Run) -> LearnedPart:
    """What of the copy learns."""
    if not has_block(base):
        return "last-layer"
    chosen: LearnedPart = st.segmented_control(
        "What learns",
        list(_PARTS),
        key=_PART,
        default="last-layer",
        format_func=_PARTS.__getitem__,
        required=True,
        persist_state="session",
        help="The last layer weighs features that the model has already; it learns in seconds. The "
        "last block makes new features, too, which takes a few minutes.",
    )
    return chosen


def _tell_ensembles() -> None:
    """Why the model of the canvas is not among the choices, where it is an ensemble."""
    chosen = models.chosen_model()
    if chosen is not None and chosen.members:
        st.caption(f":material/info: {plain(why_not(chosen) or '')}")


def _in_words(labeled: Sequence[SavedDrawing]) -> str:
    counts = Counter(one.label for one in labeled if one.label is not None).most_common()
    parts = [f"{plain(label)} {count}" for label, count in counts]
    pictures = sum(one.is_picture for one in labeled)
    told = [
        counted(count, f"labeled {what}")
        for count, what in ((len(labeled) - pictures, "drawing"), (pictures, "picture"))
        if count
    ]
    return f"{' and '.join(told)} ({', '.join(parts)})"


def _cautions(labels: tuple[str, ...], *, has_ood_class: bool) -> list[str]:
    """What may go wrong with these drawings, in sentences of Markdown."""
    own = gallery.store().own_classes()
    few = [name for name in own if labels.count(name) < ENOUGH_OF_OWN]
    found = [
        f"**{plain(name)}** has {counted(labels.count(name), 'drawing')}; with fewer than "
        f"{ENOUGH_OF_OWN}, it is often missed."
        if labels.count(name)
        else f"**{plain(name)}** has no drawings, and is left out."
        for name in few
    ]
    lost = left_out(labels, has_ood_class=has_ood_class)
    if lost:
        found.append(
            f"This model has no class for other things; {counted(lost, 'drawing')} labeled "
            f"*{NO_GARMENT}* are left out."
        )
    return found


def _take_over() -> None:
    """Choose the copy that this session has just made, not one of another."""
    if take_end(process(), _KEY):
        newest = _newest()
        if newest is not None:
            models.use(newest.run_id)
            st.session_state[_SHOWN] = newest.run_id
            st.rerun()


# --- The result ---------------------------------------------------------------------------------


def _newest() -> Run | None:
    return next((run for run in run_catalog.own_runs() if run.fine_tuning), None)


def _shown_run() -> Run | None:
    """The copy made last in this session, that of the canvas, or the newest."""
    run = run_catalog.run_or_none(st.session_state.get(_SHOWN)) or models.chosen_model()
    return run if run is not None and run.fine_tuning else _newest()


def _show_result(run: Run) -> None:
    assert run.fine_tuning is not None
    base = run_catalog.run_or_none(run.fine_tuning.base)
    name = base.name if base else run.fine_tuning.base
    with st.container(border=True, key="draw-taught", gap="small"):
        st.markdown(f"**{plain(run.name)}**, a copy of {plain(name)}")
        with failures.shown("What it has learned cannot be shown"):
            _show_effect(FineTuningEffect.load(run), run)
        with st.container(horizontal=True):
            if st.session_state.get(models.MODEL) != run.run_id:
                st.button(
                    "Use it", key="draw-taught-use", icon=":material/draw:", on_click=models.use,
                    args=(run.run_id,),
                )  # fmt: skip
            st.button(
                "Export", key="draw-taught-export", icon=":material/ios_share:", on_click=_export,
                args=(run.run_id,),
            )  # fmt: skip
            st.button(
                "Undo", key="draw-taught-undo", icon=":material/undo:", on_click=_undo, args=(run,),
                help=f"Deletes the copy, and goes back to {plain(name)}.",
            )  # fmt: skip


def _show_effect(effect: FineTuningEffect, run: Run) -> None:
    assert run.fine_tuning is not None
    rows = changes(effect, run.fine_tuning.protocol)
    st.markdown(markdown_table(["Correct", "Before", "After"], rows))
    if effect.forgets:
        chance = p_value(effect.p_value, SIGNIFICANCE)
        st.warning(
            f"The test accuracy fell by more than chance ({chance}): the copy "
            "has forgotten some garments. Undo it, or label drawings that the model gets right.",
            icon=":material/warning:",
        )
    part, seconds = run.fine_tuning.part.replace("-", " "), run.history.epochs[-1].seconds
    st.caption(
        f"{explanation(effect, has_own_classes=bool(run.fine_tuning.own_classes))} "
        f"The {part} learned; all of it took {duration(seconds)}."
    )
    with st.expander("By drawing", key="draw-taught-drawings"):
        frame = pd.DataFrame(
            [(one.label, one.before, one.after) for one in effect.drawings],
            columns=["Label", "Before", "After, without it"],
        )
        st.dataframe(frame, hide_index=True, alt="Predictions of each drawing, before and after")


def _export(run_id: str) -> None:
    session.select_run(run_id)
    session.go_to("export")


def _undo(run: Run) -> None:
    assert run.fine_tuning is not None
    with failures.kept(_PROBLEM):
        store.delete_run(run)
        st.session_state.pop(_SHOWN, None)
        st.session_state[_UNDONE] = run.run_id
        models.use(run.fine_tuning.base)


def _show_undone() -> None:
    undone = st.session_state.get(_UNDONE)
    if undone:
        layout.offer_undo(
            "The copy was deleted.", key="draw-taught-restore", on_click=_restore, args=(undone,)
        )


def _restore(run_id: str) -> None:
    st.session_state.pop(_UNDONE, None)
    with failures.kept(_PROBLEM):
        store.restore_run(paths.runs_folder(), run_id)
        st.session_state[_SHOWN] = run_id
        models.use(run_id)
