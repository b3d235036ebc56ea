"""The epoch loop: a plain function that trains a run's model and can be resumed bit for bit."""

import copy
import errno
import hashlib
import importlib.metadata
import io
import json
import math
import pickle
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

import fmnist
from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import (
    DATASET_TITLES,
    VALIDATION_SHARE,
    Dataset,
    Protocol,
    Split,
    SplitName,
    stratified_subset,
)
from fmnist.data.synthetic.training_drawings import with_drawings
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, evaluate
from fmnist.files import read_json, write_atomic, write_json
from fmnist.models.classifier import Classifier, Normalization
from fmnist.models.ensemble import Ensemble
from fmnist.models.layers import set_dropout_generator
from fmnist.models.registry import create_model, members
from fmnist.runs.config import Precision, TrainConfig
from fmnist.runs.history import EpochEntry, History, Progress, StepEntry
from fmnist.runs.migration import migrate_document
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import teachers_of
from fmnist.training.augmentation import augment, mix
from fmnist.training.schedules import learning_rate

Signal = Literal["continue", "pause", "stop"]
Outcome = Literal["finished", "paused", "stopped"]

CHECKPOINT_SECONDS: Final = 30.0
STATUS_SECONDS: Final = 1.0
TELL_SECONDS: Final = 5.0
MOMENTUM: Final = 0.9

_CHECKPOINT_FORMAT: Final = 3


class TrainingError(Exception):
    """A run that failed; the message is one sentence that says why and what to do."""


