"""Every change of the disk fails once, or is the last before a kill: before or after, no third."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist.checksums import verify
from fmnist.runs import store
from fmnist.runs.check import check_run
from fmnist.runs.config import TrainConfig
from fmnist.runs.making import sweep
from fmnist.runs.publish import publish
from fmnist.runs.run import Run, RunError
from fmnist.runs.temperature import Temperature, save_temperature
from fmnist.training.loop import TrainingError
from tests.training.helpers import CONFIG, run_until, run_whole
from tools.made_up_run import made_up_run
from tools.small import same_result

CHANGES = [(os, name) for name in ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir")]


class Killed(BaseException):
    """The process ends here: nothing changes on the disk any more."""


@contextmanager
def failing(number: int, *, kill: bool) -> Iterator[list[str]]:
    """Let the number-th change of the disk fail; with `kill`, all that follow it too.

    Yields
    ------
    list of str
        The changes so far.
    """
    made: list[str] = []

    def wrap(name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **named: Any) -> Any:
            if name == "mkdir" and Path(arguments[0]).is_dir():
                return change(*arguments, **named)  # which changes nothing
            made.append(name)
            if len(made) == number or (kill and len(made) > number):
                raise Killed if kill else OSError(errno.ENOSPC, "No space left on device")
            return change(*arguments, **named)

        return changed

    with pytest.MonkeyPatch.context() as patch:
        for module, name in [*CHANGES, (tempfile, "mkstemp")]:
            patch.setattr(module, name, wrap(name, getattr(module, name)))
        yield made


def shown(root: Path) -> dict[str, object]:
    """What a person sees of a folder of runs: everything but hidden files and times."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(root).parts)
    }


def undo(root: Path, run: Run) -> None:
    store.restore_run(root, run.run_id)


def scenarios() -> dict[str, tuple[Callable[[Path], Run], Callable[[Path, Run], object]]]:
    """By name: what is there before, and what is done."""

    def finished(root: Path) -> Run:
        return made_up_run(root, folder="a", name="Old")

    def deleted(root: Path) -> Run:
        run = finished(root)
        store.delete_run(run)
        return run

    def published(root: Path) -> Run:
        publish(finished(root), root, "model", card=None)
        return made_up_run(root, folder="b", name="New")

    temperature = Temperature(1.5, 3, 1.0, 0.9)
    return {
        "rename": (finished, lambda root, run: store.rename_run(run, "New")),
        "delete": (finished, lambda root, run: store.delete_run(run)),
        "undo": (deleted, undo),
        "temperature": (finished, lambda root, run: save_temperature(run, temperature)),
        "publish": (finished, lambda root, run: publish(run, root, "model", card=None)),
        "replace": (
            published, lambda root, run: publish(run, root, "model", card=None, force=True)
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kill", [False, True], ids=["fails", "killed"])
@pytest.mark.parametrize("name", list(scenarios()))
def test_before_or_after(tmp_path: Path, name: str, kill: bool) -> None:
    prepare, act = scenarios()[name]
    prepared = prepare(tmp_path / "start")
    before = shown(tmp_path / "start")

    def copy(to: str) -> tuple[Path, Run]:
        root = shutil.copytree(tmp_path / "start", tmp_path / to)
        return root, replace(prepared, folder=root / prepared.run_id)

    whole, run = copy("whole")
    act(whole, run)
    after = shown(whole)
    assert after != before
    for number in range(1, 1000):
        root, run = copy(str(number))
        with failing(number, kill=kill) as made, suppress(OSError, Killed):
            act(root, run)
        if len(made) < number:
            assert number > 1
            return  # it went through
        sweep(root)
        assert shown(root) in (before, after), f"{made} of {name}"
        for found in store.list_runs(root):
            assert check_run(found).problems == (), f"{made} of {name}"
        if shown(root) == before:  # and it can be done again
            act(root, run)
            assert shown(root) == after
    pytest.fail("it never went through")


@pytest.mark.parametrize("kill", [False, True], ids=["fails", "killed"])
def test_a_run_is_made_or_not(tmp_path: Path, kill: bool) -> None:
    for number in range(1, 1000):
        root = tmp_path / str(number)
        root.mkdir()
        with failing(number, kill=kill) as made, suppress(OSError, Killed):
            store.create_run(root, TrainConfig())
        sweep(root)
        states = [run.state for run in store.list_runs(root)]
        assert states in ([], ["interrupted"]), made
        assert len(list(root.iterdir())) == len(states), made
        if len(made) < number:
            assert states == ["interrupted"]
            return
    pytest.fail("it never went through")


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True], ids=["fails", "killed"])
def test_a_training_goes_on_as_if_nothing_had_been(tmp_path: Path, kill: bool) -> None:
    """The first epoch and the last, with a checkpoint after every logged step."""
    undisturbed = run_whole(tmp_path / "undisturbed")
    run = store.create_run(tmp_path / "run", CONFIG)
    number = 0
    while True:
        number += 1
        with failing(number, kill=kill) as made:
            outcome = None
            with suppress(TrainingError, RunError, OSError, Killed):
                outcome = run_until(run, 10**9, "continue", checkpoint_seconds=0)
        run = store.open_run(run.folder.parent, run.run_id)
        assert run.state != "broken", f"{run.reason} after {made[-5:]}"
        for path in run.folder.rglob("*"):
            if path.suffix in (".npz", ".safetensors", ".pt") and not path.name.startswith("."):
                verify(path)
        if outcome == "finished":
            break
    same_result(undisturbed, run)
    assert number > 20
