"""Train WRN-16-8 on a GPU within minutes, then whatever else fits into the time.

    benchmarks/gpu.sh [--minutes 8] [--data FOLDER]
    benchmarks/gpu.sh --small
    benchmarks/gpu.sh table FILE_OR_FOLDER …

The first command needs torch, NumPy and a GPU. Runs and checkpoints go to `artifacts/gpu`; a
command that was ended early resumes when it is run again. Open the runs with
`FMNIST_ARTIFACTS=artifacts/gpu streamlit run app.py`. At every checkpoint, `$OUT` gets the results
and an archive of the runs in parts, which `cat runs.tar.* | tar -x` unpacks. The second command
tries everything with a small network on few images; a processor is enough. The third writes
`benchmarks/gpu_speed.md` from one or more `gpu_speed.json`, on any machine.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.gpu_files import pack
from benchmarks.gpu_jobs import (
    Job,
    Result,
    can_be_built,
    fitting_epochs,
    large_jobs,
    small_jobs,
)
from benchmarks.gpu_table import RESULTS, seconds_until, write_table
from benchmarks.gpu_training import Teacher, Trainer, load_teacher
from fmnist import paths
from fmnist.data import fashion_mnist
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset
from fmnist.files import read_json, write_json
from fmnist.runs import store
from fmnist.runs.config import ConfigError, Precision
from fmnist.runs.run import Run, RunError
from fmnist.training.errors import TrainingError
from fmnist.training.optim import resolve_dtype

WORK: Final = paths.PROJECT / "artifacts" / "gpu"
TIMED_STEPS: Final = 50
COMPILE_FROM: Final = 120.0  # seconds of training from which compilation is tried
_PLAN_STEPS: Final = 10
_OVERHEAD: Final = 20.0  # seconds that a job takes before and after its epochs, at least


@dataclass
class Session:
    """One command: its options and its results so far."""

    options: argparse.Namespace
    device: torch.device
    dataset: Dataset
    results: dict[str, Any]
    begun: float  # by time.monotonic

    @property
    def remaining(self) -> float:
        """Seconds until the deadline; below 0 past it."""
        return self.begun + 60 * float(self.options.minutes) - time.monotonic()

    @property
    def root(self) -> Path:
        """Folder of the runs."""
        return Path(self.options.work) / "runs"

    def checkpoint(self, job: Job) -> Path:
        """File that a job is resumed from."""
        return Path(self.options.work) / "checkpoints" / f"{job.key}.pt"

    def result(self, key: str | None) -> dict[str, Any] | None:
        """Results of a job that has finished."""
        jobs = (job for job in self.results["jobs"] if job["key"] == key and job["finished"])
        return next(jobs, None)

    def plan(self, jobs: Sequence[Job]) -> dict[str, float]:
        """Time a few steps of each network, and print what will be trained.

        Returns
        -------
        dict
            Seconds per epoch by job, without evaluation. Jobs that have finished or cannot be
            trained here are absent.
        """
        print(
            f"Plan for {self.options.minutes:g} minutes on {self.results['device']}, "
            f"torch {torch.__version__}:"
        )
        paces: dict[str, float] = {}
        seconds = {}
        for job in jobs:
            model = job.config.model
            if self.result(job.key):
                print(f"  {job.key}: has finished")
            elif not can_be_built(job):
                self._skip(f"{job.title}: torchvision is missing")
            else:
                trainer = Trainer(job.config, self.dataset, self.device)
                if model not in paces:
                    paces[model] = trainer.seconds_a_step(self._steps(_PLAN_STEPS))
                seconds[job.key] = trainer.batches * paces[model]
                print(
                    f"  {job.key}: up to {job.config.epochs} epochs of {trainer.batches} steps, "
                    f"{1000 * paces[model]:.1f} ms each before compilation; about "
                    f"{job.config.epochs * seconds[job.key] + _OVERHEAD:.0f} s"
                )
        return seconds

    def _steps(self, on_a_gpu: int) -> int:
        return on_a_gpu if self.device.type == "cuda" else 2

    def _skip(self, sentence: str) -> None:
        print(f"Left out: {sentence}.")
        self.results["skipped"].append(sentence)

    def run(self, job: Job, epoch_seconds: float) -> bool:
        """Train a job, or resume it.

        Returns
        -------
        bool
            Whether it has reached its last epoch, or was left out.
        """
        if self.checkpoint(job).exists():
            trainer = Trainer.from_checkpoint(self.checkpoint(job), self.dataset, self.device)
            trainer.teacher = self._teacher(job)
            # not read by `store.open_run`, which needs pydantic
            run = Run(self.root / job.key, job.title, "interrupted", config=trainer.config)
            print(f"{job.key}: resumed after epoch {trainer.state.epoch}")
        else:
            started = self._start(job, epoch_seconds)
            if started is None:
                return True
            trainer, run = started
        try:
            return self._train(job, run, trainer)
        except TrainingError as error:
            run.write_failure(str(error), trainer.progress())
            raise

    def _start(self, job: Job, epoch_seconds: float) -> tuple[Trainer, Run] | None:
        """Create the run of a job; None if there is too little time for it."""
        first = self.result(job.fixed_by)
        if job.fixed_by and first is None:
            self._skip(f"{job.title}: the run that fixes its number of epochs has not finished")
            return None
        fewest = first["epochs"] if first else min(job.fewest, job.config.epochs)
        if not all(self.result(teacher) for teacher in job.config.teachers):
            self._skip(f"{job.title}: its teacher has not finished")
            return None
        if self.remaining < fewest * epoch_seconds / 2 + _OVERHEAD * (self.device.type == "cuda"):
            self._skip(f"{job.title}: too little time, {self.remaining:.0f} s")
            return None
        expected = job.config.epochs * epoch_seconds
        # of a step with a teacher, the teacher takes most, which is not compiled
        worth_it = expected > COMPILE_FROM and not job.config.teachers
        compiles = {"on": True, "off": False}.get(
            self.options.compile, self.device.type == "cuda" and worth_it
        )
        trainer = Trainer(job.config, self.dataset, self.device)
        trainer.teacher = self._teacher(job)
        pace = trainer.measure_pace(steps=self._steps(TIMED_STEPS), try_compile=compiles)
        epochs = fitting_epochs(
            pace, self.remaining * job.share, first["epochs"] if first else job.config.epochs
        )
        print(
            f"{job.key}: {1000 * pace.step:.1f} ms per step, compiled "
            f"{f'{1000 * pace.compiled_step:.1f} ms' if pace.compiled_step else 'not'}"
            f"{f' ({pace.failure})' if pace.failure else ''}, {pace.epoch:.2f} s per epoch, "
            f"{pace.end:.0f} s at the end: {epochs} epochs"
        )
        if epochs < fewest:
            self._skip(f"{job.title}: time for {epochs} epochs only; it needs {fewest}")
            return None
        trainer.config = replace(job.config, epochs=epochs)
        return trainer, self._create(job, trainer)

    def _teacher(self, job: Job) -> Teacher | None:
        """The network that a job learns from beside the labels."""
        if not job.config.teachers:
            return None
        (run_id,) = job.config.teachers
        return load_teacher(Run(self.root / run_id, run_id, "finished"), self.device)

    def _create(self, job: Job, trainer: Trainer) -> Run:
        """Create the run's folder, in place of one that has no checkpoint."""
        folder = self.root / job.key
        shutil.rmtree(folder, ignore_errors=True)
        run = store.create_run(self.root, trainer.config, name=job.title)
        run.folder.rename(folder)
        return replace(run, folder=folder)

    def _train(self, job: Job, run: Run, trainer: Trainer) -> bool:
        config, state = trainer.config, trainer.state
        while state.epoch < config.epochs:
            trainer.train_epoch()
            accuracy = f"{state.accuracies[-1]:.2%}" if state.epoch < config.epochs else "…"
            print(f"{job.key}: epoch {state.epoch} of {config.epochs}, {accuracy}")
            if state.epoch == config.epochs:
                break
            ends = state.epoch == self.options.stop_after or self.remaining < 0
            if ends or state.epoch % self.options.checkpoint_every == 0:
                trainer.save_checkpoint(self.checkpoint(job))
                trainer.write_progress(run)
                trainer.write_snapshot(run)
                self._record(job, trainer, None)
            if ends:
                run.write_status("paused", trainer.progress())
                print(f"Ended after epoch {state.epoch}; run the same command again to resume.")
                return False
        first = self.result(job.fixed_by)
        weights = first["weights"] if first and config.protocol == "full" else None
        result = trainer.finish(run, weights)
        self._record(job, trainer, result)
        self.checkpoint(job).unlink(missing_ok=True)
        print(f"{job.key}: test accuracy {result.test:.2%} with the {result.weights} weights")
        return True

    def _record(self, job: Job, trainer: Trainer, result: Result | None) -> None:
        """Write the results so far, and the archive of the runs."""
        config, state = trainer.config, trainer.state
        shown = state.epoch * trainer.batches * config.batch_size
        entry = {
            "key": job.key,
            "title": job.title,
            "protocol": config.protocol,
            "seed": config.seed,
            "epochs": config.epochs,
            "finished": result is not None,
            "pace": state.pace,
            "compile_seconds": state.compile_seconds,
            "train_seconds": state.train_seconds,
            "images_per_second": shown / state.train_seconds,
            "reached": seconds_until(state.times, state.accuracies),
            "times": state.times,
            "epoch_accuracies": state.accuracies,
            **(vars(result) if result else {}),
        }
        others = [each for each in self.results["jobs"] if each["key"] != job.key]
        self.results["jobs"] = [*others, entry]
        for folder in (Path(self.options.work), Path(self.options.out)):
            write_json(folder / RESULTS, self.results, make_folder=True)
        folders = [self.root / each["key"] for each in self.results["jobs"]]
        for name in pack(folders, Path(self.options.out)):
            print(f"Left out of the archive, which is full: {name}")


