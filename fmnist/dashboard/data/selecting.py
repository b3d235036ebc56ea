"""From images of the data set to the selection of all pages, so far as these can show them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import streamlit as st

from fmnist.dashboard import (
    failures,
    image_grid,
    label_verdicts,
    run_catalog,
    session,
    snapshots,
)
from fmnist.dashboard.components.clickable import Tile
from fmnist.data.splits import Dataset, SplitName
from fmnist.reports.text import counted
from fmnist.runs.run import Run
from fmnist.text import plain

TITLES: Final[Mapping[SplitName, str]] = {
    "train": "training", "validation": "validation", "test": "test",
}  # fmt: skip
"""What images of a split are called."""

_NOTE: Final = "selecting-note"


def shown_run(dataset: Dataset) -> Run | None:
    """The run that the pages show; None unless it is of this data set."""
    run = run_catalog.run_or_none(session.selection().run)
    return run if run and run.config and run.config.dataset == dataset.name else None


def select(
    dataset: Dataset, images: Mapping[SplitName, Sequence[int]], preferred: SplitName
) -> None:
    """Select images for all pages, in a click's callback; keep the reason where none shows them.

    Parameters
    ----------
    dataset : Dataset
    images : mapping of str to sequence of int
        By split, as `Split.indices`. The pages show one split at a time.
    preferred : {"train", "validation", "test"}
        The split to take if the pages can show it.
    """
    with failures.kept(_NOTE):
        run = shown_run(dataset)
        order = sorted(images, key=lambda split: (split != preferred, split != "test"))
        for split in order:
            shown = _evaluated(run, split, images[split]) if run else []
            if shown:
                session.select_images(dataset.name, split, shown, opens_split=True)
                return
        _keep_note(run, order)


def open_image(dataset: Dataset, split: SplitName, image: int) -> None:
    """Show an image on the Errors page, in a click's callback; keep the reason if it cannot."""
    with failures.kept(_NOTE):
        run = shown_run(dataset)
        if run and _evaluated(run, split, [image]):
            session.change(split=split, epoch=None)
            image_grid.open_image(image)
        else:
            _keep_note(run, [split])


def _evaluated(run: Run, split: SplitName, images: Sequence[int]) -> list[int]:
    """The images that a run was evaluated on."""
    if split not in snapshots.splits(run):
        return []
    snapshot = snapshots.load_snapshot(run, split, None)
    if snapshot is None or snapshot.evaluation.split != split:
        return []
    known = np.isin(np.asarray(images), snapshot.evaluation.indices)
    return [image for image, there in zip(images, known, strict=True) if there]


def _keep_note(run: Run | None, splits: Sequence[SplitName]) -> None:
    names = " or ".join(TITLES[split] for split in splits)
    st.session_state[_NOTE] = (
        f"{run.name} has no predictions for these {names} images, so that no page can show them."
        if run
        else "No run on this data set is selected, so that no page can show these images."
    )


def can_show(dataset: Dataset, split: SplitName) -> bool:
    """Whether the pages have predictions of the run shown for images of a split.

    Raises
    ------
    DamagedFileError
        If the evaluation of the run's epochs is damaged.
    """
    run = shown_run(dataset)
    return run is not None and split in snapshots.splits(run)


def show_selected(key: str, hint: str) -> None:
    """A line: what is selected on all pages, with links, or what a click does.

    Where the last click selected nothing, a message says why, wherever the page has been scrolled.
    """
    note = st.session_state.pop(_NOTE, None)
    if note:
        st.toast(plain(note), icon=":material/visibility_off:", duration="long")
    chosen = session.selection().images
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"{key}-selected"
    ):
        if chosen is None:
            st.caption(plain(note) if note else hint)
            return
        number = counted(len(chosen), f"{TITLES[chosen.split]} image")
        st.markdown(f":material/check: **{number}** selected on all pages", width="content")
        st.page_link("pages/errors.py", label="Errors", icon=":material/image_search:")
        st.page_link("pages/map.py", label="Map", icon=":material/scatter_plot:")
        st.button(
            "Clear",
            key=f"{key}-clear",
            type="tertiary",
            on_click=session.clear_filters,
            args=("images",),
        )


def asks_for_verdicts(
    dataset: Dataset,
    tiles: Sequence[Tile],
    suggestions: Mapping[int, int | None],
    key: str,
    on_open: Callable[[int], None],
) -> bool:
    """A switch, and while it is on the control for verdicts on training labels.

    Parameters
    ----------
    dataset : Dataset
    tiles : sequence of Tile
        Of the training split; `Tile.image` is the position in the file of training images.
    suggestions : mapping of int to (int or None)
    key : str
    on_open : callable
        As `label_verdicts.review`.

    Returns
    -------
    bool
        Whether it is on; a wall of the same images then is one too many.
    """
    if not tiles:
        return False
    is_on = st.toggle(
        "Decide on the training images",
        key=f"{key}-decide",
        persist_state="session",
        help="Keep them, change their label, or leave them out. *Suspect labels* trains with the "
        "verdicts, beside a control run.",
    )
    if is_on:
        label_verdicts.review(dataset, tiles, suggestions, key=f"{key}-review", on_open=on_open)
    return is_on
