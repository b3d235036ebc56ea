"""Verdicts on the labels of training images: a wall, one image with keys, and several at once.

`review` is all that a page needs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, pictures
from fmnist.dashboard.components.clickable import Tile, image_wall
from fmnist.dashboard.imports import ask_for_file
from fmnist.dashboard.label_review import (
    PAGE_SIZES,
    Review,
    can_undo,
    give_one,
    give_several,
    go_to,
    opinions,
    show_messages,
    tell_later,
    undo,
    withdraw,
)
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.data.splits import Dataset
from fmnist.evaluation.label_verdicts import (
    REVIEWER_LENGTH,
    Action,
    Consensus,
    LabelVerdict,
    LabelVerdictError,
    Opinions,
    checked_reviewer,
    consensus,
)
from fmnist.reports.text import counted
from fmnist.text import plain

FIRST_REVIEWER: Final = "Reviewer 1"
_FILTERS: Final = ("All", "Undecided", "Disputed")
_REVIEWER: Final = "label-reviewer"
_MAX_MEGABYTES: Final = 20  # every training image by two reviewers


def review(
    dataset: Dataset,
    tiles: Sequence[Tile],
    suggestions: Mapping[int, int | None],
    *,
    key: str,
    label: str = "Training images to decide on",
    on_open: Callable[[int], None] | None = None,
) -> Consensus:
    """Ask for verdicts on the labels of training images; one such control a page.

    Parameters
    ----------
    dataset : Dataset
    tiles : sequence of Tile
        The images in order; `Tile.image` is the position in the file of training images.
    suggestions : mapping of int to (int or None)
        The label that is proposed for an image, None to leave it out. Images without one are
        proposed to stay as they are.
    key : str
        Prefix of the widgets' keys.
    label : str
        What the wall shows, for screen readers.
    on_open : callable, optional
        Called with the image that the person wants to see elsewhere.

    Returns
    -------
    Consensus
        Of all verdicts on the data set, also on other images.
    """
    show_messages()
    found = opinions(dataset.name)
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-controls"):
        reviewer = _ask_reviewer(found)
        one = Review(
            dataset, {tile.image: tile for tile in tiles}, suggestions, key, reviewer, found,
            on_open,
        )  # fmt: skip
        images = _filtered(one)
    _show_progress(one)
    if not images:
        st.info("No image is left here: choose another filter.", icon=":material/task_alt:")
    else:
        shown = _page(one, images)
        current = _current(one, shown)
        with st.container(border=True, key=f"{key}-verdict"):
            _ask(one, current, images)
        _ask_for_several(one, shown)
        _show_wall(one, shown, current, label)
    _show_files(one)
    return consensus(found)


def _ask_reviewer(found: Opinions) -> str:
    """Who gives the verdicts; another name gives a second opinion."""
    known = {who for given in found.values() for who in given}
    chosen = st.session_state.get(_REVIEWER) or FIRST_REVIEWER
    options = sorted(known | {FIRST_REVIEWER, chosen})
    named: str = st.selectbox(
        "Reviewer",
        options,
        index=options.index(FIRST_REVIEWER),
        key=_REVIEWER,
        accept_new_options=True,
        width=260,
        persist_state="session",
        help="Type another name for a second opinion, also in another browser. You see what others "
        "say about an image once you have given your own verdict on it.",
    )
    try:
        return checked_reviewer(named or FIRST_REVIEWER)
    except LabelVerdictError:
        failures.tell(
            f"A reviewer's name has at most {REVIEWER_LENGTH} characters; {FIRST_REVIEWER} is used."
        )
        return FIRST_REVIEWER


def _show_progress(one: Review) -> None:
    """How many of the images are decided, by whom, and where reviewers differ."""
    own = sum(one.own(image) is not None for image in one.tiles)
    total = len(one.tiles)
    st.progress(own / total, f"{own:,} of {total:,} decided")
    both = [image for image in one.tiles if one.own(image) and one.others(image)]
    disputed = len(consensus(one.opinions, both).disputed)
    others = sum(bool(one.others(image)) for image in one.tiles)
    if others:
        told = f"Other reviewers have decided {others:,} of them."
        if both:
            told += (
                f" Where you have both decided, you agree on {len(both) - disputed:,} and disagree "
                f"on {disputed:,}. A label that is disputed stays as it is."
            )
        st.caption(told)


def _filtered(one: Review) -> list[int]:
    """The images that a filter leaves, in order."""
    chosen = st.segmented_control(
        "Verdicts", _FILTERS, default=_FILTERS[0], key=f"{one.key}-filter", required=True,
        width="content", persist_state="session",
    )  # fmt: skip
    if chosen == "Undecided":
        return [image for image in one.tiles if one.own(image) is None]
    if chosen == "Disputed":
        disputed = consensus(one.opinions, one.tiles).disputed
        return [image for image in one.tiles if image in disputed and one.own(image)]
    return list(one.tiles)


def _page(one: Review, images: list[int]) -> list[int]:
    """The images of the open page of the wall."""
    pages = -(-len(images) // one.size)
    key, current = one.page_key(pages), st.session_state.get(one.current_key)
    if key not in st.session_state and current in images:  # back from another page of the app
        go_to(one, current, images)
    page = min(max(1, st.session_state.get(key, 1)), pages)
    if len(images) > PAGE_SIZES[0]:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{one.key}-pages"):
            first, last = (page - 1) * one.size + 1, min(page * one.size, len(images))
            st.caption(f"{first:,} to {last:,} of {len(images):,}", width="content")
            if pages > 1:
                st.pagination(pages, key=key, width="content")
            st.segmented_control(
                "Images per page", PAGE_SIZES, default=PAGE_SIZES[1], key=f"{one.key}-size",
                required=True, label_visibility="collapsed", width="content",
                persist_state="session", help="Images per page",
            )  # fmt: skip
    return images[(page - 1) * one.size : page * one.size]


def _current(one: Review, shown: list[int]) -> int:
    """The open image: as chosen, else the first without a verdict, else the first."""
    chosen: int | None = st.session_state.get(one.current_key)
    if chosen in shown:
        return chosen
    return next((image for image in shown if one.own(image) is None), shown[0])


def _ask(one: Review, image: int, images: list[int]) -> None:
    """One image, and a button with a key for each verdict."""
    given, own = CLASS_NAMES[one.given(image)], one.own(image)
    left, right = st.columns([1, 4], gap="medium", vertical_alignment="center")
    with left:
        st.image(
            pictures.enlarge(one.dataset.train_images[image], 168), width=168,
            alt=f"Training image {image}, labeled {given}",
        )  # fmt: skip
    with right:
        st.markdown(f"Training image {image:,}, labeled **{given}**. {_proposal(one, image)}")
        _buttons(one, image, images)
        st.caption(_state(one, image, own))
        _steps(one, image, images)


def _proposal(one: Review, image: int) -> str:
    if image not in one.suggestions:
        return ""
    to = one.suggestions[image]
    return f"Suggested: **{'leave it out' if to is None else CLASS_NAMES[to]}**."


def _state(one: Review, image: int, own: LabelVerdict | None) -> str:
    """The verdicts on an image, in words; those of others after one's own."""
    if own is None:
        return "No verdict yet. The suggestion is the colored button."
    said = [f"Your verdict: {_said(own)}."]
    for verdict in one.others(image):
        how = "agrees" if verdict.label == own.label else "disagrees"
        said.append(f"{plain(verdict.reviewer)} {how}: {_said(verdict)}.")
    return " ".join(said)


