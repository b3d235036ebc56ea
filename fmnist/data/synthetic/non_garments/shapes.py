"""Simple shapes that drawings of other things are made of."""

import math
import random

from fmnist.data.synthetic.strokes import (
    Point,
    Stroke,
    arc,
    box,
    smooth,
)


def polygon(center: Point, radius: float, corners: int, turn: float = -math.pi / 2) -> Stroke:
    points = []
    for i in range(corners + 1):
        angle = turn + 2 * math.pi * (i % corners) / corners
        points.append((center[0] + radius * math.cos(angle), center[1] + radius * math.sin(angle)))
    return points


def _star(center: Point, radius: float, rng: random.Random) -> Stroke:
    corners = rng.choice((4, 5, 5, 5, 6, 8))
    if corners == 5 and rng.random() < 0.5:  # in one line, through the middle
        ring = polygon(center, radius, 5)
        return [ring[i] for i in (0, 2, 4, 1, 3, 0)]
    outer = polygon(center, radius, corners)
    inner = polygon(
        center, radius * rng.uniform(0.3, 0.6), corners, math.pi / corners - math.pi / 2
    )
    return [p for pair in zip(outer, inner, strict=True) for p in pair][:-1]


def blob(center: Point, radius: float, rng: random.Random) -> Stroke:
    corners = rng.randint(4, 9)
    points = []
    for i in range(corners):
        angle, r = 2 * math.pi * i / corners, radius * rng.uniform(0.5, 1.1)
        points.append((center[0] + r * math.cos(angle), center[1] + r * math.sin(angle)))
    return smooth([*points, points[0]], rng.choice((0, 1, 2)))


def _spiral(center: Point, radius: float, rng: random.Random) -> Stroke:
    turns = rng.uniform(1.5, 4)
    count = round(turns * 12)
    return [
        (
            center[0] + radius * i / count * math.cos(2 * math.pi * turns * i / count),
            center[1] + radius * i / count * math.sin(2 * math.pi * turns * i / count),
        )
        for i in range(count + 1)
    ]


def any_shape(center: Point, radius: float, rng: random.Random) -> Stroke:
    """Any simple shape."""
    x, y = center
    kind = rng.random()
    if kind < 0.3:
        return arc(center, radius, radius * rng.uniform(0.5, 1.3))
    if kind < 0.5:
        half = radius * rng.uniform(0.5, 1.2)
        return box(x - radius, y - half, x + radius, y + half)
    if kind < 0.6:
        return polygon(center, radius, 3, rng.choice((-1, 1)) * math.pi / 2)
    if kind < 0.68:
        return polygon(center, radius, rng.randint(4, 8), rng.uniform(0, 3))
    if kind < 0.76:
        return _star(center, radius, rng)
    if kind < 0.8:
        return _spiral(center, radius, rng)
    if kind < 0.86:  # a heart
        lobe = [(x, y + radius), (x + radius, y - 0.1 * radius), (x + 0.6 * radius, y - radius)]
        lobe.append((x, y - 0.4 * radius))
        back = [(2 * x - px, py) for px, py in reversed(lobe)]
        return smooth(lobe + back[1:], 2)
    return blob(center, radius, rng)
