"""Parts that several pages show: header, run picker, data set notice, image grid, states."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.dashboard import cache
from fmnist.dashboard import session as state
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.labels import IMAGE_SIZE
from fmnist.data.splits import Dataset, SplitName
from fmnist.files import png
from fmnist.runs.run import ACTIVE_STATES, Run

STATE_BADGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "queued": ("Queued", "gray", ":material/hourglass_empty:"),
    "starting": ("Starting…", "gray", ":material/hourglass_empty:"),
    "running": ("Training", "green", ":material/play_arrow:"),
    "pausing": ("Pausing…", "orange", ":material/pause:"),
    "paused": ("Paused", "orange", ":material/pause:"),
    "stopping": ("Stopping…", "orange", ":material/stop:"),
    "finished": ("Finished", "blue", ":material/check:"),
    "stopped": ("Stopped", "gray", ":material/stop:"),
    "failed": ("Failed", "red", ":material/error:"),
    "interrupted": ("Interrupted", "orange", ":material/power_off:"),
    "broken": ("Broken", "red", ":material/broken_image:"),
}

MEASURED_ON: Final[Mapping[SplitName, str]] = {
    "validation": "Validation",
    "test": "Test",
    "train": "Images trained on",
}
"""What a run's epochs were measured on, in words."""


def header(title: str, caption: str) -> None:
    """Title of a page, what it is for, and which data set it shows."""
    state.enter()
    st.title(title, anchor=False)
    st.caption(caption)
    told = state.left_out()
    if told:
        st.warning(
            f"The address asked for the {', the '.join(told)}: not here (any more), or no such "
            "thing. The default is shown instead.",
            icon=":material/link_off:",
        )
    dataset_notice()


def dataset_notice() -> None:
    """Which data set the pages show; where it is not the real one, the way to get that."""
    running = cache.download_process().poll().running
    st.fragment(_dataset_notice, run_every=1.0 if running else None)(running)


def _dataset_notice(was_running: bool) -> None:
    location = datasets.locate()
    download = cache.download_process()
    status = download.poll()
    if status.running != was_running:
        # the whole page: begun, it has to poll from now on; ended, there may be new data to show
        st.rerun()
    if location.problem:
        st.warning(_sentence(location.problem), icon=":material/folder_off:")
    if location.name == "fashion-mnist":
        st.badge("Data: Fashion-MNIST", icon=":material/database:", color="green")
        return
    with st.container(border=True, key="dataset-notice"):
        if status.running:
            share = status.done_bytes / max(status.total_bytes, 1)
            st.progress(
                min(share, 1.0),
                f"Downloading Fashion-MNIST: {status.done_bytes / 1e6:.1f} of "
                f"{status.total_bytes / 1e6:.1f} MB",
            )
            st.button("Cancel", key="download-cancel", on_click=download.cancel)
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                ":material/draw: **Drawn garments stand in**: the real Fashion-MNIST is not on "
                "this machine yet.",
                width="stretch",
            )
            st.button(
                "Download Fashion-MNIST (31 MB)",
                key="download-start",
                icon=":material/download:",
                on_click=download.start,
            )
        if status.error:
            st.error(_sentence(status.error), icon=":material/cloud_off:")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def load_dataset() -> Dataset | None:
    """The images of this machine; None, with the reason on the page, where they are damaged."""
    try:
        return cache.dataset(datasets.locate())
    except DatasetError as error:
        st.error(_sentence(str(error)), icon=":material/folder_off:")
        return None


def run_picker() -> None:
    """The sidebar's choice of the run that all pages show."""
    shipped, benchmark = cache.shipped_runs(), cache.benchmark_runs()
    runs = {run.run_id: run for run in (*cache.own_runs(), *shipped, *benchmark)}
    if not runs:
        st.caption("No run yet: train one on the Train page.")
        return

    def label(run_id: str) -> str:
        run = runs[run_id]
        if run in benchmark:
            return f"{run.name} (benchmark)"
        suffix = "shipped" if run in shipped else STATE_BADGES[run.state][0].lower()
        return f"{run.name} ({suffix})"

    # the widget follows the selection, which pages may have changed since
    st.session_state["run-picker"] = state.selection().run
    st.selectbox(
        "Run on all pages",
        list(runs),
        key="run-picker",
        format_func=label,
        on_change=lambda: state.select(st.session_state["run-picker"]),
        help="The pages show this run: one you trained, a model that came with the app, or a run "
        "behind the tables of the Compare page.",
    )


