"""Train a run's model, so that it can be paused, killed and resumed bit for bit."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import torch

from fmnist.data.corrections import Corrections
from fmnist.data.splits import DATASET_TITLES, Dataset
from fmnist.evaluation.predictions import Evaluation, evaluate
from fmnist.models.classifier import Classifier
from fmnist.runs import corrections
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry, Progress, StepEntry
from fmnist.runs.run import Run
from fmnist.text import one_line
from fmnist.training.checkpoint import Checkpoint
from fmnist.training.data import (
    TrainingData,
    followed_images,
    left_out_split,
    monitored_images,
)
from fmnist.training.distillation import load_teachers
from fmnist.training.errors import TrainingError, failure_message
from fmnist.training.follower import Plan
from fmnist.training.group import ALONE, Group, choose_device
from fmnist.training.measuring import measure_test
from fmnist.training.optim import resolve_dtype
from fmnist.training.recorder import RunRecorder
from fmnist.training.state import TrainState
from fmnist.training.step import Stepper

Signal = Literal["continue", "pause", "stop", "prune"]
Outcome = Literal["finished", "paused", "stopped", "pruned"]

OUTCOMES: Final[Mapping[Signal, Outcome]] = {
    "pause": "paused", "stop": "stopped", "prune": "pruned",
}  # fmt: skip
"""How a training ends that is sent a signal."""

CHECKPOINT_SECONDS: Final = 30.0


def train(
    run: Run,
    dataset: Dataset,
    *,
    control: Callable[[], Signal] = lambda: "continue",
    on_progress: Callable[[Progress], None] = lambda _: None,
    device: str | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    group: Group = ALONE,
) -> Outcome:
    """Train a run from its start, or from its checkpoint where it has one.

    What the run learns goes to its folder at once: the loss every `log_every` steps; loss, accuracy
    and logits of the monitored split every epoch; the weights of the selected epoch; a checkpoint.
    A run that is paused or killed at any moment and then resumed on the same machine ends with the
    same weights and the same history (times aside) as one left alone.

    Parameters
    ----------
    run : Run
        The caller holds its lock (`fmnist.runs.store.owning`).
    dataset : Dataset
        The one that `run.config` names.
    control : callable
        Asked before every step: "continue"; "pause" writes a checkpoint and returns; "stop" also
        evaluates the weights so far, and so does "prune", with which a sweep ends a run that is
        worse than others.
    on_progress : callable
        Called about once a second and after every epoch.
    device : str, optional
        Where to train; by default a GPU if torch sees one, else the processor.
    checkpoint_seconds : float
        The least time between two checkpoints. They are written after a logged step or an epoch;
        one more is written with the weights of every new best epoch.
    group : Group
        The processes that train it; this one has rank 0, the others call
        `fmnist.training.follower.follow`.

    Returns
    -------
    {"finished", "paused", "stopped", "pruned"}

    Raises
    ------
    TrainingError
        If it fails; the run's folder then says so too.
    """
    training = None
    try:
        training = _Training.prepare(
            run, dataset, control, on_progress, device, checkpoint_seconds, group
        )
        return _train_epochs(training, control)
    except _Interrupted as interrupted:  # before the first step: there is nothing to save yet
        run.write_status(interrupted.outcome, run.progress)
        group.agree("stop")
        return interrupted.outcome
    except Exception as error:
        message = failure_message(error) if run.exists() else run.gone
        run.write_failure(message, training.progress() if training else run.progress)
        raise TrainingError(message) from error
    finally:
        if training:
            training.recorder.close()


class _Interrupted(Exception):
    """A pause or stop came while the data were prepared."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def _train_epochs(training: "_Training", control: Callable[[], Signal]) -> Outcome:
    state, recorder, checkpoint = training.state, training.recorder, training.checkpoint
    stepper, group = training.stepper, training.stepper.group
    while group.agree("stop" if training.is_done() else "continue") == "continue":
        training.begin_epoch()
        for chosen in state.remaining_batches():
            signal = group.agree(control())
            if signal != "continue":
                stepper.gather_sums()
                checkpoint.save(state, recorder.history)
                if signal != "pause":
                    training.evaluate_run()
                return training.end(OUTCOMES[signal])
            stepper.step(chosen)
            is_logged = training.log_loss()
            recorder.report_step(state)
            if is_logged and state.batch < state.batches:
                checkpoint.save_if_due(state, recorder.history)
        training.evaluate_epoch()
        checkpoint.save_if_due(state, recorder.history)
    training.evaluate_run()
    outcome = training.end("finished")
    checkpoint.remove()  # there is nothing left to resume
    return outcome


