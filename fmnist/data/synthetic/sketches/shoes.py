"""Sketched shoes, toes to the left: Sandal, Sneaker, Ankle boot."""

import math
import random

from fmnist.data.synthetic.strokes import (
    Drawing,
    Point,
    Stroke,
    arc,
    bow,
    rotated,
    smooth,
)


def _laces(rng: random.Random, start: Point, end: Point) -> Drawing:
    """Ticks, crosses or a zigzag along the instep, sometimes with a bow."""
    u = rng.uniform
    (x0, y0), (x1, y1) = start, end
    count, kind, reach = rng.randint(2, 5), rng.random(), u(0.05, 0.12)
    lines: Drawing = []
    for i in range(count):
        t = (i + 0.5) / count
        x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
        if kind < 0.6:
            lines.append([(x - 0.2 * reach, y - 0.3 * reach), (x + 0.4 * reach, y + reach)])
        else:
            lines.append([(x - 0.5 * reach, y), (x + 0.5 * reach, y + reach)])
            lines.append([(x + 0.5 * reach, y), (x - 0.5 * reach, y + reach)])
    if kind > 0.93:
        lines += [arc((x1 - 0.05, y1), 0.05, 0.03), arc((x1 + 0.05, y1), 0.05, 0.03)]
    return lines


def _sole_lines(rng: random.Random, left: float, right: float, y: float) -> Drawing:
    """The sole: a second line, a slab, or a slab with a heel."""
    u = rng.uniform
    thick = u(0.04, 0.12)
    kind = rng.random()
    if kind < 0.45:
        return [[(left, y - thick), (right, y - thick)]]
    if kind < 0.8:
        return [
            smooth(
                [(left, y), (left - 0.02, y + thick), (right + 0.02, y + thick), (right, y)],
                rng.choice((0, 1)),
            )
        ]
    heel = u(0.6, 0.75)
    return [
        [
            (left, y),
            (left, y + 0.5 * thick),
            (heel, y + 0.5 * thick),
            (heel, y + 1.4 * thick),
            (right, y + 1.4 * thick),
            (right, y),
        ]
    ]


def _low_shoe(rng: random.Random) -> Drawing:
    """A slipper, a loafer, a plain shoe: long and low, its opening a dip or a line."""
    u = rng.uniform
    toe, heel = u(0.12, 0.26), u(0.2, 0.4)
    dip = u(0.0, 0.16)
    front = u(0.35, 0.6)
    upper = [
        (0.02, 0.0),
        (u(-0.04, 0.03), -0.6 * toe),
        (u(0.08, 0.2), -toe),
        (front, -max(toe, heel - dip) - u(0.0, 0.08)),
        (0.5 * (front + 1.0), -heel + dip),
        (u(0.93, 1.0), -heel),
        (1.0, 0.0),
    ]
    lines = [smooth([*upper, upper[0]], rng.choice((1, 1, 2, 0)))]
    if rng.random() < 0.3:
        x = u(0.15, 0.5)
        lines.append(bow((x, -toe), (x + u(-0.05, 0.1), 0.0), u(-0.08, 0.08)))
    if rng.random() < 0.45:
        lines += _sole_lines(rng, 0.0, 1.0, 0.0)
    if rng.random() < 0.4:
        lines += _laces(rng, (u(0.25, 0.35), -toe - 0.02), (front, -heel + 0.02))
    if rng.random() < 0.3:
        lines.append(bow((front, -heel + 0.02), (0.97, -heel), u(-0.12, 0.02)))
    return lines


def _shoe_from_above(rng: random.Random) -> Drawing:
    """A closed shoe as its wearer sees it: an opening at the heel, laces in front of it."""
    u = rng.uniform
    lines: Drawing = [_footprint(rng), arc((0.0, u(0.15, 0.3)), u(0.1, 0.17), u(0.12, 0.22))]
    for i in range(rng.randint(2, 4)):
        y = 0.08 - 0.1 * i
        lines.append([(-u(0.06, 0.14), y), (u(0.06, 0.14), y + u(-0.05, 0.05))])
    if rng.random() < 0.4:
        lines.append(bow((-0.2, -0.28), (0.2, -0.28), u(-0.1, 0.1)))
    return rotated(lines, rng.gauss(0, 0.4) + rng.choice((0.0, 0.0, math.pi / 2)))