def _said(verdict: LabelVerdict) -> str:
    if verdict.label is None:
        return "exclude"
    name = CLASS_NAMES[verdict.label]
    return f"keep {name}" if verdict.action == "keep" else f"relabel to {name}"


def _buttons(one: Review, image: int, images: list[int]) -> None:
    given, own, suggested = one.given(image), one.own(image), one.suggested(image)
    class_key = f"{one.key}-class-{image}"
    classes = [label for label in range(NUM_CLASSES) if label != given]
    first = own.label if own and own.action == "relabel" else suggested
    first = first if first in classes else classes[0]
    to = st.session_state.get(class_key, first)
    # what is said, or else what is proposed
    colored: Action = own.action if own else replace(one.unchanged(image), label=suggested).action
    choices: tuple[tuple[Action, str, int | None], ...] = (
        ("relabel", f"Relabel to {CLASS_NAMES[to]}", to),
        ("keep", f"Keep {CLASS_NAMES[given]}", given),
        ("exclude", "Exclude", None),
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{one.key}-buttons"):
        for number, (action, title, label) in enumerate(choices, 1):
            is_own = own is not None and own.label == label and own.action == action
            st.button(
                title,
                # a click belongs to the image that was on screen
                key=f"{one.key}-{action}-{image}",
                shortcut=str(number),
                type="primary" if action == colored else "secondary",
                icon=":material/check:" if is_own else None,
                help="Click again to withdraw it." if is_own else None,
                on_click=withdraw if is_own else give_one,
                args=(one, image) if is_own else (one, image, label, images),
            )
        st.selectbox(
            "Relabel to",
            classes,
            index=classes.index(first),
            format_func=CLASS_NAMES.__getitem__,
            key=class_key,
            width=160,
        )


def _steps(one: Review, image: int, images: list[int]) -> None:
    at = images.index(image)
    before = images[at - 1] if at else None
    after = images[at + 1] if at + 1 < len(images) else None
    with st.container(horizontal=True, vertical_alignment="center", key=f"{one.key}-steps"):
        st.button(
            "Previous", key=f"{one.key}-previous", icon=":material/chevron_left:", shortcut="Left",
            disabled=before is None, on_click=go_to, args=(one, before, images),
        )  # fmt: skip
        st.button(
            "Next", key=f"{one.key}-next", icon=":material/chevron_right:", shortcut="Right",
            disabled=after is None, on_click=go_to, args=(one, after, images),
        )  # fmt: skip
        st.button(
            "Undo", key=f"{one.key}-undo", icon=":material/undo:", shortcut="U",
            disabled=not can_undo(), on_click=undo, args=(one, images),
            type="tertiary",
        )  # fmt: skip
        if one.on_open is not None:
            st.button(
                "Open on Errors", key=f"{one.key}-open", icon=":material/frame_inspect:",
                type="tertiary", on_click=one.on_open, args=(image,),
            )  # fmt: skip


def _ask_for_several(one: Review, shown: list[int]) -> None:
    """Verdicts on the shown images without one, or on the selected ones."""
    picking = st.session_state.get(f"{one.key}-pick", False)
    chosen = [image for image in one.tiles if image in one.picked]
    targets = chosen if picking else [image for image in shown if one.own(image) is None]
    with st.container(horizontal=True, vertical_alignment="center", key=f"{one.key}-several"):
        st.toggle(
            "Select images", key=f"{one.key}-pick", persist_state="session",
            help="A click on an image then selects it, or takes it out.",
        )  # fmt: skip
        what = "selected image" if picking else "shown image"
        st.markdown(
            f"**{counted(len(targets), what)}**{'' if picking else ' without a verdict'}:",
            width="content",
        )
        labels: dict[str, Mapping[int, int | None]] = {
            "As suggested": {image: one.suggested(image) for image in targets},
            "Keep": {image: one.given(image) for image in targets},
            "Exclude": dict.fromkeys(targets),
        }
        for title, each in labels.items():
            st.button(
                title, key=f"{one.key}-all-{title.split()[-1].lower()}", disabled=not targets,
                on_click=give_several, args=(one, each),
            )  # fmt: skip


def _show_wall(one: Review, shown: list[int], current: int, label: str) -> None:
    picking = st.session_state.get(f"{one.key}-pick", False)

    def pick(image: int) -> None:
        if picking:
            one.picked.symmetric_difference_update({image})
        else:
            st.session_state[one.current_key] = image

    image_wall(
        [_marked(one, one.tiles[image]) for image in shown],
        one.dataset.train_images[np.asarray(shown)],
        key=f"{one.key}-wall",
        label=label,
        on_pick=pick,
        marked=None if picking else current,
        selected=one.picked if picking else None,
    )


def _marked(one: Review, tile: Tile) -> Tile:
    """A tile with the verdict on its image below it."""
    own, others = one.own(tile.image), one.others(tile.image)
    if own is None:
        return tile
    word = "exclude" if own.label is None else "keep" if own.action == "keep" else "relabel"
    if own.action == "relabel" and own.label != one.suggested(tile.image):
        word = CLASS_NAMES[own.label or 0]
    differ = any(verdict.label != own.label for verdict in others)
    mark = f"✓ {word}" + (" ≠" if differ else " =" if others else "")
    how = ", disputed" if differ else ", agreed" if others else ""
    return replace(tile, lines=(*tile.lines, mark), alt=f"{tile.alt}, {_said(own)}{how}")


def _show_files(one: Review) -> None:
    """Export and import."""
    total = sum(len(given) for given in one.opinions.values())
    section = st.expander(
        f"Verdicts on labels ({total:,})", icon=":material/gavel:", on_change="rerun",
        key=f"{one.key}-files",
    )  # fmt: skip
    if not section.open:
        return
    with section:
        if total:
            st.download_button(
                "Export CSV",
                data=lambda: cache.label_verdict_store().export_csv(one.dataset.name),
                file_name="label-verdicts.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                key=f"{one.key}-export",
            )
        else:
            st.caption("None yet.")
        ask_for_file(
            "Import verdicts (CSV, as exported)", "csv", key="label-verdict",
            max_megabytes=_MAX_MEGABYTES, take=partial(import_file, dataset=one.dataset),
        )  # fmt: skip


def import_file(content: bytes, dataset: Dataset) -> None:
    """Import a file, all of it or nothing."""
    labels: dict[str, NDArray[np.integer]] = {dataset.name: dataset.train_labels}
    try:
        result = cache.label_verdict_store().import_csv(content.decode("utf-8-sig"), labels)
    except UnicodeDecodeError:
        tell_later(error='The file is not UTF-8 text; save it as "CSV UTF-8".')
    except LabelVerdictError as error:
        tell_later(error=str(error))
    else:
        tell_later(
            f"Imported: {result.added:,} added, {result.changed:,} changed, "
            f"{result.unchanged:,} unchanged."
        )
