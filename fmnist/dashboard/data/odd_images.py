"""Odd images: what stands out by its pixels or by its features, ranked, as a wall."""

from typing import Final, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.csv import write_table
from fmnist.dashboard import cache, failures, session
from fmnist.dashboard.components.clickable import Tile, image_wall
from fmnist.dashboard.data import duplicates, selecting
from fmnist.dashboard.jobs import JobText, show_job
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import SPLITS, Dataset, SplitName
from fmnist.errors import DamagedFileError
from fmnist.evaluation.data_checks_job import DataCheck
from fmnist.evaluation.duplicates import Pool
from fmnist.evaluation.odd_images import FAR, RULES, Rule, Values, digest_of, load_distances
from fmnist.reports.images import contact_sheet
from fmnist.reports.text import counted, percent
from fmnist.runs.run import Run
from fmnist.text import plain

_FAR: Final = "far"
_ALL: Final = "all"
_SIZES: Final = (50, 100, 200)
_COLUMNS: Final = ("rank", "split", "image", "label", "value")


def show(dataset: Dataset) -> None:
    """The choice of a rule and a split, and the images that stand out most."""
    st.caption(
        "Images that stand out. Most of them are sound: look before you judge. Each rule ranks all "
        "images of a split, the oddest first."
    )
    with failures.shown("The odd images cannot be shown"):
        run = selecting.shown_run(dataset)
        pool = duplicates.pool_of(dataset.checksum, duplicates.protocol_of(dataset), dataset)
        name, split, label, shown = _controls(pool)
        rule = RULES.get(name, FAR)
        st.markdown(f"**{rule.title}**: {rule.explanation}")
        values = _distances(dataset, run) if name == _FAR else _measured(dataset, name, pool)
        if values is None:
            return
        chosen = np.ones(len(pool.labels), np.bool_) if split == _ALL else pool.mask(split)
        if label != "all":
            chosen &= pool.labels == label
        places = np.flatnonzero(chosen)
        ranked = places[rule.order(values[places])]
        if not len(ranked):
            st.caption("No image of this class is in this split.")
            return
        _show_wall(dataset, pool, rule, values, ranked[:shown])
        _show_exports(pool, rule, values, ranked[:shown])


def _controls(pool: Pool) -> tuple[str, SplitName | Literal["all"], int | Literal["all"], int]:
    with st.container(horizontal=True, vertical_alignment="bottom", key="odd-controls"):
        name: str = st.selectbox(
            "Rule",
            [*RULES, _FAR],  # what answers at once first
            key="odd-rule",
            format_func=lambda key: RULES.get(key, FAR).title,
            width=190,
            persist_state="session",
        )
        splits = [_ALL, *(each for code, each in enumerate(SPLITS) if code in pool.splits)]
        split: SplitName | Literal["all"] = st.segmented_control(
            "Images",
            splits,
            default=_ALL,
            key=f"odd-split-{len(splits)}",
            format_func=lambda each: "Training" if each == "train" else each.capitalize(),
            required=True,
            width="content",
            persist_state="session",
        )
        label: int | Literal["all"] = st.selectbox(
            "Label",
            [_ALL, *range(len(CLASS_NAMES))],
            key="odd-label",
            format_func=lambda value: "All" if value == _ALL else CLASS_NAMES[value],
            width=140,
            persist_state="session",
        )
        shown: int = st.segmented_control(
            "Show", _SIZES, default=_SIZES[0], key="odd-shown", required=True, width="content",
            persist_state="session",
        )  # fmt: skip
    return name, split, label, shown


@st.cache_data(show_spinner="Measuring the images…", max_entries=8)
def _values(checksum: str, name: str, _pool: Pool) -> Values:  # noqa: ARG001
    return RULES[name].measure(_pool.images)


def _measured(dataset: Dataset, name: str, pool: Pool) -> Values:
    found: Values = _values(dataset.checksum, name, pool)
    return found