def sneaker(rng: random.Random) -> Drawing:
    u = rng.uniform
    kind = rng.random()
    if kind < 0.28:
        return _low_shoe(rng)
    if kind < 0.33:
        return _shoe_from_above(rng)
    toe, collar = u(0.12, 0.26), u(0.3, 0.52)
    instep = (u(0.3, 0.45), -toe - u(0.0, 0.1))
    front = (u(0.5, 0.68), -collar - u(-0.04, 0.08))
    back = (u(0.94, 1.02), -collar + u(-0.06, 0.08))
    upper = [
        (0.02, 0.0),
        (u(-0.03, 0.03), -0.6 * toe),
        (0.12, -toe),
        instep,
        front,
        (0.5 * (front[0] + back[0]), 0.5 * (front[1] + back[1]) + u(0.0, 0.1)),
        back,
        (1.0, 0.0),
    ]
    upper[2:3] = [(0.12, -toe)] if rng.random() < 0.8 else []
    times = rng.choice((0, 1, 2, 2))
    lines: Drawing
    if rng.random() < 0.6:
        lines = [smooth([*upper, upper[0]], times)]
    else:
        lines = [smooth(upper, times), [(0.02, 0.0), (1.0, 0.0)]]
    if rng.random() < 0.6:
        lines += _sole_lines(rng, 0.0, 1.0, 0.0)
    if rng.random() < 0.7:
        lines += _laces(rng, instep, (front[0] - 0.02, front[1] + 0.05))
    if rng.random() < 0.25:  # the opening, seen a little from above
        rx = 0.5 * (back[0] - front[0])
        lines.append(arc((front[0] + rx, front[1] + 0.01), rx, u(0.03, 0.08)))
    if rng.random() < 0.2:  # toe cap
        lines.append(bow((0.18, -toe), (0.28, 0.0), u(-0.05, 0.1)))
    if rng.random() < 0.2:  # a mark on the side
        lines.append(smooth([(0.4, -0.2), (0.5, -0.1), (0.85, -0.28)], 1))
    if rng.random() < 0.12:
        lines += [[(x, -0.05), (x + 0.08, -0.3)] for x in (0.5, 0.6, 0.7)]
    return lines


def ankle_boot(rng: random.Random) -> Drawing:
    u = rng.uniform
    toe, height = u(0.15, 0.3), u(0.65, 1.35)
    ankle = (u(0.4, 0.58), -toe - u(0.08, 0.22))
    front = (ankle[0] + u(-0.1, 0.08), -height)
    back = (u(0.9, 1.05), -height + u(-0.05, 0.05))
    heel_in = (u(0.9, 1.0), -0.35)
    upper = [(0.0, 0.0), (u(-0.03, 0.04), -0.7 * toe), (0.15, -toe), ankle, front]
    shaft = [back, heel_in, (1.0, 0.0)]
    times = rng.choice((0, 1, 1, 2))
    lines: Drawing
    kind = rng.random()
    if kind < 0.55:
        lines = [smooth([*upper, *shaft, upper[0]], times)]
    elif kind < 0.8:
        lines = [
            smooth(upper, times),
            smooth(shaft, times),
            [front, back],
            [(1.0, 0.0), (0.0, 0.0)],
        ]
    else:
        lines = [smooth(upper, times), smooth(shaft, times), [(1.0, 0.0), (0.0, 0.0)]]
    if kind >= 0.8 or rng.random() < 0.3:
        rx = 0.5 * (back[0] - front[0])
        lines.append(arc((front[0] + rx, 0.5 * (front[1] + back[1])), rx, u(0.03, 0.09)))
    if rng.random() < 0.6:
        lines += _sole_lines(rng, 0.0, 1.0, 0.0)
    if rng.random() < 0.4:
        lines += _laces(rng, ankle, (front[0], 0.85 * front[1]))
    if rng.random() < 0.2:  # a cuff, or fur
        y = -height + u(0.08, 0.2)
        lines.append([(front[0], y), (back[0], y)])
    if rng.random() < 0.15:
        x = 0.5 * (front[0] + back[0])
        lines.append([(x, -height), (x, -0.3)])
    return lines


def _footprint(rng: random.Random) -> Stroke:
    """A sole seen from above, toes up: 0.4 wide, 1 long, about its middle."""
    u = rng.uniform
    if rng.random() < 0.5:
        return smooth(arc((0.0, 0.0), u(0.18, 0.32), 0.5, -0.5 * math.pi, 1.5 * math.pi), 0)
    ball, arch, heel = u(0.2, 0.28), u(0.1, 0.2), u(0.13, 0.22)
    right = [(0.1, -0.5), (ball, -0.3), (ball * 0.95, -0.1), (arch, 0.15), (heel, 0.35), (0.0, 0.5)]
    left = [(-0.12, -0.49), (-ball, -0.28), (-ball * 0.9, -0.05), (-heel, 0.2), (-heel, 0.38)]
    contour = [*right, *left[::-1]]
    return smooth([*contour, contour[0]], 2)


