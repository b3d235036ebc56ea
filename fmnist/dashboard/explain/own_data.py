"""The images that an explained model was trained on."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from fmnist.dashboard import cache, layout
from fmnist.data.splits import Dataset
from fmnist.models.sizes import total
from fmnist.runs.run import Run

_LEAST: Final = 200
_MULTIPLY_ADDS: Final = 16e9
"""What a click may cost: about a second on two cores."""


def own_dataset(run: Run) -> Dataset | None:
    """The data set of a run; None, with the reason on the page, where it is not on this machine."""
    dataset = layout.load_dataset()
    if dataset is not None and (run.config is None or dataset.name != run.config.dataset):
        st.caption("This needs the data set that the run was trained on, which is not here.")
        return None
    return dataset


def affordable(models: Sequence[str], most: int) -> int:
    """How many images a model classifies in about a second, at least 200, at most `most`."""
    if total(models, cache.model_sizes()) is None:
        cache.count_models(sorted(set(models)))
    size = total(models, cache.model_sizes())
    assert size is not None  # counted above
    return min(max(round(_MULTIPLY_ADDS / max(size.multiply_adds, 1) / 100) * 100, _LEAST), most)
