"""Trains the runs of learning curves in turn: each chosen set needs the model of the one before."""

import threading
from dataclasses import dataclass, replace
from typing import Final

from fmnist import paths
from fmnist.data.corrections import Corrections, CorrectionsError
from fmnist.data.splits import DatasetName
from fmnist.errors import ToldError, sentence
from fmnist.evaluation.learning_curve import (
    Curve,
    Step,
    Way,
    chooser,
    curves,
    point_config,
    point_name,
    run_of,
    steps,
)
from fmnist.evaluation.learning_curve_job import ChoiceProcess, ChoiceTask
from fmnist.runs import corrections, store
from fmnist.runs.run import Run
from fmnist.training.worker import Trainer

_LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True)
class CurvePlan:
    """What is to be trained.

    Attributes
    ----------
    dataset : str
    images : int
        Size of the training split under the held-out protocol.
    ways : tuple of {"random", "margin", "entropy"}
        Besides random images, which every plan has.
    seeds : tuple of int
    """

    dataset: DatasetName
    images: int
    ways: tuple[Way, ...]
    seeds: tuple[int, ...]

    @property
    def steps(self) -> list[Step]:
        """Its points, in the order of training."""
        return steps(self.images, self.ways, self.seeds)


@dataclass(frozen=True)
class CurveState:
    """How far the curves are.

    Attributes
    ----------
    plan : CurvePlan or None
        What is trained, or was last.
    running : bool
    stopping : bool
        Whether it ends after the run that is trained.
    step : Step or None
        The point under way.
    done : int
        Points that are finished.
    error : str or None
        Why it has ended early, in a sentence.
    """

    plan: CurvePlan | None = None
    running: bool = False
    stopping: bool = False
    step: Step | None = None
    done: int = 0
    error: str | None = None


class CurveTrainer:
    """At most one plan at a time, by the trainer's queue. Every method may be called anywhere.

    A thread makes the next run when the one before has finished. It ends with the server; what is
    finished by then is not trained again.

    Parameters
    ----------
    trainer : Trainer
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._choice = ChoiceProcess()
        self._guard = threading.Lock()  # guards everything below
        self._state = CurveState()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, plan: CurvePlan) -> None:
        """Train what a plan lacks, unless one is under way."""
        with self._guard:
            if self._state.running:
                return
            self._stop.clear()
            self._state = CurveState(plan, running=True)
            self._thread = threading.Thread(
                target=self._work, args=(plan,), name="learning-curve", daemon=True
            )
            self._thread.start()

    def state(self) -> CurveState:
        """The state now."""
        with self._guard:
            return replace(self._state, stopping=self._state.running and self._stop.is_set())

    def stop(self) -> None:
        """End after the run that is trained; one that waits in the queue leaves it."""
        self._stop.set()
        self._choice.cancel()

    def wait(self, timeout: float | None = None) -> CurveState:
        """Wait until it has ended, at most so many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self.state()

    def _change(self, **values: object) -> None:
        with self._guard:
            self._state = replace(self._state, **values)  # type: ignore[arg-type]

    def _work(self, plan: CurvePlan) -> None:
        # what is raised besides is a mistake of the code: the thread writes it to the log
        error: str | None = "It has ended unexpectedly; the log of the server says why."
        try:
            for number, step in enumerate(plan.steps):
                self._change(step=step, done=number)
                if self._stop.is_set() or not self._train(plan, step):
                    break
            else:
                self._change(done=len(plan.steps))
            error = None
        except (OSError, ToldError) as failure:
            error = sentence(failure)
        finally:
            self._change(running=False, step=None, error=error)

    def _train(self, plan: CurvePlan, step: Step) -> bool:
        """Train a point to its end; False if it is not to go on."""
        run = self._find(plan, step) or self._make(plan, step)
        if run is None:
            return False
        if run.state == "finished":
            return True
        known = self._trainer.snapshot()
        if run.run_id not in (known.current, *known.queue):
            self._trainer.submit(run)
        while not self._trainer.wait_for(
            lambda seen: run.run_id not in (seen.current, *seen.queue), _LOOK_SECONDS
        ):
            if self._stop.is_set() and run.run_id in self._trainer.snapshot().queue:
                self._trainer.withdraw(run.run_id)
        ended = store.open_run(run.folder.parent, run.run_id)
        if ended.state != "finished" and not self._stop.is_set():
            raise ToldError(f"{run.name} is {ended.state}.")
        return ended.state == "finished"

    def _make(self, plan: CurvePlan, step: Step) -> Run | None:
        """A new run; None if it is not to go on."""
        if step.way == "random":
            config = point_config(plan.dataset, step.size, plan.images, seed=step.seed)
            name = point_name(step.way, step.size, step.seed)
            return store.create_run(paths.runs_folder(), config, name=name)
        smaller = chooser(step, plan.images)
        run = self._find(plan, smaller)
        if run is None:
            raise ToldError(f"The run on {smaller.size:,} images is gone.")
        self._choice.start(ChoiceTask(run.folder, step.way, step.size))
        while (seen := self._choice.poll()).running:
            if self._stop.wait(_LOOK_SECONDS):
                self._choice.cancel()
        if self._stop.is_set():
            return None
        if seen.error:
            raise ToldError(f"The images could not be chosen: {seen.error}")
        return self._find(plan, step)

    def _find(self, plan: CurvePlan, step: Step) -> Run | None:
        found = own_curves(store.list_runs(paths.runs_folder()), plan.dataset, plan.images)
        return run_of(found, step.way, step.size, step.seed)


def own_curves(runs: list[Run], dataset: DatasetName, images: int) -> dict[Way, Curve]:
    """The learning curves of runs, with the choices that are kept with them."""
    return curves(runs, dataset, images, load_choice)


def load_choice(run: Run, checksum: str) -> Corrections | None:
    """What a run's images are; None if that cannot be read."""
    try:
        return corrections.load(checksum, run_folder=run.folder)
    except (CorrectionsError, OSError):
        return None