def train(
    run: Run,
    dataset: Dataset,
    *,
    control: Callable[[], Signal] = lambda: "continue",
    on_progress: Callable[[Progress], None] = lambda _: None,
    device: str | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Outcome:
    """Train a run from its start, or from its checkpoint where it has one.

    Everything it learns goes to the run's folder as it happens: the step loss every `log_every`
    steps, the measured split's loss and accuracy and logits every epoch, the weights of the best
    epoch, a checkpoint. A run that is paused or killed at any moment and then resumed on the same
    machine ends with the same weights and the same history (but for the times) as one left alone.

    Parameters
    ----------
    run : Run
        The caller holds its lock (`fmnist.runs.store.owning`).
    dataset : Dataset
        The one that `run.config` names.
    control : callable
        Asked before every step: "continue"; "pause" writes a checkpoint and returns; "stop" also
        evaluates what there is.
    on_progress : callable
        Told about once a second and after every epoch.
    device : str, optional
        Where to train; default a GPU where torch sees one, else the processor.
    checkpoint_seconds : float
        The least time between two checkpoints; they are written after a logged step or an epoch.
        One more is written with the weights of every new best epoch.

    Returns
    -------
    {"finished", "paused", "stopped"}

    Raises
    ------
    TrainingError
        If it fails; the run's folder then says so too.
    """
    session = None
    try:
        session = _Session.open(run, dataset, device, control)
        run.write_status("running", session.progress())
        return session.run_epochs(control, on_progress, checkpoint_seconds)
    except _Interrupted as interrupted:  # before the first step: there is nothing to keep yet
        run.write_status(interrupted.outcome, run.progress)
        return interrupted.outcome
    except Exception as error:
        reason = _explain(error)
        run.write_failure(reason, session.progress() if session else run.progress)
        raise TrainingError(reason) from error


class _Interrupted(Exception):
    """A pause or stop came while the drawings were made."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def _explain(error: Exception) -> str:
    if isinstance(error, TrainingError | RunError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; free some space, then resume the run."
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
        return "There is not enough memory; choose a smaller batch size."
    return f"{type(error).__name__}: {_one_line(error)}"


def _one_line(error: Exception) -> str:
    """Its message's first line: torch goes on with advice to programmers."""
    return next(iter(str(error).strip().splitlines()), "").strip()


def _telling(run: Run, control: Callable[[], Signal]) -> Callable[[int, int], None]:
    """Log every tenth of the drawings made, and end at a pause or stop."""
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        signal = control()
        if signal != "continue":
            raise _Interrupted("paused" if signal == "pause" else "stopped")
        if 10 * done // total > told:
            told = 10 * done // total
            text = f"Drawings to train on: {done:,} of {total:,} made"
            run.log_event(text, time=time.time())

    return progress


def monitored_split(config: TrainConfig) -> SplitName:
    """The split that a run of these settings measures after every epoch."""
    measured: Mapping[Protocol, SplitName] = {
        "held-out": "validation", "notebook": "test", "full": "train",
    }  # fmt: skip
    return measured[config.protocol]


def _measured(config: TrainConfig, dataset: Dataset) -> Split:
    """What is measured after every epoch; as many images under the full as under the held-out."""
    name = monitored_split(config)
    if name != "train":
        return dataset.split(name, protocol=config.protocol)
    split = training_split(config, dataset)
    size = max(NUM_CLASSES, round(len(split) * VALIDATION_SHARE))
    chosen = stratified_subset(split.labels, size, seed=0)
    return Split(name, split.images[chosen], split.labels[chosen], split.indices[chosen])


def training_split(config: TrainConfig, dataset: Dataset) -> Split:
    """The photographs that a run of these settings trains on."""
    split = dataset.split("train", protocol=config.protocol)
    if config.subset is None or config.subset >= len(split):
        return split
    chosen = stratified_subset(split.labels, config.subset, seed=config.seed)
    return Split("train", split.images[chosen], split.labels[chosen], split.indices[chosen])


def outputs(config: TrainConfig) -> int:
    """Number of logits: non-garments, if trained on, are a class of their own."""
    return NUM_CLASSES + 1 if config.training_drawings == "non-garments" else NUM_CLASSES


def _optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    # fused: one call a step, which matters where other threads want Python's lock
    if config.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    # norms and biases have nothing to gain from being small
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=MOMENTUM, nesterov=True, fused=True
        )
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def computes_in(precision: Precision, device: torch.device) -> torch.dtype:
    """What the sums of a run are computed in on a device.

    Returns
    -------
    torch.dtype
        bfloat16 or float32; for the precision "auto", bfloat16 where the processor's own
        instructions or the GPU compute in it.
    """
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        has_it = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_it = any(v for k, v in torch.cpu.get_capabilities().items() if k.endswith("bf16"))
    return torch.bfloat16 if has_it else torch.float32


@dataclass
class _Sums:
    """Sums over steps, on the device so that a step need not wait for them."""

    loss: Tensor
    correct: Tensor
    images: int = 0

    @classmethod
    def zeros(cls, device: torch.device) -> "_Sums":
        return cls(
            torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        )

    def to_json(self) -> dict[str, Any]:
        return {"loss": self.loss.cpu(), "correct": self.correct.cpu(), "images": self.images}


