"""Duplicates: images that show the same picture, in groups; leaks, and what they do to accuracy."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.csv import write_table
from fmnist.dashboard import cache, ending, failures, run_catalog, session
from fmnist.dashboard.components.clickable import Tile, image_wall
from fmnist.dashboard.data import selecting
from fmnist.dashboard.jobs import JobText, show_job
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset, Protocol
from fmnist.errors import DamagedFileError
from fmnist.evaluation.data_checks_job import DataCheck, DataChecksProcess
from fmnist.evaluation.duplicates import (
    FARTHEST,
    NEAR,
    PATCH,
    Group,
    Pairs,
    Pool,
    groups,
    leak_effect,
    pairs_path,
)
from fmnist.reports.images import SHEET_LIMIT, contact_sheet
from fmnist.reports.text import counted
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run

_PAGE: Final = 24
_TILE: Final = 84
_MOST_TILES: Final = 12  # of a group; a larger one says how many more it has
_COLUMNS: Final = ("group", "split", "image", "label", "labels_differ", "distance")

_SHOWN: Final = (
    "All groups", "Leaks from training to test", "Across splits", "Within a split",
    "Different labels",
)  # fmt: skip
_ORDERS: Final = ("Different labels first", "Closest first", "Largest first")


@st.cache_resource(show_spinner=False)
def process() -> DataChecksProcess:
    """The searches of this server, shared by all sessions."""
    made = DataChecksProcess()
    ending.register(made.cancel)
    return made


@st.cache_resource(show_spinner=False, max_entries=2)
def pool_of(checksum: str, protocol: Protocol, _dataset: Dataset) -> Pool:  # noqa: ARG001
    """The images of all splits; `checksum` names the data set."""
    return Pool.of(_dataset, protocol)


@st.cache_resource(show_spinner=False, max_entries=2)
def _kept_pairs(path: Path, modified: int, _dataset: Dataset) -> Pairs | None:  # noqa: ARG001
    return Pairs.load(_dataset)


def _pairs(dataset: Dataset) -> Pairs | None:
    """What was found; None if nothing was, or if it is damaged: it is then looked for anew."""
    path = pairs_path(dataset)
    try:
        return _kept_pairs(path, path.stat().st_mtime_ns, dataset)
    except (FileNotFoundError, DamagedFileError):
        return None


def protocol_of(dataset: Dataset) -> Protocol:
    """The protocol by which the run that is shown splits the images."""
    run = selecting.shown_run(dataset)
    return run.config.protocol if run and run.config else "held-out"


def show(dataset: Dataset) -> None:
    """A button to look for duplicates; then how many there are, what they do, and the groups."""
    st.caption(
        "Images that show the same picture. A test image with a duplicate among the training "
        "images is a leak: a model can answer from memory."
    )
    with failures.shown("The duplicates cannot be shown"):
        pairs = _pairs(dataset)
        if pairs is None:
            _show_job(dataset)
            return
        near = _choose_distance(pairs)
        protocol = protocol_of(dataset)
        pool = pool_of(dataset.checksum, protocol, dataset)
        found = groups(near, pool)
        leaked = near.leaks(pool)
        _show_figures(pairs, found, leaked, pool)
        _show_leaks(dataset, near)
        _show_groups(dataset, found, set(leaked.tolist()), pool)


def _show_job(dataset: Dataset) -> None:
    images = len(dataset.train_images) + len(dataset.test_images)
    text = JobText(
        "duplicates",
        "Look for duplicates",
        ":material/content_copy:",
        f"Compares {images:,} images by their pixels, also moved by a pixel and mirrored. A few "
        "minutes, in the background, once.",
        "Another search first.",
        "The duplicates could not be looked for",
    )
    show_job(process(), DataCheck(dataset.name), text)


def _choose_distance(pairs: Pairs) -> Pairs:
    """The pairs up to the chosen distance."""
    distance: int = st.slider(
        "Largest difference, in gray levels",
        0,
        FARTHEST,
        NEAR,
        key="duplicates-distance",
        width=420,
        persist_state="session",
        help="Two images are aligned by a shift of at most one pixel. Their distance is the mean "
        f"absolute difference in the square of {PATCH}×{PATCH} pixels where they differ most, of "
        "255 gray levels: a print on one of two plain pullovers keeps them apart. 0 shows copies "
        f"only. Up to about {NEAR}, nearly all pairs of Fashion-MNIST are one garment; near "
        f"{FARTHEST}, plain trousers of the same cut are paired, too.",
    )
    return pairs.within(distance)


def _show_figures(pairs: Pairs, found: list[Group], leaked: NDArray[np.int64], pool: Pool) -> None:
    exact = groups(pairs.within(0).equal(pool.images), pool)
    differ = sum(group.labels_differ for group in found)
    with st.container(horizontal=True, key="duplicates-figures"):
        st.metric(
            "Groups", f"{len(found):,}", width="content",
            help="Images joined by pairs up to the chosen difference, directly or through others.",
        )  # fmt: skip
        st.metric(
            "Images in them", f"{sum(len(group.positions) for group in found):,}", width="content"
        )
        st.metric(
            "Exact copies", f"{len(exact):,}", width="content",
            help="Groups of images whose pixels are all equal.",
        )  # fmt: skip
        st.metric(
            "Different labels", f"{differ:,}", width="content",
            help="Groups whose images do not all have the same label.",
        )  # fmt: skip
        st.metric(
            "Leaks", f"{len(leaked):,}", width="content",
            help="Test images that are paired with a training image.",
        )  # fmt: skip


def _runs(dataset: Dataset) -> list[Run]:
    """The run shown, the compared one and those selected on Compare, without repetition."""
    selection = session.selection()
    ids = dict.fromkeys((selection.run, selection.compared, *selection.runs))
    found = (run_catalog.run_or_none(run_id) for run_id in ids)
    return [run for run in found if run and run.config and run.config.dataset == dataset.name]


def _show_leaks(dataset: Dataset, near: Pairs) -> None:
    """Test accuracy of the chosen runs with and without the leaked images, a row a run."""
    import pandas as pd  # here, since the import takes a while

    runs = _runs(dataset)
    names, rows = distinct_names(runs), []
    for run in runs:
        correctness = cache.correctness(run)
        if correctness is None or run.config is None:
            continue
        pool = pool_of(dataset.checksum, run.config.protocol, dataset)
        effect = leak_effect(
            correctness.correct, correctness.indices, pool.indices[near.leaks(pool)]
        )
        rows.append(
            {
                "Run": names[run.run_id],
                "Protocol": run.config.protocol.capitalize(),
                "Leaks": effect.leaks,
                "Correct": effect.correct_leaks,
                "Test accuracy": 100 * effect.accuracy,
                "Without leaks": 100 * effect.without,
                "Difference": 100 * (effect.without - effect.accuracy),
            }
        )
    if not rows:
        st.caption("Select a run with predictions for the test images to see what leaks do to it.")
        return
    points = st.column_config.NumberColumn(format="%.2f%%")
    st.dataframe(
        pd.DataFrame(rows),
        key="duplicates-leaks",
        hide_index=True,
        height="content",
        column_config={
            "Run": st.column_config.TextColumn(pinned=True),
            "Leaks": st.column_config.NumberColumn(
                help="Test images with a duplicate among the training images of the run's protocol."
            ),
            "Correct": st.column_config.NumberColumn(
                help="Leaked images that the run classifies correctly."
            ),
            "Test accuracy": points,
            "Without leaks": points,
            "Difference": st.column_config.NumberColumn(
                format="%+.3f", help="Percentage points; below 0 if the leaks help."
            ),
        },
        alt="Test accuracy of each run with and without the leaked test images",
    )
    st.caption("The run shown in the sidebar, and the runs selected on Compare.")


def _wanted(group: Group, leaked: set[int], shown: str) -> bool:
    if shown == _SHOWN[1]:
        return not leaked.isdisjoint(group.positions.tolist())
    if shown == _SHOWN[2]:
        return len(group.splits) > 1
    if shown == _SHOWN[3]:
        return len(group.splits) == 1
    return group.labels_differ if shown == _SHOWN[4] else True


def _choose_groups(found: list[Group], leaked: set[int]) -> list[Group]:
    """The groups to show, in the chosen order."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="duplicates-controls"):
        shown: str = st.selectbox(
            "Show", _SHOWN, key="duplicates-shown", width=260, persist_state="session"
        )
        order: str = st.selectbox(
            "Order", _ORDERS, key="duplicates-order", width=220, persist_state="session"
        )
    wanted = [group for group in found if _wanted(group, leaked, shown)]
    if order == _ORDERS[1]:
        wanted.sort(key=lambda group: group.distance)
    elif order == _ORDERS[2]:
        wanted.sort(key=lambda group: -len(group.positions))
    return wanted


