"""A sweep: its folder, what it tries, who works on it.

The folder has `sweep.json` (what is tried), `journal.log` (Optuna's record of the trials, which any
number of processes and hosts append to), `workers/` (a lock for each process that works on it) and
`stop`, while all of them are to end. The runs are ordinary ones; each has a `sweep.json`, too.
"""

import datetime
import logging
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from fmnist import paths
from fmnist.errors import reason, sentence
from fmnist.files import read_json, write_json
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.making import making
from fmnist.runs.run import Run
from fmnist.runs.teachers import teachers_of
from fmnist.sweeps.space import (
    Options,
    Range,
    Search,
    SweepError,
    check_space,
    combinations_of,
    is_listed,
)
from fmnist.text import NAME_LENGTH, one_line
from fmnist.training.tensorboard import check_installed

if TYPE_CHECKING:
    import filelock

    from fmnist.sweeps.documents import SearchDocument

SamplerName = Literal["tpe", "random", "grid"]
PrunerName = Literal["median", "halving", "none"]

SAMPLERS: Final[Mapping[str, str]] = {
    "tpe": "TPE: near what was good",
    "random": "Random",
    "grid": "Grid: every combination of lists",
}
PRUNERS: Final[Mapping[str, str]] = {
    "median": "Median: end a run that is below it",
    "halving": "Successive halving: the best third goes on",
    "none": "None: train every run to its end",
}

RUN_FILE: Final = "sweep.json"
"""In a run's folder: whose trial it is."""

_FILE: Final = "sweep.json"
_DELETED: Final = ".trash-"
_SWEEP_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
LOCK_SECONDS: Final = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a sweep tries, and for how long.

    Attributes
    ----------
    base : TrainConfig
        The settings that are not tried.
    space : mapping of str to Range or Options
        The ones that are.
    sampler : {"tpe", "random", "grid"}
    pruner : {"median", "halving", "none"}
    runs : int or None
        No more runs than this; failed ones do not count.
    minutes : float or None
        No run begins once the runs have trained for so long together.
    seed : int
        Of the sampler.
    """

    base: TrainConfig
    space: Mapping[str, Search]
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    runs: int | None = 20
    minutes: float | None = None
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises
        ------
        SweepError
            If so.
        TrainingError
            If a package is missing that the settings need.
        RunError
            If a teacher cannot be used.
        """
        check_space(self.base, self.space)
        check_installed(self.base)
        teachers_of(self.base)
        if self.sampler not in SAMPLERS or self.pruner not in PRUNERS:
            raise SweepError(f"There is no sampler {self.sampler!r} or no pruner {self.pruner!r}.")
        if self.sampler == "grid":
            combinations_of(self.base, self.space)
        elif self.runs is None and self.minutes is None:
            raise SweepError("Give the sweep a budget: a number of runs, or of minutes.")
        if self.runs is not None and not 1 <= self.runs <= 10_000:
            raise SweepError("Give the sweep 1 to 10,000 runs.")
        if self.minutes is not None and not 0 < self.minutes < 1e6:
            raise SweepError("Give the sweep more than 0 minutes.")

    def limit(self) -> int | None:
        """The most runs there can be; None if only time ends the sweep."""
        counts = [self.runs] if self.runs is not None else []
        if is_listed(self.space):
            counts.append(len(combinations_of(self.base, self.space)))
        return min(counts, default=None)


