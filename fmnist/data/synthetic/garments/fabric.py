"""Fabric: texture, folds and shading of a whole batch of garments at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import IMAGE_SIZE

# Probability of rows, columns, checks, print, knit for each class; the rest is plain.
_TEXTURE_ODDS: Final = (
    (0.12, 0.02, 0.01, 0.14, 0.10),  # T-shirt/top
    (0.00, 0.05, 0.03, 0.07, 0.25),  # Trouser
    (0.18, 0.03, 0.02, 0.08, 0.30),  # Pullover
    (0.05, 0.05, 0.04, 0.16, 0.10),  # Dress
    (0.03, 0.04, 0.06, 0.06, 0.25),  # Coat
    (0.00, 0.00, 0.00, 0.05, 0.15),  # Sandal
    (0.04, 0.10, 0.16, 0.16, 0.12),  # Shirt
    (0.00, 0.00, 0.00, 0.08, 0.30),  # Sneaker
    (0.02, 0.03, 0.04, 0.14, 0.20),  # Bag
    (0.00, 0.00, 0.00, 0.08, 0.25),  # Ankle boot
)


def _box_blur(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over 3 × 3 pixels; pixels beyond the border count as 0."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    blurred: NDArray[np.float32] = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    blurred /= 9.0
    return blurred


def _textures(
    labels: NDArray[np.uint8], grain: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Textures (N, 28, 28) around 0, between -1 and 1 except for the tails of the knit."""
    count = len(labels)

    def uniform(low: float, high: float) -> NDArray[np.float32]:
        return generator.uniform(low, high, (count, 1, 1)).astype(np.float32)

    def stripes(positions: NDArray[np.float32]) -> NDArray[np.float32]:
        phase = positions / uniform(2.5, 8.0) + uniform(0.0, 1.0)
        return np.where(phase % 1.0 < uniform(0.3, 0.7), np.float32(1), np.float32(-1))

    # a uniform number falls into the interval of one texture, or beyond them: plain
    cumulated = np.cumsum(np.array(_TEXTURE_ODDS, np.float32), axis=1)[labels]
    worn = (generator.random((count, 1), np.float32) >= cumulated).sum(axis=1)
    rows_worn, columns_worn, checks_worn, print_worn, knit_worn = (
        (worn == kind).astype(np.float32)[:, None, None] for kind in range(5)
    )
    pixels = np.arange(IMAGE_SIZE, dtype=np.float32)
    along_rows = (rows_worn + 0.5 * checks_worn) * stripes(pixels[:, None])
    along_columns = (columns_worn + 0.5 * checks_worn) * stripes(pixels[None, :])
    blotches = np.tanh(4.0 * (_box_blur(grain) + uniform(-0.15, 0.15)))
    textures: NDArray[np.float32] = along_rows + along_columns
    textures += 0.7 * print_worn * blotches + 0.2 * knit_worn * grain
    textures *= uniform(0.1, 0.45)
    return textures


def _folds(count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Soft light and dark waves (N, 28, 28) between -1 and 1, mostly vertical, as in cloth."""
    pixels = np.arange(IMAGE_SIZE, dtype=np.float32)
    across = generator.uniform(0.15, 0.9, (count, 1)).astype(np.float32) * pixels
    across += generator.uniform(0.0, 2.0 * np.pi, (count, 1)).astype(np.float32)
    down = generator.normal(0.0, 0.12, (count, 1)).astype(np.float32) * pixels
    # sin(a + b) from the sines and cosines of a and b: 28 + 28 of each, not 784.
    folds: NDArray[np.float32] = np.sin(across)[:, None, :] * np.cos(down)[:, :, None]
    folds += np.cos(across)[:, None, :] * np.sin(down)[:, :, None]
    return folds


def apply_fabric(
    tones: NDArray[np.uint8], labels: NDArray[np.uint8], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Add brightness, texture, folds, darker edges and grain to rastered garments."""
    count = len(labels)
    garments = tones.astype(np.float32)
    brightness = generator.uniform(0.55, 1.0, (count, 1, 1))
    is_dark = generator.random((count, 1, 1)) < 0.15
    brightness = np.where(is_dark, 0.45 * brightness, brightness).astype(np.float32)
    grain = generator.standard_normal(tones.shape, np.float32)
    shade = _textures(labels, grain, generator)
    shade += _folds(count, generator) * generator.uniform(0.0, 0.14, (count, 1, 1))
    inside = _box_blur((tones > 0).astype(np.float32))
    shade += (inside - 1.0) * generator.uniform(0.0, 0.5, (count, 1, 1))
    shade += 0.02 * grain
    shade += 1.0
    garments *= shade
    garments *= brightness
    np.clip(garments, 0.0, 255.0, out=garments)
    return garments.astype(np.uint8)