@dataclass
class _Session:
    """A run under way: what a checkpoint holds, and what can be made anew from the settings."""

    run: Run
    config: TrainConfig
    dataset: Dataset
    device: torch.device
    model: nn.Module
    average: nn.Module | None  # of the weights so far, where the settings want it
    teachers: Sequence[nn.Module]  # one, or an ensemble's members; none where the labels suffice
    dtype: torch.dtype  # of convolutions and products of matrices
    optimizer: torch.optim.Optimizer
    dropout_generator: torch.Generator
    order_generator: torch.Generator
    augmentation_generator: torch.Generator
    images: Tensor  # uint8 (N, 28, 28)
    labels: Tensor  # int64 (N,)
    measured: Split
    order_state: Tensor  # of order_generator before it shuffled the epoch under way
    recent: _Sums  # since the last logged step
    epoch: int = 1  # under way
    batch: int = 0  # done in this epoch
    epoch_loss: float = 0.0  # sums over this epoch, up to the last logged step
    epoch_correct: int = 0
    epoch_images: int = 0
    epoch_seconds: float = 0.0  # spent on this epoch's steps before `begun`
    seconds: float = 0.0  # spent on the run before `begun`
    begun: float = field(default_factory=time.perf_counter)
    last_checkpoint: float = 0.0
    pace: float = 0.0
    lines: list[str] = field(default_factory=list)
    epoch_logits: list[NDArray[np.float16]] = field(default_factory=list)

    @classmethod
    def open(
        cls, run: Run, dataset: Dataset, device_name: str | None, control: Callable[[], Signal]
    ) -> "_Session":
        config = run.config
        if config is None:
            raise TrainingError(run.reason or "The settings of the run cannot be read.")
        if dataset.name != config.dataset:
            raise TrainingError(
                f"The run is on {DATASET_TITLES[config.dataset]}, which is not at hand."
            )
        if len(members(config.model)) > 1:
            raise TrainingError("An ensemble is made of trained runs; it is not trained itself.")
        device = torch.device(device_name or ("cuda" if torch.cuda.is_available() else "cpu"))
        if device.type == "cuda":
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False
        for leftover in run.folder.rglob(".*.tmp"):  # of a process that was killed as it wrote
            if not leftover.name.startswith(".name.json."):  # the page's, who may be writing now
                leftover.unlink(missing_ok=True)
        dtype = computes_in(config.precision, device)
        _describe(run, dataset, device, dtype)
        # streams that have nothing to do with each other, from one seed
        order_seed, dropout_seed, augmentation_seed = (
            int(seed) for seed in np.random.SeedSequence(config.seed).generate_state(3)
        )
        order_generator = torch.Generator().manual_seed(order_seed)
        dropout_generator = torch.Generator(device).manual_seed(dropout_seed)
        model = create_model(config.model, seed=config.seed, num_classes=outputs(config)).to(device)
        teachers = _teachers(run, config, device)
        for network in (model, *teachers):  # kernels on processors want the channels innermost
            network.to(memory_format=torch.channels_last)
        average = copy.deepcopy(model).requires_grad_(False) if config.ema else None
        set_dropout_generator(model, dropout_generator)
        split = training_split(config, dataset)
        if config.training_drawings:
            split = with_drawings(
                split, config.training_drawings, seed=config.seed, progress=_telling(run, control)
            )
        session = cls(
            run=run,
            config=config,
            dataset=dataset,
            device=device,
            model=model,
            average=average,
            teachers=teachers,
            dtype=dtype,
            optimizer=_optimizer(model, config),
            dropout_generator=dropout_generator,
            order_generator=order_generator,
            augmentation_generator=torch.Generator(device).manual_seed(augmentation_seed),
            images=torch.tensor(split.images, device=device),
            labels=torch.tensor(split.labels, dtype=torch.int64, device=device),
            measured=_measured(config, dataset),
            order_state=order_generator.get_state(),
            recent=_Sums.zeros(device),
        )
        where = f"{device.type}, {torch.get_num_threads()} threads, {str(dtype)[6:]}"
        if run.checkpoint_path.exists():
            session._restore()
            session._log_event(f"Resumed at step {session.step:,} on {where}")
        else:
            session._log_event(f"Started on {where}: {len(split):,} images an epoch")
        return session

    @property
    def batches(self) -> int:
        """Steps an epoch."""
        return math.ceil(len(self.labels) / self.config.batch_size)

    @property
    def step(self) -> int:
        """Steps done since the start of the run."""
        return (self.epoch - 1) * self.batches + self.batch

    def progress(self) -> Progress:
        steps = self.batches * self.config.epochs
        epoch = min(self.epoch, self.config.epochs)
        return Progress(epoch, self.step, steps, self._elapsed(), self.pace)

    def run_epochs(
        self,
        control: Callable[[], Signal],
        on_progress: Callable[[Progress], None],
        checkpoint_seconds: float,
    ) -> Outcome:
        self.begun = self.last_checkpoint = time.perf_counter()
        while self.epoch <= self.config.epochs and not self._has_settled():
            signal = self._run_steps(control, on_progress, checkpoint_seconds)
            if signal == "pause":
                self._checkpoint()
                self._write_status("paused", "Paused")
                return "paused"
            if signal == "stop":
                self._checkpoint()
                self._finish()
                self._write_status("stopped", "Stopped")
                return "stopped"
            self._end_epoch()
            on_progress(self.progress())
            if time.perf_counter() - self.last_checkpoint >= checkpoint_seconds:
                self._checkpoint()
        if self._has_settled():
            self._log_event(f"No better epoch in {self.config.patience}: ended early")
        self._finish()
        self._write_status("finished", "Finished")
        self.run.checkpoint_path.unlink(missing_ok=True)  # there is nothing left to resume
        return "finished"

    def _run_steps(
        self,
        control: Callable[[], Signal],
        on_progress: Callable[[Progress], None],
        checkpoint_seconds: float,
    ) -> Signal:
        """The rest of the epoch's steps, or those until a pause or stop."""
        self.order_generator.set_state(self.order_state)
        order = torch.randperm(len(self.labels), generator=self.order_generator).to(self.device)
        config, steps = self.config, self.batches * self.config.epochs
        size, log_every = config.batch_size, config.log_every
        model, optimizer, normalize = self.model.train(), self.optimizer, Normalization()
        autocast = torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16
        )
        smoothing, generator = config.label_smoothing, self.augmentation_generator
        begun = last_status = time.perf_counter()
        shown = self.batch
        try:
            while self.batch < self.batches:
                signal = control()
                if signal != "continue":
                    return signal
                chosen = order[self.batch * size : (self.batch + 1) * size]
                labels = self.labels[chosen]  # (B,)
                images = augment(
                    self.images[chosen],
                    config.augmentation,
                    generator,
                    shift_pixels=config.shift_pixels,
                    cutout_side=config.cutout_side,
                )
                images = normalize(images)
                images, partners, weight = mix(
                    images, config.batch_mix, config.mix_probability, generator
                )
                rate = learning_rate(
                    config.schedule,
                    highest=config.learning_rate,
                    step=self.step,
                    steps=steps,
                    warmup_steps=config.warmup_epochs and config.warmup_epochs * self.batches,
                )
                for group in optimizer.param_groups:
                    group["lr"] = rate
                with autocast:
                    logits = model(self._scaled(images)).float()  # (B, 10), or 11
                loss = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
                if config.batch_mix:
                    others = labels[partners]
                    loss = weight * loss + (1 - weight) * functional.cross_entropy(
                        logits, others, label_smoothing=smoothing
                    )
                    labels = torch.where(weight >= 0.5, labels, others)  # the greater part's
                if self.teachers:
                    with torch.no_grad(), autocast:
                        target = self._drawn_teacher()(images).float().softmax(1)
                    loss = torch.lerp(
                        loss, functional.cross_entropy(logits, target), config.distillation_weight
                    )
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                self._add_to_average()
                self.recent.loss.add_(loss.detach(), alpha=len(chosen))
                self.recent.correct.add_((logits.detach().argmax(1) == labels).sum())
                self.recent.images += len(chosen)
                self.batch += 1

                now = time.perf_counter()
                if now - last_status >= STATUS_SECONDS:
                    self.pace = (self.batch - shown) * size / (now - last_status)
                    last_status, shown = now, self.batch
                    self.run.write_status("running", self.progress(), durable=False)
                    on_progress(self.progress())
                if self.batch % log_every == 0 or self.batch == self.batches:
                    self._log_loss(write=self.batch % log_every == 0)
                    due = now - self.last_checkpoint >= checkpoint_seconds
                    if due and self.batch < self.batches:
                        self.epoch_seconds += time.perf_counter() - begun
                        begun = time.perf_counter()
                        self._checkpoint()
        finally:
            self.epoch_seconds += time.perf_counter() - begun
        return "continue"

    def _scaled(self, images: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, 1, side, side)
        """Scaled down in the first epochs, where the settings say so."""
        side, share = self.config.low_res_side, self.config.low_res_share
        if side is None or self.epoch > share * self.config.epochs:
            return images
        return functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)

    def _drawn_teacher(self) -> nn.Module:
        """Of an ensemble a member, drawn for every batch.

        The loss is linear in its target: on average it is the mean's, for the work of one network.
        """
        if len(self.teachers) == 1:
            return self.teachers[0]
        generator = self.augmentation_generator
        drawn = torch.randint(len(self.teachers), (), generator=generator, device=generator.device)
        return self.teachers[int(drawn)]

    @torch.no_grad()
    def _add_to_average(self) -> None:
        """Move the averaged weights, and what norms keep, a little towards those of this step."""
        if self.average is None:
            return
        # as many steps back as have been made, at first
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(
            self.average.state_dict().values(), self.model.state_dict().values(), strict=True
        )
        for averaged, new in pairs:
            if averaged.is_floating_point():
                averaged.lerp_(new, 1 - decay)
            else:
                averaged.copy_(new)

    def _has_settled(self) -> bool:
        """Whether the last epochs brought nothing better, and the settings end there."""
        patience, best = self.config.patience, self._kept()
        if patience is None or best is None or self.batch:
            return False
        return self.epoch - 1 - best.epoch >= patience

    def _kept(self) -> EpochEntry | None:
        """The epoch whose weights are kept, so far."""
        return History.from_lines(self.lines, checkpoint=self.config.checkpoint).selected

    def _log_loss(self, *, write: bool) -> None:
        """Move the recent sums into the epoch's, and the mean loss into the history."""
        recent, self.recent = self.recent, _Sums.zeros(self.device)
        total = recent.loss.item()
        self._check(math.isfinite(total))
        self.epoch_loss += total
        self.epoch_correct += int(recent.correct)
        self.epoch_images += recent.images
        if write:
            entry = StepEntry(self.epoch, self.step, total / recent.images, self._elapsed())
            self._write_history({"kind": "step", **vars(entry)})

    def _check(self, is_finite: bool) -> None:
        if not is_finite:
            raise TrainingError(
                f"The loss was no longer a number at step {self.step:,}; try a lower learning rate."
            )

    def _end_epoch(self) -> None:
        """Measure the epoch that has just ended, and move on to the next."""
        evaluation = evaluate(self._classifier(), self.measured)
        self._check(bool(np.isfinite(evaluation.logits).all()))
        entry = EpochEntry(
            epoch=self.epoch,
            step=self.step,
            train_loss=self.epoch_loss / self.epoch_images,
            train_accuracy=self.epoch_correct / self.epoch_images,
            split=evaluation.split,
            loss=evaluation.loss,
            accuracy=evaluation.accuracy,
            seconds=self._elapsed(),
            images_per_second=self.epoch_images / self.epoch_seconds,
        )
        best = self._kept()
        is_best = best is None or entry.accuracy > best.accuracy
        is_kept = is_best or self.config.checkpoint == "last"
        self.epoch_logits.append(evaluation.logits)
        EpochEvaluations(
            evaluation.split, np.stack(self.epoch_logits), evaluation.labels, evaluation.indices
        ).save(self.run.epochs_path)
        self._write_history(entry.to_json())
        best_mark = ", the best so far" if is_best and self.config.checkpoint == "best" else ""
        self._log_event(
            f"Epoch {entry.epoch}: {entry.split} accuracy {entry.accuracy:.2%}{best_mark}"
        )
        self.epoch, self.batch = self.epoch + 1, 0
        self.epoch_loss, self.epoch_correct, self.epoch_images = 0.0, 0, 0
        self.epoch_seconds = 0.0
        self.order_state = self.order_generator.get_state()
        if is_kept:
            # the checkpoint first: a resumed run must never go back behind the weights it keeps
            self._checkpoint()
            self._classifier().save(self.run.weights_path)

    def _finish(self) -> None:
        """Keep the last weights, and evaluate the best ones on every split of the protocol."""
        last = self._classifier()
        last.save(self.run.last_weights_path)
        best = self._kept()
        if best is None:  # stopped within the first epoch
            last.save(self.run.weights_path)
            measured = evaluate(last, self.measured)
        else:
            measured = Evaluation(
                self.measured.name,
                self.epoch_logits[best.epoch - 1],
                self.measured.labels,
                self.measured.indices,
            )
        measured.save(self.run.evaluation_path(measured.split))
        if measured.split != "test":
            chosen = Classifier.load(self.run.weights_path)
            chosen.model.to(self.device)
            test = self.dataset.split("test")
            measured = evaluate(chosen, test, progress=self._telling("Test images measured"))
            measured.save(self.run.evaluation_path("test"))
            tta = self.config.tta
            if tta:
                told = self._telling("Test images measured over several views, a view at a time")
                several = evaluate(chosen, test, tta=tta, progress=told)
                several.save(self.run.tta_path)

    def _telling(self, what: str) -> Callable[[int, int], None]:
        """Log every few seconds how much has been measured; what is quick is not told."""
        told = time.perf_counter()

        def progress(done: int, total: int) -> None:
            nonlocal told
            now = time.perf_counter()
            if now - told >= TELL_SECONDS:
                told = now
                self._log_event(f"{what}: {done:,} of {total:,}")

        return progress

    def _classifier(self) -> Classifier:
        return Classifier(self.average or self.model, model_name=self.config.model)

    def _elapsed(self) -> float:
        return self.seconds + time.perf_counter() - self.begun

    def _log_event(self, text: str) -> None:
        self.run.log_event(text, time=time.time())

    def _write_status(self, state: Outcome, event: str) -> None:
        self._log_event(event)
        self.run.write_status(state, self.progress())

    def _write_history(self, line: dict[str, Any]) -> None:
        self.lines.append(json.dumps(line))
        write_atomic(self.run.history_path, ("\n".join(self.lines) + "\n").encode())

    def _checkpoint(self) -> None:
        values = {
            "format": _CHECKPOINT_FORMAT,
            "config": json.dumps(self.config.to_json()),
            "dataset": self.dataset.checksum,
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "dropout_state": self.dropout_generator.get_state(),
            "order_state": self.order_state,
            "augmentation_state": self.augmentation_generator.get_state(),
            "recent": self.recent.to_json(),
            "epoch": self.epoch,
            "batch": self.batch,
            "epoch_loss": self.epoch_loss,
            "epoch_correct": self.epoch_correct,
            "epoch_images": self.epoch_images,
            "epoch_seconds": self.epoch_seconds,
            "seconds": self._elapsed(),
            "lines": self.lines,
        }
        buffer = io.BytesIO()
        torch.save(values, buffer)
        write_atomic(self.run.checkpoint_path, buffer.getvalue())
        self.last_checkpoint = time.perf_counter()

    def _restore(self) -> None:
        path = self.run.checkpoint_path
        try:
            values = torch.load(path, map_location=self.device, weights_only=True)
            if values["format"] != _CHECKPOINT_FORMAT:
                raise ValueError(f"its format is {values['format']}")
            # settings that there were not yet when it was written are at their defaults
            if TrainConfig.from_json(json.loads(values["config"])) != self.config:
                raise ValueError("it belongs to other settings")
            if values["dataset"] != self.dataset.checksum:
                raise ValueError("the data set has changed since")
            self.model.load_state_dict(values["model"])
            if self.average is not None:
                self.average.load_state_dict(values["average"])
            # earlier versions wrote it under its British name
            self.optimizer.load_state_dict(values.get("optimizer") or values["optimiser"])
            self.dropout_generator.set_state(values["dropout_state"].cpu())
            self.order_state = values["order_state"].cpu()
            self.augmentation_generator.set_state(values["augmentation_state"].cpu())
            recent = values["recent"]
            self.recent = _Sums(
                recent["loss"].to(self.device), recent["correct"].to(self.device), recent["images"]
            )
            for name in (
                "epoch",
                "batch",
                "epoch_loss",
                "epoch_correct",
                "epoch_images",
                "epoch_seconds",
                "seconds",
                "lines",
            ):
                setattr(self, name, values[name])
            if self.epoch > 1:
                kept = EpochEvaluations.load(self.run.epochs_path).logits[: self.epoch - 1]
                if len(kept) < self.epoch - 1:
                    raise ValueError("epochs.npz lacks epochs")
                self.epoch_logits = list(kept)
        except (
            OSError,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
            RuntimeError,
            pickle.UnpicklingError,
        ) as error:
            problem = _one_line(error)
            raise TrainingError(
                f"The run cannot be resumed from its checkpoint ({problem}); start it anew."
            ) from error
        # lines logged between the checkpoint and the crash will be logged again
        write_atomic(self.run.history_path, "".join(f"{x}\n" for x in self.lines).encode())
        best = self._kept()
        if best and best.epoch == self.epoch - 1 and self.batch == 0:
            # the crash may have come between the best epoch's checkpoint and its weights
            self._classifier().save(self.run.weights_path)