@dataclass
class _Training:
    """A run that trains: its state, and the parts that hold no state of their own."""

    config: TrainConfig
    dataset: Dataset
    device: torch.device
    stepper: Stepper
    recorder: RunRecorder
    checkpoint: Checkpoint

    @classmethod
    def prepare(
        cls,
        run: Run,
        dataset: Dataset,
        control: Callable[[], Signal],
        on_progress: Callable[[Progress], None],
        device_name: str | None,
        checkpoint_seconds: float,
        group: Group,
    ) -> "_Training":
        """Load data and teachers; make the state, or read it from the checkpoint."""
        config = _checked_config(run, dataset)
        device = choose_device(device_name)
        dtype = resolve_dtype(config.precision, device)
        changes = _corrections(run, config)
        recorder = RunRecorder(
            run,
            config,
            monitored_images(config, dataset),
            on_progress,
            followed_images(config, dataset, changes),
        )
        recorder.prepare_folder()
        recorder.record_environment(dataset, device, dtype, processes=group.size)
        teachers = load_teachers(run, config, device)
        group.send(Plan.of(config, dataset, changes, teachers).to_bytes())

        def report_drawings(done: int, total: int) -> None:
            signal = control()
            if signal != "continue":
                raise _Interrupted(OUTCOMES[signal])
            recorder.report_phase(
                replace(run.progress, phase="preparing data", phase_fraction=done / total)
            )

        recorder.report_phase(replace(run.progress, phase="preparing data"))
        data = TrainingData(config, dataset, device, report_drawings, changes)
        stepper = Stepper.create(config, data, teachers, device=device, dtype=dtype, group=group)
        checkpoint = Checkpoint(
            run.checkpoint_path, config, dataset.checksum, seconds=checkpoint_seconds
        )
        training = cls(
            config=config,
            dataset=dataset,
            device=device,
            stepper=stepper,
            recorder=recorder,
            checkpoint=checkpoint,
        )
        where = _where(device, dtype, group)
        if checkpoint.exists():
            training.resume()
            recorder.event(f"Resumed at step {training.state.step:,} on {where}")
        else:
            recorder.start()
            recorder.save_epoch(training.classifier(), 0)
            recorder.predict_drawings(training.classifier(), 0)
            recorder.event(f"Started on {where}: {len(data):,} images an epoch")
        run.write_status("running", training.progress())
        group.agree("continue")
        stepper.begin()
        if config.compile:
            training.compile()
        return training

    @property
    def state(self) -> TrainState:
        """What changes while the run trains."""
        return self.stepper.state

    def compile(self) -> None:
        """Compile the network, and write down that it is; where that fails, why."""
        problem = self.stepper.compile()
        self.recorder.record_compiled(problem and one_line(problem, 300).removesuffix("."))

    def resume(self) -> None:
        """Read the checkpoint."""
        self.checkpoint.load(self.state, self.recorder, self.device)
        selected = self.recorder.history.selected
        if selected and selected.epoch == self.state.epoch - 1 and self.state.batch == 0:
            # a crash may have come between the selected epoch's checkpoint and its weights
            self.recorder.save_selected(self.classifier())

    def classifier(self) -> Classifier:
        """The model as it is measured and saved: with averaged weights, where there are some."""
        average = self.state.average
        model = self.state.model if average is None else average.module
        return Classifier(model, models=[self.config.model])

    def progress(self) -> Progress:
        """How far the run is."""
        return self.recorder.progress(self.state, "training")

    def is_done(self) -> bool:
        """Whether all epochs are done, or the last ones brought nothing better."""
        return self.state.epoch > self.config.epochs or self._is_out_of_patience()

    def _is_out_of_patience(self) -> bool:
        patience, best = self.config.patience, self.recorder.history.best
        if patience is None or best is None or self.state.batch:
            return False
        return self.state.epoch - 1 - best.epoch >= patience

    def begin_epoch(self) -> None:
        """Prepare the model for steps; measuring it has put it into evaluation mode."""
        self.state.model.train()
        self.recorder.begin_epoch(self.state)

    def log_loss(self) -> bool:
        """Every `log_every` steps, and at the end of an epoch, add up what the steps learned.

        Returns
        -------
        bool
            Whether it did.
        """
        state = self.state
        recent = self.stepper.take_sums()
        if recent is None:
            return False
        self._check(math.isfinite(recent.loss))
        state.totals += recent
        if self.stepper.is_log_due:
            entry = StepEntry(state.epoch, state.step, recent.loss / recent.images, state.seconds)
            self.recorder.log_step(entry)
        return True

    def _check(self, is_finite: bool) -> None:
        if not is_finite:
            raise TrainingError(
                f"The loss was no longer a number at step {self.state.step:,}; try a lower "
                "learning rate."
            )

    def evaluate_epoch(self) -> None:
        """Measure the epoch that has just ended, and move on to the next."""
        state, recorder = self.state, self.recorder
        images_per_second = state.totals.images / state.epoch_seconds
        recorder.report_phase(recorder.progress(state, "evaluating"))
        evaluation = evaluate(self.classifier(), recorder.monitored)
        followed = self._followed()
        for each in (evaluation, followed):
            self._check(each is None or bool(np.isfinite(each.logits).all()))
        entry = EpochEntry(
            epoch=state.epoch,
            step=state.step,
            train_loss=state.totals.loss / state.totals.images,
            train_accuracy=state.totals.correct / state.totals.images,
            split=evaluation.split,
            loss=evaluation.loss,
            accuracy=evaluation.accuracy,
            seconds=state.seconds,
            images_per_second=images_per_second,
        )
        # before the history, and so before any checkpoint that would not come back here
        recorder.save_epoch(self.classifier(), state.epoch)
        recorder.predict_drawings(self.classifier(), state.epoch)
        is_selected = recorder.log_epoch(entry, evaluation, followed)
        state.begin_next_epoch()
        if is_selected:
            # the checkpoint first: a resumed run must never go back behind the selected weights
            self.checkpoint.save(state, recorder.history)
            recorder.save_selected(self.classifier())
        recorder.end_epoch(state)

    def _followed(self) -> Evaluation | None:
        """What the model as it is predicts for the followed images; None without any."""
        followed = self.recorder.followed
        return None if followed is None else evaluate(self.classifier(), followed)

    def evaluate_run(self) -> None:
        """Save the last weights; measure the selected ones on the splits that are due."""
        recorder = self.recorder
        if self._is_out_of_patience():
            recorder.event(f"Ended early: no better epoch in the last {self.config.patience}")
        last = self.classifier()
        recorder.save_last(last)
        selected = recorder.history.selected
        if selected is None:  # stopped within the first epoch
            recorder.save_selected(last)
            monitored = evaluate(last, recorder.monitored)
            followed = self._followed()
        else:
            monitored = recorder.monitored_evaluation(selected.epoch)
            followed = recorder.followed_evaluation(selected.epoch)
        recorder.save_evaluation(monitored)
        if followed is not None:
            recorder.save_evaluation(followed)
        if monitored.split == "test":
            return
        left_out = left_out_split(self.config, self.dataset)
        if self.config.measure_test == "later" and left_out is None:
            return
        classifier = recorder.load_selected()
        classifier.model.to(self.device)
        if self.config.measure_test == "end":
            measure_test(
                recorder.run, self.config, classifier, self.dataset, self._report_evaluation
            )
        if left_out is not None:
            recorder.save_evaluation(
                evaluate(classifier, left_out, progress=self._report_evaluation)
            )

    def _report_evaluation(self, done: int, total: int) -> None:
        progress = self.recorder.progress(self.state, "evaluating", done / total)
        self.recorder.report_phase(progress)

    def end(self, outcome: Outcome) -> Outcome:
        """Record how the training ended."""
        self.recorder.end(outcome, self.progress())
        return outcome


def _checked_config(run: Run, dataset: Dataset) -> TrainConfig:
    if run.config is None:
        raise TrainingError(run.reason or "The settings of the run cannot be read.")
    config = run.training
    if config is None:
        raise TrainingError("An ensemble is made of trained runs; it is not trained itself.")
    if dataset.name != config.dataset:
        raise TrainingError(
            f"The run is on {DATASET_TITLES[config.dataset]}, which is not on this computer."
        )
    return config


def _corrections(run: Run, config: TrainConfig) -> Corrections | None:
    if config.corrections is None:
        return None
    found = corrections.load(config.corrections, run_folder=run.folder)
    if found.dataset != config.dataset:
        raise TrainingError("The corrections are of another data set.")
    return found


def _where(device: torch.device, dtype: torch.dtype, group: Group) -> str:
    """What a run trains on, for its log."""
    what = f"{device.type}, {torch.get_num_threads()} threads, {str(dtype)[6:]}"
    return what if group.is_alone else f"{group.size} processes, each {what}"


__all__ = ["Outcome", "Signal", "TrainingError", "train"]
