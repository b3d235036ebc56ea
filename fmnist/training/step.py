"""A step of a training: a batch, its loss, its gradients, and the change of the weights."""

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fmnist.data.labels import IMAGE_SIZE
from fmnist.models.layers import Share, set_dropout_generator
from fmnist.models.registry import describe
from fmnist.runs.config import TrainConfig
from fmnist.training.batch_norm import share_norms
from fmnist.training.data import TrainingData, scale_down
from fmnist.training.distillation import Teachers
from fmnist.training.errors import TrainingError, first_line
from fmnist.training.group import ALONE, Group
from fmnist.training.losses import distill, label_loss
from fmnist.training.memory import keep_freed_memory
from fmnist.training.schedules import learning_rate
from fmnist.training.state import Totals, TrainState


@dataclass
class Stepper:
    """Takes the steps of a run: the same in every process that trains it.

    Attributes
    ----------
    network : callable
        What computes the logits: `state.model`, or what averages its gradients over processes.
    share : Share or None
        What this process has of each batch; None for all of it.
    """

    config: TrainConfig
    data: TrainingData
    teachers: Teachers | None
    state: TrainState
    group: Group
    autocast: torch.autocast
    network: Callable[[Tensor], Tensor]
    share: Share | None

    @classmethod
    def create(
        cls,
        config: TrainConfig,
        data: TrainingData,
        teachers: Teachers | None,
        *,
        device: torch.device,
        dtype: torch.dtype,
        group: Group = ALONE,
    ) -> "Stepper":
        """What takes the steps, before the first one. Call `begin` when its state is set.

        Raises
        ------
        TrainingError
            If the model takes no images of the reduced size that the settings name.
        """
        if device.type == "cpu":
            keep_freed_memory()
        state = TrainState.create(config, images=len(data), device=device)
        _check_reduced_size(state.model, config, device)
        share = group.share()
        if share is not None:
            set_dropout_generator(state.model, state.dropout_generator, share)
            share_norms(state.model, share, group.add_up)
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)
        return cls(config, data, teachers, state, group, autocast, state.model, share)

    def begin(self) -> None:
        """Let all processes begin from the state of rank 0."""
        if self.group.is_alone:
            return
        if self.group.rank == 0:
            buffer = io.BytesIO()
            torch.save(self.state.state_dict(), buffer)
            self.group.send(buffer.getvalue())
        else:
            device = self.state.augmentation_generator.device
            content = io.BytesIO(self.group.receive())
            self.state.load_state_dict(torch.load(content, device, weights_only=True))
            self.state.recent.take()  # rank 0 has what is in them
        self.network = self.group.parallel(self.state.model)

    def compile(self) -> str | None:
        """Compile the network, and try it on black images; call after `begin`.

        Weights, statistics and random numbers are then as before.

        Returns
        -------
        str or None
            Why it cannot be compiled, in a few words; the steps then go on without.
        """
        state = self.state
        network, kept = self.network, copy.deepcopy(state.model.state_dict())
        draws = state.dropout_generator.get_state()
        problem = None
        try:
            compiled = torch.compile(network)
            size = min(state.batch_size, state.images)
            if self.share is not None:
                self.share.batch = size
                size = max(self.share.count, 1)
            device = state.augmentation_generator.device
            state.model.train()
            with self.autocast:
                logits = compiled(torch.zeros(size, 1, IMAGE_SIZE, IMAGE_SIZE, device=device))
            logits.float().sum().backward()  # type: ignore[no-untyped-call]
            self.network = compiled
        except Exception as error:  # noqa: BLE001 (compilers fail in many ways)
            problem = first_line(error) or type(error).__name__
        state.optimizer.zero_grad()
        state.model.load_state_dict(kept)
        state.dropout_generator.set_state(draws)
        return problem

    def step(self, chosen: Tensor) -> None:
        """Learn from the images at the positions `chosen`, int64 (B,)."""
        state, config, share = self.state, self.config, self.share
        batch = self.data.batch(chosen, state.augmentation_generator)
        if share is not None:
            share.batch = len(chosen)
            batch = batch.part(share.images)
        rate = learning_rate(
            config.schedule,
            highest=config.learning_rate,
            step=state.step,
            steps=state.steps_before(config.epochs + 1),
            warmup_steps=config.warmup_epochs and state.steps_before(config.warmup_epochs + 1),
        )
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        with self.autocast:
            images = scale_down(batch.images, config, epoch=state.epoch)
            logits = self.network(images).float()  # (B, 10), or 11; of a share, fewer rows
        loss = label_loss(
            logits,
            batch.labels,
            label_smoothing=config.label_smoothing,
            partner_labels=batch.partner_labels,
            weight=batch.weight,
            reduction="mean" if state.selection is None else "none",
        )
        if state.selection is not None:
            state.selection.note(chosen, self._of_all(loss))
            own = chosen if share is None else chosen[share.images]
            loss = state.selection.weighted_mean(own, loss)
        if self.teachers:
            with self.autocast:
                targets = self.teachers(batch.images, state.augmentation_generator)
            loss = distill(loss, logits, targets, config.distillation_weight)
        state.optimizer.zero_grad()
        if share is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            # the gradients of all processes are averaged, whatever they have of the batch
            part = share.count * share.processes / share.batch
            (loss * part).backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        if state.average is not None:
            state.average.update_parameters(state.model)
        correct = (logits.detach().argmax(1) == batch.main_labels).sum()
        if share is None:
            state.recent.add(loss.detach(), correct, len(chosen))
        elif not share.is_empty:
            state.recent.add(loss.detach(), correct, share.count)
        state.batch += 1

    def _of_all(self, losses: Tensor) -> Tensor:
        """The losses, float32 (B,), of a whole batch, from those of each share."""
        if self.share is None:
            return losses
        found = losses.new_zeros(self.share.batch)
        if not self.share.is_empty:
            found[self.share.images] = losses.detach()
        return self.group.add_up(found)

    @property
    def is_log_due(self) -> bool:
        """Whether the loss is to be logged now: every `log_every` steps."""
        return self.state.batch % self.config.log_every == 0

    def take_sums(self) -> Totals | None:
        """Every `log_every` steps, and at the end of an epoch, what was summed since; or None."""
        if not self.is_log_due and self.state.batch < self.state.batches:
            return None
        self.gather_sums()
        return self.state.recent.take()

    def gather_sums(self) -> None:
        """Add the sums of all processes up in rank 0, the others' are then 0."""
        if self.group.is_alone:
            return
        self.state.recent.gather(self.group.add_up)
        if self.group.rank:
            self.state.recent.take()


def _check_reduced_size(model: nn.Module, config: TrainConfig, device: torch.device) -> None:
    side = config.low_res_side
    if side is None:
        return
    try:
        with torch.no_grad():  # and in evaluation mode: nothing is drawn, no statistics change
            model.eval()(torch.zeros(1, 1, side, side, device=device))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise TrainingError(
            f"{describe(config.model).title} takes no images of {side}×{side} pixels; choose "
            "another reduced image side, or the full size."
        ) from error
