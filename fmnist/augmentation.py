"""What is done to training images anew every time they are shown."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from fmnist.config import Augmentation

SHIFT: Final = 2  # pixels, at most


def augment(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Mirror and move images.

    Parameters
    ----------
    images : uint8 (B, 28, 28)
        Left as they are.
    augmentation : {"none", "flip", "flip-shift"}
        "flip" mirrors about half of them; "flip-shift" also moves each by up to two pixels in
        either direction, black coming in at the edges.
    generator : torch.Generator
        Of the device of the images; advanced by the call unless nothing is to be done.

    Returns
    -------
    uint8 (B, 28, 28)
    """
    if augmentation == "none":
        return images
    count, side = len(images), images.shape[-1]
    device = images.device
    mirrored = torch.rand(count, generator=generator, device=device) < 0.5
    columns = torch.arange(side, device=device).expand(count, side)  # (B, 28), to be gathered
    columns = torch.where(mirrored[:, None], side - 1 - columns, columns)
    if augmentation == "flip":
        return images.gather(2, columns[:, None, :].expand(count, side, side))
    moves = torch.randint(0, 2 * SHIFT + 1, (2, count, 1), generator=generator, device=device)
    padded = functional.pad(images, (SHIFT,) * 4)  # (B, 32, 32)
    rows = torch.arange(side, device=device) + moves[0]  # (B, 28)
    width = side + 2 * SHIFT
    taken = padded.gather(1, rows[:, :, None].expand(count, side, width))
    # mirrored first: a mirrored image is moved as far as any other
    return taken.gather(2, (columns + moves[1])[:, None, :].expand(count, side, side))