def _distances(dataset: Dataset, run: Run | None) -> Values | None:
    """Distances in the run's feature space; None, with the next thing to do, until there are."""
    if run is None or not run.weights_path.exists():
        st.info(
            "This rule needs a run with weights. Select one in the sidebar.",
            icon=":material/model_training:",
        )
        return None
    st.caption(f"In the feature space of **{plain(run.name)}**, the run shown in the sidebar.")
    try:
        digest = digest_of(run, dataset, weights=cache.file_digest(run.weights_path))
        found = load_distances(run, dataset, digest=digest)
    except DamagedFileError:
        found = None  # it is computed anew
    if found is None:
        images = len(dataset.train_images) + len(dataset.test_images)
        text = JobText(
            "outliers",
            "Look for outliers",
            ":material/scatter_plot:",
            f"Computes the features of {images:,} images and compares them. Minutes, longer for "
            "large models, in the background, once for each run.",
            "Another search first.",
            "The outliers could not be looked for",
        )
        show_job(duplicates.process(), DataCheck(dataset.name, run.folder), text)
    return found


def _in_words(rule: Rule, value: float) -> str:
    if rule.unit == "share":
        return percent(value, 1)
    return f"{value:.1f}" if rule.unit == "gray levels" else f"{value:.3f}"


def _tile(position: int, pool: Pool, rule: Rule, values: Values) -> Tile:
    label, split = CLASS_NAMES[pool.labels[position]], selecting.TITLES[pool.split(position)]
    image, value = int(pool.indices[position]), _in_words(rule, float(values[position]))
    alt = f"{split.capitalize()} image {image}, labeled {label}, {rule.title.lower()}: {value}"
    return Tile(position, (label, value), alt)


def _show_wall(
    dataset: Dataset, pool: Pool, rule: Rule, values: Values, ranked: NDArray[np.intp]
) -> None:
    def open_image(position: int) -> None:
        selecting.open_image(dataset, pool.split(position), int(pool.indices[position]))

    by_split = pool.by_split(ranked)
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="odd-selecting"
    ):
        for split, images in by_split.items():
            st.button(
                f"Select {counted(len(images), f'{selecting.TITLES[split]} image')}",
                key=f"odd-select-{split}",
                icon=":material/select_all:",
                on_click=selecting.select,
                args=(dataset, {split: images}, split),
                disabled=not selecting.can_show(dataset, split),
                help="For all pages, so far as the run shown has predictions for these images.",
            )
    tiles = [_tile(int(position), pool, rule, values) for position in ranked]
    trained = pool.mask("train")
    ours = [tile for tile in tiles if trained[tile.image]]
    if selecting.asks_for_verdicts(dataset, ours, {}, "odd", open_image):
        return
    selecting.show_selected("odd", "Click an image to open it on the Errors page.")
    chosen = session.selection()
    image_wall(
        tiles,
        pool.images[ranked],
        key="odd-wall",
        label=f"{counted(len(ranked), 'image')}: {rule.title.lower()}",
        on_pick=open_image,
        marked=_position(pool, chosen.split, chosen.image),
    )


def _position(pool: Pool, split: SplitName | None, image: int | None) -> int | None:
    """Where the open image is among all."""
    if image is None or split is None:
        return None
    found = np.flatnonzero(pool.mask(split) & (pool.indices == image))
    return int(found[0]) if len(found) else None


def _show_exports(pool: Pool, rule: Rule, values: Values, ranked: NDArray[np.intp]) -> None:
    def table() -> str:
        rows = [
            {
                "rank": number,
                "split": pool.split(int(position)),
                "image": int(pool.indices[position]),
                "label": CLASS_NAMES[pool.labels[position]],
                "value": round(float(values[position]), 5),
            }
            for number, position in enumerate(ranked, start=1)
        ]
        return write_table(_COLUMNS, rows)

    def sheet() -> bytes:
        tiles = [_tile(int(position), pool, rule, values) for position in ranked]
        captions = ["\n".join(tile.lines) for tile in tiles]
        title = f"{rule.title}: the first {counted(len(ranked), 'image')}"
        return contact_sheet(pool.images[ranked], captions, title=title)

    with st.container(horizontal=True, key="odd-exports"):
        st.download_button(
            "Table (CSV)", data=table, file_name="odd-images.csv", mime="text/csv",
            icon=":material/download:", on_click="ignore", key="odd-csv",
        )  # fmt: skip
        st.download_button(
            "Contact sheet (PNG)", data=sheet, file_name="odd-images.png", mime="image/png",
            icon=":material/download:", on_click="ignore", key="odd-sheet",
        )  # fmt: skip
