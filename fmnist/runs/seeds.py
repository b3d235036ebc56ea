"""Several seeds of one setting: runs of one group that differ in nothing else."""

import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run, RunError
from fmnist.text import NAME_LENGTH, one_line

MOST_SEEDS: Final = 50
_ROOM: Final = 20
"""Characters of a name that are left for a number or a seed."""


def make_seeds(
    root: Path, config: TrainConfig, seeds: Sequence[int], *, name: str = ""
) -> list[Run]:
    """Make a run for each seed, in state "queued", in a group of their own: all of them, or none.

    Parameters
    ----------
    root : Path
        Folder of the runs.
    config : TrainConfig
        All settings but the seed.
    seeds : sequence of int
        Each once.
    name : str
        Of the group, and the beginning of the runs' names; by default model and epochs. A group of
        this name that is there already stays alone: the new one gets a number behind its name.

    Raises
    ------
    RunError
        If there are fewer than two seeds or too many, one is there twice, or the name is too long.
    ConfigError
        If a seed is none.
    OSError
        If a run cannot be written.
    """
    if not 2 <= len(seeds) <= MOST_SEEDS or len(set(seeds)) < len(seeds):
        raise RunError(f"Give 2 to {MOST_SEEDS} seeds, each once.")
    configs = [replace(config, seed=seed) for seed in seeds]  # refuses what is none
    named = one_line(name, NAME_LENGTH) or (
        f"{config.model}, {config.epochs} epoch{'s' * (config.epochs > 1)}"
    )
    if len(named) > NAME_LENGTH - _ROOM:
        raise RunError(f"Give several seeds a name of at most {NAME_LENGTH - _ROOM} characters.")
    group, made = _new_group(named, store.list_runs(root)), []
    with ExitStack() as undo:
        for each in configs:
            name = f"{group}, seed {each.seed}"
            run = store.create_run(root, each, name=name, annotated=Annotations(group=group))
            undo.callback(shutil.rmtree, run.folder, ignore_errors=True)
            made.append(run)
        undo.pop_all()
    return made


def _new_group(name: str, runs: Iterable[Run]) -> str:
    taken = annotations.groups(runs)
    number, group = 1, name
    while group in taken:
        number += 1
        group = f"{name} ({number})"
    return group


def siblings(run: Run, runs: Iterable[Run]) -> list[Run]:
    """The runs of its group that differ from it in the seed alone, itself among them.

    Empty where it is in no group, or alone. A run that has not begun yet, and so does not know its
    images, is none of those that have.
    """
    same = same_but_for_seed(run, runs)
    same = [o for o in same if o.dataset.get("checksum") == run.dataset.get("checksum")]
    return same if len({other.training.seed for other in same if other.training}) > 1 else []


def same_but_for_seed(run: Run, runs: Iterable[Run]) -> list[Run]:
    """The runs of its group with its settings, whatever their seeds; empty where it is in none."""
    setting = _setting(run)
    if setting is None:
        return []
    group = run.annotations.group  # most are in another one, which is told sooner
    return [o for o in runs if o.annotations.group == group and _setting(o) == setting]


def _setting(run: Run) -> tuple[str, TrainConfig] | None:
    """Group and settings, whatever the seed; None for a run in no group."""
    group, config = run.annotations.group, run.training
    return None if group is None or config is None else (group, replace(config, seed=0))


def same_settings(runs: Iterable[Run], *, on_same_images: bool = False) -> list[list[Run]]:
    """The runs of each group that have the same settings, whatever their seeds, in their order.

    Of all runs at once: to ask `same_but_for_seed` for each would take seconds of hundreds.

    Parameters
    ----------
    runs : iterable of Run
        Those in no group are left out.
    on_same_images : bool
        Whether their data sets must be the same, too.
    """
    found: dict[tuple[tuple[str, TrainConfig], str | None], list[Run]] = {}
    for run in runs:
        setting = _setting(run)
        if setting is not None:
            images = run.dataset.get("checksum") if on_same_images else None
            found.setdefault((setting, images), []).append(run)
    return [*found.values()]


def one_a_seed(runs: Iterable[Run]) -> list[Run]:
    """The first run of each seed: the same seed again tells nothing of what is chance."""
    found: dict[int, Run] = {}
    for run in runs:
        if run.training is not None:
            found.setdefault(run.training.seed, run)
    return [*found.values()]
