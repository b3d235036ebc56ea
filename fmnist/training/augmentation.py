"""What is done to training images anew every time they are shown."""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from fmnist.runs.config import Augmenter, BatchMix

ROTATION: Final = 15.0  # degrees, at most
ERASED: Final = (0.02, 0.25)  # share of the image
CUT_OUT: Final = 73  # of 255: the mean pixel of Fashion-MNIST's training images
_ASPECT: Final = 3.0  # of an erased rectangle's sides, at most
_NOISE: Final = 30.0  # standard deviation, of 255


def augment(
    images: Tensor,
    augmenters: tuple[Augmenter, ...],
    generator: torch.Generator,
    *,
    shift_pixels: int = 2,
    cutout_side: int = 14,
) -> Tensor:
    """Change images at random, each on its own.

    Parameters
    ----------
    images : uint8 (B, 28, 28)
        Left as they are.
    augmenters : tuple of {"flip", "shift", "rotate", "rand", "erase", "cutout"}
        "flip" mirrors about half of the images. "shift" moves each by up to `shift_pixels` in
        either direction, black coming in at the edges. "rotate" turns each by up to 15 degrees.
        "rand" does two things of random strength to each: it shears, stretches, turns, moves or
        leaves it; and makes it brighter, richer or poorer in contrast, coarser in tones, noisy,
        blurred, or leaves it (after Cubuk et al. 2020, "RandAugment"). "erase" puts noise in a
        rectangle of 2 to 25 percent of about half of the images (Zhong et al. 2020, "Random Erasing
        Data Augmentation"). "cutout" fills one square of each image with the mean gray of
        Fashion-MNIST; its center lies anywhere in the image, whose edge may cut it off (DeVries and
        Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout").
    generator : torch.Generator
        Of the device of the images; advanced by the call unless nothing is to be done.
    shift_pixels : int
        At least 1.
    cutout_side : int
        Side of the square in pixels, at least 1.

    Returns
    -------
    uint8 (B, 28, 28)
    """
    shift = shift_pixels if "shift" in augmenters else 0
    images = _mirror_and_move(images, "flip" in augmenters, shift, generator)
    if "rotate" in augmenters or "rand" in augmenters:
        changed = images.float()  # (B, 28, 28), 0 to 255
        if "rotate" in augmenters:
            angles = ROTATION * _signed(len(images), generator)
            changed = _warp(changed, _rotations(angles))
        if "rand" in augmenters:
            changed = _retone(_warp(changed, _any_map(len(images), generator)), generator)
        images = changed.round_().clamp_(0, 255).byte()
    if "erase" in augmenters:
        images = _erase(images, generator)
    if "cutout" in augmenters:
        images = _cut_out(images, cutout_side, generator)
    return images


def _mirror_and_move(images: Tensor, flip: bool, shift: int, generator: torch.Generator) -> Tensor:
    count, side = len(images), images.shape[-1]
    device = images.device
    columns = torch.arange(side, device=device).expand(count, side)  # (B, 28), to be gathered
    if flip:
        mirrored = torch.rand(count, generator=generator, device=device) < 0.5
        columns = torch.where(mirrored[:, None], side - 1 - columns, columns)
    if not shift:
        if not flip:
            return images
        return images.gather(2, columns[:, None, :].expand(count, side, side))
    moves = torch.randint(0, 2 * shift + 1, (2, count, 1), generator=generator, device=device)
    padded = functional.pad(images, (shift,) * 4)  # (B, 28 + 2 shift, …)
    rows = torch.arange(side, device=device) + moves[0]  # (B, 28)
    width = side + 2 * shift
    taken = padded.gather(1, rows[:, :, None].expand(count, side, width))
    # mirrored first: a mirrored image is moved as far as any other
    return taken.gather(2, (columns + moves[1])[:, None, :].expand(count, side, side))


def _uniform(count: int, generator: torch.Generator) -> Tensor:
    """(B,) in [0, 1)."""
    return torch.rand(count, generator=generator, device=generator.device)


def _signed(count: int, generator: torch.Generator) -> Tensor:
    """(B,) in [-1, 1)."""
    return 2 * _uniform(count, generator) - 1


def _rotations(degrees: Tensor) -> Tensor:
    """(B, 2, 3) of angles (B,)."""
    cos, sin = torch.cos(torch.deg2rad(degrees)), torch.sin(torch.deg2rad(degrees))
    zero = torch.zeros_like(cos)
    return torch.stack((cos, -sin, zero, sin, cos, zero), dim=1).view(-1, 2, 3)


def _any_map(count: int, generator: torch.Generator) -> Tensor:
    """(B, 2, 3): for each image a shear, a stretch, a turn, a move, or nothing."""
    kind = torch.randint(0, 8, (count,), generator=generator, device=generator.device)
    strength = _signed(count, generator)
    maps = torch.where(
        (kind == 6)[:, None, None], _rotations(30 * strength), _rotations(0 * strength)
    )
    for number, (row, column, most) in enumerate(
        [(0, 1, 0.3), (1, 0, 0.3), (0, 0, 0.2), (1, 1, 0.2), (0, 2, 0.25), (1, 2, 0.25)]
    ):
        # kinds 0 to 5; the turn is 6, and 7 leaves the image as it is
        maps[:, row, column] += torch.where(kind == number, most * strength, 0.0)
    return maps


