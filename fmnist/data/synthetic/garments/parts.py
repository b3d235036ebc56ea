"""What a garment is drawn from: parts, lines, and the outlines they share."""

import math
import random
from typing import NamedTuple

from fmnist.data.synthetic.strokes import Point, mirrored


class Part(NamedTuple):
    """A closed polygon. Tone 1 is the plain fabric, 0 an opening onto the black background."""

    name: str
    points: list[Point]
    tone: float = 1.0


class Line(NamedTuple):
    """An open line inside a garment: a seam, a fold, a button. Width is in image pixels."""

    name: str
    points: list[Point]
    tone: float = 0.6
    width: float = 0.7


class Garment(NamedTuple):
    """The geometry of a garment: parts in the order they are painted, then lines over them."""

    parts: list[Part]
    lines: list[Line]


def rounded(points: list[Point]) -> list[Point]:
    """Cut the corners of a closed polygon once (Chaikin)."""
    result = []
    x0, y0 = points[-1]
    for x1, y1 in points:
        result.append((0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1))
        result.append((0.25 * x0 + 0.75 * x1, 0.25 * y0 + 0.75 * y1))
        x0, y0 = x1, y1
    return result


def arch(start: Point, end: Point, rise: float) -> list[Point]:
    """A parabola from start to end, ``rise`` above (negative: below) the chord at its middle."""
    (x0, y0), (x1, y1) = start, end
    return [
        (x0 + t * (x1 - x0), y0 + t * (y1 - y0) - 4.0 * t * (1.0 - t) * rise)
        for t in (0.0, 0.15, 0.35, 0.5, 0.65, 0.85, 1.0)
    ]


def strap_outline(points: list[Point], width: float) -> list[Point]:
    """The outline of a strap along an open line."""
    left, right = [], []
    last = len(points) - 1
    for i, (x, y) in enumerate(points):
        x0, y0 = points[max(i - 1, 0)]
        x1, y1 = points[min(i + 1, last)]
        scale = 0.5 * width / (math.hypot(x1 - x0, y1 - y0) or 1.0)
        dx, dy = (y0 - y1) * scale, (x1 - x0) * scale
        left.append((x + dx, y + dy))
        right.append((x - dx, y - dy))
    return left + right[::-1]


def add_pockets(rng: random.Random, garment: Garment, y: float, x: float) -> None:
    tone, slant = rng.uniform(0.35, 0.75), rng.uniform(-0.06, 0.06)
    points = [(0.45 * x, y), (0.85 * x, y + slant)]
    garment.lines.append(Line("pocket", points, tone, 0.9))
    garment.lines.append(Line("pocket", mirrored(points), tone, 0.9))
