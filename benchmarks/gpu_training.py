"""One training on a GPU: the whole data set on the device, resumable from a checkpoint.

It writes the folder of a run. It differs from `fmnist.training.loop.train` in four points, which
config.json lists: each image is mirrored in every other epoch, the last partial batch of an epoch
is dropped, epochs before the last are measured in the training's precision, and the saved weights
are rounded to float16 before they are measured. It writes files at checkpoints only, since writing
the logits after every epoch would take longer than the epoch.
"""

import copy
import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.gpu_files import read_weights, to_float16, write_weights
from benchmarks.gpu_jobs import Pace, Result, Weights
from fmnist.checksums import write_checked
from fmnist.data.splits import Dataset, Split
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, evaluate
from fmnist.files import read_json, write_atomic, write_json
from fmnist.models.classifier import Classifier, Normalization
from fmnist.models.registry import create_model
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry, Progress, StepEntry
from fmnist.runs.run import Run
from fmnist.training.augmentation import augment
from fmnist.training.data import monitored_images, training_split
from fmnist.training.errors import TrainingError, first_line
from fmnist.training.losses import distill, label_loss
from fmnist.training.optim import average_weights, create_optimizer, resolve_dtype
from fmnist.training.recorder import RunRecorder
from fmnist.training.schedules import learning_rate

DIFFERENCES: Final = (
    "alternating flip; no partial batches; epochs before the last measured in the training's "
    "precision, the saved weights in float32; convolutions saved in float16"
)
_TIMED_BATCHES: Final = 8  # timed steps repeat this many batches


@dataclass
class State:
    """Counters and history of a training, as its checkpoint holds them."""

    epoch: int = 0  # done
    elapsed: float = 0.0  # seconds, with evaluations
    train_seconds: float = 0.0  # without evaluations and compilation
    compile_seconds: float = 0.0  # until the first steps of the compiled network were done
    pace: dict[str, Any] = field(default_factory=dict)  # the fields of a `Pace`
    lines: list[str] = field(default_factory=list)  # of history.jsonl
    accuracies: list[float] = field(default_factory=list)  # after every epoch, in [0, 1]
    times: list[float] = field(default_factory=list)  # train_seconds after every epoch
    logits: list[Tensor] = field(default_factory=list)  # float16 (N, 10) after every epoch


@dataclass(frozen=True)
class Teacher:
    """A trained network whose probabilities another learns from beside the labels.

    Attributes
    ----------
    run_id : str
    checksum : str
        SHA-256 of the file of its weights.
    network : torch.nn.Module
        In evaluation mode, on the device.
    """

    run_id: str
    checksum: str
    network: nn.Module


def load_teacher(run: Run, device: torch.device) -> Teacher:
    """Read the weights of a finished run of this benchmark."""
    model, tensors = read_weights(run.weights_path)
    network = create_model(model, seed=0)
    network.load_state_dict(tensors)
    network.requires_grad_(False).eval()
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    checksum = hashlib.sha256(run.weights_path.read_bytes()).hexdigest()
    return Teacher(run.run_id, checksum, network)


