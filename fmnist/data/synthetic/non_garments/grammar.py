"""A grammar of things: a body, parts attached to it, marks on it, other things beside it.

Its products are no particular things. They are as various as the shapes that drawings are made of,
so that a network learns what garments look like and not a list of what else there is.
"""

import math
import random
from collections.abc import Callable
from typing import Final

import numpy as np

from fmnist.data.synthetic.non_garments.shapes import any_shape, polygon
from fmnist.data.synthetic.strokes import (
    Drawing,
    Point,
    Stroke,
    arc,
    bounds,
    bow,
    box,
    mirrored,
    rotated,
    smooth,
)

_SAMPLES: Final = 40  # points of a curve that is given by a formula


def thing(rng: random.Random) -> Drawing:
    """A thing, or a few beside each other."""
    kind = rng.random()
    if kind < 0.82:
        return _object(rng)
    if kind < 0.90:  # on the ground, or below a sky
        u = rng.uniform
        y = u(0.6, 1.4)
        ground = [(-u(1.0, 2.0), y), (u(1.0, 2.0), y)]
        return [*_object(rng), smooth(_wave(ground, rng), 1) if rng.random() < 0.3 else ground]
    if kind < 0.94:  # the same thing again and again
        seed, count = rng.getrandbits(32), rng.randint(2, 4)
        step = rng.uniform(1.2, 2.4)
        copies = [_placed(_object(random.Random(seed)), (step * i, 0.0), 1.0) for i in range(count)]
        lines = [line for copy in copies for line in copy]
        return rotated(lines, rng.choice((0.0, 0.0, math.pi / 2, rng.uniform(0, math.pi))))
    first = _placed(_object(rng), (0.0, 0.0), 1.0)
    angle, scale = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.9)
    second = _placed(_object(rng), (1.3 * math.cos(angle), 1.3 * math.sin(angle)), scale)
    return first + second


def _object(rng: random.Random) -> Drawing:
    """A body with parts and marks, stretched and turned."""
    body = rng.choice(_BODIES)(rng)
    outline = max(body, key=len)
    lines = list(body)
    if rng.random() < 0.6:
        lines += _parts(outline, rng)
    if rng.random() < 0.6:
        lines += _marks(outline, rng)
    stretch = math.exp(rng.gauss(0, 0.3))
    lines = [[(x * stretch, y) for x, y in line] for line in lines]
    if rng.random() < 0.35:
        lines = rotated(lines, rng.uniform(-math.pi, math.pi))
    return lines


def _placed(drawing: Drawing, center: Point, size: float) -> Drawing:
    """Moved to a center, its longest side `size`."""
    left, top, right, bottom = bounds(drawing)
    scale = size / (max(right - left, bottom - top) or 1.0)
    x0, y0 = 0.5 * (left + right), 0.5 * (top + bottom)
    return [
        [(center[0] + scale * (x - x0), center[1] + scale * (y - y0)) for x, y in line]
        for line in drawing
    ]


# --- Bodies: about 2 wide and high, around (0, 0) -----------------------------------------------


def _superellipse(rng: random.Random) -> Drawing:
    """From a star with four tips over a diamond and an ellipse to a rounded rectangle."""
    power, tall = 2 / rng.uniform(0.6, 6.0), rng.uniform(0.3, 1.5)
    points = []
    for i in range(_SAMPLES + 1):
        c, s = (f(2 * math.pi * (i % _SAMPLES) / _SAMPLES) for f in (math.cos, math.sin))
        points.append((math.copysign(abs(c) ** power, c), tall * math.copysign(abs(s) ** power, s)))
    return [points]


def _curve(rng: random.Random) -> Drawing:
    """A closed curve of a few random harmonics; half of them symmetric."""
    t = np.linspace(0, 2 * math.pi, _SAMPLES + 1)
    radius = np.ones_like(t)
    is_symmetric = rng.random() < 0.5
    for order in range(2, rng.randint(3, 7)):
        phase = math.pi / 2 * order + math.pi if is_symmetric else rng.uniform(0, 2 * math.pi)
        radius += rng.gauss(0, 0.5 / order) * np.cos(order * t + phase)
    radius = np.clip(radius, 0.15, None)
    return [list(zip((radius * np.cos(t)).tolist(), (radius * np.sin(t)).tolist(), strict=True))]


