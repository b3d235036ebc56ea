"""What the maps of images share: their thumbnails, and a lasso that selects for all pages."""

import zlib
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import session
from fmnist.dashboard.components import image_map
from fmnist.dashboard.context import PageContext
from fmnist.reports.images import sprite_sheet

_COLUMNS: Final = 100


def lassoed(
    context: PageContext, *, opens_split: bool = False
) -> Callable[[str, Sequence[int]], None]:
    """What a lasso does: its images, all of them, become the selection of all pages.

    Parameters
    ----------
    context : PageContext
    opens_split : bool
        As `session.select_images` takes it.
    """
    indices, dataset = context.snapshot.evaluation.indices, context.dataset_name

    def choose(how: str, positions: Sequence[int]) -> None:
        chosen = {int(indices[i]) for i in positions}
        known = context.selection.images
        before = set(known.indices.tolist()) if known is not None else set()
        if how == "add":
            chosen |= before
        elif how == "remove":
            chosen = (before or set(indices.tolist())) - chosen
        session.select_images(dataset, context.split, chosen, opens_split=opens_split)

    return choose


def send_sprites(context: PageContext) -> str:
    """Send the thumbnails to the browser; returns their name, empty without images."""
    if context.source is None:
        return ""
    evaluation = context.snapshot.evaluation
    digest = zlib.crc32(evaluation.indices.tobytes())  # of what a run follows, for instance
    name = f"{context.dataset_name}-{context.split}-{len(evaluation.indices)}-{digest:08x}"
    sheet = _sheet(name, evaluation.indices, context.source)
    image_map.sprites(name, sheet, _COLUMNS)
    return name


@st.cache_data(show_spinner=False, max_entries=4)
def _sheet(name: str, indices: NDArray[np.integer], _source: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    return sprite_sheet(_source[indices], tile=image_map.TILE, columns=_COLUMNS)
