"""The current selection of a browser session, kept in step with the address bar."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import PurePosixPath
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fmnist.dashboard import failures, run_catalog, snapshots
from fmnist.dashboard.navigation import ADDRESS, REQUESTED
from fmnist.dashboard.selection import (
    FILTERS,
    SLIDING_FIELDS,
    VIEW_ONLY_FIELDS,
    Selection,
    from_address,
)
from fmnist.data.splits import SplitName
from fmnist.evaluation.filters import Filters
from fmnist.evaluation.image_sets import ImageSet
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import quoted

_KEY = "selection"
_HISTORY = "selection-history"
_IGNORED = "ignored-params"
_UNDO_STEPS: Final = 30
_SYNCED = "synced"
_AT_REST = "at-rest"
REST_SECONDS: Final = 1.0
"""How long a slider has to rest until the address bar says what it has chosen."""
_BEGUN = "begun"
_DOUBLE_CLICK_SECONDS: Final = 3.0
"""Longer than clicks are apart: on a busy machine the page takes its time to take them in."""
_LONGEST_SECONDS: Final = 60.0


def selection() -> Selection:
    """The selection of this session."""
    current: Selection = st.session_state.get(_KEY, Selection())
    return current


def enter() -> None:
    """Make sure that app.py has run in this session; every page calls this first.

    Until `st.navigation` has been called once, Streamlit takes a folder named pages for its older
    kind of app and runs the page's script alone. This happens to the first visitor of a server
    who opens the address of a page. Such a visitor is sent through app.py, and back here by
    `requested_page`.
    """
    if _KEY in st.session_state:
        return
    go_to(PurePosixPath(urlsplit(st.context.url or "").path).name)
    st.switch_page("app.py", query_params=dict(st.query_params))


def requested_page() -> str | None:
    """The page that `enter` or `go_to` asked for; returned once."""
    name: str | None = st.session_state.pop(REQUESTED, None)
    return name


def go_to(page: str) -> None:
    """Open another page after this callback."""
    st.session_state[REQUESTED] = page


def change(**values: Any) -> None:
    """Change fields of the selection; `undo` reverts it."""
    _set(replace(selection(), **values))


def _set(after: Selection) -> None:
    before = selection()
    if after == before:
        return
    st.session_state[_AT_REST] = time.monotonic() + (
        REST_SECONDS if _differ_only_in(SLIDING_FIELDS, before, after) else 0
    )
    # Undo skips mere browsing, such as from image to image
    if not _differ_only_in(VIEW_ONLY_FIELDS, before, after):
        history = (*st.session_state.get(_HISTORY, ()), before)
        st.session_state[_HISTORY] = history[-_UNDO_STEPS:]
    st.session_state[_KEY] = after


def _differ_only_in(names: tuple[str, ...], one: Selection, other: Selection) -> bool:
    return replace(one, **{name: getattr(other, name) for name in names}) == other


def select_run(run: str | None) -> None:
    """Open another run, without the epoch, which belongs to the run before."""
    change(run=run, epoch=None)


def compare(run: str, compared: str) -> None:
    """Open two runs for comparison, without the fields that belong to the runs before."""
    change(run=run, compared=compared, split=None, epoch=None, group=None, image=None)


def set_filters(**values: Any) -> None:
    """Change filters, as a click on a chart does; closes an open image."""
    change(**({"image": None} | values))


def select_images(
    dataset: str, split: SplitName, images: Iterable[int], *, opens_split: bool = False
) -> None:
    """Filter by a set of images, and by nothing else; without images, by nothing at all.

    Parameters
    ----------
    dataset : str
    split : {"train", "validation", "test"}
    images : iterable of int
        As `fmnist.data.splits.Split.indices`.
    opens_split : bool
        Show this split, too, as the saved weights predict it.
    """
    chosen = list(images)
    opened = {"split": split, "epoch": None} if opens_split else {}
    everything = replace(Filters(), images=ImageSet.of(dataset, split, chosen) if chosen else None)
    set_filters(**{name: getattr(everything, name) for name in FILTERS}, **opened)


def clear_filters(*names: str) -> None:
    """Remove filters; without names, go back to all misclassified images."""
    defaults = {field.name: field.default for field in fields(Selection)}
    values = {name: defaults[name] for name in names or FILTERS}
    if names and "correctness" in values:
        values["correctness"] = "all"  # removing the chip "Misclassified" shows correct images too
    set_filters(**values)


def undo() -> None:
    """Revert the last change."""
    history = st.session_state.get(_HISTORY, ())
    if history:
        st.session_state[_KEY] = history[-1]
        st.session_state[_HISTORY] = history[:-1]


@contextmanager
def once(action: str, *what: object) -> Iterator[bool]:
    """Do something once, though the button is clicked twice or three times.

    A click runs its callback at once, even while the one of the click before still runs.

    Parameters
    ----------
    action : str
    *what : object
        What it is done to, or with.

    Yields
    ------
    bool
        False if this session is doing the same, or has just done it. What raises is not done.
    """
    begun = st.session_state.setdefault(_BEGUN, {})
    before, until = begun.get(action, (None, 0.0))
    if before == what and time.monotonic() < until:
        yield False
        return
    begun[action] = what, time.monotonic() + _LONGEST_SECONDS
    try:
        yield True
    except BaseException:
        del begun[action]
        raise
    begun[action] = what, time.monotonic() + _DOUBLE_CLICK_SECONDS


def can_undo() -> bool:
    """Whether there is a change to revert."""
    return bool(st.session_state.get(_HISTORY))


def sync_widget(key: str, value: Any) -> None:
    """Set a widget to a value that may have been changed elsewhere.

    Does nothing if the widget shows this value already. Setting a widget overwrites what the
    person is doing to it: keys pressed on a slider while the page is drawn would be lost.

    Do not use it for a select box whose labels change between runs. Streamlit knows its value by
    the label and would report a change, so assign to `st.session_state` on every run.

    Parameters
    ----------
    key : str
        The widget's key; call this before the widget.
    value : object
    """
    st.session_state.setdefault(_SYNCED, set()).add(key)
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def end_page() -> NoReturn:
    """End a page early, in place of `st.stop`.

    After `st.stop` Streamlit keeps the values of the widgets that the page lacks, and the browser
    does not: `sync_widget` would find nothing to do when they come back.
    """
    for key in st.session_state.pop(_SYNCED, ()):
        st.session_state.pop(key, None)
    st.stop()


def sync() -> None:
    """Read the selection from the address bar, or write it there.

    It is read when a session begins, and when the person goes back or forward in the browser.
    Called once at the top of every run of the app, before any page reads the selection.
    """
    parameters = dict(st.query_params)
    begins = _KEY not in st.session_state
    # an address without parameters, with which a visit began, says nothing
    if begins or (parameters and _went_back_or_forward()):
        requested, ignored = from_address(parameters)
        current, missing = _validated(requested)
        if ignored or missing:
            st.session_state[_IGNORED] = (current, [*ignored, *missing])
        if not begins:
            _set(current)
    else:
        current, _ = _validated(selection())
    st.session_state[_KEY] = current
    address = current.to_address()
    # each address is an entry in the browser's history: one for a slider, not one for each step
    if parameters != address and _is_at_rest():
        st.query_params.from_dict(address)
        parameters = address
    st.session_state[ADDRESS] = parameters


def write_address_later() -> None:
    """Write what a slider has chosen to the address bar, once it rests; call this after `sync`."""
    if dict(st.query_params) != selection().to_address():
        st.fragment(_rerun_at_rest, run_every=REST_SECONDS)()


def _rerun_at_rest() -> None:
    if _is_at_rest():
        st.rerun()


def _is_at_rest() -> bool:
    return bool(time.monotonic() >= st.session_state.get(_AT_REST, 0.0))


def _went_back_or_forward() -> bool:
    """Whether the browser's Back or Forward asked for this run of the app.

    The address alone does not tell: it is also older than the selection where a person clicks
    before the browser has received the address of the click before.
    """
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def ignored_params() -> list[str]:
    """Parameters of the address that were ignored, for people, until the selection changes."""
    opened_with, ignored = st.session_state.get(_IGNORED, (None, []))
    return ignored if opened_with == selection() else []


def _validated(requested: Selection) -> tuple[Selection, list[str]]:
    """Drop what the runs do not have; also return what was dropped, for people."""
    current, ignored = _validated_runs(requested)
    run = run_catalog.run_or_none(current.run)
    if run is None:
        return current, ignored
    try:
        splits, epochs = snapshots.splits(run), snapshots.epoch_count(run)
        if current.split is not None and current.split not in splits and splits:
            ignored.append(f"split {current.split!r}")
            current = replace(current, split=None)
        if current.epoch is not None and not 1 <= current.epoch <= epochs:
            ignored.append(f"epoch {current.epoch}")
            current = replace(current, epoch=None)
        if current.image is not None and not _has_image(run, current):
            ignored.append(f"image {current.image}")
            current = replace(current, image=None)
        if current.images is not None and not _has_images(run, current):
            ignored.append(f"images {quoted(str(current.images))}")
            current = replace(current, images=None)
    except failures.EXPECTED:
        pass  # the page reports a damaged evaluation
    return current, ignored


def _validated_runs(requested: Selection) -> tuple[Selection, list[str]]:
    ignored = []
    current = requested
    if run_catalog.run_or_none(current.run) is None:
        if current.run:
            ignored.append(f"run {quoted(current.run)}")
        current = replace(current, run=_default_run())
    if current.compared is not None and (
        current.compared == current.run or run_catalog.run_or_none(current.compared) is None
    ):
        ignored.append(f"compared run {quoted(current.compared)}")
        current = replace(current, compared=None)
    known = tuple(run_id for run_id in current.runs if run_catalog.run_or_none(run_id))
    ignored += [f"run {quoted(run_id)}" for run_id in current.runs if run_id not in known]
    current = replace(current, runs=known)
    if current.group is not None and current.compared is None:
        ignored.append(f"group {current.group!r} (no second run)")
        current = replace(current, group=None)
    return current, ignored


def _has_image(run: Run, selection: Selection) -> bool:
    snapshot = snapshots.load_snapshot(run, selection.split, selection.epoch)
    return snapshot is None or snapshot.position(selection.image or 0) is not None


def _has_images(run: Run, selection: Selection) -> bool:
    """Whether a set of images is of the split that is shown, whose indices it counts."""
    chosen, shown = selection.images, snapshots.load_snapshot(run, selection.split, selection.epoch)
    if chosen is None or shown is None or run.config is None:
        return False
    return (chosen.dataset, chosen.split) == (run.config.dataset, shown.evaluation.split)


def _default_run() -> str | None:
    """The run that trains now, else the first shipped model, else the newest run."""
    own = run_catalog.own_runs()
    active = [run for run in own if run.state in ACTIVE_STATES]
    candidates = [*active[:1], *run_catalog.shipped_runs(), *own]
    return candidates[0].run_id if candidates else None
