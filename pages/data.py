"""Data: the images the networks learn from."""

from typing import get_args

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, layout, pictures
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import SPLITS, Dataset, Protocol, Split, SplitName
from fmnist.reports import charts

WALL_COLUMNS = 12


def show_distribution(dataset: Dataset, protocol: Protocol) -> None:
    """Images of each class per split, as a chart and as a table."""
    counts = cache.class_counts(dataset, dataset.checksum, protocol)
    chart, table = st.columns([3, 2], gap="medium")
    chart.plotly_chart(
        charts.class_distribution(counts),
        key="distribution",
        config={"displayModeBar": False},
        alt="Number of images of each class in each split",
    )
    frame = pd.DataFrame(counts, index=pd.Index(CLASS_NAMES, name="Class"))
    frame.loc["All"] = frame.sum()
    table.dataframe(frame, height=38 + 35 * len(frame), alt="Images of each class in each split")


def reshuffle() -> None:
    """Show other samples."""
    st.session_state["wall-seed"] = st.session_state.get("wall-seed", 0) + 1


def show_wall(split: Split) -> None:
    """Samples of the chosen classes, a row a class."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills(
            "Classes",
            CLASS_NAMES,
            selection_mode="multi",
            key="wall-classes",
            help="None chosen shows all.",
            persist_state="session",
        )
        st.button("Reshuffle", key="reshuffle", icon=":material/shuffle:", on_click=reshuffle)
    labels = [CLASS_NAMES.index(name) for name in chosen] or list(range(len(CLASS_NAMES)))
    per_class = WALL_COLUMNS if len(labels) > 1 else 5 * WALL_COLUMNS
    rng = np.random.default_rng(st.session_state.get("wall-seed", 0))
    for label in labels:
        members = np.flatnonzero(split.labels == label)
        shown = rng.choice(members, min(per_class, len(members)), replace=False)
        st.image(
            pictures.contact_sheet(split.images[shown], columns=WALL_COLUMNS),
            caption=f"{CLASS_NAMES[label]}: {len(shown)} of {len(members):,}",
            width="stretch",
            alt=f"{len(shown)} samples of the class {CLASS_NAMES[label]}",
        )


def show_means(split: Split, key: str) -> None:
    """The mean image of each class."""
    means = cache.mean_images(split, key)
    pictures.small_images(
        np.rint(means).astype(np.uint8),
        list(CLASS_NAMES),
        alts=[f"Mean of all images of the class {name}" for name in CLASS_NAMES],
        width=76,
    )
    st.caption("Every pixel is the mean over all images of the class: sharp where they agree.")


def show_pixels(split: Split, key: str) -> None:
    """How bright the pixels are, raw or as a network sees them."""
    scale = st.segmented_control(
        "Pixel values",
        ["Raw, 0 to 255", "Normalized, −1 to 1"],
        default="Raw, 0 to 255",
        key="pixel-scale",
        required=True,
    )
    counts = cache.pixel_counts(split, key)
    values: NDArray[np.float64] = np.arange(256, dtype=np.float64)
    if scale != "Raw, 0 to 255":
        values = values / 127.5 - 1
    pixels = counts.sum()
    mean = float((values * counts).sum() / pixels)
    deviation = float(np.sqrt(((values - mean) ** 2 * counts).sum() / pixels))
    digits = 1 if scale == "Raw, 0 to 255" else 4
    with st.container(horizontal=True):
        st.metric("Mean", f"{mean:.{digits}f}", width="content")
        st.metric("Standard deviation", f"{deviation:.{digits}f}", width="content")
        st.metric("Black pixels", f"{counts[0] / pixels:.1%}", width="content")
        st.metric("Pixels", f"{pixels:,}", width="content")
    st.plotly_chart(
        charts.pixel_histogram(values, counts),
        key="pixels",
        config={"displayModeBar": False},
        alt="How often each pixel value occurs, logarithmic",
    )


layout.header()
dataset = layout.load_dataset()
if dataset is None:
    st.stop()

with st.container(horizontal=True):
    protocol: Protocol = st.segmented_control(
        "Protocol",
        get_args(Protocol),
        default="held-out",
        format_func=str.capitalize,
        key="data-protocol",
        required=True,
        width="content",
        help="Held-out keeps one twelfth of the training images for validation, stratified; "
        "notebook and full train on all of them.",
    )
    name: SplitName = st.segmented_control(
        "Split",
        [s for s in SPLITS if s != "validation" or protocol == "held-out"],
        default="train",
        format_func=str.capitalize,
        key="data-split",
        required=True,
        width="content",
    )
split = cache.split(dataset, dataset.checksum, protocol, name)
key = f"{dataset.checksum}-{protocol}-{name}"

st.subheader("Samples", anchor=False)
show_wall(split)
st.subheader("Mean image of each class", anchor=False)
show_means(split, key)
st.subheader("Classes in each split", anchor=False)
show_distribution(dataset, protocol)
st.subheader("Pixel statistics", anchor=False)
show_pixels(split, key)
