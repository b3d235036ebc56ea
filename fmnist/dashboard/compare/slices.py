"""Named slices of the images: what each selected run achieves on each of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, session
from fmnist.dashboard.compare.run_comparison import RunComparison
from fmnist.dashboard.context import image_source
from fmnist.data.splits import DATASET_TITLES
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.evaluation.named_slices import NamedSlice, SliceAccuracy, accuracy_on, differences
from fmnist.evaluation.significance import SIGNIFICANCE, Correctness
from fmnist.evaluation.slices import Slice
from fmnist.reports.sentences import selected_on_test_in_words
from fmnist.reports.text import UNKNOWN, p_value, percent, percent_range
from fmnist.runs.names import distinct_labels
from fmnist.text import plain

_WHOLE: Final = "All test images"


@dataclass(frozen=True, eq=False)
class Measured:
    """A run on a slice.

    Attributes
    ----------
    dataset : str
    correct : bool (M,) or None
        Which of the slice's images it classifies correctly; None where it has not predicted them.
    indices : int (M,) or None
        As `Split.indices`.
    labels : int (M,) or None
        Those of the run's evaluation: a run with corrections learns others than the data set's.
    accuracy : SliceAccuracy or None
    """

    dataset: str = ""
    correct: NDArray[np.bool_] | None = None
    indices: NDArray[np.integer] | None = None
    labels: NDArray[np.integer] | None = None
    accuracy: SliceAccuracy | None = None

    def on_same_images(self, other: "Measured") -> bool:
        """Whether both are of the same images with the same labels, in the same order."""
        if self.dataset != other.dataset or self.indices is None or other.indices is None:
            return False
        assert self.labels is not None and other.labels is not None
        return np.array_equal(self.indices, other.indices) and np.array_equal(
            self.labels, other.labels
        )


def show_slices(comparison: RunComparison) -> None:
    """A table: a row for each named slice, a column for each selected run."""
    entries = [entry for entry in comparison.chosen if entry.run.config]
    datasets = {entry.run.config.dataset for entry in entries if entry.run.config}
    with failures.shown("The named slices cannot be shown"):
        found, problem = cache.named_slices().all()
        if problem:
            st.warning(plain(problem), icon=":material/broken_image:")
        slices = [named for named in found if named.dataset in datasets]
        if not slices or not entries:
            _tell_none(len(found))
            return
        rows = [[_whole(entry) for entry in entries]]
        rows += [[_measure(entry, named) for entry in entries] for named in slices]
        _show_table(comparison, entries, slices, rows)
        _explain(comparison, entries, slices)


def _tell_none(others: int) -> None:
    elsewhere = f" ({others:,} of another data set)" if others else ""
    st.info(
        f"No slice of these images has a name yet{elsewhere}. On the Errors page, filter images or "
        "select a weak slice, and keep it under *Named slices*.",
        icon=":material/label:",
    )
    st.page_link("pages/errors.py", label="Open the Errors page", icon=":material/image_search:")


def _whole(entry: LeaderboardRow) -> Measured:
    """A run on all test images, to compare with."""
    found = entry.correctness
    if found is None or entry.run.config is None:
        return Measured()
    everything = np.ones(len(found.correct), dtype=np.bool_)
    dataset = entry.run.config.dataset
    accuracy = accuracy_on(found, everything)
    return Measured(dataset, found.correct, found.indices, found.labels, accuracy)


def _measure(entry: LeaderboardRow, named: NamedSlice) -> Measured:
    run = entry.run
    if run.config is None or run.config.dataset != named.dataset:
        return Measured()
    found = cache.correctness(run, named.split)
    if found is None:
        return Measured()
    mask = named.mask(found.labels, found.indices, _values(entry, named, found))
    if mask is None:
        return Measured()
    accuracy = accuracy_on(found, mask)
    kept = (found.correct[mask], found.indices[mask], found.labels[mask])
    return Measured(named.dataset, *kept, accuracy)


def _values(
    entry: LeaderboardRow, named: NamedSlice, found: Correctness
) -> dict[str, NDArray[np.float32]] | None:
    """Properties of the images, which a rule needs; None where they are not on this machine."""
    source = image_source(entry.run, named.split) if isinstance(named.slice, Slice) else None
    if source is None or int(found.indices.max()) >= len(source):
        return None
    return cache.image_properties(named.dataset, named.split, found.indices, source)


def _p_values(
    comparison: RunComparison, entries: list[LeaderboardRow], rows: list[list[Measured]]
) -> tuple[list[str], list[str]]:
    """Difference of the pair in points, and its p-value, for each row."""
    assert comparison.pair
    first, second = (entries.index(entry) for entry in comparison.pair)
    pairs: list[tuple[NDArray[np.bool_], NDArray[np.bool_]] | None] = []
    gaps = []
    for row in rows:
        one, other = row[first], row[second]
        if one.accuracy is None or other.accuracy is None or not one.on_same_images(other):
            pairs.append(None)
            gaps.append(UNKNOWN)
            continue
        assert one.correct is not None and other.correct is not None
        pairs.append((one.correct, other.correct))
        gaps.append(f"{100 * (one.accuracy.accuracy - other.accuracy.accuracy):+.1f}")
    whole, *others = pairs
    return gaps, [_p_in_words(p) for p in (*differences([whole]), *differences(others))]


def _p_in_words(found: float | None) -> str:
    if found is None:
        return UNKNOWN
    return p_value(found, SIGNIFICANCE).removeprefix("p ").removeprefix("= ")


def _cell(measured: Measured) -> str:
    found = measured.accuracy
    if found is None:
        return UNKNOWN
    return f"{percent(found.accuracy, 1)} ({percent_range(*found.interval)})"


def _show_table(
    comparison: RunComparison,
    entries: list[LeaderboardRow],
    slices: list[NamedSlice],
    rows: list[list[Measured]],
) -> None:
    import pandas as pd  # here, since the import takes a while

    counts = [
        next((each.accuracy.images for each in row if each.accuracy is not None), None)
        for row in rows
    ]
    columns: dict[str, list[object]] = {
        "Slice": [_WHOLE, *(named.name for named in slices)],
        "Images": list(counts),
    }
    if comparison.pair and all(entry in entries for entry in comparison.pair):
        gaps, p_values = _p_values(comparison, entries, rows)
        columns |= {"Difference": list(gaps), "p": list(p_values)}
    columns |= {
        entry.run_id: [_cell(row[number]) for row in rows] for number, entry in enumerate(entries)
    }
    columns["What"] = ["", *(_what(named) for named in slices)]
    titles = {entry.run_id: entry.name for entry in entries}
    frame = pd.DataFrame(columns).rename(
        columns=distinct_labels({key: titles.get(key, key) for key in columns})
    )

    def choose() -> None:
        chosen = st.session_state["compare-slices"].selection.rows
        if chosen and chosen[0] > 0:
            _open(comparison, entries, slices[chosen[0] - 1], rows[chosen[0]])

    st.dataframe(
        frame,
        key="compare-slices",
        hide_index=True,
        height="content",
        on_select=choose,
        selection_mode="single-row",
        column_config={"Slice": st.column_config.TextColumn(pinned=True)},
        placeholder=UNKNOWN,
        alt="Accuracy of each selected run on each named slice, with its 95% interval",
    )


def _what(named: NamedSlice) -> str:
    kind = named.description if isinstance(named.slice, Slice) else f"{named.split} images"
    return f"{kind}, {DATASET_TITLES[named.dataset]}"


def _open(
    comparison: RunComparison,
    entries: list[LeaderboardRow],
    named: NamedSlice,
    row: list[Measured],
) -> None:
    """The images of a slice on the Errors page, as the first of the pair predicts them."""
    able = [entry for entry, each in zip(entries, row, strict=True) if each.indices is not None]
    first = comparison.pair[0] if comparison.pair else None
    entry = first if first in able else next(iter(able), None)
    if entry is None:
        return
    indices = row[entries.index(entry)].indices
    assert indices is not None
    session.change(run=entry.run_id, epoch=None)
    session.select_images(named.dataset, named.split, indices.tolist(), opens_split=True)
    session.go_to("errors")


def _explain(
    comparison: RunComparison, entries: list[LeaderboardRow], slices: list[NamedSlice]
) -> None:
    lines = ["Accuracy with its 95% interval (Wilson 1927). Select a row to see its images."]
    if comparison.pair:
        first, second = (plain(entry.name) for entry in comparison.pair)
        lines.append(
            f"Difference: {first} minus {second}, in points; p by McNemar's exact test, corrected "
            f"for the number of slices (Benjamini and Hochberg 1995). Below {SIGNIFICANCE:g}, "
            "chance hardly explains it. Select another pair under *Significance*."
        )
    lines.append(
        "A slice that was chosen by the errors of one run is harder for that run than for others."
    )
    if any(named.split == "train" for named in slices):
        lines.append("Training images are easier for runs that were trained on them.")
    st.caption(" ".join(lines))
    notebook = [f"**{plain(entry.name)}**" for entry in entries if entry.protocol == "notebook"]
    if notebook:
        st.caption(f":material/info: {selected_on_test_in_words(notebook)}")
