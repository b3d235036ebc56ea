"""Parts that several pages show: header, notices, run picker, state badges."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from fmnist import paths
from fmnist.dashboard import cache, failures, notices, run_catalog, session
from fmnist.data import fashion_mnist
from fmnist.data.download import TOTAL_BYTES
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset
from fmnist.errors import sentence
from fmnist.reports.text import UNKNOWN, percent
from fmnist.runs.names import distinct_names
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

STATE_BADGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "queued": ("Queued", "gray", ":material/hourglass_empty:"),
    "starting": ("Starting…", "gray", ":material/hourglass_empty:"),
    "running": ("Training", "green", ":material/play_arrow:"),
    "pausing": ("Pausing…", "orange", ":material/pause:"),
    "paused": ("Paused", "orange", ":material/pause:"),
    "stopping": ("Stopping…", "orange", ":material/stop:"),
    "finished": ("Finished", "blue", ":material/check:"),
    "stopped": ("Stopped", "gray", ":material/stop:"),
    "pruned": ("Pruned", "gray", ":material/content_cut:"),
    "failed": ("Failed", "red", ":material/error:"),
    "interrupted": ("Interrupted", "orange", ":material/power_off:"),
    "broken": ("Broken", "red", ":material/broken_image:"),
}


def check_folders() -> None:
    """Say which environment variable names a folder that cannot be used, and end the script."""
    try:
        paths.check()
    except paths.PathError as error:
        failures.tell(str(error), icon=":material/folder_off:")
        st.stop()


def header() -> None:
    """What a page begins with, below its title: problems with address or runs, the data set."""
    session.enter()
    ignored = session.ignored_params()
    if ignored:
        st.warning(
            f"Ignored unknown values in the URL: {', '.join(map(plain, ignored))}.",
            icon=":material/link_off:",
        )
    for problem in run_catalog.problems():
        failures.tell(problem, icon=":material/folder_off:")
    dataset_notice()


def no_model_yet(explanation: str) -> None:
    """Shown where there is no run at all."""
    with st.container(border=True):
        st.subheader("No model yet", anchor=False)
        st.write(f"{explanation} A quick run takes about a minute.")
        train_link()


def train_link() -> None:
    """Link to the Train page."""
    st.page_link("pages/train.py", label="Train a model", icon=":material/play_arrow:")


def broken_run(run: Run) -> None:
    """Says why a run cannot be opened."""
    failures.tell(f"This run cannot be opened: {run.reason}", icon=":material/broken_image:")


def broken_evaluation(error: Exception) -> None:
    """Says why a run's evaluation cannot be read."""
    text = sentence(error, "This run's evaluation cannot be read")
    failures.tell(text, icon=":material/broken_image:")


def dataset_notice() -> None:
    """Which data set the pages show; with a download button if it is not Fashion-MNIST."""
    running = cache.download_process().poll().running
    failures.fragment(_dataset_notice, run_every=1.0 if running else None)(running)


def _dataset_notice(was_running: bool) -> None:
    location = fashion_mnist.locate()
    download = cache.download_process()
    status = download.poll()
    if status.running != was_running:
        # the whole page: once begun, it has to poll; once ended, there may be new data to show
        st.rerun()
    if location.problem:
        st.warning(plain(_sentence(location.problem)), icon=":material/folder_off:")
    if location.name == "fashion-mnist":
        st.badge("Data: Fashion-MNIST", icon=":material/database:", color="green")
        return
    with st.container(border=True, key="dataset-notice"):
        if status.running:
            total = TOTAL_BYTES / 1e6
            st.progress(
                status.done,
                f"Downloading Fashion-MNIST: {total * status.done:.1f} of {total:.1f} MB",
            )
            st.button("Cancel", key="download-cancel", on_click=download.cancel)
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                ":material/draw: **Showing synthetic images**: Fashion-MNIST is not on this "
                "machine yet.",
                width="stretch",
            )
            st.button(
                "Download Fashion-MNIST (31 MB)",
                key="download-start",
                icon=":material/download:",
                on_click=download.start,
            )
        if status.error:
            failures.tell(_sentence(status.error), icon=":material/cloud_off:")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def load_dataset() -> Dataset | None:
    """The images on this machine; None, with the reason on the page, if they are damaged."""
    place = st.empty()

    def show_progress(done: int, total: int) -> None:
        place.progress(done / total, "Drawing synthetic images…")

    try:
        return cache.dataset(fashion_mnist.locate(), show_progress)
    except DatasetError as error:
        failures.tell(_sentence(str(error)), icon=":material/folder_off:")
        return None
    finally:
        place.empty()


