"""The state of a training: everything that a checkpoint needs to resume it bit for bit."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fmnist.models.layers import set_dropout_generator
from fmnist.models.registry import create_model
from fmnist.runs.config import TrainConfig
from fmnist.training.data import num_outputs
from fmnist.training.optim import average_weights, create_optimizer
from fmnist.training.selection import ImageSelection


@dataclass
class Totals:
    """Sums over training images.

    Attributes
    ----------
    loss : float
        Sum of the cross-entropies in nats.
    correct : int
        Images classified correctly.
    images : int
    """

    loss: float = 0.0
    correct: int = 0
    images: int = 0

    def __iadd__(self, other: "Totals") -> Self:
        self.loss += other.loss
        self.correct += other.correct
        self.images += other.images
        return self


class RunningSums:
    """The same sums on the device, so that a step need not wait for their values."""

    def __init__(self, device: torch.device) -> None:
        self._loss = torch.zeros((), device=device)
        self._correct = torch.zeros((), dtype=torch.int64, device=device)
        self._images = 0

    def add(self, loss: Tensor, correct: Tensor, images: int) -> None:
        """Add a batch: its mean loss, float32 (), and its correct predictions, int64 ()."""
        self._loss.add_(loss, alpha=images)
        self._correct.add_(correct)
        self._images += images

    def gather(self, add_up: Callable[[Tensor], Tensor]) -> None:
        """Replace the sums by those of all processes, which `add_up` adds up."""
        values = torch.stack((self._loss.double(), self._correct.double()))
        values = torch.cat((values, values.new_tensor([self._images])))
        loss, correct, images = add_up(values).tolist()
        self._loss.fill_(loss)
        self._correct.fill_(int(correct))
        self._images = int(images)

    def take(self) -> Totals:
        """The sums; they begin again at 0."""
        totals = Totals(self._loss.item(), int(self._correct), self._images)
        self._loss.zero_()
        self._correct.zero_()
        self._images = 0
        return totals

    def state_dict(self) -> dict[str, Any]:
        """Tensors on the processor, and the number of images."""
        return {"loss": self._loss.cpu(), "correct": self._correct.cpu(), "images": self._images}

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Reverse of `state_dict`."""
        self._loss.copy_(values["loss"])
        self._correct.copy_(values["correct"])
        self._images = int(values["images"])


