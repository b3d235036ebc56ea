"""Things that everyone draws: faces, houses, trees, vehicles, animals."""

import math
import random
from collections.abc import Callable
from typing import Final

from fmnist.data.synthetic.non_garments.shapes import any_shape, blob, polygon
from fmnist.data.synthetic.strokes import (
    Drawing,
    Point,
    Stroke,
    arc,
    bow,
    box,
    mirrored,
    rotated,
    smooth,
)


def creature(rng: random.Random) -> Drawing:
    """A body with a head, legs, a tail, wings."""
    u = rng.uniform
    long, tall = 1.0, u(0.3, 0.8)
    lines: Drawing = [arc((0.0, 0.0), long, tall)]
    if rng.random() < 0.8:
        r = u(0.25, 0.6)
        lines += _face(rng, (-long - 0.6 * r, -tall * u(0.2, 1.2)), r, plain=rng.random() < 0.4)
    legs, reach = rng.choice((0, 2, 4, 4, 6)), u(0.3, 0.9)
    for i in range(legs):
        x = -0.75 * long + 1.5 * long * i / max(legs - 1, 1)
        y = tall * math.sqrt(max(1 - x * x, 0.05))
        foot: Stroke = [(x, y), (x + rng.gauss(0, 0.08), y + reach)]
        if rng.random() < 0.3:
            foot.append((foot[1][0] - 0.15, foot[1][1]))
        lines.append(foot)
    tail = rng.random()
    if tail < 0.35:  # a fish's
        x = long + u(0.25, 0.6)
        lines.append([(0.95 * long, 0.0), (x, -0.4), (x, 0.4), (0.95 * long, 0.0)])
    elif tail < 0.8:
        lines.append(smooth([(long, 0.0), (long + 0.3, -0.2), (long + 0.4, u(-0.8, 0.3))], 1))
    if rng.random() < 0.3:
        wing = [(-0.2, -0.7 * tall), (u(-0.1, 0.6), -tall - u(0.4, 1.0)), (0.4, -0.7 * tall)]
        lines.append(smooth(wing, rng.choice((0, 1))))
        if rng.random() < 0.5:
            lines.append([(x, -y) for x, y in wing])
    return lines


def _face(
    rng: random.Random, center: Point = (0.0, 0.0), radius: float = 1.0, *, plain: bool = False
) -> Drawing:
    """The face of a person or, with ears and whiskers, of an animal."""
    u = rng.uniform
    x, y = center
    r = radius
    lines: Drawing = [arc(center, r, r * u(0.85, 1.25))]
    eye_y, eye_x, size = y - u(0.1, 0.35) * r, u(0.25, 0.45) * r, u(0.02, 0.2) * r
    lines += [arc((x + side * eye_x, eye_y), size, size) for side in (-1, 1)]
    if plain:
        return lines
    mouth_y = y + u(0.3, 0.55) * r
    if rng.random() < 0.85:
        w = u(0.2, 0.55) * r
        lines.append(bow((x - w, mouth_y), (x + w, mouth_y), u(-0.35, 0.1) * r))
    if rng.random() < 0.5:
        lines.append([(x, y - 0.1 * r), (x - 0.12 * r, y + 0.2 * r), (x + 0.06 * r, y + 0.22 * r)])
    kind = rng.random()
    if kind < 0.35:  # pointed or round ears
        for side in (-1, 1):
            if rng.random() < 0.8:
                a, b = (x + side * 0.3 * r, y - 0.95 * r), (x + side * 0.9 * r, y - 0.5 * r)
                lines.append([a, (x + side * u(0.6, 0.95) * r, y - u(1.2, 1.7) * r), b])
            else:
                lines.append(arc((x + side * 0.8 * r, y - 0.8 * r), 0.35 * r, 0.35 * r))
        if rng.random() < 0.7:
            for side in (-1, 1):
                for dy in (-0.12, 0.0, 0.12):
                    lines.append(
                        [
                            (x + side * 0.25 * r, y + 0.25 * r),
                            (x + side * 1.1 * r, y + (0.25 + dy) * r),
                        ]
                    )
    elif kind < 0.6:  # hair
        for i in range(rng.randint(3, 10)):
            angle = -math.pi * (0.15 + 0.07 * i)
            px, py = x + r * math.cos(angle), y + r * math.sin(angle)
            lines.append([(px, py), (px + rng.gauss(0, 0.2) * r, py - u(0.1, 0.5) * r)])
    return lines


