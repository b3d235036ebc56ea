"""A person's folder of artifacts, and what they see of it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from fmnist import checksums, paths
from fmnist.errors import ToldError
from fmnist.evaluation.label_verdicts import FILE, LabelVerdictStore
from fmnist.evaluation.named_slices import SliceStore
from fmnist.evaluation.verdicts import ImageKey, VerdictStore
from fmnist.files import load_arrays, read_json
from fmnist.runs import drawings, store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.runs.temperature import load_temperature
from fmnist.sketchpad.gallery import Gallery, SavedDrawing
from fmnist.sweeps.budget import is_done
from fmnist.sweeps.sweep import Sweep, list_sweeps
from fmnist.sweeps.trials import Trials
from fmnist.training.loop import Signal, train
from tools.small import history_without_times, small_dataset

CONFIG = TrainConfig(
    model="logistic", dataset="synthetic-garments", epochs=2, subset=40, batch_size=20, log_every=2
)  # 2 steps an epoch
IMAGE = ImageKey("synthetic-garments", "test", 7)
DRAWING = SavedDrawing(
    [{"type": "Path", "path": [["M", 1, 2], ["L", 3, 4.5]], "stroke": "#000000"}],
    b"\x89PNG\0", "Sketch", "Ankle boot", 0.93,
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """A folder of artifacts with its own shipped models."""

    folder: Path

    @property
    def runs(self) -> Path:
        """The person's runs."""
        return self.folder / "runs"

    @property
    def shipped(self) -> Path:
        """The shipped models."""
        return self.folder / "pretrained"

    @property
    def gallery(self) -> Gallery:
        """The saved drawings."""
        return Gallery(self.folder / "drawings")

    @property
    def verdicts(self) -> VerdictStore:
        """The verdicts."""
        return VerdictStore(self.folder / "verdicts.sqlite")

    @property
    def slices(self) -> SliceStore:
        """The named slices."""
        return SliceStore(self.folder / "slices.sqlite")

    @property
    def label_verdicts(self) -> LabelVerdictStore:
        """The verdicts on training labels."""
        return LabelVerdictStore(self.folder / FILE)

    def run(self, name: str) -> Run:
        """The run of a name."""
        (run,) = (run for run in store.list_runs(self.runs) if run.name == name)
        return run

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let the app keep everything in this folder."""
        with (
            mock.patch.dict("os.environ", {"FMNIST_ARTIFACTS": str(self.folder)}),
            mock.patch.object(paths, "pretrained_folder", lambda: self.shipped),
            mock.patch.object(paths, "benchmark_folder", lambda: self.folder / "benchmarks"),
        ):
            yield


def train_run(run: Run, *, at: int = 0, signal: Signal = "continue") -> None:
    """Train a run on; the signal comes at the at-th step of this call."""
    asked = 0

    def control() -> Signal:
        nonlocal asked
        asked += 1
        return signal if asked == at else "continue"

    with store.owning(run):
        run = store.open_run(run.folder.parent, run.run_id)
        train(run, small_dataset(), control=control, checkpoint_seconds=0)


def trained(world: World, name: str, **settings: Any) -> Run:
    """A new run, trained to its end."""
    config = TrainConfig.from_json(CONFIG.to_json() | settings)
    run = store.create_run(world.runs, config, name=name)
    train_run(run)
    return store.open_run(world.runs, run.run_id)


def seen(world: World) -> Mapping[str, object]:
    """All that a person can see: equal for two folders that show the same."""
    # an older one that could not be removed does no harm
    deleted = sorted(store.list_runs(world.runs / ".trash"), key=_changed)[-1:]
    # a file that nobody knows is a third state, too
    kept = {"runs", "pretrained", "drawings", "sweeps"}
    others = [
        path for path in sorted(world.folder.rglob("*"))
        if path.is_file()
        and path.relative_to(world.folder).parts[0] not in kept
        and not path.name.startswith(("verdicts.sqlite", "slices.sqlite", FILE, "."))
    ]  # fmt: skip
    drawings, problems = world.gallery.all()
    # looking would make the database
    given = world.verdicts if (world.folder / "verdicts.sqlite").exists() else None
    named = world.slices.all() if (world.folder / "slices.sqlite").exists() else ([], "")
    return {
        "runs": sorted(map(seen_run, store.list_runs(world.runs)), key=str),
        "shipped": sorted(map(seen_run, store.list_runs(world.shipped)), key=str),
        "restorable": [seen_run(run) for run in deleted],
        "drawings": [(d.predicted, d.label, d.shapes, d.picture) for d in drawings],
        "damaged drawings": problems,
        "own classes": world.gallery.own_classes(),
        "verdicts": [(k, v.verdict, v.note) for k, v in (given.all() if given else {}).items()],
        "damaged verdicts": given.problem() if given else "",
        "verdicts on labels": seen_labels(world),
        "sweeps": list(map(seen_sweep, list_sweeps())),
        "slices": ([each.to_json() for each in named[0]], named[1]),
        "others": [(str(p.relative_to(world.folder)), _digest(p)) for p in others],
    }


def seen_sweep(sweep: Sweep) -> object:
    """What a person can see of a sweep, but for times."""
    if sweep.plan is None:
        return sweep.name, sweep.problem
    names = {run.run_id: run.name for run in store.list_runs(paths.runs_folder())}
    # looking would make the journal
    trials = Trials(sweep).all() if sweep.journal_path.exists() else []
    chosen = sweep.measured_run()
    return (
        sweep.name, sweep.plan, sweep.is_stopped(), sweep.workers(), chosen and names.get(chosen),
        [(t.state, t.params, t.accuracies, t.value, t.reason, t.run_id and names.get(t.run_id))
         for t in trials],
    )  # fmt: skip


def seen_sweeping(world: World) -> object:
    """The same of the only sweep, which works: it goes on, or has ended with its runs.

    Which values replace those of a run that failed twice depends on when it failed.
    """
    (sweep,) = list_sweeps()
    trials = Trials(sweep)
    if not is_done(trials):
        return "Resume ends it"
    finished = [trial.run_id for trial in trials.all() if trial.state == "finished"]
    for run_id in finished:
        digest(store.open_run(world.runs, str(run_id)))
    return "ended", len(finished), seen_run(world.run("Run 1, Rates"))


def seen_labels(world: World) -> object:
    """What a person can see of the verdicts on labels."""
    if not (world.folder / FILE).exists():
        return [], ""
    opinions, problem = world.label_verdicts.read(CONFIG.dataset)
    return [
        (v.image, v.reviewer, v.label) for of in opinions.values() for v in of.values()
    ], problem


def seen_run(run: Run) -> tuple[object, ...]:
    """What a person can see of a run."""
    try:
        temperature = load_temperature(run)
    except ToldError as error:
        temperature = None if run.state == "broken" else str(error)  # type: ignore[assignment]
    config = read_json(run.config_path) if run.config else {}
    config.pop("created", None)
    config.pop("members", None)
    card = run.folder / "README.md"
    return (
        run.name, run.state, run.reason, json.dumps(config, sort_keys=True), len(run.members),
        temperature, digest(run), card.exists() and card.read_text(),
        run.annotations, run.annotations_problem,
    )  # fmt: skip


def digest(run: Run) -> str:
    """SHA-256 of a run's weights, history without times, logits, and the drawings it follows.

    Its checksums must hold.
    """
    whole = hashlib.sha256()
    for path in (run.weights_path, run.last_weights_path, run.history_path):
        if path.exists():
            checksums.verify(path, grows=run.state != "finished")
    whole.update(drawings.chosen(run).tobytes())
    for path in (run.weights_path, run.last_weights_path):
        whole.update(path.read_bytes() if path.exists() else b"absent")
    if run.history_path.exists():
        whole.update(json.dumps(history_without_times(run)).encode())
    for path in map(run.epoch_weights_path, run.epochs_with_weights()):
        checksums.verify(path)
        whole.update(path.read_bytes())
    for path in sorted((run.folder / "evaluation").glob("*.npz")):
        checksums.verify(path)
        for name, values in sorted(load_arrays(path).items()):
            whole.update(f"{path.name} {name} {values.shape}".encode() + values.tobytes())
    return whole.hexdigest()


def seen_training(world: World) -> object:
    """What a person can see of the run "New", which trains: it has ended, or Resume ends it."""
    run = world.run("New")
    if run.state in ("queued", "interrupted", "failed", "paused"):
        return "Resume ends it"
    return seen_run(run)


def seen_stopped(world: World) -> object:
    """The same of a run that a person stops: at which step depends on what failed before."""
    run = world.run("New")
    if run.state in ("stopped", "finished"):
        digest(run)
        return "ended"
    return seen_training(world)


def _changed(run: Run) -> int:
    return run.folder.stat().st_ctime_ns


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
