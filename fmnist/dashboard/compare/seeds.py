"""Several seeds of one setting on the Compare page: mean, spread, a test of two groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st

from fmnist.dashboard.compare.run_comparison import RunComparison, choose
from fmnist.data.splits import SplitName
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.evaluation.seeds import LEAST_SEEDS, Spread, welch
from fmnist.reports.sentences import (
    many_pairs_in_words,
    selected_on_test_in_words,
    spread_in_words,
    welch_in_words,
)
from fmnist.reports.text import UNKNOWN, counted
from fmnist.runs.seeds import one_a_seed, same_settings
from fmnist.text import plain

_KEYS: Final = ("seeds-first", "seeds-second")


@dataclass(frozen=True, eq=False)
class SeedGroup:
    """Runs that differ in the seed alone.

    Attributes
    ----------
    name : str
        Of the group; no two have the same.
    entries : sequence of LeaderboardRow
        Those that have finished, one a seed, at least two.
    """

    name: str
    entries: Sequence[LeaderboardRow]

    @property
    def first(self) -> LeaderboardRow:
        """One of them; its settings are those of all, but for the seed."""
        return self.entries[0]

    def accuracies(self, split: SplitName) -> list[float]:
        """Accuracy of each run that was measured on a split, in [0, 1]."""
        found = [
            entry.test_accuracy if split == "test" else entry.validation_accuracy
            for entry in self.entries
        ]
        return [accuracy for accuracy in found if accuracy is not None]

    def spread(self, split: SplitName) -> str:
        """Mean and spread in words; "–" where nothing was measured."""
        known = self.accuracies(split)
        return spread_in_words(Spread.of(known)) if known else UNKNOWN


def seed_groups(entries: Sequence[LeaderboardRow]) -> list[SeedGroup]:
    """The groups of several seeds among runs, in their order."""
    by_id = {entry.run_id: entry for entry in entries if entry.run.state == "finished"}
    found: list[SeedGroup] = []
    for alike in same_settings((entry.run for entry in by_id.values()), on_same_images=True):
        same = one_a_seed(alike)
        if len(same) < 2:
            continue
        name = str(same[0].annotations.group)
        taken = {group.name for group in found}
        while name in taken:  # a group that a person made may have several settings
            name += "′"
        found.append(SeedGroup(name, [by_id[other.run_id] for other in same]))
    return found


def show_seeds(comparison: RunComparison) -> None:
    """All groups of seeds, and a test of two of them."""
    groups = seed_groups(comparison.measured)
    if not groups:
        st.caption(
            "No runs differ in the seed alone. Give a number of seeds on the Train page, or "
            "`python -m fmnist train --seeds 0 1 2`: the same settings are then trained several "
            "times, and this page tells how much of a difference is chance."
        )
        return
    rows: list[dict[str, Any]] = [
        {
            "Group": group.name,
            "Seeds": len(group.entries),
            "Validation": group.spread("validation"),
            "Test": group.spread("test"),
            "Protocol": group.first.protocol.capitalize(),
        }
        for group in groups
    ]
    st.dataframe(
        pd.DataFrame(rows),
        key="compare-seeds",
        hide_index=True,
        height="content",
        on_select=lambda: _choose(groups),
        selection_mode="single-row",
        column_config={"Group": st.column_config.TextColumn(pinned=True, width=260)},
        alt="Groups of runs that differ in the seed alone, with mean and spread of their accuracy",
    )
    st.caption(
        "Mean ± standard deviation over the seeds, in points. Select a row to show its runs side "
        "by side."
    )
    if len(groups) > 1:
        _show_test(groups)


def _choose(groups: Sequence[SeedGroup]) -> None:
    rows = st.session_state["compare-seeds"].selection.rows
    if rows:
        choose(entry.run_id for entry in groups[rows[0]].entries)


def _show_test(groups: Sequence[SeedGroup]) -> None:
    by_name = {group.name: group for group in groups}
    columns = st.columns(2, gap="medium")
    pair = []
    for number, (column, key) in enumerate(zip(columns, _KEYS, strict=True)):
        name = column.selectbox(
            ("First group", "Second group")[number], list(by_name), number, key=key,
            persist_state="session",
        )  # fmt: skip
        pair.append(by_name[name])
    one, other = pair
    if one is other:
        st.caption("Select two groups to test for a significant difference.")
        return
    split = _tested_split(pair)
    values = [group.accuracies(split) for group in pair]
    few = [plain(group.name) for group in pair if len(group.accuracies(split)) < LEAST_SEEDS]
    if few:
        st.info(
            f"A test needs at least {counted(LEAST_SEEDS, 'seed')} of each group: fewer say next "
            f"to nothing of the spread. Too few: {', '.join(few)}.",
            icon=":material/casino:",
        )
        return
    if not _comparable(one, other, split):
        st.warning(
            "These groups were not evaluated on the same images, so they cannot be compared.",
            icon=":material/compare_arrows:",
        )
        return
    names = [f"**{plain(group.name)}**" for group in pair]
    st.markdown(welch_in_words(welch(*values), *names))
    st.caption(
        f"Welch's t-test of the {split} accuracies: each run counts once. It asks whether other "
        "seeds would show the same, on these images; *Significance* asks of two runs whether other "
        "images would."
        + (" Accuracies on validation images are of epochs chosen by them." * (split != "test"))
    )
    notebook = [name for name, group in zip(names, pair, strict=True)
                if group.first.protocol == "notebook"]  # fmt: skip
    if notebook:
        st.caption(f":material/info: {selected_on_test_in_words(notebook)}")
    pairs = many_pairs_in_words(len(groups)).replace("runs", "groups", 1)
    if pairs:
        st.caption(pairs)


def _tested_split(pair: Sequence[SeedGroup]) -> SplitName:
    """Test, unless validation alone was measured for enough runs of both groups."""

    def fewest(split: SplitName) -> int:
        return min(len(group.accuracies(split)) for group in pair)

    too_few = fewest("test") < min(LEAST_SEEDS, fewest("validation"))
    return "validation" if too_few else "test"


def _comparable(one: SeedGroup, other: SeedGroup, split: SplitName) -> bool:
    if split == "test" and one.first.correctness and other.first.correctness:
        return one.first.on_same_images(other.first)
    data = [
        (group.first.run.dataset.get("checksum"), group.first.protocol) for group in (one, other)
    ]
    return data[0] == data[1]
