"""The button that downloads a report of a run, or of a comparison of runs."""

from collections.abc import Sequence

import streamlit as st

from fmnist.dashboard import cache
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset
from fmnist.runs.run import Run


def show(runs: Sequence[Run], label: str, *, help: str) -> None:
    """Draw the button; the report is written when it is pressed, which takes seconds.

    Parameters
    ----------
    runs : sequence of Run
        One, or those that are compared.
    label, help : str
    """
    from fmnist.reports.reporting import file_name

    st.download_button(
        label,
        data=lambda: _written(runs),
        file_name=file_name(runs),
        mime="text/html",
        key="report",
        icon=":material/description:",
        on_click="ignore",
        help=help,
    )


def _written(runs: Sequence[Run]) -> bytes:
    """The report; called outside a run of the page, so it shows nothing."""
    from fmnist.reports.reporting import report

    names = {model for run in runs if run.config for model in run.config.models}
    missing = sorted(names - cache.model_sizes().keys())
    if missing:
        cache.count_models(missing)
    return report(runs, dataset=_dataset(runs[0]), sizes=cache.model_sizes()).encode()


def _dataset(run: Run) -> Dataset | None:
    """The run's images, if they are those that the app shows."""
    location = datasets.locate()
    if run.config is None or location.name != run.config.dataset:
        return None
    try:
        return cache.dataset(location)
    except DatasetError:
        return None  # the report says that it has no pixels
