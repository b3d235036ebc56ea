"""Drawings as a canvas gives them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from fmnist import paths
from fmnist.data.synthetic.strokes import Drawing
from fmnist.sketchpad.canvas import SIDE

TROUSERS = [(120, 60), (280, 60), (300, 340), (230, 340), (200, 150), (170, 340), (100, 340)]


def canvas(
    points: list[tuple[int, int]],
    *,
    pen: int = 6,
    ink: str = "black",
    ground: str | None = "white",
    size: int = 400,
    filled: bool = False,
) -> NDArray[np.uint8]:
    """A closed line as a canvas gives it; no ground is glass."""
    image = Image.new("RGBA", (size, size), ground or (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    if filled:
        draw.polygon(points, fill=ink)
    draw.line([*points, points[0], points[1]], fill=ink, width=pen, joint="curve")
    return np.asarray(image)


T_SHIRT = [
    (150, 90), (180, 105), (220, 105), (250, 90), (340, 150), (310, 195), (270, 175), (270, 330),
    (130, 330), (130, 175), (90, 195), (60, 150),
]  # fmt: skip


def human_sketch(file: str, word: str, number: int) -> Drawing:
    """A human drawing, as large as the canvas; skips if its file is missing."""
    named = os.environ.get("FMNIST_SKETCHES")
    folder = Path(named) if named else paths.PROJECT.parent / "shared" / "sketches"
    path = folder / f"{file}.ndjson"
    if not path.exists():
        pytest.skip(f"no sketches in {folder}: set FMNIST_SKETCHES to their folder")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [row for row in rows if row["word"] == word and not row.get("partial")]
    scale = (SIDE - 80) / 255
    strokes: list[tuple[list[float], list[float]]] = found[number]["drawing"]
    return [[(40 + scale * x, 40 + scale * y) for x, y in zip(*s, strict=True)] for s in strokes]


def noise(seed: int, sigma: float, size: int = 400) -> NDArray[np.float64]:
    """Blurred noise of variance 1, (size, size)."""
    values = np.random.default_rng(seed).normal(size=(size, size))
    smooth = ndimage.gaussian_filter(values, sigma)
    return np.asarray(smooth / smooth.std())


def scan(
    points: list[tuple[int, int]], *, pen: int = 5, paper: int = 215, shadow: float = 0.3
) -> NDArray[np.uint8]:
    """A pencil drawing on gray paper with grain, and a shadow over one side."""
    ink = 1 - canvas(points, pen=pen)[..., 0] / 255.0
    x = np.linspace(0, 1, ink.shape[1])
    light = paper * (1 - shadow / (1 + np.exp(-12 * (x - 0.6)))) + 3 * noise(1, 0.7)
    pencil = np.clip(ink * (0.8 + 0.2 * noise(2, 1.0)), 0, 1)
    gray = ndimage.gaussian_filter(light * (1 - pencil) + 90 * pencil, 0.8)
    return _picture(np.stack([gray, gray, 0.96 * gray], axis=2))


def photograph(
    points: list[tuple[int, int]] = T_SHIRT,
    *,
    color: tuple[int, int, int] = (70, 80, 150),
    ground: tuple[int, int, int] = (150, 105, 70),
    seed: int = 0,
) -> NDArray[np.uint8]:
    """A garment with folds and a print, on planks of wood, with a shadow below it."""
    mask = canvas(points, pen=1, filled=True)[..., 0] < 128
    soft = ndimage.gaussian_filter(mask.astype(float), 1.0)[..., None]
    planks = 1 + 0.08 * noise(seed, 12)[::-1] + 0.25 * ((np.arange(400) // 50) % 2 - 0.5)[:, None]
    planks -= 0.3 * (np.arange(400) % 50 < 3)[:, None]
    shade = 1 - 0.4 * ndimage.gaussian_filter(np.roll(mask, (8, 8), (0, 1)).astype(float), 6)
    folds = 1 + 0.12 * noise(seed + 1, 9)
    folds[180:240, 170:230] *= 1.5
    cloth = np.array(color) * folds[..., None]
    floor = np.array(ground) * (planks * shade)[..., None]
    grain = 3 * noise(seed + 2, 0.5)[..., None]
    return _picture(cloth * soft + floor * (1 - soft) + grain)


def _picture(rgb: NDArray[np.float64]) -> NDArray[np.uint8]:
    alpha = np.full(rgb.shape[:2], 255)
    return np.asarray(np.clip(np.dstack([rgb, alpha]), 0, 255), np.uint8)
