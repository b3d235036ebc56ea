"""Random changes of training images, new ones each time an image is shown."""

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
    """Change each image at random.

    Parameters
    ----------
    images : uint8 (B, 28, 28)
        White garment on black; not modified.
    augmenters : tuple of {"flip", "shift", "rotate", "rand", "erase", "cutout"}
        "flip" mirrors about half of the images. "shift" moves each image by up to `shift_pixels`
        in each direction and fills the edges with black. "rotate" turns each image by up to 15
        degrees. "rand" applies two random operations of random strength to each image: one of
        shear, stretch, rotation, shift, none; and one of brightness, contrast, posterization,
        noise, blur, none (after Cubuk et al. 2020, "RandAugment"). "erase" fills a rectangle of 2%
        to 25% of the area with noise, in about half of the images (Zhong et al. 2020, "Random
        Erasing Data Augmentation"). "cutout" fills a square of each image with the mean gray of
        Fashion-MNIST; its center is anywhere in the image, so that the edge may cut it off
        (DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with
        Cutout").
    generator : torch.Generator
        On the device of the images. Advanced by the call, unless `augmenters` is empty.
    shift_pixels : int
        Largest shift in pixels, at least 1.
    cutout_side : int
        Side of the square in pixels, at least 1.

    Returns
    -------
    uint8 (B, 28, 28)
    """
    shift = shift_pixels if "shift" in augmenters else 0
    images = _flip_and_shift(images, "flip" in augmenters, shift, generator)
    if "rotate" in augmenters or "rand" in augmenters:
        changed = images.float()  # (B, 28, 28), 0 to 255
        if "rotate" in augmenters:
            angles = ROTATION * _signed(len(images), generator)
            changed = _warp(changed, _rotations(angles))
        if "rand" in augmenters:
            changed = _change_tones(_warp(changed, _random_maps(len(images), generator)), generator)
        images = changed.round_().clamp_(0, 255).byte()
    if "erase" in augmenters:
        images = _erase(images, generator)
    if "cutout" in augmenters:
        images = _cutout(images, cutout_side, generator)
    return images


def _flip_and_shift(images: Tensor, flip: bool, shift: int, generator: torch.Generator) -> Tensor:
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
    # flipped first: a flipped image is shifted as far as any other
    return taken.gather(2, (columns + moves[1])[:, None, :].expand(count, side, side))


def _uniform(count: int, generator: torch.Generator) -> Tensor:
    """(B,) in [0, 1)."""
    return torch.rand(count, generator=generator, device=generator.device)


def _signed(count: int, generator: torch.Generator) -> Tensor:
    """(B,) in [-1, 1)."""
    return 2 * _uniform(count, generator) - 1


def _rotations(degrees: Tensor) -> Tensor:
    """Affine maps (B, 2, 3) of rotations by angles (B,)."""
    cos, sin = torch.cos(torch.deg2rad(degrees)), torch.sin(torch.deg2rad(degrees))
    zero = torch.zeros_like(cos)
    return torch.stack((cos, -sin, zero, sin, cos, zero), dim=1).view(-1, 2, 3)


def _random_maps(count: int, generator: torch.Generator) -> Tensor:
    """Affine maps (B, 2, 3): for each image a shear, a stretch, a rotation, a shift, or none."""
    kind = torch.randint(0, 8, (count,), generator=generator, device=generator.device)
    strength = _signed(count, generator)
    maps = torch.where(
        (kind == 6)[:, None, None], _rotations(30 * strength), _rotations(0 * strength)
    )
    for number, (row, column, most) in enumerate(
        [(0, 1, 0.3), (1, 0, 0.3), (0, 0, 0.2), (1, 1, 0.2), (0, 2, 0.25), (1, 2, 0.25)]
    ):
        # kinds 0 to 5; 6 is the rotation, 7 leaves the image unchanged
        maps[:, row, column] += torch.where(kind == number, most * strength, 0.0)
    return maps


def _warp(images: Tensor, maps: Tensor) -> Tensor:
    """Images, float (B, 28, 28), sampled where affine `maps` (B, 2, 3) point; outside is black."""
    planes = images[:, None]
    grid = functional.affine_grid(maps, list(planes.shape), align_corners=False)
    return functional.grid_sample(planes, grid, align_corners=False)[:, 0]


def _change_tones(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images, float (B, 28, 28), with another brightness, contrast or sharpness."""
    count = len(images)
    kind = torch.randint(0, 6, (count,), generator=generator, device=generator.device)
    strength = _signed(count, generator)[:, None, None]
    noise = torch.empty_like(images).normal_(generator=generator)
    mean = images.mean(dim=(1, 2), keepdim=True)
    levels = 2.0 ** (3.5 + 1.49 * strength).round()  # 4 to 32; with 2, dark images would turn black
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


def _cutout(images: Tensor, cut: int, generator: torch.Generator) -> Tensor:
    count, side = len(images), images.shape[-1]
    begin = torch.stack([(side * _uniform(count, generator)).floor() for _ in range(2)]) - cut // 2
    inside = _within(begin, torch.full_like(begin, cut), side)
    return images.masked_fill(inside, CUT_OUT)


def _within(begin: Tensor, sides: Tensor, side: int) -> Tensor:
    """Pixels with centers in rectangles of `begin` and `sides` (2, B), bool (B, 28, 28)."""
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
        Normalized; not modified.
    batch_mix : {"mixup", "cutmix"} or None
        "mixup" adds the two images, multiplied by their weights (Zhang et al. 2018, "mixup: Beyond
        Empirical Risk Minimization"). "cutmix" pastes a rectangle of the second image, whose area
        is its weight, into the first (Yun et al. 2019, "CutMix"). The weight is uniform in [0, 1],
        one for the whole batch.
    probability : float
        Probability that the batch is mixed, in [0, 1].
    generator : torch.Generator
        On the device of the images.

    Returns
    -------
    images : float32 (B, 1, 28, 28)
    partners : int64 (B,)
        Position in the batch of the image that each was mixed with.
    weight : float32 ()
        Weight of the first image and its label, in [0, 1]; the second has the rest.
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
    inside = _within(begin, sides, side)  # (1, 28, 28); the edge of the image may cut it off
    mixed = torch.where(inside[:, None], images[partners], images)
    return mixed, partners, 1 - inside.float().mean()