def training_status() -> None:
    """The sidebar's line on what trains now, kept up to date while something does."""
    active = _active_run()
    st.fragment(_training_status, run_every=5.0 if active else None)(
        active.run_id if active else None
    )


def _active_run() -> Run | None:
    return next((run for run in cache.own_runs() if run.state in ACTIVE_STATES), None)


def _training_status(expected: str | None) -> None:
    run = cache.run_or_none(expected)
    if run is None:
        return
    if run.state not in ACTIVE_STATES:
        st.rerun()
    text, _, icon = STATE_BADGES[run.state]
    percent = f"{run.progress.fraction:.0%}" if run.progress.step else "starting"
    st.progress(run.progress.fraction, f"{icon} {text}: {run.name}, {percent}")


def state_badge(name: str) -> None:
    """A colored badge for the state of a run."""
    text, color, icon = STATE_BADGES[name]
    st.badge(text, color=color, icon=icon)  # type: ignore[arg-type]


def moment(seconds: float) -> str:
    """Date and time of day where the server is."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "–"


def fits(row: Mapping[str, object], wanted: str) -> bool:
    """Whether a row of a table holds all the words of a search."""
    text = " ".join(map(str, row.values())).lower()
    return all(word in text for word in wanted.lower().split())


def image_grid(
    images: NDArray[np.uint8] | None,
    captions: Sequence[str],
    *,
    alts: Sequence[str],
    width: int = 84,
) -> None:
    """Small images with captions in rows that wrap to the width of the page.

    Parameters
    ----------
    images : uint8 (N, 28, 28) or None
        None where the data set is absent: tiles without pixels stand in.
    captions : sequence of str (N,)
    alts : sequence of str (N,)
        What the images show, for those who cannot see them.
    width : int
        On screen, in pixels.
    """
    if len(captions) == 0:
        return
    if images is None:
        tiles = [placeholder_tile(width)] * len(captions)
    else:
        tiles = [enlarge(image, width) for image in images]
    st.image(list(tiles), caption=list(captions), width=width, alt=list(alts))


def difference_picture(difference: NDArray[np.floating], width: int) -> bytes:
    """A PNG of a difference of images: orange above 0, blue below, white at 0.

    Parameters
    ----------
    difference : float (28, 28) in [-255, 255]
    width : int
        Of the picture, at least.
    """
    strength = np.abs(difference) / max(1.0, np.abs(difference).max())
    colors = np.where(difference[..., None] > 0, (242, 142, 43), (78, 121, 167))
    mixed = 255 + (colors - 255) * strength[..., None]
    return enlarge(np.rint(mixed).astype(np.uint8), width)


def enlarge(image: NDArray[np.uint8], width: int) -> bytes:
    """A PNG of an image with sharp pixels, at least `width` wide."""
    factor = -(-width // IMAGE_SIZE)
    size = (IMAGE_SIZE * factor, IMAGE_SIZE * factor)
    picture = Image.fromarray(image).resize(size, Image.Resampling.NEAREST)
    return png(_with_gap(picture))


@st.cache_data(show_spinner=False)
def placeholder_tile(width: int) -> bytes:
    """A PNG that stands where an image would, were the data set here."""
    picture = Image.new("L", (width, width), 205)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width - 1, width - 1), outline=170)
    draw.text((width / 2, width / 2), "no pixels", fill=110, anchor="mm")
    return png(_with_gap(picture))


def _with_gap(picture: Image.Image) -> Image.Image:
    """The picture within a transparent margin, since images in a row touch each other."""
    gap = max(2, picture.width // 32)
    mode = "LA" if picture.mode == "L" else "RGBA"
    framed = Image.new(mode, (picture.width + 2 * gap, picture.height + 2 * gap))
    framed.paste(picture.convert(mode), (gap, gap))
    return framed


def contact_sheet(images: NDArray[np.uint8], *, columns: int, scale: int = 3) -> bytes:
    """A PNG of images in rows, first row first, with a gap between them.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
    columns : int
    scale : int
        Pixels of the PNG a pixel of an image.
    """
    rows = -(-len(images) // columns)
    cell = IMAGE_SIZE + 2
    sheet = np.full((rows * cell, columns * cell), 96, dtype=np.uint8)
    for number, image in enumerate(images):
        top, left = cell * (number // columns) + 1, cell * (number % columns) + 1
        sheet[top : top + IMAGE_SIZE, left : left + IMAGE_SIZE] = image
    size = (sheet.shape[1] * scale, sheet.shape[0] * scale)
    return png(Image.fromarray(sheet).resize(size, Image.Resampling.NEAREST))