class Trainer:
    """Trains one network.

    Parameters
    ----------
    config : TrainConfig
        With the highest number of epochs.
    dataset : Dataset
    device : torch.device
    """

    def __init__(self, config: TrainConfig, dataset: Dataset, device: torch.device) -> None:
        self.config, self.dataset, self.device = config, dataset, device
        self.dtype = resolve_dtype(config.precision, device)
        self.model = create_model(config.model, seed=config.seed).to(device)
        self.model.to(memory_format=torch.channels_last)
        self.average = average_weights(self.model, config.ema)
        self.optimizer = create_optimizer(self.model, config)
        split = training_split(config, dataset)
        self.images = torch.tensor(split.images, device=device)  # uint8 (N, 28, 28)
        self.labels = torch.tensor(split.labels, dtype=torch.int64, device=device)  # (N,)
        self.first_flips = torch.rand(len(split), generator=self._generator(0), device=device) < 0.5
        self.monitored = monitored_images(config, dataset)
        self.forward: Callable[[Tensor], Tensor] = self.model
        self.teacher: Teacher | None = None  # set by the caller
        self.state = State()

    @property
    def batches(self) -> int:
        """Steps per epoch, all of whole batches; other images are left over in each epoch."""
        return max(len(self.labels) // self.config.batch_size, 1)

    def _generator(self, epoch: int) -> torch.Generator:
        """Generator of an epoch; 0 is for what is drawn once. No checkpoint need hold its state."""
        words = np.random.SeedSequence([self.config.seed, epoch]).generate_state(2)
        return torch.Generator(self.device).manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16
        )

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def epoch_images(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The images of an epoch (from 1), augmented and shuffled, and their labels.

        Returns
        -------
        images : float32 (N, 1, 28, 28)
            Normalized.
        labels : int64 (N,)
        """
        config, generator = self.config, self._generator(epoch)
        images = self.images
        if "flip" in config.augmentation:
            images = alternately_flipped(images, self.first_flips, epoch)
        others = tuple(name for name in config.augmentation if name != "flip")
        images = augment(
            images,
            others,
            generator,
            shift_pixels=config.shift_pixels,
            cutout_side=config.cutout_side,
        )
        order = torch.randperm(len(images), generator=generator, device=self.device)
        return Normalization()(images[order]), self.labels[order]

    def _train_step(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Loss () and number of correct images (), on the device."""
        config = self.config
        rate = learning_rate(
            config.schedule,
            highest=config.learning_rate,
            step=step,
            steps=self.batches * config.epochs,
            warmup_steps=config.warmup_epochs and config.warmup_epochs * self.batches,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._autocast():
            logits = self.forward(images).float()  # (B, 10)
        loss = label_loss(logits, labels, label_smoothing=config.label_smoothing)
        if self.teacher is not None:
            with torch.no_grad(), self._autocast():
                targets = self.teacher.network(images).float().softmax(1)
            loss = distill(loss, logits, targets, config.distillation_weight)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.average.update_parameters(self.model)
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()

    def train_epoch(self) -> None:
        """Train for an epoch, and measure it; the last epoch is measured by `finish`."""
        state, config = self.state, self.config
        state.epoch += 1
        self._wait()
        begun = time.perf_counter()
        torch.manual_seed(config.seed * 1000 + state.epoch)  # of dropout, if there is any
        self.model.train()
        images, labels = self.epoch_images(state.epoch)
        size, first = config.batch_size, (state.epoch - 1) * self.batches
        losses = torch.empty(self.batches, device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for batch in range(self.batches):
            chosen = slice(batch * size, (batch + 1) * size)
            losses[batch], right = self._train_step(images[chosen], labels[chosen], first + batch)
            correct += right
        self._wait()
        seconds = time.perf_counter() - begun
        total = losses.double().cpu()
        if not bool(torch.isfinite(total).all()):
            raise TrainingError(
                f"The loss was no longer a number in epoch {state.epoch}; "
                "try a lower learning rate."
            )
        self._log_steps(total, first, seconds)
        shown = min(size * self.batches, len(labels))
        self._end_epoch(float(total.mean()), int(correct) / shown, shown / seconds, seconds)

    def _log_steps(self, losses: Tensor, first: int, seconds: float) -> None:
        every = self.config.log_every
        for done in range(every, len(losses) + 1, every):
            time_so_far = self.state.elapsed + seconds * done / len(losses)
            mean = float(losses[done - every : done].mean())
            entry = StepEntry(self.state.epoch, first + done, mean, time_so_far)
            self.state.lines.append(json.dumps(entry.to_json()))

    def _end_epoch(self, loss: float, accuracy: float, pace: float, seconds: float) -> None:
        state = self.state
        state.train_seconds += seconds
        state.times.append(state.train_seconds)
        begun = time.perf_counter()
        if state.epoch == self.config.epochs:
            self.last_epoch = (loss, accuracy, pace)
            state.elapsed += seconds
            return
        with self._autocast():
            evaluation = evaluate(self._classifier(self.average.module), self.monitored)
        state.elapsed += seconds + time.perf_counter() - begun
        self._log_epoch(evaluation, loss, accuracy, pace)

    def _log_epoch(self, evaluation: Evaluation, loss: float, accuracy: float, pace: float) -> None:
        state = self.state
        entry = EpochEntry(
            epoch=state.epoch,
            step=state.epoch * self.batches,
            train_loss=loss,
            train_accuracy=accuracy,
            split=evaluation.split,
            loss=evaluation.loss,
            accuracy=evaluation.accuracy,
            seconds=state.elapsed,
            images_per_second=pace,
        )
        state.lines.append(json.dumps(entry.to_json()))
        state.accuracies.append(evaluation.accuracy)
        state.logits.append(torch.tensor(evaluation.logits))

    def _classifier(self, model: nn.Module) -> Classifier:
        return Classifier(model, models=[self.config.model])

    def compile(self) -> str:
        """Compile the network.

        Returns
        -------
        str
            Why the network stays uncompiled; empty where it was compiled.
        """
        begun = time.perf_counter()
        try:
            self.forward = torch.compile(self.model, dynamic=False)
            self._steps(2, *self.epoch_images(1))
            return ""
        # a compiler fails in many ways, and training works without it
        except Exception as error:  # noqa: BLE001
            self.forward = self.model
            return first_line(error) or type(error).__name__
        finally:
            self.state.compile_seconds += time.perf_counter() - begun

    def _steps(self, count: int, images: Tensor, labels: Tensor) -> None:
        """Train a few steps; the caller restores the weights."""
        self.model.train()
        size = self.config.batch_size
        for step in range(count):
            start = size * (step % min(_TIMED_BATCHES, self.batches))
            self._train_step(images[start : start + size], labels[start : start + size], step)
        self._wait()

    def seconds_a_step(self, steps: int) -> float:
        """Time steps, after a fifth as many that are not timed; this changes the weights."""
        drawn = self.epoch_images(1)
        self._steps(max(steps // 5, 1), *drawn)
        return self._seconds(lambda: self._steps(steps, *drawn)) / steps

    def _seconds(self, action: Callable[[], object]) -> float:
        self._wait()
        begun = time.perf_counter()
        action()
        self._wait()
        return time.perf_counter() - begun

    def measure_pace(self, *, steps: int, try_compile: bool) -> Pace:
        """Time steps, images and evaluations, then restore the weights.

        Parameters
        ----------
        steps : int
            Number of timed steps, after a fifth as many that are not timed.
        try_compile : bool
            Whether to try `torch.compile`, and to use it if it is faster.
        """
        before = copy.deepcopy((self.model.state_dict(), self.average.state_dict()))
        eager, compiled, failure = self.seconds_a_step(steps), None, "not asked for"
        if try_compile:
            failure = self.compile()
            if not failure:
                compiled = self.seconds_a_step(steps)
                if compiled >= eager:
                    self.forward, failure = self.model, "slower than without"
        step = min(eager, compiled or eager)
        images = self._seconds(lambda: self.epoch_images(1))
        few = Split("test", *(a[:500] for a in _arrays(self.dataset.split("test"))))
        whole = self._evaluation_seconds(few, exact=True)
        quick = self._evaluation_seconds(few, exact=False) * len(self.monitored)
        views = {None: 0, "flip": 2, "flip-shift": 10}[self.config.tta]
        shown = 2 * len(self.monitored) + (1 + views) * len(self.dataset.test_labels)
        self.restore(*before)
        self.optimizer = create_optimizer(self.model, self.config)
        epoch = self.batches * step + images + quick
        pace = Pace(eager, compiled, epoch, whole * shown, failure)
        self.state.pace = vars(pace)
        return pace

    def _evaluation_seconds(self, split: Split, *, exact: bool) -> float:
        """Seconds per image, in float32 if `exact`, else in the training's precision."""

        def measure() -> None:
            with nullcontext() if exact else self._autocast():
                evaluate(self._classifier(self.average.module), split)

        measure()
        return self._seconds(measure) / len(split)

    def restore(self, model: Mapping[str, Any], average: Mapping[str, Any]) -> None:
        """Load the state dictionaries of the network and of its averaged weights."""
        self.model.load_state_dict(model)
        self.average.load_state_dict(average)

    def save_checkpoint(self, path: Path) -> None:
        """Write everything that `from_checkpoint` needs."""
        values = {
            "config": json.dumps(self.config.to_json()),
            "dataset": self.dataset.checksum,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "compiled": self.forward is not self.model,
            "state": vars(self.state),
        }
        buffer = io.BytesIO()
        torch.save(values, buffer)
        write_atomic(path, buffer.getvalue(), make_folder=True)

    @classmethod
    def from_checkpoint(cls, path: Path, dataset: Dataset, device: torch.device) -> "Trainer":
        """Resume from a checkpoint.

        Raises
        ------
        TrainingError
            If it belongs to other images.
        """
        values = torch.load(path, map_location=device, weights_only=True)
        if values["dataset"] != dataset.checksum:
            raise TrainingError(f"{path.name} belongs to other images; delete it.")
        trainer = cls(TrainConfig.from_json(json.loads(values["config"])), dataset, device)
        trainer.state = State(**values["state"])
        if values["compiled"]:
            trainer.compile()
        trainer.restore(values["model"], values["average"])
        trainer.optimizer.load_state_dict(values["optimizer"])
        return trainer

    def write_progress(self, run: Run) -> None:
        """Write history, status and the logits of the epochs so far."""
        state = self.state
        write_checked(run.history_path, "".join(f"{line}\n" for line in state.lines).encode())
        run.write_status("running", replace(self.progress(), phase="training"))
        if state.logits:
            split = self.monitored
            EpochEvaluations(split.name, _stacked(state.logits), split.labels, split.indices).save(
                run.epochs_path
            )

    def progress(self) -> Progress:
        """How far the run is."""
        state, steps = self.state, self.batches * self.config.epochs
        done = state.epoch * self.batches
        pace = done * self.config.batch_size / max(state.train_seconds, 1e-9)
        return Progress(state.epoch, done, steps, state.elapsed, pace)

    def write_snapshot(self, run: Run) -> None:
        """Write the averaged weights so far, in case the command is killed."""
        tensors = to_float16(self.average.module.state_dict())
        write_weights(run.weights_path, self.config.model, tensors)

    def finish(self, run: Run, weights: Weights | None) -> Result:
        """Choose and measure the weights to save, and finish the run's folder.

        Parameters
        ----------
        run : Run
        weights : {"raw", "averaged"} or None
            The weights to save. None chooses those with the higher accuracy on the monitored
            split, which must be the validation split.
        """
        begun = time.perf_counter()
        candidates: dict[Weights, Mapping[str, Tensor]] = {
            "averaged": to_float16(self.average.module.state_dict()),
            "raw": to_float16(self.model.state_dict()),
        }
        model = create_model(self.config.model, seed=0).to(self.device)
        found: dict[Weights, Evaluation] = {}
        for name, tensors in candidates.items():
            model.load_state_dict(tensors)
            found[name] = evaluate(self._classifier(model), self.monitored)
        best: Weights = max(found, key=lambda name: found[name].accuracy)
        chosen = weights or best
        model.load_state_dict(candidates[chosen])
        classifier = self._classifier(model)
        test_split = self.dataset.split("test")
        test, with_tta = evaluate(classifier, test_split), None
        if self.config.tta:
            with_tta = evaluate(classifier, test_split, tta=self.config.tta)
            with_tta.save(run.tta_path)
        write_weights(run.weights_path, self.config.model, candidates[chosen])
        self.state.elapsed += time.perf_counter() - begun
        self._log_epoch(found[chosen], *self.last_epoch)
        self.write_progress(run)
        found[chosen].save(run.evaluation_path(self.monitored.name))
        test.save(run.evaluation_path("test"))
        self._record_environment(run, chosen)
        run.write_status("finished", self.progress())
        accuracies = {name: evaluation.accuracy for name, evaluation in found.items()}
        return Result(chosen, accuracies, test.accuracy, with_tta.accuracy if with_tta else None)

    def _record_environment(self, run: Run, chosen: Weights) -> None:
        recorder = RunRecorder(run, self.config, self.monitored, lambda _: None)
        recorder.record_environment(self.dataset, self.device, self.dtype)
        document = read_json(run.config_path)
        document["environment"] |= {
            "recipe": DIFFERENCES,
            "weights": chosen,
            "compiled": "no" if self.forward is self.model else "yes",
        }
        if self.teacher:
            teacher = {"run_id": self.teacher.run_id, "weights": self.teacher.checksum}
            document["teachers"] = [teacher]
        write_json(run.config_path, document)


def alternately_flipped(images: Tensor, first: Tensor, epoch: int) -> Tensor:
    """Mirror each image in every other epoch (Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds").

    Parameters
    ----------
    images : uint8 (N, 28, 28)
    first : bool (N,)
        Whether an image is mirrored in odd epochs; the others are mirrored in even epochs.
    epoch : int
        From 1.
    """
    mirrored = first if epoch % 2 else ~first
    return torch.where(mirrored[:, None, None], images.flip(-1), images)


def _arrays(split: Split) -> tuple[NDArray[Any], ...]:
    return split.images, split.labels, split.indices


def _stacked(logits: list[Tensor]) -> NDArray[np.float16]:  # float16 (E, N, 10)
    stacked: NDArray[np.float16] = torch.stack([each.cpu() for each in logits]).numpy()
    return stacked