def _ruffled(rng: random.Random) -> Drawing:
    """A curve with waves, scallops or spikes around it, all around or on one side."""
    count, depth = rng.randint(4, 16), rng.uniform(0.08, 0.45)
    tall, kind = rng.uniform(0.4, 1.2), rng.random()
    points = []
    steps = 6 * count
    for i in range(steps + 1):
        t = 2 * math.pi * i / steps
        wave = count * t / 2
        height = abs(math.sin(wave)) if kind < 0.45 else 0.5 + 0.5 * math.sin(2 * wave)
        if kind > 0.75:  # spikes
            height = abs((wave / math.pi) % 1.0 - 0.5) * 2
        r = 1 - depth + depth * height
        points.append((r * math.cos(t), tall * r * math.sin(t)))
    if rng.random() < 0.3:  # flat below
        points = [(x, min(y, 0.3 * tall)) for x, y in points]
    return [points]


def _profile(rng: random.Random) -> Drawing:
    """A body of revolution seen from the side, as bottles, lamps, towers and tools are."""
    u = rng.uniform
    slim = u(0.12, 0.9)
    side: Stroke = [(0.0 if rng.random() < 0.35 else slim * u(0.2, 1.0), 0.0)]
    joints: list[Point] = []
    for _ in range(rng.randint(1, 5)):
        x, y = side[-1]
        if rng.random() < 0.35:  # a shoulder
            x = slim * u(0.2, 1.0)
            side.append((x, y + u(0.0, 0.1)))
        low = y + u(0.2, 1.0)
        wide = x if rng.random() < 0.5 and x > 0.1 * slim else slim * u(0.2, 1.0)
        if rng.random() < 0.3:  # a bulge or a waist
            side += bow((x, y), (wide, low), u(-0.3, 0.3))[1:]
        else:
            side.append((wide, low))
        joints.append(side[-1])
    if rng.random() < 0.35:  # a tip or a round end
        side += bow(side[-1], (0.0, side[-1][1] + u(0.1, 0.6)), u(-0.3, 0.2))[1:]
    side = [(max(x, 0.0), y) for x, y in side]
    scale = 2 / side[-1][1]
    side = [(scale * x, scale * y - 1) for x, y in side]
    outline = [*side, *mirrored(side)]
    lines = [smooth([*outline, outline[0]], rng.choice((0, 0, 1, 2)))]
    for x, y in joints:
        if rng.random() < 0.4:
            x, y = scale * x, scale * y - 1
            lines.append(
                bow((-x, y), (x, y), u(-0.1, 0.1)) if rng.random() < 0.3 else [(-x, y), (x, y)]
            )
    return lines


def _rod(rng: random.Random) -> Drawing:
    """Something long: a stick, a pen, a bean, a blade; with a head at one end, or bent."""
    u = rng.uniform
    half = u(0.03, 0.22)
    lines: Drawing
    if rng.random() < 0.3:
        lines = [[(-1.0, 0.0), (1.0, u(-0.1, 0.1))]]
    else:
        end = half * u(0.2, 1.3)
        outline = [(-1.0, -half), (1.0, -end), (1.0, end), (-1.0, half), (-1.0, -half)]
        if rng.random() < 0.3:  # a tip
            outline.insert(2, (1.0 + u(0.1, 0.4), 0.0))
        if rng.random() < 0.4:
            bend = u(-0.4, 0.4)
            long = [(-1 + i / 5, y) for y in (-half, half) for i in range(11)]
            outline = [(x, y + bend * (1 - x * x)) for x, y in (*long[:11], *long[:10:-1], long[0])]
        lines = [smooth(outline, rng.choice((0, 1, 2)))]
    if rng.random() < 0.6:  # the head
        size = u(0.1, 0.5)
        head = any_shape((1.0 + 0.6 * size, u(-0.2, 0.2) * size), size, rng)
        lines.append(head)
    if rng.random() < 0.3:
        lines += [[(x, -half), (x, half)] for x in (u(-0.9, -0.2), u(0.2, 0.9))]
    return rotated(lines, rng.choice((0.0, math.pi / 2, u(-math.pi, math.pi), 0.0)))