@dataclass(frozen=True)
class Sweep:
    """A sweep as its folder says.

    Attributes
    ----------
    folder : Path
    name : str
    created : float
        Seconds since 1970.
    plan : Plan or None
        None where it cannot be read.
    problem : str or None
        Why not, in a sentence.
    """

    folder: Path
    name: str
    created: float = 0.0
    plan: Plan | None = None
    problem: str | None = None

    @property
    def sweep_id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def journal_path(self) -> Path:
        """Optuna's record."""
        return self.folder / "journal.log"

    @property
    def planned(self) -> Plan:
        """The plan.

        Raises
        ------
        SweepError
            If it cannot be read.
        """
        if self.plan is None:
            raise SweepError(self.problem or f"The sweep {self.sweep_id} cannot be read.")
        return self.plan

    def lock(self) -> "filelock.BaseFileLock":
        """What is held while a trial is begun or ended; not yet acquired.

        Raises
        ------
        SweepError
            If the sweep was deleted.
        """
        import filelock

        if not self.folder.is_dir():  # taking the lock would make the folder again
            raise SweepError(f"{self.name} is gone: the sweep was deleted or moved.")

        return filelock.FileLock(self.folder / ".lock", timeout=LOCK_SECONDS, thread_local=False)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Show as a worker for the length of a `with` block."""
        import filelock

        path = self.folder / "workers" / f"{secrets.token_hex(6)}.lock"
        path.parent.mkdir(exist_ok=True)
        try:
            with filelock.FileLock(path, timeout=5, thread_local=False):
                yield
        finally:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:  # nobody holds it: the next look removes it
                _log.warning(sentence(error, "A lock cannot be removed"))

    def workers(self) -> int:
        """How many processes and threads work on it now; what killed ones left is removed."""
        import filelock

        working = 0
        for path in (self.folder / "workers").glob("*.lock"):
            try:
                with filelock.FileLock(path, blocking=False, thread_local=False):
                    path.unlink(missing_ok=True)
            except filelock.Timeout:
                working += 1
            except OSError:
                continue  # one that cannot be opened is held by nobody
        return working

    def stop(self) -> None:
        """Have all workers end; their runs stop, and go on when the sweep does."""
        (self.folder / "stop").touch()

    def go_on(self) -> None:
        """Let workers begin again."""
        (self.folder / "stop").unlink(missing_ok=True)

    def is_stopped(self) -> bool:
        """Whether workers are to end."""
        return (self.folder / "stop").exists() or not self.folder.exists()

    def write_plan(self, plan: Plan) -> None:
        """Record another plan, of the same settings."""
        write_json(self.folder / _FILE, _document(self.name, self.created, plan))

    def measured_run(self) -> str | None:
        """Id of the run that was chosen and measured on the test images; None before."""
        from fmnist.sweeps.documents import MeasuredDocument

        try:
            return MeasuredDocument.parse(read_json(self.folder / "measured.json")).run
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise SweepError(
                f"measured.json of {self.name}, which names the chosen run, cannot be read "
                f"({reason(error)}); restore it from a copy."
            ) from error

    def write_measured(self, run_id: str) -> None:
        """Record which run was chosen, before it is measured."""
        write_json(self.folder / "measured.json", {"run": run_id})


def make_sweep(plan: Plan, *, name: str = "") -> Sweep:
    """Make the folder of a sweep; it appears as a whole. Nothing is trained yet.

    Raises
    ------
    SweepError
        If the plan cannot be done, or the name is longer than 80 characters.
    """
    plan.check()
    named = one_line(name, NAME_LENGTH + 1)
    if len(named) > NAME_LENGTH:
        raise SweepError(f"Give the sweep a name of at most {NAME_LENGTH} characters.")
    titles = [TrainConfig.settings()[setting].title for setting in plan.space]
    named = named or one_line(", ".join(titles), NAME_LENGTH)
    now = datetime.datetime.now(datetime.UTC)
    folder = paths.sweeps_folder() / f"{now:%Y%m%d-%H%M%S}-sweep-{secrets.token_hex(2)}"
    with making(folder) as hidden:
        write_json(hidden / _FILE, _document(named, now.timestamp(), plan))
    return Sweep(folder, named, now.timestamp(), plan)


def _document(name: str, created: float, plan: Plan) -> dict[str, Any]:
    return {
        "name": name,
        "created": created,
        "config": plan.base.to_json(),
        "space": {setting: _to_json(search) for setting, search in plan.space.items()},
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "runs": plan.runs,
        "minutes": plan.minutes,
        "seed": plan.seed,
    }


def open_sweep(sweep_id: str) -> Sweep:
    """Read a sweep.

    Returns
    -------
    Sweep
        Without a plan, and with the problem, where `sweep.json` is damaged.

    Raises
    ------
    SweepError
        If there is none.
    """
    folder = paths.sweeps_folder() / sweep_id
    if not _SWEEP_ID.fullmatch(sweep_id) or not folder.is_dir():
        raise SweepError(f"There is no sweep {one_line(sweep_id, 80)!r}; it may have been deleted.")
    return _read(folder)


def list_sweeps() -> list[Sweep]:
    """All sweeps, the newest first."""
    try:
        folders = [path for path in paths.sweeps_folder().iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []
    found = [_read(folder) for folder in folders if _SWEEP_ID.fullmatch(folder.name)]
    return sorted(found, key=lambda sweep: (sweep.created, sweep.sweep_id), reverse=True)


def delete_sweep(sweep: Sweep) -> None:
    """Remove a sweep; its runs stay.

    Raises
    ------
    SweepError
        If somebody works on it.
    """
    if sweep.workers():
        raise SweepError(f"{sweep.name} is running; stop it before deleting it.")
    root = sweep.folder.parent
    sweep.folder.rename(root / f"{_DELETED}{secrets.token_hex(4)}")  # so that no half is ever seen
    for folder in root.glob(f"{_DELETED}*"):  # what cannot be removed now waits for the next time
        shutil.rmtree(folder, ignore_errors=True)


def is_worked_on(sweep_id: str) -> bool:
    """Whether some process works on a sweep; not if it was deleted."""
    try:
        return open_sweep(sweep_id).workers() > 0
    except SweepError:
        return False


def trial_of(run: Run) -> tuple[str, int] | None:
    """Id of the sweep that made a run, and the number of its trial; None for other runs."""
    from fmnist.sweeps.documents import TrialDocument

    try:
        found = TrialDocument.parse(read_json(run.folder / RUN_FILE))
    except (OSError, ValueError):
        return None  # the run itself needs none of it
    return found.sweep, found.trial


def _read(folder: Path) -> Sweep:
    from fmnist.sweeps.documents import SweepDocument

    try:
        document = SweepDocument.parse(read_json(folder / _FILE))
        plan = Plan(
            TrainConfig.from_json(document.config),
            {name: _search_of(search) for name, search in document.space.items()},
            document.sampler, document.pruner, document.runs, document.minutes, document.seed,
        )  # fmt: skip
        check_space(plan.base, plan.space)
    except (OSError, ValueError, ConfigError, SweepError) as error:
        is_missing = isinstance(error, FileNotFoundError)
        what = "is missing" if is_missing else f"cannot be read ({reason(error)})"
        problem = f"{_FILE} of the sweep {folder.name} {what}; restore it from a copy."
        return Sweep(folder, folder.name, problem=one_line(problem))
    return Sweep(folder, document.name, document.created, plan)


def _search_of(document: "SearchDocument") -> Search:
    if document.values is None:
        assert document.low is not None and document.high is not None
        return Range(document.low, document.high, document.log)
    return Options(tuple(tuple(v) if isinstance(v, list) else v for v in document.values))


def _to_json(search: Search) -> dict[str, Any]:
    if isinstance(search, Range):
        return {"low": search.low, "high": search.high, "log": search.log}
    return {"values": [list(v) if isinstance(v, tuple) else v for v in search.values]}