def _show_groups(dataset: Dataset, found: list[Group], leaked: set[int], pool: Pool) -> None:
    if not found:
        st.success(
            "No two images are so alike. Allow a larger difference to see the closest ones.",
            icon=":material/task_alt:",
        )
        return
    wanted = _choose_groups(found, leaked)
    if not wanted:
        st.caption("No group is of this kind. Show all groups, or allow a larger difference.")
        return
    if not _asks_for_verdicts(dataset, wanted, pool):
        _show_cards(dataset, wanted, pool)
    _show_exports(wanted, pool)


def _asks_for_verdicts(dataset: Dataset, wanted: list[Group], pool: Pool) -> bool:
    """Whether verdicts are asked for: of each group, all but the first are proposed to go."""
    tiles: list[Tile] = []
    suggestions: dict[int, int | None] = {}
    trained = pool.mask("train")  # corrections change no label of a validation image
    for group in wanted:
        ours = group.positions[trained[group.positions]].tolist()
        tiles += [_tile(position, pool, group) for position in ours]
        suggestions |= dict.fromkeys(ours[1:])

    def open_image(position: int) -> None:
        selecting.open_image(dataset, pool.split(position), int(pool.indices[position]))

    return selecting.asks_for_verdicts(dataset, tiles, suggestions, "duplicates", open_image)