def _figure(rng: random.Random) -> Drawing:
    """A stick figure."""
    u = rng.uniform
    lines: Drawing = [arc((0.0, -1.3), 0.3, 0.35), [(0.0, -1.0), (0.0, 0.2)]]
    arm = u(-0.3, 0.4)
    lines += [[(0.0, -0.6), (side * 0.6, -0.6 + arm)] for side in (-1, 1)]
    lines += [[(0.0, 0.2), (side * 0.4, 1.1)] for side in (-1, 1)]
    return lines


def _house(rng: random.Random) -> Drawing:
    u = rng.uniform
    h, roof = u(0.6, 1.3), u(0.4, 1.0)
    lines: Drawing = [
        box(-1, 0, 1, h),
        [(-1 - u(0, 0.2), 0), (u(-0.2, 0.2), -roof), (1 + u(0, 0.2), 0)],
    ]
    if rng.random() < 0.3:  # in one line, with or without the edge of the roof
        lines = [[(-1, 0), (u(-0.2, 0.2), -roof), (1, 0), (1, h), (-1, h), (-1, 0), (1, 0)]]
        if rng.random() < 0.5:
            lines[0].pop()
    if rng.random() < 0.8:
        x = u(-0.6, 0.4)
        lines.append([(x, h), (x, 0.4 * h), (x + 0.35, 0.4 * h), (x + 0.35, h)])
    for _ in range(rng.randint(0, 3)):
        x, y = u(-0.9, 0.5), u(0.1, 0.5) * h
        lines.append(box(x, y, x + 0.35, y + 0.3))
        if rng.random() < 0.4:
            lines += [[(x + 0.17, y), (x + 0.17, y + 0.3)], [(x, y + 0.15), (x + 0.35, y + 0.15)]]
    if rng.random() < 0.3:
        lines.append([(0.4, -0.6 * roof), (0.4, -roof), (0.65, -roof), (0.65, -0.35 * roof)])
    return lines


def _tree(rng: random.Random) -> Drawing:
    u = rng.uniform
    w, h = u(0.1, 0.25), u(0.6, 1.4)
    lines: Drawing = [[(-w, 0), (-w, h)], [(w, 0), (w, h)]]
    kind = rng.random()
    if kind < 0.55:
        lines.append(blob((0.0, -0.7), 1.0, rng))
    elif kind < 0.75:
        lines.append(arc((0.0, -0.7), u(0.6, 1.0), u(0.7, 1.1)))
    else:
        for i in range(rng.randint(1, 4)):
            y = -0.6 * i
            s = 1 - 0.18 * i
            lines.append([(-s, y), (0.0, y - 0.9), (s, y), (-s, y)])
    return lines


def _vehicle(rng: random.Random) -> Drawing:
    """A car, a lorry, a bus, a train: a body on wheels."""
    u = rng.uniform
    cabin = u(0.4, 0.8)
    roof = [
        (-1.5, 0),
        (-1.5, -0.4),
        (-0.9, -0.45),
        (-0.6, -0.45 - cabin),
        (u(0.3, 0.8), -0.45 - cabin),
    ]
    body = [*roof, (1.0, -0.45), (1.5, -0.35), (1.5, 0), (-1.5, 0)]
    kind = rng.random()
    if kind < 0.3:
        body = box(-1.5, -u(0.6, 1.2), 1.5, 0)
    elif kind < 0.45:
        body = [*box(-1.5, -1.1, 0.5, 0), (0.5, 0), (0.5, -0.6), (1.2, -0.6), (1.4, 0), (0.5, 0)]
    lines: Drawing = [smooth(body, rng.choice((0, 0, 1)))]
    r = u(0.2, 0.4)
    for x in (-0.9, 0.9) if rng.random() < 0.85 else (-1.0, 0.0, 1.0):
        lines.append(arc((x, 0.05), r, r))
        if rng.random() < 0.3:
            lines.append(arc((x, 0.05), 0.5 * r, 0.5 * r))
    for _ in range(rng.randint(0, 3)):
        x = u(-0.7, 0.3)
        lines.append(box(x, -0.9, x + 0.4, -0.5))
    return lines