@dataclass
class TrainState:
    """Weights, optimizer, generators and counters of a run.

    Attributes
    ----------
    model : torch.nn.Module
    average : AveragedModel or None
        Moving average of the weights, where the settings ask for one.
    optimizer : torch.optim.Optimizer
    order_generator, dropout_generator, augmentation_generator : torch.Generator
        Independent streams, so that other threads and other settings change none of them.
    order_state : uint8 tensor
        State of `order_generator` before it shuffled the epoch under way.
    images : int
        All training images.
    batch_size : int
    selection : ImageSelection or None
        Which images an epoch uses, where the settings ask for a share of them.
    epoch : int
        The epoch under way, from 1.
    batch : int
        Steps done in this epoch.
    recent : RunningSums
        Sums since the loss was last logged.
    totals : Totals
        Sums over this epoch, up to the last logged step.
    begun, epoch_begun : float
        When the run and the epoch would have begun without pauses, on the clock
        `time.perf_counter`.
    """

    model: nn.Module
    average: AveragedModel | None
    optimizer: torch.optim.Optimizer
    order_generator: torch.Generator
    dropout_generator: torch.Generator
    augmentation_generator: torch.Generator
    order_state: Tensor
    images: int
    batch_size: int
    selection: ImageSelection | None
    recent: RunningSums
    epoch: int = 1
    batch: int = 0
    totals: Totals = field(default_factory=Totals)
    begun: float = field(default_factory=time.perf_counter)
    epoch_begun: float = field(default_factory=time.perf_counter)

    @classmethod
    def create(cls, config: TrainConfig, *, images: int, device: torch.device) -> "TrainState":
        """The state before the first step.

        Parameters
        ----------
        config : TrainConfig
        images : int
            All training images.
        device : torch.device
        """
        order_seed, dropout_seed, augmentation_seed = (
            int(seed) for seed in np.random.SeedSequence(config.seed).generate_state(3)
        )
        order_generator = torch.Generator().manual_seed(order_seed)
        dropout_generator = torch.Generator(device).manual_seed(dropout_seed)
        model = create_model(config.model, seed=config.seed, num_classes=num_outputs(config))
        # kernels on processors want the channels innermost
        model = model.to(device).to(memory_format=torch.channels_last)
        average = average_weights(model, config.ema) if config.ema else None
        set_dropout_generator(model, dropout_generator)  # only now: a generator is not copied
        return cls(
            model=model,
            average=average,
            optimizer=create_optimizer(model, config),
            order_generator=order_generator,
            dropout_generator=dropout_generator,
            augmentation_generator=torch.Generator(device).manual_seed(augmentation_seed),
            order_state=order_generator.get_state(),
            images=images,
            batch_size=config.batch_size,
            selection=ImageSelection(images, config.epoch_share, device)
            if config.epoch_share < 1
            else None,
            recent=RunningSums(device),
        )

    @property
    def batches(self) -> int:
        """Steps of this epoch."""
        return self.steps_before(self.epoch + 1) - self.steps_before(self.epoch)

    def steps_before(self, epoch: int) -> int:
        """Steps of all epochs before one; epochs count from 1."""
        if epoch == 1:
            return 0
        first = math.ceil(self.images / self.batch_size)
        size = self.images if self.selection is None else self.selection.size
        return first + (epoch - 2) * math.ceil(size / self.batch_size)

    @property
    def step(self) -> int:
        """Steps done since the start of the run."""
        return self.steps_before(self.epoch) + self.batch

    @property
    def seconds(self) -> float:
        """Training time so far, without pauses."""
        return time.perf_counter() - self.begun

    @property
    def epoch_seconds(self) -> float:
        """Time spent on the steps of this epoch, without pauses."""
        return time.perf_counter() - self.epoch_begun

    def remaining_batches(self) -> Iterator[Tensor]:
        """Positions of the images of each batch left in this epoch, int64 (B,)."""
        if self.batch == 0:
            self.epoch_begun = time.perf_counter()
        self.order_generator.set_state(self.order_state)
        if self.selection is None:
            order = torch.randperm(self.images, generator=self.order_generator)
        else:
            order = self.selection.begin_epoch(self.epoch, self.order_generator)
        device = self.augmentation_generator.device
        yield from torch.split(order.to(device), self.batch_size)[self.batch :]

    def begin_next_epoch(self) -> None:
        """Move on, once all batches of this epoch are done."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.totals = Totals()
        if self.selection is not None:
            self.selection.end_epoch()
        self.order_state = self.order_generator.get_state()

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes while the run trains."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "order": self.order_state,
            "selection": self.selection.state_dict() if self.selection else None,
            "dropout": self.dropout_generator.get_state(),
            "augmentation": self.augmentation_generator.get_state(),
            "epoch": self.epoch,
            "batch": self.batch,
            "recent": self.recent.state_dict(),
            "totals": asdict(self.totals),
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
        }

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Reverse of `state_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError, RuntimeError
            If something is absent or of another shape; the state is then half loaded.
        """
        self.model.load_state_dict(values["model"])
        if self.average is not None:
            self.average.load_state_dict(values["average"])
        self.optimizer.load_state_dict(values["optimizer"])
        self.order_state = values["order"].cpu()
        if self.selection is not None:
            self.selection.load_state_dict(values["selection"])
        self.dropout_generator.set_state(values["dropout"].cpu())
        self.augmentation_generator.set_state(values["augmentation"].cpu())
        self.epoch, self.batch = int(values["epoch"]), int(values["batch"])
        self.recent.load_state_dict(values["recent"])
        self.totals = Totals(**values["totals"])
        now = time.perf_counter()
        self.begun = now - values["seconds"]
        self.epoch_begun = now - values["epoch_seconds"]
