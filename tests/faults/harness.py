"""Every writing call of an action fails once; what is left is the state before or after it."""

import os
import re
import shutil
import signal
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from fmnist.errors import ToldError, sentence
from fmnist.runs import making
from tests.faults.actions import ACTIONS, Action
from tests.faults.shim import FailingDisk, Fault
from tests.faults.world import World

EXPECTED: Final = (OSError, ToldError)
"""What pages and the command line show as a sentence: `fmnist.dashboard.failures.EXPECTED`."""

_UNCLEAR: Final = re.compile(r"Errno|\.tmp\b|Traceback|\n|0x[0-9a-f]{6}|\w+Error\b")


@dataclass
class Tally:
    """What became of the faults of one kind.

    Attributes
    ----------
    name : str
    tried : int
        Faults that were met.
    clear : int
        Of these, those that left the state before or after, told a clear sentence (or needed none)
        and let the same action succeed afterwards.
    lost : list of str
        Those after which something was lost, or half there.
    wrong : list of str
        Those that were told badly, or after which the action could not be done again.
    """

    name: str
    tried: int = 0
    clear: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def problems(self) -> str:
        """Everything lost and wrong, a line each."""
        return "\n".join([*(f"lost: {p}" for p in self.lost), *(f"wrong: {p}" for p in self.wrong)])


@dataclass(frozen=True)
class Trial:
    """A fault to be met.

    Attributes
    ----------
    name : str
    around : callable
        The fault lasts as long as this context of the folder.
    kills : bool
        Whether the process dies of it.
    """

    name: str
    around: Callable[[World], AbstractContextManager[object]]
    kills: bool = False


class Prepared:
    """An action with the folder before it, and what is seen before and after.

    Parameters
    ----------
    name : str
        Of `ACTIONS`.
    folder : Path
        A folder for everything.
    place : Path, optional
        Where the action is done, if elsewhere.
    """

    def __init__(self, name: str, folder: Path, place: Path | None = None) -> None:
        self.name = name
        self.action: Action = ACTIONS[name]
        self._base = World(folder / "base")
        self._base.folder.mkdir(parents=True)
        self._place = (place or folder) / "world"
        with self._base.current():
            self.action.prepare(self._base)
            self._before = self.action.see(self._base)
        world = self._copy()
        with world.current():
            with FailingDisk(world.folder) as disk:
                self.action.act(world)
            self._after = self.action.see(world)
        self.calls: Sequence[str] = disk.calls
        assert self._after != self._before, f"{name} changes nothing that is seen"

    def first_of_each(self) -> list[int]:
        """The calls, from 1, that do what no earlier one does: the same operation and file."""
        return [i for i, call in enumerate(self.calls, 1) if call not in self.calls[: i - 1]]

    def few(self, most: int) -> list[int]:
        """At most so many of these, spread evenly."""
        firsts = self.first_of_each()
        return firsts[:: -(-len(firsts) // most)]

    def calls_fail(self, fault: Fault, numbers: Iterable[int] | None = None) -> list[Trial]:
        """Each of the calls fails, all of them by default."""
        return [
            Trial(
                f"call {number} ({self.calls[number - 1]}), {fault}",
                partial(_failing, number, fault),
                kills=fault == "kill",
            )
            for number in numbers or range(1, len(self.calls) + 1)
        ]

    def _copy(self) -> World:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._base.folder, self._place)
        return World(self._place)

    def walk(self, trials: Iterable[Trial]) -> Tally:
        """Meet faults, one after another, each with the folder before the action."""
        tally = Tally(self.name)
        for trial in trials:
            world = self._copy()
            with world.current():
                self._try(world, trial, tally)
        return tally

    def _try(self, world: World, trial: Trial, tally: Tally) -> None:
        where = f"{tally.name}, {trial.name}"
        lost, wrong = len(tally.lost), len(tally.wrong)
        tally.tried += 1
        told = ""
        if trial.kills:
            _killed(lambda: self._act(world, trial))
            for root in (world.runs, world.shipped):
                making.sweep(root)  # as every process does when it starts
        else:
            told = _told(lambda: self._act(world, trial))
            if told and told is not _Told.CLEAR:
                tally.wrong.append(f"{where}: {told}")
        state = self._look(world)
        if trial.kills and self.action.of_several and state != self._after:
            state = self._before  # perhaps some are done: again, below, it is done to all
        if state not in (self._before, self._after):
            tally.lost.append(
                f"{where}: neither before nor after: {_differences(state, self._after)}"
            )
        elif state == self._after and told:
            tally.wrong.append(f"{where}: it was done, and told as failed")
        elif state == self._before and not (told or trial.kills):
            tally.lost.append(f"{where}: it was not done, and nothing was told")
        elif state == self._before:
            told = _told(lambda: self.action.act(world))
            state = self._look(world)
            if state != self._after:
                difference = _differences(state, self._after)
                tally.wrong.append(f"{where}: again, it led elsewhere ({told}): {difference}")
        if (lost, wrong) == (len(tally.lost), len(tally.wrong)):
            tally.clear += 1

    def _act(self, world: World, trial: Trial) -> None:
        with trial.around(world):
            self.action.act(world)

    def _look(self, world: World) -> object:
        try:
            return self.action.see(world)
        except Exception as error:  # noqa: BLE001 - a state that cannot be read is a third one
            return f"{type(error).__name__}: {error}"


def _failing(number: int, fault: Fault, world: World) -> FailingDisk:
    return FailingDisk(world.folder, number, fault)


class _Told(str):
    """What a person was told."""

    CLEAR: "_Told"


_Told.CLEAR = _Told("a clear sentence")


def _told(act: Callable[[], object]) -> str:
    """What a person is told: nothing, a clear sentence, or what is unclear about it."""
    try:
        act()
    except EXPECTED as error:
        text = sentence(error)
        if _UNCLEAR.search(text) or not text.endswith(".") or len(text) > 1000:
            return f"unclear: {text}"
        return _Told.CLEAR
    except Exception as error:  # noqa: BLE001 - what pages show as a traceback
        return f"not expected: {''.join(traceback.format_exception_only(error)).strip()}"
    return ""


def _killed(act: Callable[[], object]) -> None:
    """Do it in a child process, which dies of it. Only for processes of a single thread."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(1)  # it was to be killed: no exit handlers of the parent
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _differences(actual: object, expected: object) -> str:
    if isinstance(actual, dict) and isinstance(expected, dict):
        return "; ".join(
            f"{key}: {actual[key]!r:.300} (not {expected[key]!r:.300})"
            for key in expected
            if actual[key] != expected[key]
        )
    return f"{actual!r:.600}"