def _cycle(rng: random.Random) -> Drawing:
    u = rng.uniform
    r = u(0.45, 0.65)
    lines: Drawing = [arc((-1, 0), r, r), arc((1, 0), r, r)]
    top = -u(0.6, 1.0)
    lines.append([(-1, 0), (-0.4, top), (0.7, top), (0.0, 0.0), (-1, 0)])
    lines += [[(-0.4, top), (0.0, 0.0)], [(1, 0), (0.65, top - 0.3), (0.4, top - 0.3)]]
    lines.append([(-0.6, top - 0.15), (-0.2, top - 0.15)])
    return lines[: rng.randint(3, 6)]


def _aircraft(rng: random.Random) -> Drawing:
    u = rng.uniform
    lines: Drawing = [arc((0, 0), 1.5, u(0.15, 0.35))]
    if rng.random() < 0.5:
        lines[0] = smooth(
            [
                (-1.5, 0),
                (-1.2, -0.25),
                (1.3, -0.2),
                (1.6, -0.6),
                (1.6, 0.1),
                (-1.2, 0.25),
                (-1.5, 0),
            ],
            1,
        )
    wing = [(-0.3, 0.1), (u(0.2, 0.9), u(0.7, 1.3)), (u(0.6, 1.1), u(0.7, 1.3)), (0.4, 0.1)]
    lines.append(wing)
    if rng.random() < 0.6:
        lines.append([(x, -y) for x, y in wing])
    if rng.random() < 0.5:
        lines += [arc((x, -0.05), 0.06, 0.06) for x in (-0.8, -0.5, -0.2, 0.1)]
    return lines


def _vessel(rng: random.Random) -> Drawing:
    """A cup, a glass, a bowl, a pot: open above, with a handle or a straw at one side."""
    u = rng.uniform
    top, bottom, h = u(0.4, 0.8), u(0.25, 0.7), u(0.6, 1.5)
    lines: Drawing = [
        smooth([(-top, 0), (-bottom, h), (bottom, h), (top, 0)], rng.choice((0, 0, 1)))
    ]
    lines.append(arc((0, 0), top, u(0.05, 0.25)) if rng.random() < 0.7 else [(-top, 0), (top, 0)])
    kind = rng.random()
    if kind < 0.7:
        r = u(0.2, 0.45)
        lines.append(arc((top, 0.5 * h), r, 0.3 * h, -1.5, 1.5))
        if rng.random() < 0.5:
            lines.append(arc((top, 0.5 * h), 0.6 * r, 0.2 * h, -1.5, 1.5))
    elif kind < 0.8:
        lines.append([(0.1, 0.1), (0.4, -0.8)])
    if rng.random() < 0.2:  # steam
        lines += [
            smooth([(x, -0.2), (x + 0.1, -0.4), (x - 0.1, -0.6), (x, -0.8)]) for x in (-0.2, 0.2)
        ]
    return lines


def _dial(rng: random.Random) -> Drawing:
    """A clock, a compass, a plate, a coin, a window, a wheel with a few marks."""
    u = rng.uniform
    lines: Drawing = [arc((0, 0), 1, u(0.9, 1.1)) if rng.random() < 0.85 else box(-1, -1, 1, 1)]
    if rng.random() < 0.3:
        lines.append(arc((0, 0), 0.85, 0.85))
    for length in (0.5, 0.75):
        angle = u(0, 6.3)
        lines.append([(0, 0), (length * math.cos(angle), length * math.sin(angle))])
    if rng.random() < 0.6:
        count = rng.choice((4, 12))
        inner = u(0.75, 0.9)
        for i in range(count):
            c, s = math.cos(2 * math.pi * i / count), math.sin(2 * math.pi * i / count)
            lines.append([(inner * c, inner * s), (0.97 * c, 0.97 * s)])
    return lines


def _fruit(rng: random.Random) -> Drawing:
    u = rng.uniform
    half = [(0.0, -0.6), (0.4, -0.85), (1.0, -0.4), (0.8, 0.5), (0.35, 0.95), (0.0, u(0.7, 0.9))]
    body = half + mirrored(half)[1:]
    lines: Drawing = [smooth(body, 2) if rng.random() < 0.7 else arc((0, 0), u(0.6, 1), u(0.7, 1))]
    lines.append([(0.0, -0.65), (u(-0.2, 0.2), -u(0.9, 1.3))])
    if rng.random() < 0.6:
        lines.append(smooth([(0.0, -0.8), (0.4, -1.2), (0.6, -0.95), (0.0, -0.8)], 1))
    if rng.random() < 0.2:
        lines.append(arc((0.8, -0.1), 0.35, 0.35, 1.7, 4.5))
    return lines