def _path(rng: random.Random) -> Drawing:
    """A thick bent line, with branches: a snake, a pipe, a key, a cactus, an antler."""
    u = rng.uniform
    half, angle = u(0.06, 0.3), u(0, 2 * math.pi)
    spine: Stroke = [(0.0, 0.0)]
    for _ in range(rng.randint(2, 4)):
        step = u(0.5, 1.2)
        x, y = spine[-1]
        spine.append((x + step * math.cos(angle), y + step * math.sin(angle)))
        angle += rng.choice((-1, 1)) * u(0.4, 1.6)
    lines = [smooth(_thickened(spine, half, taper=u(0.5, 1.2)), rng.choice((0, 1, 2)))]
    for _ in range(rng.choice((0, 0, 1, 2))):
        x, y = rng.choice(spine)
        turn, long = u(0, 2 * math.pi), u(0.4, 1.0)
        branch = [(x, y), (x + long * math.cos(turn), y + long * math.sin(turn))]
        lines.append(_thickened(branch, 0.7 * half, taper=1.0))
    return _placed(lines, (0.0, 0.0), 2.0)


def _thickened(spine: Stroke, half: float, *, taper: float) -> Stroke:
    """The outline of a thick line."""
    sides: tuple[Stroke, Stroke] = ([], [])
    for i, (x, y) in enumerate(spine):
        (x0, y0), (x1, y1) = spine[max(i - 1, 0)], spine[min(i + 1, len(spine) - 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        width = half * taper ** (i / (len(spine) - 1))
        nx, ny = -width * (y1 - y0) / length, width * (x1 - x0) / length
        sides[0].append((x + nx, y + ny))
        sides[1].append((x - nx, y - ny))
    outline = sides[0] + sides[1][::-1]
    return [*outline, outline[0]]


def _stack(rng: random.Random) -> Drawing:
    """Layers and domes on each other: a burger, a cake, a helmet, a hill."""
    u = rng.uniform
    wide, y = 1.0, 0.0
    lines: Drawing = []
    for i in range(rng.randint(1, 4)):
        high = u(0.15, 0.6)
        if i == 0 and rng.random() < 0.7:
            dome = arc((0.0, 0.0), wide, u(0.4, 1.2), math.pi, 2 * math.pi)
            lines.append([*dome, dome[0]] if rng.random() < 0.8 else dome)
        else:
            layer = box(-wide, y, wide, y + high)
            lines.append(smooth(layer, rng.choice((0, 1, 2))))
            y += high
        wide *= u(0.75, 1.25)
    if rng.random() < 0.25:
        lines = [[(x, -py) for x, py in line] for line in lines]
    return lines


def _solid(rng: random.Random) -> Drawing:
    """A box, a wedge or a cylinder in perspective."""
    u = rng.uniform
    wide, high = u(0.4, 1.0), u(0.3, 1.0)
    dx, dy = u(-0.8, 0.8), -u(0.15, 0.7)
    kind = rng.random()
    if kind < 0.35:
        rise = u(0.08, 0.3)
        return [
            arc((0.0, -high), wide, rise),
            [(-wide, -high), (-wide, high)],
            [(wide, -high), (wide, high)],
            arc((0.0, high), wide, rise, 0.0, math.pi),
        ]
    front = box(-wide, -high, wide, high)
    back = [(x + dx, y + dy) for x, y in front]
    if kind > 0.75:  # a roof or a tent
        front = polygon((0.0, 0.0), 1.0, 3)
        back = [(x + dx, y + dy) for x, y in front]
    lines = [front]
    edges = [0, 1, 2, 3] if rng.random() < 0.3 else [0, 1] + ([2] if dx > 0 else [])
    lines += [[front[i], back[i]] for i in edges if i < len(front) - 1]
    lines.append(back if rng.random() < 0.3 else back[:2] + (back[2:3] if dx > 0 else []))
    return lines


def _frame(rng: random.Random) -> Drawing:
    """Legs and bars: a table, a chair, a swing, a gate, a ladder, a bed."""
    u = rng.uniform
    wide, high, spread = u(0.5, 1.2), u(0.5, 1.3), u(0.0, 0.4)
    lines: Drawing = [[(-wide, -high), (wide, -high)]]
    count = rng.choice((2, 2, 3, 4))
    for i in range(count):
        x = wide * (2 * i / (count - 1) - 1)
        lines.append([(x, -high), (x * (1 + spread), high)])
    for _ in range(rng.randint(0, 4)):
        y = u(-high, high)
        lines.append([(-wide, y), (wide, y)])
    if rng.random() < 0.4:
        lines.append([(-wide, -high), (-wide + u(-0.2, 0.2), -high - u(0.4, 1.2))])
    if rng.random() < 0.4:
        x = u(-0.6, 0.6) * wide
        lines += [[(x, -high), (x, u(-0.5, 0.6) * high)]]
        lines.append(any_shape((x, 0.6 * high), u(0.1, 0.3), rng))
    return lines


def _line(rng: random.Random) -> Drawing:
    """One open line: straight, wavy, jagged, curled, or many of them."""
    u = rng.uniform
    lines: Drawing = []
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        kind = rng.random()
        start = (u(-1, 1), u(-1, 1))
        angle, long = u(0, 2 * math.pi), u(0.5, 2.0)
        end = (start[0] + long * math.cos(angle), start[1] + long * math.sin(angle))
        if kind < 0.3:
            lines.append([start, end])
        elif kind < 0.7:
            lines.append(smooth(_wave([start, end], rng), rng.choice((0, 2))))
        else:
            points = [start]
            for _ in range(rng.randint(2, 7)):
                angle += u(-1.5, 1.5)
                x, y = points[-1]
                points.append((x + 0.5 * math.cos(angle), y + 0.5 * math.sin(angle)))
            lines.append(smooth(points, rng.choice((0, 1, 2))))
    return lines


def _wave(line: Stroke, rng: random.Random) -> Stroke:
    """A zigzag along a straight line."""
    (x0, y0), (x1, y1) = line
    count, depth = rng.randint(3, 14), rng.uniform(0.03, 0.25)
    nx, ny = depth * (y1 - y0), depth * (x0 - x1)
    return [
        (
            x0 + i / count * (x1 - x0) + (-1) ** i * nx,
            y0 + i / count * (y1 - y0) + (-1) ** i * ny,
        )
        for i in range(count + 1)
    ]


def _tangle(rng: random.Random) -> Drawing:
    """A dense scribble: hair, wool, a bush, smoke."""
    count, x, y, angle = rng.randint(20, 70), 0.0, 0.0, 0.0
    wide, tall = rng.uniform(0.4, 1.0), rng.uniform(0.3, 1.0)
    points: Stroke = []
    turn = rng.uniform(0.4, 2.5)
    for _ in range(count):
        angle += rng.gauss(turn, 0.6)
        x, y = x + 0.3 * math.cos(angle), y + 0.3 * math.sin(angle)
        x, y = 0.92 * x + 0.05 * rng.gauss(0, 1), 0.92 * y + 0.05 * rng.gauss(0, 1)
        points.append((wide * x, tall * y))
    return [smooth(points, 1)]


def _simple(rng: random.Random) -> Drawing:
    return [any_shape((0.0, 0.0), 1.0, rng)]


_BODIES: Final[tuple[Callable[[random.Random], Drawing], ...]] = (
    _superellipse,
    _curve,
    _ruffled,
    _profile,
    _profile,
    _profile,
    _rod,
    _rod,
    _path,
    _path,
    _stack,
    _solid,
    _frame,
    _line,
    _tangle,
    _simple,
)


# --- Parts and marks ----------------------------------------------------------------------------


def _parts(outline: Stroke, rng: random.Random) -> Drawing:
    """Parts that stand out from the outline: limbs, ears, wheels, rays, tails."""
    u = rng.uniform
    left, top, right, bottom = bounds([outline])
    size = max(right - left, bottom - top) or 1.0
    cx, cy = 0.5 * (left + right), 0.5 * (top + bottom)
    lines: Drawing = []
    for _ in range(rng.randint(1, 4)):
        x, y = rng.choice(outline)
        out = math.atan2(y - cy, x - cx) + rng.gauss(0, 0.3)
        part: Drawing = []
        kind, long = rng.random(), size * u(0.1, 0.6)
        tip = (x + long * math.cos(out), y + long * math.sin(out))
        if kind < 0.3:  # a limb, perhaps with a foot
            part.append([(x, y), tip] if rng.random() < 0.6 else bow((x, y), tip, u(-0.2, 0.2)))
            if rng.random() < 0.4:
                turn = out + rng.choice((-1, 1)) * u(0.8, 1.8)
                part[0].append((tip[0] + 0.15 * math.cos(turn), tip[1] + 0.15 * math.sin(turn)))
        elif kind < 0.5:  # a thick one
            part.append(_thickened([(x, y), tip], size * u(0.03, 0.12), taper=u(0.4, 1.2)))
        elif kind < 0.75:
            # no arcs on top: a box with a handle is a bag
            radius = size * u(0.06, 0.25)
            if math.sin(out) < -0.6:
                out = u(0, math.pi)
            center = (x + radius * math.cos(out), y + radius * math.sin(out))
            part.append(any_shape(center, radius, rng))
        elif kind < 0.9:  # hair or rays
            for _ in range(rng.randint(2, 6)):
                angle = out + rng.gauss(0, 0.5)
                reach = long * u(0.5, 1.0)
                part.append([(x, y), (x + reach * math.cos(angle), y + reach * math.sin(angle))])
        else:  # a curl
            curl = [(x, y), tip, (tip[0] + 0.3 * long, tip[1]), (tip[0], tip[1] + 0.3 * long)]
            part.append(smooth(curl, 2))
        lines += part
        if rng.random() < 0.5:
            lines += [[(2 * cx - px, py) for px, py in line] for line in part]
    return lines


def _marks(outline: Stroke, rng: random.Random) -> Drawing:
    """Marks on a body: lines, hatching, dots, windows, a face, letters, a second outline."""
    u = rng.uniform
    left, top, right, bottom = bounds([outline])
    cx, cy = 0.5 * (left + right), 0.5 * (top + bottom)
    wide, high = 0.5 * (right - left), 0.5 * (bottom - top)
    kind = rng.randrange(8)
    if kind == 0:  # lines across
        count = rng.randint(1, 5)
        slant = rng.choice((0.0, 0.0, u(-0.4, 0.4)))
        lines: Drawing = []
        for i in range(count):
            y = cy + high * (2 * (i + 0.5) / count - 1) * u(0.7, 1.0)
            half = wide * u(0.6, 1.0)
            lines.append([(cx - half, y - slant * half), (cx + half, y + slant * half)])
        return lines
    if kind == 1:  # lines down
        count = rng.randint(1, 6)
        return [
            [(x, cy - high * u(0.3, 0.9)), (x + 0.1 * rng.gauss(0, 1), cy + high * u(0.3, 0.9))]
            for x in (cx + 0.9 * wide * (2 * (i + 0.5) / count - 1) for i in range(count))
        ]
    if kind == 2:  # dots
        return [
            [(x, y), (x + 0.02, y + 0.01)]
            for x, y in (
                (cx + 0.6 * wide * u(-1, 1), cy + 0.6 * high * u(-1, 1))
                for _ in range(rng.randint(2, 9))
            )
        ]
    if kind == 3:  # a face
        r = 0.12 * min(wide, high) + 0.02
        apart, y = wide * u(0.2, 0.5), cy - high * u(0.0, 0.4)
        eyes = [arc((cx + side * apart, y), r, r) for side in (-1, 1)]
        mouth = bow((cx - apart, cy + 0.4 * high), (cx + apart, cy + 0.4 * high), u(-0.3, 0.3))
        return [*eyes, mouth] if rng.random() < 0.8 else eyes
    if kind == 4:  # a second outline
        scale, dx, dy = u(0.4, 0.85), u(-0.1, 0.1) * wide, u(-0.1, 0.1) * high
        return [[(cx + dx + scale * (x - cx), cy + dy + scale * (y - cy)) for x, y in outline]]
    if kind == 5:  # letters
        count = rng.randint(2, 5)
        step = 1.4 * wide / count
        return [
            smooth(
                [
                    (cx - 0.7 * wide + step * (i + u(0, 0.8)), cy + 0.3 * high * u(-1, 1))
                    for _ in range(rng.randint(2, 5))
                ],
                rng.choice((0, 1)),
            )
            for i in range(count)
        ]
    if kind == 6:  # windows, buttons, spots
        return [
            any_shape(
                (cx + 0.5 * wide * u(-1, 1), cy + 0.5 * high * u(-1, 1)),
                min(wide, high) * u(0.1, 0.4),
                rng,
            )
            for _ in range(rng.randint(1, 4))
        ]
    # hatching
    count = rng.randint(3, 9)
    zigzag = [
        (cx + 0.7 * wide * (2 * i / count - 1), cy + high * u(0.2, 0.7) * (-1) ** i)
        for i in range(count + 1)
    ]
    return [zigzag]