def run_picker() -> None:
    """The sidebar's select box for the run that all pages show."""
    runs = {run.run_id: run for run in run_catalog.all_runs()}
    if not runs:
        st.caption("No run yet. Train one on the Train page.")
        return
    names = distinct_names(list(runs.values()))

    def label(run_id: str) -> str:
        run = runs[run_id]
        suffix = origins.get(run.folder.parent, STATE_BADGES[run.state][0].lower())
        return f"{names[run_id]} ({suffix})"

    origins = {paths.pretrained_folder(): "shipped", paths.benchmark_folder(): "benchmark"}
    # one's own first, the many of the benchmark last
    order = [paths.runs_folder(), *origins]
    # not by sync_widget: the labels change with the runs' states
    st.session_state["run-picker"] = session.selection().run
    st.selectbox(
        "Run shown",
        sorted(runs, key=lambda run_id: order.index(runs[run_id].folder.parent)),
        key="run-picker",
        format_func=label,
        on_change=lambda: session.select_run(st.session_state["run-picker"]),
        help="All pages show this run: a run of yours, a shipped model, or a run of the benchmark "
        "tables on the Compare page.",
    )


def training_status() -> None:
    """The sidebar's progress bar of the run that trains now, and notices of ends."""
    active = _active_runs()
    polls = bool(active) or notices.is_waiting()
    failures.fragment(_training_status, run_every=5.0 if polls else None)(
        active[0].run_id if active else None, polls
    )


def _active_runs() -> list[Run]:
    return [run for run in run_catalog.own_runs() if run.state in ACTIVE_STATES]


def _training_status(expected: str | None, polls: bool) -> None:
    is_waiting = notices.show()
    active = _active_runs()
    run = next((run for run in active if run.run_id == expected), None)
    # the whole page: a run has ended or begun, or there is nothing to wait for any more
    if (run is None and (expected or active)) or polls != (bool(active) or is_waiting):
        st.rerun()
    if run is None:
        return
    text, _, icon = STATE_BADGES[run.state]
    done = percent(run.progress.fraction, 0) if run.progress.step else "starting"
    st.progress(run.progress.fraction, f"{icon} {text}: {plain(run.name)}, {done}")


def state_badge(name: str) -> None:
    """A colored badge for the state of a run."""
    text, color, icon = STATE_BADGES[name]
    st.badge(text, color=color, icon=icon)  # type: ignore[arg-type]


def moment(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """Date and time in the time zone of the browser; "–" for 0.

    Parameters
    ----------
    seconds : float
        Seconds since 1970.
    form : str
        As `strftime` takes it.
    """
    if not seconds:
        return UNKNOWN
    return datetime.fromtimestamp(seconds, UTC).astimezone(_time_zone()).strftime(form)


def _time_zone() -> tzinfo | None:
    """Time zone of the browser; None, for that of the server, where it tells none that is known."""
    try:
        return ZoneInfo(st.context.timezone or "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def matches_search(row: Mapping[str, object], wanted: str) -> bool:
    """Whether a table row contains all words of a search, ignoring case."""
    text = " ".join(map(str, row.values())).lower()
    return all(word in text for word in wanted.lower().split())


def rows_key(prefix: str, run_ids: Iterable[str]) -> str:
    """Key of a table whose rows can be selected or clicked: other rows have another key.

    A slow browser that does not know them yet would send places among the rows before.
    """
    return f"{prefix}-{zlib.crc32(repr([*run_ids]).encode())}"


def open_tabs(titles: Iterable[str], *, key: str) -> Iterator[tuple[str, "DeltaGenerator"]]:
    """Tabs whose open one is the selection's panel; the others are not drawn.

    Yields
    ------
    tuple of str and DeltaGenerator
        The title of the open tab, and the tab.
    """
    titles = list(titles)
    asked = session.selection().panel
    session.sync_widget(key, asked if asked in titles else titles[0])
    tabs = st.tabs(titles, key=key, on_change=lambda: session.change(panel=st.session_state[key]))
    yield from ((title, tab) for title, tab in zip(titles, tabs, strict=True) if tab.open)


def offer_undo(
    told: str, *, key: str, on_click: Callable[..., None], args: tuple[object, ...]
) -> None:
    """A line that says what was deleted, in Markdown, and the button that brings it back."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(told, width="content")
        st.button("Undo", key=key, icon=":material/undo:", on_click=on_click, args=args)
