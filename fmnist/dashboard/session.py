"""The one selection that all pages share, in the session and in the address bar."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

import streamlit as st

from fmnist.dashboard import cache
from fmnist.dashboard import snapshots as views
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.data.splits import SPLITS, SplitName
from fmnist.evaluation.leaderboard import Axis, Curve
from fmnist.evaluation.misclassifications import ERROR_TYPES, SORTS
from fmnist.evaluation.significance import GROUPS
from fmnist.evaluation.verdicts import VERDICT_TITLES
from fmnist.runs.run import ACTIVE_STATES, RunError

CorrectnessFilter = Literal["wrong", "correct", "all"]
Range = tuple[float, float]

_KEY = "selection"
_PAST = "selection_past"
_LEFT_OUT = "selection_left_out"
_WANTED = "wanted_page"
_PAST_KEPT = 30

COMPARED_AT_MOST: Final = 10
"""Runs that are shown side by side: there are as many colors."""

MEASURES: Final[Mapping[str, float]] = {
    "confidence": 1.0,
    "margin": 1.0,
    "entropy": math.log(NUM_CLASSES),
}
"""The measures whose range can be selected, and the highest value of each."""

GROUP_TITLES: Final[Mapping[str, str]] = {
    "both-right": "Both right",
    "only-a": "Only this run right",
    "only-b": "Only the compared run right",
    "both-wrong": "Both wrong",
}

VERDICT_FILTERS: Final[Mapping[str, str]] = {
    "none": "No verdict yet",
    "any": "Any verdict",
    **{verdict: f"Verdict: {title}" for verdict, title in VERDICT_TITLES.items()},
}


@dataclass(frozen=True)
class Selection:
    """What the person looks at.

    Attributes
    ----------
    run, compared : str or None
        Ids of own runs or names of shipped models; `compared` is the second of two.
    split : {"train", "validation", "test"} or None
        None for test where the run has been measured on it, else validation.
    epoch : int or None
        None for the weights the run keeps (its best epoch's; the newest while it trains).
    true, predicted : tuple of int
        Classes; empty for all.
    correctness : {"wrong", "correct", "all"}
    confidence, margin, entropy : tuple of float or None
        Lowest and highest value, as `fmnist.evaluation.misclassifications.matching` takes them.
    kind : str or None
        Kind of error, of `fmnist.evaluation.misclassifications.ERROR_TYPES`.
    verdict : str or None
        Key of `VERDICT_FILTERS`.
    group : str or None
        Of `fmnist.evaluation.significance.GROUPS`: which of the two runs is right.
    sort : str
        Of `fmnist.evaluation.misclassifications.SORTS`.
    order : {"down", "up"}
    image : int or None
        `Split.indices` of one image.
    runs : tuple of str
        Ids of the runs that the Compare page shows side by side; empty for its own choice.
    panel : str or None
        Title of the Compare page's open panel; None for the first.
    curve : {"accuracy", "loss"}
        What its curves show.
    axis : {"epoch", "step", "minutes"}
        Along what.
    """

    run: str | None = None
    compared: str | None = None
    split: SplitName | None = None
    epoch: int | None = None
    true: tuple[int, ...] = ()
    predicted: tuple[int, ...] = ()
    correctness: CorrectnessFilter = "wrong"
    confidence: Range | None = None
    margin: Range | None = None
    entropy: Range | None = None
    kind: str | None = None
    verdict: str | None = None
    group: str | None = None
    sort: str = "confidence"
    order: Literal["down", "up"] = "down"
    image: int | None = None
    runs: tuple[str, ...] = ()
    panel: str | None = None
    curve: Curve = "accuracy"
    axis: Axis = "epoch"

    def to_address(self) -> dict[str, str]:
        """Query parameters that `from_address` reads; what stands at its default is left out."""
        told = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                told[field.name] = _to_text(value)
        return told


def from_address(parameters: Mapping[str, str]) -> tuple[Selection, list[str]]:
    """Read a selection from query parameters.

    Returns
    -------
    Selection
        With the default for each parameter that makes no sense.
    list of str
        What was left out, in words.
    """
    values: dict[str, Any] = {}
    left_out = []
    for name, read in _READERS.items():
        text = parameters.get(name)
        if text is None:
            continue
        try:
            values[name] = read(text)
        except ValueError:
            left_out.append(f"{name} {text[:40]!r}")
    return Selection(**values), left_out


def _to_text(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    # a set of classes has integers; a range has floats, and ids of runs hold hyphens
    return ("-" if isinstance(value[0], int) else "~").join(map(str, value))


def _read_classes(text: str) -> tuple[int, ...]:
    labels = sorted({int(part) for part in text.split("-")})
    if not all(0 <= label < NUM_CLASSES for label in labels):
        raise ValueError(text)
    return tuple(labels)


def _read_runs(text: str) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(text.split("~")))
    if not all(ids):
        raise ValueError(text)
    return ids[:COMPARED_AT_MOST]


def _read_range(top: float) -> Callable[[str], Range]:
    def read(text: str) -> Range:
        low, high = map(float, text.split("~"))
        if not 0 <= low < high <= top:
            raise ValueError(text)
        return low, high

    return read


def _read_one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


def _read_count(text: str) -> int:
    number = int(text)
    if number < 0 or len(text) > 6:
        raise ValueError(text)
    return number


_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "run": str,
    "compared": str,
    "split": _read_one_of(*SPLITS),
    "epoch": _read_count,
    "true": _read_classes,
    "predicted": _read_classes,
    "correctness": _read_one_of(*get_args(CorrectnessFilter)),
    **{name: _read_range(top) for name, top in MEASURES.items()},
    "kind": _read_one_of(*ERROR_TYPES),
    "verdict": _read_one_of(*VERDICT_FILTERS),
    "group": _read_one_of(*GROUPS),
    "sort": _read_one_of(*SORTS),
    "order": _read_one_of("down", "up"),
    "image": _read_count,
    "runs": _read_runs,
    "panel": str,
    "curve": _read_one_of(*get_args(Curve)),
    "axis": _read_one_of(*get_args(Axis)),
}


def selection() -> Selection:
    """The selection of this session."""
    current: Selection = st.session_state.get(_KEY, Selection())
    return current


def enter() -> None:
    """See to it that app.py has run in this session; called first by every page.

    Until `st.navigation` has been called once, Streamlit takes a folder called pages for its own
    older kind of app and runs a page's script alone: to the very first visitor of a server, who
    opens the address of a page. Such a visitor is sent through app.py, and back here by `wanted`.
    """
    if _KEY in st.session_state:
        return
    st.session_state[_WANTED] = PurePosixPath(urlsplit(st.context.url or "").path).name
    st.switch_page("app.py", query_params=dict(st.query_params))


def wanted() -> str | None:
    """The page that `enter` or `go` sent the person to; told once."""
    name: str | None = st.session_state.pop(_WANTED, None)
    return name


def go(page: str) -> None:
    """Open another page after this callback."""
    st.session_state[_WANTED] = page


def change(**values: Any) -> None:
    """Change parts of the selection; pages drawn after this see it, and `undo` takes it back."""
    before = selection()
    after = replace(before, **values)
    if after == before:
        return
    # looking around, as from image to image, is no choice that a person would want to take back
    if replace(after, **{name: getattr(before, name) for name in _LOOKS}) != before:
        past = (*st.session_state.get(_PAST, ()), before)
        st.session_state[_PAST] = past[-_PAST_KEPT:]
    st.session_state[_KEY] = after


def select(run: str | None) -> None:
    """Open another run; epochs of the one before mean nothing to it."""
    change(run=run, epoch=None)


def pair(run: str, compared: str) -> None:
    """Open two runs, to be compared; what was chosen of others means nothing to them."""
    change(run=run, compared=compared, split=None, epoch=None, group=None, image=None)


def undo() -> None:
    """Take back the last change."""
    past = st.session_state.get(_PAST, ())
    if past:
        st.session_state[_KEY] = past[-1]
        st.session_state[_PAST] = past[:-1]


def can_undo() -> bool:
    """Whether there is a change to take back."""
    return bool(st.session_state.get(_PAST))


def narrow(**values: Any) -> None:
    """Change the selection as a click on a chart does: an open image is closed."""
    change(**({"image": None} | values))


def follow(key: str, value: Any) -> None:
    """Let a widget show a value that may have been changed elsewhere.

    Only where it shows another one: setting a widget takes it out of the person's hands, so that
    keys pressed on a slider while the page is drawn for the ones before would be lost. A select box
    whose options change their words is set every time all the same: Streamlit knows its value by
    the words, and would take the old ones for a choice of something else.

    Parameters
    ----------
    key : str
        Of the widget, which is drawn after this.
    value : object
    """
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


_LOOKS: Final = ("image", "panel", "curve", "axis")

FILTERS: Final = (
    "true", "predicted", "correctness", "confidence", "margin", "entropy", "kind", "verdict",
    "group",
)  # fmt: skip
"""The fields that choose images."""


def clear(*names: str) -> None:
    """Take filters away; where none is named, go back to all misclassified images."""
    defaults = {field.name: field.default for field in fields(Selection)}
    values = {name: defaults[name] for name in names or FILTERS}
    if names and "correctness" in values:
        values["correctness"] = "all"  # without the chip "Misclassified" the right ones show, too
    change(image=None, **values)


def sync() -> None:
    """Take the selection from the address bar when a session begins, then keep it there.

    Called once at the top of every run of the app, before any page reads the selection.
    """
    if _KEY not in st.session_state:
        asked, left_out = from_address(dict(st.query_params))
        current, more = _sound(asked)
        if left_out or more:
            st.session_state[_LEFT_OUT] = [*left_out, *more]
        st.session_state[_KEY] = current
    else:
        current, _ = _sound(selection())
        st.session_state[_KEY] = current
    address = current.to_address()
    # writing the address bar sends a message to the browser: only when it changes
    if dict(st.query_params) != address:
        st.query_params.from_dict(address)


def _sound(asked: Selection) -> tuple[Selection, list[str]]:
    """A selection without what the runs do not have, and what was left out, in words."""
    left_out = []
    current = asked
    if cache.run_or_none(current.run) is None:
        if current.run:
            left_out.append(f"run {current.run!r}")
        current = replace(current, run=_default_run())
    if current.compared is not None and (
        current.compared == current.run or cache.run_or_none(current.compared) is None
    ):
        left_out.append(f"compared run {current.compared!r}")
        current = replace(current, compared=None)
    known = tuple(run_id for run_id in current.runs if cache.run_or_none(run_id))
    left_out += [f"run {run_id!r}" for run_id in current.runs if run_id not in known]
    current = replace(current, runs=known)
    if current.group is not None and current.compared is None:
        left_out.append(f"group {current.group!r} without a compared run")
        current = replace(current, group=None)
    run = cache.run_or_none(current.run)
    if run is None:
        return current, left_out
    try:
        splits, epochs = views.splits(run), views.epoch_count(run)
    except (ValueError, OSError):  # a damaged evaluation: its page says so
        return current, left_out
    if current.split is not None and current.split not in splits and splits:
        left_out.append(f"split {current.split!r}")
        current = replace(current, split=None)
    if current.epoch is not None and not 1 <= current.epoch <= epochs:
        left_out.append(f"epoch {current.epoch}")
        current = replace(current, epoch=None)
    if current.image is not None:
        try:
            view = views.look(run, current.split, current.epoch)
        except (ValueError, OSError, RunError):
            return current, left_out
        if view is not None and view.position(current.image) is None:
            left_out.append(f"image {current.image}")
            current = replace(current, image=None)
    return current, left_out


def left_out() -> list[str]:
    """What the address asked for and could not be shown; told once."""
    told: list[str] = st.session_state.pop(_LEFT_OUT, [])
    return told


def _default_run() -> str | None:
    """The run that trains now, else the first shipped model, else the newest run."""
    own = cache.own_runs()
    active = [run for run in own if run.state in ACTIVE_STATES]
    candidates = [*active[:1], *cache.shipped_runs(), *own]
    return candidates[0].run_id if candidates else None


def in_words(name: str, value: Any) -> str:
    """A filter of the selection for people, as its chip says it."""
    if name in ("true", "predicted"):
        return f"{name.capitalize()}: {', '.join(CLASS_NAMES[label] for label in value)}"
    if name == "correctness":
        return {"wrong": "Misclassified", "correct": "Recognized", "all": "Right and wrong"}[value]
    if name in MEASURES:
        low, high = value
        if name == "entropy":
            return f"Entropy {low:.2f} to {high:.2f}"
        return f"{name.capitalize()} {100 * low:g} to {100 * high:g}%"
    if name == "kind":
        return f"{value.capitalize()} errors"
    if name == "verdict":
        return VERDICT_FILTERS[value]
    if name == "group":
        return GROUP_TITLES[value]
    return f"{name.capitalize()} {value}"