def _thong(rng: random.Random) -> Drawing:
    """The straps of a flip-flop, or a band over the foot."""
    u = rng.uniform
    tip = (u(-0.05, 0.05), u(-0.38, -0.2))
    y = u(-0.15, 0.12)
    out = u(0.16, 0.32)  # now and then beyond the sole
    kind = rng.random()
    if kind < 0.7:
        lines = [[(-out, y), tip, (out, y + u(-0.05, 0.05))]]
        if rng.random() < 0.4:
            lines = [smooth(lines[0], 1)]
        if rng.random() < 0.3:
            low = (tip[0], tip[1] + u(0.04, 0.1))
            lines.append([(-out, y + 0.08), low, (out, y + 0.08)])
        if rng.random() < 0.3:
            lines.append(arc(tip, 0.02, 0.02))
        if rng.random() < 0.45:  # a Y, between the toes
            lines.append([tip, (tip[0] + u(-0.03, 0.03), tip[1] - u(0.05, 0.2))])
        return lines
    rise = u(-0.1, 0.12)
    if rng.random() < 0.3:  # near the toes
        y -= 0.2
    band = bow((-out, y), (out, y), rise)
    lines = [band]
    if rng.random() < 0.8:
        lines.append(bow((-out, y - u(0.12, 0.25)), (out, y - u(0.12, 0.25)), rise))
    return lines


def sandal(rng: random.Random) -> Drawing:
    u = rng.uniform
    if rng.random() < 0.55:  # from above, one or a pair
        foot = [_footprint(rng), *_thong(rng)]
        # toes up or, as one sees one's own shoes standing there, down
        angle = rng.gauss(0, 0.35) + (math.pi if rng.random() < 0.35 else 0.0)
        foot = rotated(foot, angle)
        if rng.random() < 0.4:
            return foot
        other = [_footprint(rng), *_thong(rng)] if rng.random() < 0.7 else foot
        other = rotated(other, -angle if rng.random() < 0.5 else angle)
        dx, dy = u(0.45, 0.75), u(-0.15, 0.15)
        return foot + [[(x + dx, y + dy) for x, y in stroke] for stroke in other]
    heel = u(0.2, 0.5) if rng.random() < 0.45 else u(0.0, 0.06)
    thick = u(0.03, 0.1)

    def bed(x: float) -> float:
        t = min(max((x - 0.25) / 0.6, 0.0), 1.0)
        return -heel * t * t * (3 - 2 * t)

    sole = [(x, bed(x)) for x in (0.0, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)]
    lines: Drawing = [sole]
    if heel > 0.1:
        lines.append([(1.0, bed(1.0)), (0.98, thick), (0.9, thick), (u(0.78, 0.9), bed(0.85))])
        if rng.random() < 0.5:
            lines.append([(x, y + thick) for x, y in sole[:5]])
    else:
        lines.append([(0.0, 0.0), (-0.02, thick), (1.0, thick), (1.0, 0.0)])
    if heel > 0.1 and rng.random() < 0.45:  # a pump: closed at the toes, open over the foot
        lines.append(
            smooth(
                [
                    (0.0, 0.0),
                    (0.05, -0.1),
                    (0.3, -0.2 + bed(0.3)),
                    (0.55, bed(0.55) - 0.03),
                    (0.75, bed(0.75) - 0.1),
                    (1.0, bed(1.0) - 0.2),
                    (1.0, bed(1.0)),
                ],
                1,
            )
        )
        return lines
    for _ in range(rng.randint(1, 3)):
        x = u(0.08, 0.5)
        x1 = x + u(0.12, 0.3)
        rise = u(0.1, 0.25)
        lines.append(bow((x, bed(x)), (x1, bed(x1)), rise))
        if rng.random() < 0.4:
            lines.append(bow((x - 0.05, bed(x)), (x1 + 0.05, bed(x1)), rise + 0.06))
    if rng.random() < 0.6:  # around the ankle
        y = bed(0.95) - u(0.2, 0.4)
        lines.append([(1.0, bed(1.0)), (0.98, y)])
        lines.append(bow((0.98, y), (u(0.5, 0.7), y + u(-0.05, 0.15)), u(-0.08, 0.05)))
        if rng.random() < 0.4:
            lines.append([(u(0.5, 0.65), y), (u(0.3, 0.5), bed(0.4))])
    return lines
