"""The panels of the Data page: samples, mean images, class counts, pixel values."""

from typing import TYPE_CHECKING, Final, get_args

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, pictures
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import SPLITS, Dataset, Protocol, Split, SplitName
from fmnist.reports import charts
from fmnist.reports.images import contact_sheet
from fmnist.reports.text import counted, percent

if TYPE_CHECKING:
    import plotly.graph_objects as go

_COLUMNS: Final = 12
_RAW: Final = "Raw, 0 to 255"
_NORMALIZED: Final = "Normalized, −1 to 1"


def show_images(dataset: Dataset) -> None:
    """Samples, mean images, class counts and pixel values of a split."""
    protocol, name = choose_split()
    split = cache.split(dataset, dataset.checksum, protocol, name)
    key = f"{dataset.checksum}-{protocol}-{name}"
    st.subheader("Samples", anchor=False)
    show_samples(split, key)
    st.subheader("Mean image of each class", anchor=False)
    show_means(split, key)
    st.subheader("Classes in each split", anchor=False)
    show_distribution(dataset, protocol)
    st.subheader("Pixel statistics", anchor=False)
    show_pixels(split, key)


def choose_split() -> tuple[Protocol, SplitName]:
    """Show the choice of a protocol and a split."""
    with st.container(horizontal=True):
        protocol: Protocol = st.segmented_control(
            "Protocol",
            get_args(Protocol),
            default="held-out",
            format_func=str.capitalize,
            key="data-protocol",
            required=True,
            width="content",
            help="Held-out keeps one twelfth of the training images of each class for validation. "
            "Notebook and Full train on all of them.",
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
    return protocol, name


@st.cache_resource(show_spinner=False, max_entries=8)
def _distribution_chart(counts: dict[str, list[int]]) -> "go.Figure":
    return charts.class_distribution(counts)


def show_distribution(dataset: Dataset, protocol: Protocol) -> None:
    """Number of images of each class in each split, as a chart and a table."""
    counts = cache.class_counts(dataset, dataset.checksum, protocol)
    chart, table = st.columns([3, 2], gap="medium")
    chart.plotly_chart(
        _distribution_chart(counts),
        key="distribution",
        config={"displayModeBar": False},
        alt="Number of images of each class in each split",
    )
    frame = pd.DataFrame(counts, index=pd.Index(CLASS_NAMES, name="Class"))
    frame.loc["All"] = frame.sum()
    table.dataframe(
        frame, height=38 + 35 * len(frame), alt="Number of images of each class in each split"
    )


def _shuffle() -> None:
    st.session_state["wall-seed"] = st.session_state.get("wall-seed", 0) + 1


@st.cache_data(show_spinner=False, max_entries=100)
def _sheet(
    _split: Split,
    key: str,  # noqa: ARG001 - names the split
    label: int,
    most: int,
    seed: int,
) -> tuple[bytes, int, int]:
    """A PNG of random images of a class, the number of these, and that of all."""
    members = np.flatnonzero(_split.labels == label)
    rng = np.random.default_rng((seed, label))
    shown = rng.choice(members, min(most, len(members)), replace=False)
    return contact_sheet(_split.images[shown], columns=_COLUMNS), len(shown), len(members)


def show_samples(split: Split, key: str) -> None:
    """Random images of the selected classes, a row for each class; `key` names the split."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        selected = st.pills(
            "Classes",
            CLASS_NAMES,
            selection_mode="multi",
            key="wall-classes",
            help="Select no class to show all.",
            persist_state="session",
        )
        st.button("Shuffle", key="wall-shuffle", icon=":material/shuffle:", on_click=_shuffle)
    labels = [CLASS_NAMES.index(name) for name in selected] or list(range(len(CLASS_NAMES)))
    per_class = _COLUMNS if len(labels) > 1 else 5 * _COLUMNS
    seed = st.session_state.get("wall-seed", 0)
    for label in labels:
        sheet, count, members = _sheet(split, key, label, per_class, seed)
        st.image(
            sheet,
            caption=f"{CLASS_NAMES[label]}: {count} of {members:,}",
            width="stretch",
            alt=f"{counted(count, 'image')} of the class {CLASS_NAMES[label]}",
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
    st.caption(
        "Each pixel is the mean over all images of the class: sharp where the images are alike."
    )


def _pixel_values(scale: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.arange(256, dtype=np.float64)
    return values if scale == _RAW else values / 127.5 - 1


@st.cache_resource(show_spinner=False, max_entries=16)
def _pixel_chart(_counts: NDArray[np.int64], key: str, scale: str) -> "go.Figure":  # noqa: ARG001
    return charts.pixel_histogram(_pixel_values(scale), _counts)


def show_pixels(split: Split, key: str) -> None:
    """The distribution of pixel values, raw or normalized as for the models."""
    scale = st.segmented_control(
        "Pixel values", [_RAW, _NORMALIZED], default=_RAW, key="pixel-scale", required=True
    )
    counts = cache.pixel_counts(split, key)
    values, pixels = _pixel_values(scale), counts.sum()
    mean = float((values * counts).sum() / pixels)
    deviation = float(np.sqrt(((values - mean) ** 2 * counts).sum() / pixels))
    digits = 4 if scale == _NORMALIZED else 1
    with st.container(horizontal=True):
        st.metric("Mean", f"{mean:.{digits}f}", width="content")
        st.metric("Standard deviation", f"{deviation:.{digits}f}", width="content")
        st.metric("Black pixels", percent(float(counts[0] / pixels), 1), width="content")
        st.metric("Pixels", f"{pixels:,}", width="content")
    st.plotly_chart(
        _pixel_chart(counts, key, scale),
        key="pixels",
        config={"displayModeBar": False},
        alt="How often each pixel value occurs, on a logarithmic scale",
    )