def choose_device(options: argparse.Namespace) -> torch.device:
    """The GPU; the processor with --cpu, or with --small where there is no GPU."""
    if torch.cuda.is_available() and not options.cpu:
        # so that the saved weights have the same accuracy on a processor
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        return torch.device("cuda")
    if options.cpu or options.small:
        return torch.device("cpu")
    sys.exit("torch sees no GPU; try everything on a processor with --small, or use --cpu.")


def choose_precision(device: torch.device) -> Precision:
    """bfloat16 on a GPU that has instructions for it; torch imitates it on others, slowly."""
    has_bfloat16 = resolve_dtype("bfloat16-on-gpu", device) == torch.bfloat16
    return "bfloat16" if has_bfloat16 else "float32"


def load(folder: Path | None) -> Dataset:
    """Read Fashion-MNIST from a folder; without one, from where the dashboard looks for it."""
    if folder is None:
        return fashion_mnist.load_named("fashion-mnist")
    return fashion_mnist.load_fashion_mnist(fashion_mnist.find_files(folder))


def train_all(options: argparse.Namespace) -> int:
    """Train the jobs that there is time for; returns the exit code."""
    begun = time.monotonic()
    device = choose_device(options)
    dataset = load(options.data)
    if options.fresh:
        for name in ("runs", "checkpoints"):
            shutil.rmtree(options.work / name, ignore_errors=True)
        (options.work / RESULTS).unlink(missing_ok=True)
    path = Path(options.work) / RESULTS
    earlier = read_json(path)["jobs"] if path.exists() else []
    results = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "processor",
        "torch": torch.__version__,
        "command": " ".join(["benchmarks/gpu.sh", *options.command]),
        "small": options.small,
        "skipped": [],
        "jobs": earlier,
    }
    session = Session(options, device, dataset, results, begun)
    jobs = (small_jobs if options.small else large_jobs)(choose_precision(device), options.epochs)
    if options.jobs:
        jobs = tuple(job for job in jobs if job.key in options.jobs)
    seconds = session.plan(jobs)
    for job in jobs:
        if job.key in seconds and not session.run(job, seconds[job.key]):
            break
    write_json(Path(options.out) / RESULTS, results, make_folder=True)
    if options.small:
        write_table([options.out], options.out / "gpu_speed.md")
    taken = time.monotonic() - begun
    print(f"Took {taken:.0f} s; results and runs are in {options.out}")
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the options of a training command."""
    keys = [job.key for job in (*large_jobs("float32"), *small_jobs("float32"))]
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh")
    parser.add_argument("--data", type=Path, help="folder of Fashion-MNIST (or FMNIST_DATA)")
    parser.add_argument("--minutes", type=float, help="deadline of the command (8; small: 5)")
    parser.add_argument("--jobs", nargs="+", choices=keys, metavar="RUN", help=", ".join(keys))
    parser.add_argument("--epochs", type=int, help="highest number of each run, instead of its own")
    parser.add_argument("--small", action="store_true", help="try everything with a small network")
    parser.add_argument("--cpu", action="store_true", help="train on the processor")
    parser.add_argument("--compile", choices=["auto", "on", "off"], default="auto")
    parser.add_argument("--checkpoint-every", type=int, default=20, help="epochs (20)")
    parser.add_argument("--stop-after", type=int, help="end after this epoch")
    parser.add_argument("--fresh", action="store_true", help="delete earlier runs in the folder")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of runs and checkpoints")
    out = os.environ.get("OUT") or WORK / "out"
    parser.add_argument("--out", type=Path, default=Path(out), help="folder of results ($OUT)")
    options = parser.parse_args(arguments)
    options.command = list(arguments)
    options.minutes = options.minutes or (5 if options.small else 8)
    if options.small:
        options.work = options.work / "small"
    if options.checkpoint_every < 1:
        parser.error("--checkpoint-every must be at least 1")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code. A failure prints one sentence."""
    try:
        if arguments[:1] == ["table"]:
            parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh table")
            parser.add_argument("files", type=Path, nargs="+", help="gpu_speed.json, or its folder")
            parser.add_argument("--to", type=Path, default=paths.BENCHMARK_TABLES / "gpu_speed.md")
            options = parser.parse_args(arguments[1:])
            write_table(options.files, options.to)
            return 0
        return train_all(parse(arguments))
    except torch.OutOfMemoryError:
        print("The GPU has too little memory; end what else uses it.", file=sys.stderr)
    except (ConfigError, DatasetError, TrainingError, RunError, OSError, ValueError) as error:
        print(f"{error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
