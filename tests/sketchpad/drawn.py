"""Drawings as a canvas gives them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

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
