"""Random compositions of simple shapes."""

import math
import random
from collections.abc import Callable
from typing import Final

from fmnist.data.synthetic.non_garments.shapes import any_shape
from fmnist.data.synthetic.strokes import (
    Drawing,
    arc,
    box,
    smooth,
)


def _single_shape(rng: random.Random) -> Drawing:
    lines = [any_shape((0.0, 0.0), 1.0, rng)]
    if rng.random() < 0.3:
        lines.append(any_shape((0.0, 0.0), rng.uniform(0.2, 0.8), rng))
    return lines


def _plain_shape(rng: random.Random) -> Drawing:
    """A circle or a box, the shapes most like bags and soles."""
    if rng.random() < 0.5:
        return [arc((0.0, 0.0), 1.0, rng.uniform(0.75, 1.2), 0.0, rng.uniform(5.6, 7.0))]
    half = rng.uniform(0.7, 1.2)
    corners = box(-1.0, -half, 1.0, half)
    if rng.random() < 0.3:
        return [corners[i : i + 2] for i in range(4)]
    return [corners]


def _radial_shapes(rng: random.Random) -> Drawing:
    """Rays, petals or legs around a center: a sun, a flower, a spider, a wheel."""
    lines: Drawing = []
    count, inner = rng.randint(4, 14), rng.uniform(0.0, 0.6)
    if rng.random() < 0.8:
        lines.append(arc((0.0, 0.0), max(inner, 0.12), max(inner, 0.12)))
    kind = rng.random()
    for i in range(count):
        angle = 2 * math.pi * i / count + rng.gauss(0, 0.08)
        c, s = math.cos(angle), math.sin(angle)
        reach = rng.uniform(0.85, 1.1)
        if kind < 0.45:
            lines.append([(inner * c, inner * s), (reach * c, reach * s)])
        elif kind < 0.7:  # with a joint
            knee = (0.7 * math.cos(angle + 0.3), 0.7 * math.sin(angle + 0.3))
            lines.append([(inner * c, inner * s), knee, (reach * c, reach * s)])
        else:
            r = (1 - inner) / 2
            lines.append(arc(((inner + r) * c, (inner + r) * s), r, r))
    if rng.random() < 0.2:
        lines.append(arc((0.0, 0.0), 1.0, 1.0))
    if kind > 0.7 and rng.random() < 0.6:  # a stalk, with leaves
        lines.append([(0.0, 0.9), (rng.gauss(0, 0.1), rng.uniform(1.6, 2.6))])
        if rng.random() < 0.5:
            lines.append(smooth([(0.0, 1.8), (0.5, 1.4), (0.6, 1.6), (0.0, 1.8)], 1))
    return lines


def _stacked_shapes(rng: random.Random) -> Drawing:
    """Shapes on top of each other: a snowman, a tower, a lamp, an ice cream."""
    lines: Drawing = []
    y = 0.0
    for _ in range(rng.randint(2, 5)):
        radius = rng.uniform(0.3, 1.0)
        lines.append(any_shape((rng.gauss(0, 0.05), y + 0.8 * radius), radius, rng))
        y += 1.6 * radius
    if rng.random() < 0.3:
        lines = [[(py, px) for px, py in line] for line in lines]
    return lines


def _row_of_shapes(rng: random.Random) -> Drawing:
    """The same shape in rows: a chain, a fence, a wall, teeth."""
    count, rows = rng.randint(2, 6), rng.choice((1, 1, 2, 3))
    seed = rng.getrandbits(32)
    return [
        any_shape((2.2 * column, 2.2 * line), 1.0, random.Random(seed))
        for line in range(rows)
        for column in range(count)
    ]


def _scattered_shapes(rng: random.Random) -> Drawing:
    u = rng.uniform
    return [any_shape((u(-1, 1), u(-1, 1)), u(0.15, 0.6), rng) for _ in range(rng.randint(2, 7))]


def _nested_shapes(rng: random.Random) -> Drawing:
    outline = any_shape((0.0, 0.0), 1.0, rng)
    scale, lines = 1.0, [outline]
    for _ in range(rng.randint(1, 4)):
        scale *= rng.uniform(0.5, 0.85)
        lines.append([(scale * x, scale * y) for x, y in outline])
    return lines


def _scribble(rng: random.Random) -> Drawing:
    u = rng.uniform
    lines: Drawing = []
    for _ in range(rng.randint(1, 5)):
        kind = rng.random()
        count = rng.randint(2, 14)
        points = [(u(-1, 1), u(-1, 1)) for _ in range(count)]
        if kind < 0.3:
            points = [(2 * i / count - 1, u(-0.5, 0.5) + (i % 2)) for i in range(count + 1)]
        lines.append(smooth(points, rng.choice((0, 1, 2))))
    return lines


def _letters(rng: random.Random) -> Drawing:
    """Letters, or lines that look like them."""
    u = rng.uniform
    lines: Drawing = []
    for i in range(rng.randint(1, 5)):
        for _ in range(rng.randint(1, 3)):
            kind = rng.random()
            if kind < 0.5:
                x = rng.choice((0.0, 0.5))
                y = rng.choice((0.0, 0.5, 1.0))
                end = (rng.choice((0.0, 0.25, 0.5)), rng.choice((0.0, 0.5, 1.0)))
                lines.append([(i * 0.8 + x, y), (i * 0.8 + end[0], end[1])])
            else:
                begin = u(0, 6)
                lines.append(
                    arc(
                        (i * 0.8 + 0.25, u(0.25, 0.75)),
                        0.25,
                        u(0.25, 0.5),
                        begin,
                        begin + u(3, 6.3),
                    )
                )
    return lines


COMPOSITIONS: Final[tuple[Callable[[random.Random], Drawing], ...]] = (
    _single_shape,
    _plain_shape,
    _plain_shape,
    _radial_shapes,
    _stacked_shapes,
    _row_of_shapes,
    _scattered_shapes,
    _nested_shapes,
    _scribble,
    _letters,
)
