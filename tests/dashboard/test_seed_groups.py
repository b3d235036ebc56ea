"""Groups of several seeds on the Compare page, without a page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist.dashboard.compare.seeds import SeedGroup, _tested_split, seed_groups
from fmnist.data.splits import SplitName
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.runs import seeds
from fmnist.runs.annotations import Annotations
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run


def row(name: str, checksum: str = "", **settings: Any) -> LeaderboardRow:
    """A finished run of the group "Mine", of no folder."""
    run = Run(
        Path(name), name, "finished", config=TrainConfig(**settings),
        dataset={"checksum": checksum}, annotations=Annotations(group="Mine"),
    )  # fmt: skip
    return LeaderboardRow(run, name)


def names(groups: list[SeedGroup]) -> dict[str, list[str]]:
    return {group.name: [entry.name for entry in group.entries] for group in groups}


def test_a_group_has_one_run_a_seed() -> None:
    rows = [row("a", seed=0), row("again", seed=0), row("b", seed=1), row("alone", batch_size=32)]
    assert names(seed_groups(rows)) == {"Mine": ["a", "b"]}
    assert seed_groups(rows[:2]) == []
    rows += [row("c", batch_size=16, seed=0), row("d", batch_size=16, seed=1)]
    assert names(seed_groups(rows)) == {"Mine": ["a", "b"], "Mine′": ["c", "d"]}
    assert seed_groups([row("a", seed=0), row("b", "other images", seed=1)]) == []


def test_a_large_group_of_many_settings_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def counted(config: TrainConfig, **changes: Any) -> TrainConfig:
        looks.append(config)
        return replace(config, **changes)

    rows = [row(f"{size}", batch_size=size) for size in range(16, 216)]
    monkeypatch.setattr(seeds, "replace", counted)
    assert seed_groups(rows) == []
    assert len(looks) <= len(rows)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [((3, 3), "test"), ((1, 3), "validation"), ((0, 0), "validation"), ((2, 2), "validation")],
)
def test_validation_is_tested_where_too_few_were_measured_on_test(
    measured: tuple[int, int], expected: SplitName, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = [SeedGroup(str(count), [row("a")] * 3) for count in measured]

    def accuracies(group: SeedGroup, split: SplitName) -> list[float]:
        return [0.9] * (int(group.name) if split == "test" else 3)

    monkeypatch.setattr(SeedGroup, "accuracies", accuracies)
    assert _tested_split(pair) == expected