def _warp(images: Tensor, maps: Tensor) -> Tensor:
    """Float (B, 28, 28), taken where affine `maps` (B, 2, 3) point to, black from outside."""
    planes = images[:, None]
    grid = functional.affine_grid(maps, list(planes.shape), align_corners=False)
    return functional.grid_sample(planes, grid, align_corners=False)[:, 0]


def _retone(images: Tensor, generator: torch.Generator) -> Tensor:
    """Float (B, 28, 28) of other brightness, contrast or sharpness."""
    count = len(images)
    kind = torch.randint(0, 6, (count,), generator=generator, device=generator.device)
    strength = _signed(count, generator)[:, None, None]
    noise = torch.empty_like(images).normal_(generator=generator)
    mean = images.mean(dim=(1, 2), keepdim=True)
    levels = 2.0 ** (3.5 + 1.49 * strength).round()  # 4 to 32; of 2, dark ones turn black
    results = (
        images,
        images * (1 + 0.5 * strength),
        mean + (images - mean) * (1 + 0.5 * strength),
        (images / 255 * (levels - 1)).round() / (levels - 1) * 255,
        images + _NOISE * strength * noise,
        functional.avg_pool2d(images[:, None], 3, stride=1, padding=1)[:, 0],
    )
    for number, result in enumerate(results):
        if number:
            images = torch.where((kind == number)[:, None, None], result, images)
    return images


def _erase(images: Tensor, generator: torch.Generator) -> Tensor:
    count, side = len(images), images.shape[-1]
    low, high = ERASED
    area = side**2 * (low + (high - low) * _uniform(count, generator))
    aspect = torch.exp(math.log(_ASPECT) * _signed(count, generator))
    sides = torch.stack((area * aspect, area / aspect)).sqrt().clamp(max=side)  # (2, B)
    begin = (side - sides) * torch.stack([_uniform(count, generator) for _ in range(2)])
    chosen = _uniform(count, generator) < 0.5
    inside = _within(begin, sides, side) & chosen[:, None, None]
    noise = torch.empty_like(images).random_(0, 256, generator=generator)
    return torch.where(inside, noise, images)


def _cut_out(images: Tensor, cut: int, generator: torch.Generator) -> Tensor:
    count, side = len(images), images.shape[-1]
    begin = torch.stack([(side * _uniform(count, generator)).floor() for _ in range(2)]) - cut // 2
    inside = _within(begin, torch.full_like(begin, cut), side)
    return images.masked_fill(inside, CUT_OUT)


def _within(begin: Tensor, sides: Tensor, side: int) -> Tensor:
    """Bool (B, 28, 28): the pixels whose center lies in rectangles of `begin`, `sides` (2, B)."""
    centers = torch.arange(side, device=begin.device) + 0.5
    rows, columns = (
        (centers >= b[:, None]) & (centers < b[:, None] + s[:, None])
        for b, s in zip(begin, sides, strict=True)
    )
    inside: Tensor = rows[:, :, None] & columns[:, None, :]
    return inside


def mix(
    images: Tensor, batch_mix: BatchMix | None, probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Mix the images of a batch in pairs, or leave the batch as it is.

    Parameters
    ----------
    images : float32 (B, 1, 28, 28)
        Left as they are.
    batch_mix : {"mixup", "cutmix"} or None
        "mixup" adds two images, each by its weight (Zhang et al. 2018, "mixup: Beyond Empirical
        Risk Minimization"); "cutmix" puts a rectangle of the second on the first, of a size that
        is its weight (Yun et al. 2019, "CutMix"). The weight is uniform in [0, 1], the same in
        the whole batch.
    probability : float
        Probability that the batch is mixed, in [0, 1].
    generator : torch.Generator
        Of the device of the images.

    Returns
    -------
    images : float32 (B, 1, 28, 28)
    partners : int64 (B,)
        Which image of the batch each was mixed with.
    weight : float32 ()
        Of the first image and its label, in [0, 1]; the second's is the rest.
    """
    count, side, device = len(images), images.shape[-1], images.device
    if batch_mix is None:
        return images, torch.arange(count, device=device), torch.ones((), device=device)
    partners = torch.randperm(count, generator=generator, device=device)
    weight, is_mixed, *center = _uniform(4, generator)
    weight = torch.where(is_mixed < probability, weight, 1.0)
    if batch_mix == "mixup":
        return torch.lerp(images[partners], images, weight), partners, weight
    sides = (side * (1 - weight).sqrt()).expand(2, 1)
    begin = side * torch.stack(center)[:, None] - sides / 2
    inside = _within(begin, sides, side)  # (1, 28, 28); the rim of the image may cut it off
    mixed = torch.where(inside[:, None], images[partners], images)
    return mixed, partners, 1 - inside.float().mean()
