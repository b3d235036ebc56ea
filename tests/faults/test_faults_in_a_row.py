"""Changes of the disk fail one after another in one folder; a run is made or not, and trains on."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fmnist.checksums import verify
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.making import sweep
from fmnist.runs.run import RunError
from fmnist.training.loop import TrainingError
from tests.training.helpers import CONFIG, run_until, run_whole
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