def _teachers(run: Run, config: TrainConfig, device: torch.device) -> tuple[nn.Module, ...]:
    """The networks that a run learns from, in evaluation mode: the same ones at every resume."""
    if not config.teachers:
        return ()
    networks: list[nn.Module] = []
    checksums = []
    for told in teachers_of(config):
        name, path = told.run_id, told.weights_path
        try:
            checksums.append(hashlib.sha256(path.read_bytes()).hexdigest())
            teacher = Classifier.load(path)
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"The teacher {name!r} cannot be asked; choose a finished run with weights "
                f"({_one_line(error)})."
            ) from error
        if teacher.outputs != outputs(config) or teacher.normalization != Normalization():
            raise TrainingError(
                f"The teacher {name!r} knows other classes or takes other pixels than the "
                "network that is to learn from it; choose another."
            )
        model = teacher.model.requires_grad_(False).to(device)
        networks += model.networks if isinstance(model, Ensemble) else [model]
    document = migrate_document(read_json(run.config_path))
    if "teachers" not in document:
        pairs = zip(config.teachers, checksums, strict=True)
        document["teachers"] = [{"run_id": name, "weights": weights} for name, weights in pairs]
        write_json(run.config_path, document)
    for teacher, weights in zip(document["teachers"], checksums, strict=True):
        if teacher["weights"] != weights:
            raise TrainingError(
                f"The teacher {teacher['run_id']!r} has other weights than when the run began; "
                "start the run anew."
            )
    return tuple(networks)


def _describe(run: Run, dataset: Dataset, device: torch.device, dtype: torch.dtype) -> None:
    """Add to config.json what else decides the result, when the run first starts."""
    document = read_json(run.config_path)
    if "dataset" in document:
        return
    document["dataset"] = {
        "name": dataset.name,
        "checksum": dataset.checksum,
        "source": DATASET_TITLES[dataset.name],
    }
    packages = {name: importlib.metadata.version(name) for name in ("torch", "numpy")}
    document["environment"] = {
        "fmnist": fmnist.__version__,
        "python": platform.python_version(),
        **packages,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": str(torch.get_num_threads()),
        "precision": str(dtype).removeprefix("torch."),
    }
    write_json(run.config_path, document)


__all__ = [
    "Outcome",
    "Signal",
    "TrainingError",
    "computes_in",
    "monitored_split",
    "outputs",
    "train",
    "training_split",
]
