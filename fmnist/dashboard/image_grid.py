"""Images in pages of a chosen size; a click opens one."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import session
from fmnist.dashboard.components import clickable
from fmnist.dashboard.context import PageContext
from fmnist.data.splits import DATASET_TITLES
from fmnist.reports.text import counted

PAGE_SIZES: Final = (50, 100, 250)


def open_image(image: int) -> None:
    """Show the details of an image, on the Errors page."""
    session.change(image=image)
    session.go_to("errors")


def show_images(
    context: PageContext,
    positions: Sequence[int] | NDArray[np.integer],
    *,
    key: str,
    on_pick: Callable[[int], None] = open_image,
) -> None:
    """Show images in pages of a chosen size.

    Parameters
    ----------
    context : PageContext
    positions : int (M,)
        Positions of images in the evaluation.
    key : str
        Prefix of the widgets' keys.
    on_pick : callable
        Called with the `Split.indices` of the image that was clicked.
    """
    total = len(positions)
    if total == 0:
        st.info(
            "No image matches. Remove a filter or reset the selection.",
            icon=":material/filter_alt_off:",
        )
        return
    page, size = _page_controls(context, total, key)
    shown = np.asarray(positions)[(page - 1) * size : page * size]
    images = context.images(shown)
    clickable.image_wall(
        [context.tile(int(position)) for position in shown],
        images,
        key=key,
        label=counted(len(shown), "image"),
        on_pick=on_pick,
        marked=context.selection.image,
    )
    if images is None:
        st.caption(f"Images are unavailable; showing image numbers. {remedy(context)}")


def _page_controls(context: PageContext, total: int, key: str) -> tuple[int, int]:
    """Page (from 1) and images per page, chosen by the person if there are several pages."""
    # another selection begins at its first page
    chosen = zlib.crc32(
        repr((replace(context.selection, image=None), context.snapshot.key)).encode()
    )
    size_key, page_key = f"{key}-size", f"{key}-page-{chosen}"
    size = st.session_state.get(size_key, PAGE_SIZES[1])
    pages = -(-total // size)
    page = min(st.session_state.get(page_key, 1), pages)
    if total <= PAGE_SIZES[0]:
        return page, size
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-pages"):
        first, last = (page - 1) * size + 1, min(page * size, total)
        st.caption(f"{first:,} to {last:,} of {total:,}", width="content")
        if pages > 1:
            st.pagination(pages, key=page_key, width="content")
        st.segmented_control(
            "Images per page",
            PAGE_SIZES,
            default=PAGE_SIZES[1],
            key=size_key,
            required=True,
            label_visibility="collapsed",
            width="content",
            persist_state="session",
            help="Images per page",
        )
    return page, size


def remedy(context: PageContext) -> str:
    """What brings the images onto this machine, in a sentence."""
    if context.dataset_name == "fashion-mnist":
        title = DATASET_TITLES[context.dataset_name]
        return f"Download {title} with the button at the top of the page."
    return "The data set that this run was trained on is not on this machine."