def _furniture(rng: random.Random) -> Drawing:
    """Slabs on legs, ladders, fences: straight lines at right angles."""
    u = rng.uniform
    kind = rng.random()
    if kind < 0.5:
        h = u(0.1, 0.6)
        lines: Drawing = [box(-1, 0, 1, h)]
        for x in (-0.9, 0.9) if rng.random() < 0.6 else (-0.9, -0.4, 0.4, 0.9):
            lines.append([(x, h), (x + rng.gauss(0, 0.05), h + u(0.5, 1.3))])
        if rng.random() < 0.3:
            lines.append(box(-1, -1.0, -0.85, 0))
        return lines
    count = rng.randint(3, 7)
    if kind < 0.75:
        rails: Drawing = [[(-0.4, 0), (-0.4, 3)], [(0.4, 0), (0.4, 3)]]
        return rails + [
            [(-0.4, 3 * (i + 0.5) / count), (0.4, 3 * (i + 0.5) / count)] for i in range(count)
        ]
    columns = rng.randint(2, 5)
    grid: Drawing = [[(0, i), (columns, i)] for i in range(columns + 1)]
    return grid + [[(i, 0), (i, columns)] for i in range(columns + 1)]


def _tool(rng: random.Random) -> Drawing:
    """A shape on a stick: a spoon, a key, a hammer, an umbrella, a mushroom, a pencil."""
    u = rng.uniform
    length = u(1.0, 3.0)
    lines: Drawing = [any_shape((0.0, 0.0), u(0.4, 0.9), rng)]
    if rng.random() < 0.3:
        lines = [[*arc((0, 0), 1, u(0.5, 1), math.pi, 2 * math.pi), (-1, 0)]]
    if rng.random() < 0.5:
        lines.append([(0.0, 0.4), (0.0, length)])
    else:
        w = u(0.05, 0.25)
        lines.append([(-w, 0.4), (-w, length), (w, length), (w, 0.4)])
    if rng.random() < 0.3:
        lines.append(bow((0.0, length), (0.3, length), -0.15))
    turn = rng.choice((0.0, 0.0, u(0, 6.3)))
    return rotated(lines, turn)


def _landscape(rng: random.Random) -> Drawing:
    """Hills, clouds, waves, a boat, lightning."""
    u = rng.uniform
    kind = rng.random()
    if kind < 0.3:
        bumps = rng.randint(4, 8)
        ring = polygon((0, 0), 1.0, bumps)
        cloud: Drawing = [
            [(x, 0.6 * y) for x, y in bow(ring[i], ring[i + 1], -0.35)] for i in range(bumps)
        ]
        return [[p for part in cloud for p in part]]
    if kind < 0.5:
        peaks = [(i, -u(0.4, 1.2) * (i % 2)) for i in range(rng.randint(3, 8))]
        return [smooth([(float(x), y) for x, y in peaks], rng.choice((0, 1, 2)))]
    if kind < 0.8:
        hull = [(-1.0, 0.0), (-0.7, u(0.3, 0.6)), (0.7, 0.5), (1.0, 0.0), (-1.0, 0.0)]
        lines: Drawing = [hull, [(0, 0), (0, -1.4)]]
        lines.append([(0.0, -1.4), (u(0.5, 0.9), -0.2), (0.0, -0.2)])
        if rng.random() < 0.5:
            lines.append([(0.0, -1.3), (-0.6, -0.2), (0.0, -0.2)])
        return lines
    return [
        [
            (0.2, -1),
            (-0.4, 0.1),
            (0.05, 0.0),
            (-0.3, 1),
            (0.5, -0.25),
            (0.05, -0.15),
            (0.6, -1),
            (0.2, -1),
        ]
    ]


THINGS: Final[tuple[Callable[[random.Random], Drawing], ...]] = (
    _face,
    _figure,
    _house,
    _tree,
    _vehicle,
    _cycle,
    _aircraft,
    _vessel,
    _dial,
    _fruit,
    _furniture,
    _tool,
    _landscape,
    creature,
)
