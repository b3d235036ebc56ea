"""The Draw page's answer: which models are asked, what they see, and what they say."""

import base64
import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, run_catalog, session
from fmnist.dashboard.draw import board as draw_board
from fmnist.dashboard.draw import parts as draw_parts
from fmnist.dashboard.draw.board import Board
from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE
from fmnist.data.synthetic import strokes
from fmnist.reports.charts import CLASS_COLORS
from fmnist.reports.text import percent
from fmnist.runs.run import Run, RunError
from fmnist.runs.temperature import load_temperature
from fmnist.sketchpad import canvas, gallery, recognition
from fmnist.sketchpad.preprocessing import DEFAULT_PREPARATION, Preparation

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

_MODEL: Final = "draw-model"
_SECOND: Final = "draw-second"
_FILL_TONE: Final = 0.7  # what "fill closed shapes" fills with, where the default is to leave them
_DEFAULTS: Final = DEFAULT_PREPARATION
_ONE_WIDTH: Final = "draw-one-width"
_KEYS: Final[Mapping[str, str]] = {f.name: f"draw-{f.name}" for f in fields(Preparation)}


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of the sheet.

    Attributes
    ----------
    run : Run
    probabilities : float32 (10,)
    in_distribution_score : float
        In [0, 1]; how much it looks like a garment.
    seen : uint8 (28, 28)
        What the model saw.
    is_started : bool
        Whether there is enough on the sheet to guess by.
    before : float32 (10,) or None
        Probabilities of the image that is painted over, as it was.
    """

    run: Run
    probabilities: NDArray[np.float32]
    in_distribution_score: float
    seen: NDArray[np.uint8]
    is_started: bool = True
    before: NDArray[np.float32] | None = None

    @property
    def label(self) -> int:
        """The likeliest class."""
        return int(np.argmax(self.probabilities))

    @property
    def confidence(self) -> float:
        """Its probability."""
        return float(self.probabilities.max())

    @property
    def is_garment(self) -> bool:
        """Whether it looks like a garment at all."""
        return self.in_distribution_score >= recognition.IN_DISTRIBUTION_THRESHOLD

    @property
    def word(self) -> str:
        """The answer as the gallery keeps it."""
        return CLASS_NAMES[self.label] if self.is_garment else gallery.NO_GARMENT


# --- Models -------------------------------------------------------------------------------------


def models() -> dict[str, Run]:
    """Runs that can be asked, the shipped ones first, by id."""
    return {
        run.run_id: run
        for run in run_catalog.all_runs()
        if run.config and run.weights_path.exists()
    }


def default_model(found: Mapping[str, Run]) -> str | None:
    """The model for sketches where it came along, else the run of all pages."""
    for wanted in (recognition.OOD_MODEL, session.selection().run):
        if wanted in found:
            return wanted
    return next(iter(found), None)


def choose_model(found: Mapping[str, Run]) -> Run | None:
    """The choice of the model that answers; None where there is none."""
    first = default_model(found)
    if first is None:
        return None
    _say_if_gone(_MODEL, found)
    chosen = st.selectbox(
        "Model that answers",
        list(found),
        index=list(found).index(first),
        key=_MODEL,
        format_func=lambda run_id: f"Asked: {found[run_id].name}",
        label_visibility="collapsed",
        persist_state="session",
    )
    if recognition.OOD_MODEL not in found:
        st.caption(
            "The model for sketches is not installed: this one knows photographs only, and takes "
            "anything for a garment."
        )
    return found[chosen]


def choose_second(found: Mapping[str, Run], first: Run | None) -> Run | None:
    """The choice of a second model, to answer beside the first; None where none is wished."""
    _say_if_gone(_SECOND, found)
    others = [run_id for run_id in found if first is None or run_id != first.run_id]
    if not others:
        return None
    second = st.selectbox(
        "Second model, beside it",
        others,
        index=None,
        key=_SECOND,
        format_func=lambda run_id: f"And: {found[run_id].name}",
        placeholder="Ask a second one, too",
        label_visibility="collapsed",
        persist_state="session",
    )
    return found.get(second) if second else None


def are_two(found: Mapping[str, Run]) -> bool:
    """Whether two models are asked, before the choice is shown."""
    return st.session_state.get(_SECOND) in found


def _say_if_gone(key: str, found: Mapping[str, Run]) -> None:
    gone = st.session_state.get(key)
    if gone is not None and gone not in found:
        del st.session_state[key]
        st.warning(f"The model {gone} is no longer here.", icon=":material/link_off:")


def classifier(run: Run) -> "Classifier":
    """A run's classifier, with the temperature kept with it.

    Raises
    ------
    OSError, ValueError, RunError
        If its weights or its temperature are absent or damaged.
    """
    read = cache.classifier(run)
    kept = load_temperature(run)
    if kept is not None:
        read = copy.copy(read)  # the weights are shared, the temperature is its own
        read.temperature = kept.value
    return read


@st.cache_resource(show_spinner=False, max_entries=16)
def _warmed(path: Path, modified: int, _run: Run) -> None:  # noqa: ARG001 - parts of the key
    blank = np.zeros((1, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    _worker().submit(cache.classifier(_run).logits, blank).result()


def warm(run: Run) -> None:
    """Read a model and ask it once, before the first stroke: a first time is slow.

    Raises
    ------
    OSError, ValueError
        If its weights are absent or damaged.
    """
    _warmed(run.weights_path, run.weights_path.stat().st_mtime_ns, run)
    ood_model()


def ood_model() -> "Classifier | None":
    """The model that tells garments from other things; None where it is not installed."""
    run = run_catalog.run_or_none(recognition.OOD_MODEL)
    return cache.classifier(run) if run and run.weights_path.exists() else None


# --- Preparation --------------------------------------------------------------------------------


def preparation() -> Preparation:
    """What happens between sheet and model, as it is set on the page."""
    values: dict[str, Any] = {
        name: st.session_state.get(key, getattr(_DEFAULTS, name)) for name, key in _KEYS.items()
    }
    width = st.session_state.get(_ONE_WIDTH, _DEFAULTS.line_width is not None)
    values["line_width"] = (values["line_width"] or strokes.LINE_WIDTH) if width else None
    values["fill"] = (_DEFAULTS.fill or _FILL_TONE) if _is_filled() else 0.0
    return Preparation(**values)


def _is_filled() -> bool:
    return bool(st.session_state.get(_KEYS["fill"], _DEFAULTS.fill > 0))


def fill_switch() -> None:
    """Whether closed shapes are filled."""
    st.session_state.setdefault(_KEYS["fill"], _DEFAULTS.fill > 0)
    st.toggle(
        "Fill closed shapes",
        key=_KEYS["fill"],
        persist_state="session",
        help="For the model: what your lines enclose is filled with gray.",
    )


_WIDGETS: Final[Mapping[str, object]] = {
    _KEYS["crop"]: _DEFAULTS.crop,
    _KEYS["center"]: _DEFAULTS.center,
    _ONE_WIDTH: _DEFAULTS.line_width is not None,
    _KEYS["line_width"]: _DEFAULTS.line_width or strokes.LINE_WIDTH,
    _KEYS["ink"]: _DEFAULTS.ink,
}
"""What the widgets of the preparation say at first."""


def _back_to_defaults() -> None:
    st.session_state.update(_WIDGETS)
    st.session_state[_KEYS["fill"]] = _DEFAULTS.fill > 0


def show_preparation(sheet: Board) -> None:
    """What happens between sheet and model, to be changed."""
    changed = preparation() != _DEFAULTS
    with st.expander(
        "From the sheet to 28 × 28" + (" (changed)" if changed else ""),
        icon=":material/tune:",
        key="draw-preparation",
    ):
        if sheet.image is not None:
            st.caption("A test image already is what the model sees: nothing is changed on it.")
            return
        for key, value in _WIDGETS.items():
            st.session_state.setdefault(key, value)
        st.caption("Fashion-MNIST's images fill their frame, white on black; so shall yours.")
        with st.container(horizontal=True, gap="medium"):
            crop = st.toggle(
                "Crop",
                key=_KEYS["crop"],
                persist_state="session",
                help="Scale until the longest side fills the image; otherwise the whole sheet is "
                "shrunk.",
            )
            one_width = st.toggle(
                "Lines of one width",
                key=_ONE_WIDTH,
                persist_state="session",
                help="However thick your pen; areas and photographs are left alone.",
            )
        with st.container(horizontal=True, gap="medium"):
            st.segmented_control(
                "In the middle",
                ["box", "mass"],
                key=_KEYS["center"],
                format_func={"box": "Its box", "mass": "Its mass"}.__getitem__,
                required=True,
                disabled=not crop,
                persist_state="session",
            )
            st.segmented_control(
                "Ink",
                ["auto", "dark", "light"],
                key=_KEYS["ink"],
                format_func={"auto": "By itself", "dark": "Dark", "light": "Light"}.__getitem__,
                required=True,
                persist_state="session",
                help="Whether the garment is darker or lighter than what lies around it.",
            )
            st.slider(
                "Width of lines",
                0.5,
                4.0,
                step=0.1,
                key=_KEYS["line_width"],
                format="%.1f of 28 px",
                disabled=not one_width,
                persist_state="session",
                width=180,
            )
        st.button(
            "Back to the defaults",
            key="draw-defaults",
            icon=":material/restart_alt:",
            disabled=not changed,
            on_click=_back_to_defaults,
        )


# --- Answers ------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    """The thread that asks the models, on one core.

    For a single image, several threads wait for each other longer than they compute, and a page's
    own thread is a new one with every stroke, which would have to gather its helpers each time.
    How many threads torch uses belongs to a thread, from its first question on; those that come
    later take after the last word on it, so that is taken back.
    """
    import torch

    made = ThreadPoolExecutor(1, "draw")
    usual = made.submit(torch.get_num_threads).result()
    made.submit(torch.set_num_threads, 1).result()
    torch.set_num_threads(usual)
    return made


def ask(sheet: Board, run: Run) -> Answer | None:
    """What a model says of the sheet; None where there is nothing on it.

    Raises
    ------
    OSError, ValueError, RunError
        If the model's files are absent or damaged.
    """
    asked, detector = classifier(run), ood_model()
    if sheet.is_empty:
        return None
    return _worker().submit(_ask, sheet, run, asked, detector, preparation()).result()


def _ask(
    sheet: Board,
    run: Run,
    asked: "Classifier",
    detector: "Classifier | None",
    prepared: Preparation,
) -> Answer | None:
    if sheet.picture is None and sheet.image is not None:
        strokes = canvas.pixels(sheet.steps.now.picture if sheet.steps.now.shapes else b"")
        seen = canvas.painted_over(sheet.image.pixels, strokes)
        before, now = asked.predict_proba(np.stack([sheet.image.pixels, seen]))
        return Answer(run, now, 1.0, seen, before=before)
    if sheet.picture is not None:
        rgba, is_started = sheet.picture, True
    else:
        rgba = canvas.pixels(sheet.steps.now.picture)
        is_started = canvas.is_started(sheet.steps.now.shapes)
    if canvas.is_blank(rgba):  # rubbed out, or still on its way from the browser
        return None
    result = recognition.classify(rgba, asked, preparation=prepared, ood_model=detector)
    if not result.model_input.any():
        return None
    return Answer(
        run,
        result.probabilities,
        result.in_distribution_score,
        result.model_input,
        is_started=is_started,
    )


def in_words(answer: Answer | None, sheet: Board) -> tuple[str, str, str]:
    """Headline, note and tone of an answer."""
    if answer is None:
        if sheet.picture is not None:
            return "Nothing to be seen", "The picture shows one color all over.", "none"
        return (
            "Draw a shoe, a shirt, a bag…",
            "with mouse, pen or finger: the answer comes with every stroke.",
            "none",
        )
    name, sure = CLASS_NAMES[answer.label], percent(answer.confidence, 0)
    if answer.before is not None and not sheet.steps.now.shapes:
        return f"{name}, {sure}", "Paint over it: white adds to it, black takes away.", "sure"
    if answer.before is not None:
        was = int(np.argmax(answer.before))
        then = percent(answer.before[was], 0)
        if was != answer.label:
            return f"{name}, {sure}", f"It was {CLASS_NAMES[was]}, {then}: flipped.", "flipped"
        return f"{name}, {sure}", f"It was {then} before you painted.", "sure"
    if not answer.is_started:
        return "Still guessing…", f"Perhaps {name}: draw on.", "guessing"
    if not answer.is_garment:
        return (
            "This does not look like a garment",
            f"If it has to be one: {name}, {sure}.",
            "refused",
        )
    second = int(np.argsort(answer.probabilities)[-2])
    note = f"or {CLASS_NAMES[second]}, {percent(answer.probabilities[second], 0)}"
    return f"{name}, {sure}", note if answer.probabilities[second] >= 0.05 else "", "sure"


def show_answer(
    answer: Answer | None, sheet: Board, *, key: str, model: str = "", number: int
) -> None:
    """The answer in words, and the ten probabilities in the order of the classes.

    Parameters
    ----------
    answer : Answer or None
    sheet : Board
    key : str
    model : str
        Name of the model, where there are two.
    number : int
        Of the step that is answered, for those who wait for it.
    """
    headline, note, tone = in_words(answer, sheet)
    rows = []
    for label, name in enumerate(CLASS_NAMES):
        share = float(answer.probabilities[label]) if answer else 0.0
        before = float(answer.before[label]) if answer and answer.before is not None else None
        change = "" if before is None else f"{100 * (share - before):+.0f}".replace("-", "−")
        rows.append({
            "name": name,
            "color": CLASS_COLORS[label],
            "share": share,
            "text": percent(share, 0) if answer else "",
            "before": before,
            "change": "" if change in ("+0", "−0") else change,
            "first": answer is not None and label == answer.label,
        })  # fmt: skip
    spoken = ", ".join(f"{row['name']} {row['text']}" for row in rows) if answer else "none yet"
    draw_parts.answer(
        {
            "headline": headline,
            "note": note,
            "tone": tone,
            "model": model,
            "rows": rows,
            "step": number,
            "tool": draw_board.tool(),
            "sheet": sheet.begun,
            "alt": f"Probabilities: {spoken}",
        },
        key=key,
    )


def show_eye(answer: Answer | None, *, key: str) -> None:
    """The image that the model sees."""
    seen = answer.seen if answer else np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    draw_parts.eye(
        {
            "pixels": base64.b64encode(np.ascontiguousarray(seen).data).decode(),
            "width": 5 * IMAGE_SIZE,
            "words": "What the model sees, 28\u00a0×\u00a028 pixels",
            "alt": "The image that the model sees",
        },
        key=key,
    )


def explain(error: Exception, run: Run) -> str:
    """A sentence on why a model cannot answer."""
    if isinstance(error, FileNotFoundError):
        return f"The model {run.name} is no longer here; choose another."
    if isinstance(error, RunError):
        return str(error)
    return f"The model {run.name} cannot be asked: {error}"
