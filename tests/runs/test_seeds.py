"""Several seeds of one setting are a group."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.run import Run, RunError
from fmnist.runs.seeds import make_seeds, siblings

CONFIG = TrainConfig(epochs=2)


def test_each_seed_is_a_run_of_one_group(tmp_path: Path) -> None:
    made = make_seeds(tmp_path, CONFIG, [0, 1, 7])
    assert [run.name for run in made] == [f"fashion-cnn, 2 epochs, seed {n}" for n in (0, 1, 7)]
    assert [run.training for run in made] == [replace(CONFIG, seed=n) for n in (0, 1, 7)]
    again = make_seeds(tmp_path, CONFIG, [0, 1])  # a group of its own
    groups = annotations.groups(store.list_runs(tmp_path))
    assert {name: len(runs) for name, runs in groups.items()} == {
        "fashion-cnn, 2 epochs": 3, "fashion-cnn, 2 epochs (2)": 2,
    }  # fmt: skip
    runs = store.list_runs(tmp_path)
    assert {run.run_id for run in siblings(made[0], runs)} == {run.run_id for run in made}
    assert len(siblings(again[0], runs)) == 2


def test_where_one_cannot_be_made_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = store.create_run

    def fill_up(root: Path, config: TrainConfig, **about: Any) -> Run:
        if config.seed == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return create(root, config, **about)

    with monkeypatch.context() as patch:
        patch.setattr(store, "create_run", fill_up)
        with pytest.raises(OSError, match="No space"):
            make_seeds(tmp_path, CONFIG, [0, 1, 2])
    assert store.run_ids(tmp_path) == []
    assert len(make_seeds(tmp_path, CONFIG, [0, 1, 2])) == 3


def test_other_settings_in_a_group_are_no_seeds(tmp_path: Path) -> None:
    group = Annotations(group="Mine")
    first, *_ = (
        store.create_run(tmp_path, replace(CONFIG, **change), annotated=group)  # type: ignore[arg-type]
        for change in ({}, {"seed": 1}, {"seed": 1, "batch_size": 32})
    )
    alone = store.create_run(tmp_path, CONFIG)
    runs = store.list_runs(tmp_path)
    assert len(runs) == 4 and len(siblings(first, runs)) == 2
    assert siblings(alone, runs) == []


@pytest.mark.parametrize("seeds", [[], [1], [1, 1], list(range(51))])
def test_seeds_that_make_no_group(tmp_path: Path, seeds: list[int]) -> None:
    with pytest.raises(RunError, match="2 to 50 seeds"):
        make_seeds(tmp_path, CONFIG, seeds)
    with pytest.raises(ConfigError, match="seed"):
        make_seeds(tmp_path, CONFIG, [0, -1])
    with pytest.raises(RunError, match="at most 60"):
        make_seeds(tmp_path, CONFIG, [0, 1], name="x" * 61)
    assert store.run_ids(tmp_path) == []
