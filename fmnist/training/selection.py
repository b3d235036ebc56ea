"""Training images of an epoch: all of them, or the hardest ones and a sample of the rest."""

from typing import Any, Final

import torch
from torch import Tensor

HARDEST: Final = 0.6  # share of an epoch's images that are chosen by their loss


def epoch_size(count: int, share: float) -> int:
    """Number of images in an epoch that uses a share of `count` images, at least 1."""
    return max(1, round(share * count))


def choose_images(
    losses: Tensor, shown: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Choose an epoch's images by their loss, and the weights that keep the mean loss unbiased.

    After one epoch most images have a low loss and small gradients. The images with the highest
    loss are all used; the rest are sampled, with larger weights, so that the weighted mean of the
    loss is that over all images (after Qin et al. 2024, "InfoBatch: Lossless Training Speed Up by
    Unbiased Dynamic Data Pruning").

    Parameters
    ----------
    losses : float32 (N,)
        Loss of each image when it was last used.
    shown : int64 (N,)
        Number of epochs that used each image; the rest are sampled from the least used ones.
    share : float
        Share of the images to use, above 0, at most 1.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    order : int64 (M,)
        Positions of the images, on the CPU.
    weights : float32 (N,)
        Weight of each image's loss, on the device of `losses`.
    """
    count = len(losses)
    shuffled = torch.randperm(count, generator=generator)
    weights = torch.ones_like(losses)
    size = epoch_size(count, share)
    if size == count:
        return shuffled, weights
    hard = round(HARDEST * size)
    # shuffling before a stable sort breaks ties at random
    order = shuffled[losses.cpu()[shuffled].argsort(descending=True, stable=True)]
    hardest, rest = order[:hard], order[hard:]
    rest = rest[torch.randperm(len(rest), generator=generator)]
    rest = rest[shown.cpu()[rest].argsort(stable=True)][: size - hard]
    weights.fill_(size / count)
    weights[rest] *= (count - hard) / max(len(rest), 1)
    order = torch.cat((hardest, rest))
    return order[torch.randperm(size, generator=generator)], weights


class ImageSelection:
    """The choice of each epoch's images; a part of the training's state.

    Parameters
    ----------
    images : int
        All training images.
    share : float
        Share of them that an epoch after the first uses, above 0, at most 1.
    device : torch.device
    """

    def __init__(self, images: int, share: float, device: torch.device) -> None:
        self._share = share
        self._losses = torch.zeros(images, device=device)
        self._earlier_losses = torch.zeros(images, device=device)  # before this epoch
        self._uses = torch.zeros(images, dtype=torch.int64, device=device)  # before this epoch
        self._weights = torch.ones(images, device=device)
        self._order = torch.arange(images)

    @property
    def size(self) -> int:
        """Images of an epoch after the first."""
        return epoch_size(len(self._losses), self._share)

    def begin_epoch(self, epoch: int, generator: torch.Generator) -> Tensor:
        """Positions of the epoch's images in their order, int64 (M,) on the CPU.

        The same however often it is called in an epoch, with the same state of the generator.
        """
        share = 1.0 if epoch == 1 else self._share
        self._order, self._weights = choose_images(
            self._earlier_losses, self._uses, share, generator
        )
        return self._order

    def note(self, chosen: Tensor, losses: Tensor) -> None:
        """Keep the losses, float32 (B,), of images `chosen` (B,), to choose later epochs by."""
        self._losses[chosen] = losses.detach()

    def weighted_mean(self, chosen: Tensor, losses: Tensor) -> Tensor:
        """Weighted mean, float32 (), of the losses (B,) of images `chosen` (B,)."""
        return (losses * self._weights[chosen]).mean()

    def end_epoch(self) -> None:
        """Let the next epoch choose by the losses of this one."""
        self._uses[self._order.to(self._uses.device)] += 1
        self._earlier_losses = self._losses.clone()

    def state_dict(self) -> dict[str, Any]:
        """Losses and uses."""
        return {"losses": self._losses, "earlier": self._earlier_losses, "uses": self._uses}

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Reverse of `state_dict`."""
        self._losses.copy_(values["losses"])
        self._earlier_losses.copy_(values["earlier"])
        self._uses.copy_(values["uses"])