def _show_cards(dataset: Dataset, wanted: list[Group], pool: Pool) -> None:
    selecting.show_selected(
        "duplicates",
        "Click an image to select its group on all pages, which show one split at a time.",
    )
    pages = -(-len(wanted) // _PAGE)
    page = 1
    if pages > 1:
        page = st.pagination(pages, key=f"duplicates-page-{pages}", width="content")
    with st.container(horizontal=True, gap="small", key="duplicates-groups"):
        for number, group in enumerate(wanted[(page - 1) * _PAGE : page * _PAGE]):
            _show_group(dataset, group, pool, number)


def _show_group(dataset: Dataset, group: Group, pool: Pool, number: int) -> None:
    members = group.positions[:_MOST_TILES]
    across = min(len(members), 4)
    with st.container(
        border=True, width=across * (_TILE + 8) + 34, gap="small", key=f"duplicates-group-{number}"
    ):
        title = f"Difference {group.distance:.1f}"
        if group.labels_differ:
            title += " · :red[**different labels**]"
        if len(group.positions) > len(members):
            title += f" · {len(group.positions):,} images"
        if _is_selected(dataset, group, pool):
            title += " · :material/check: selected"
        st.caption(title)
        image_wall(
            [_tile(int(position), pool, group) for position in members],
            pool.images[members],
            key=f"duplicates-wall-{number}",
            label=f"Group of {counted(len(group.positions), 'duplicate')}",
            on_pick=partial(_select, dataset, group, pool),
            width=_TILE,
        )


def _tile(position: int, pool: Pool, group: Group) -> Tile:
    label, split = CLASS_NAMES[pool.labels[position]], selecting.TITLES[pool.split(position)]
    image = int(pool.indices[position])
    alt = f"{split.capitalize()} image {image}, labeled {label}"
    return Tile(position, (label, f"{split} #{image}"), alt, is_wrong=group.labels_differ)


def _is_selected(dataset: Dataset, group: Group, pool: Pool) -> bool:
    chosen = session.selection().images
    return (
        chosen is not None
        and chosen.dataset == dataset.name
        and pool.by_split(group.positions).get(chosen.split) == chosen.indices.tolist()
    )


def _select(dataset: Dataset, group: Group, pool: Pool, position: int) -> None:
    selecting.select(dataset, pool.by_split(group.positions), pool.split(position))


def _show_exports(wanted: Sequence[Group], pool: Pool) -> None:
    def table() -> str:
        rows = [
            {
                "group": number,
                "split": pool.split(int(position)),
                "image": int(pool.indices[position]),
                "label": CLASS_NAMES[pool.labels[position]],
                "labels_differ": group.labels_differ,
                "distance": round(group.distance, 2),
            }
            for number, group in enumerate(wanted, start=1)
            for position in group.positions
        ]
        return write_table(_COLUMNS, rows)

    def sheet() -> bytes:
        places = [
            (number, int(position))
            for number, group in enumerate(wanted, start=1)
            for position in group.positions
        ][:SHEET_LIMIT]
        captions = [
            f"{number}: {CLASS_NAMES[pool.labels[position]]}\n"
            f"{pool.split(position)} #{pool.indices[position]}"
            for number, position in places
        ]
        images = pool.images[[position for _, position in places]]
        title = f"Duplicates: {counted(len(wanted), 'group')}, numbered"
        return contact_sheet(images, captions, title=title)

    with st.container(horizontal=True, key="duplicates-exports"):
        st.download_button(
            "Table (CSV)", data=table, file_name="duplicates.csv", mime="text/csv",
            icon=":material/download:", on_click="ignore", key="duplicates-csv",
        )  # fmt: skip
        st.download_button(
            "Contact sheet (PNG)", data=sheet, file_name="duplicates.png", mime="image/png",
            icon=":material/download:", on_click="ignore", key="duplicates-sheet",
        )  # fmt: skip
