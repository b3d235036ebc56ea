"""Sketched tops and dresses: T-shirt/top, Pullover, Dress, Coat, Shirt."""

import math
import random
from typing import NamedTuple

from fmnist.data.synthetic.strokes import (
    Drawing,
    Point,
    Stroke,
    arc,
    bow,
    box,
    mirrored,
    smooth,
)


class _Top(NamedTuple):
    """The measures of a top. Widths are half widths, y is 0 at the neck and grows downwards."""

    neck: float
    neck_depth: float
    shoulder: Point
    sleeve: float  # length; 0: none
    arm_angle: float  # radians away from hanging straight down
    sleeve_width: float
    cuff: float
    armpit: Point
    waist: float
    hem: float
    length: float


def _top_measures(
    rng: random.Random, *, sleeve: tuple[float, float], length: tuple[float, float] = (0.7, 1.15)
) -> _Top:
    u = rng.uniform
    chest = u(0.2, 0.4)
    shoulder = (chest + u(-0.04, 0.06), u(0.0, 0.16))
    width = u(0.13, 0.24)
    arm_angle = u(0.1, 0.75) if rng.random() < 0.4 else u(0.6, 1.5)
    hem = chest + u(-0.06, 0.06) + (u(0.05, 0.2) if rng.random() < 0.2 else 0.0)
    return _Top(
        neck=min(u(0.08, 0.2), 0.8 * shoulder[0]),
        neck_depth=u(0.02, 0.16),
        shoulder=shoulder,
        sleeve=u(*sleeve),
        arm_angle=arm_angle,
        sleeve_width=width,
        cuff=width * u(0.6, 1.25),
        armpit=(chest, shoulder[1] + width * u(1.0, 1.5)),
        waist=0.5 * (chest + hem) + u(-0.04, 0.03),
        hem=hem,
        length=u(*length),
    )


def _arm(rng: random.Random, top: _Top) -> Stroke:
    """The right arm from shoulder over cuff to armpit."""
    if not top.sleeve:
        drop = 0.5 * (top.shoulder[1] + top.armpit[1])
        return [top.shoulder, (top.armpit[0] - rng.uniform(0.0, 0.07), drop), top.armpit]
    a = top.arm_angle + rng.gauss(0, 0.06)
    length = top.sleeve * rng.uniform(0.93, 1.07)
    along = math.sin(a), math.cos(a)
    x, y = top.shoulder[0] + length * along[0], top.shoulder[1] + length * along[1]
    inner = (x - top.cuff * along[1], y + top.cuff * along[0])
    outer_side, inner_side = [top.shoulder, (x, y)], [inner, top.armpit]
    if rng.random() < 0.4 and top.sleeve > 0.4:  # the elbow
        bend = rng.uniform(-0.05, 0.16) * top.sleeve
        outer_side = bow(top.shoulder, (x, y), bend)
        inner_side = bow(inner, top.armpit, -0.7 * bend)
    return outer_side + inner_side


def _side(rng: random.Random, top: _Top) -> Stroke:
    """The right side from armpit to hem."""
    side = [top.armpit]
    if rng.random() < 0.4:
        side.append((top.waist, top.armpit[1] + 0.5 * (top.length - top.armpit[1])))
    return [*side, (top.hem, top.length)]


def _neckline(rng: random.Random, top: _Top, *, v: float = 0.2) -> Drawing:
    """The neckline from left to right; sometimes none, sometimes with a second line."""
    left, right = (-top.neck, 0.0), (top.neck, 0.0)
    kind = rng.random()
    if kind < v:
        return [[left, (0.0, top.neck_depth * rng.uniform(1.0, 2.2)), right]]
    if kind < v + 0.14:
        return [[left, right]]
    if kind < v + 0.20:
        return []
    lines = [bow(right, left, top.neck_depth)]
    if kind > 0.86:  # a band, or the back of the neck
        lines.append(bow(right, left, rng.uniform(-0.5, 0.5) * top.neck_depth))
    return [line[::-1] for line in lines]


def _top_lines(rng: random.Random, top: _Top, neckline: Drawing) -> Drawing:
    """The contour, in one of the orders people draw it in."""
    right = [(top.neck, 0.0), *_arm(rng, top), *_side(rng, top)[1:]]
    left = mirrored([(top.neck, 0.0), *_arm(rng, top), *_side(rng, top)[1:]])
    hem = [(top.hem, top.length), (-top.hem, top.length)]
    if rng.random() < 0.3:
        hem = bow(hem[0], hem[1], rng.uniform(-0.08, 0.08))
    order = rng.random()
    if order < 0.4:  # around in one go
        body = right + hem[1:] + left[1:]
        lines = [smooth(body, rng.choice((0, 0, 1, 2)))]
    elif order < 0.6:
        times = rng.choice((0, 0, 1, 2))
        lines = [smooth(left[::-1], times), smooth(right, times), hem]
    elif order < 0.75:
        half = [(top.neck, 0.0), top.shoulder, *_side(rng, top)]
        lines = [smooth([*half, *mirrored(half), half[0]], rng.choice((0, 0, 1)))]
        lines += _separate_sleeves(rng, top)
    else:  # body first, then sleeves laid against it, with the armholes drawn
        lines = [
            [
                (-top.neck, 0.0),
                (-top.shoulder[0], top.shoulder[1]),
                *mirrored(_side(rng, top))[::-1],
            ]
        ]
        lines.append([(top.neck, 0.0), top.shoulder, *_side(rng, top)])
        lines.append(hem)
        times = rng.choice((0, 0, 1))
        lines += [smooth(_arm(rng, top), times), smooth(mirrored(_arm(rng, top)), times)]
        if rng.random() < 0.45:
            armhole = [top.shoulder, top.armpit]
            lines += [armhole, mirrored(armhole)]
    at = rng.choice((0, len(lines)))
    return lines[:at] + neckline + lines[at:]


def _separate_sleeves(rng: random.Random, top: _Top) -> Drawing:
    """Sleeves as closed shapes of their own, held out or hanging beside the body."""
    u = rng.uniform
    if not top.sleeve:
        return []
    angle = top.arm_angle if rng.random() < 0.5 else u(0.0, 0.35)
    along = math.sin(angle), math.cos(angle)
    x0, y0 = top.shoulder[0] + u(-0.03, 0.06), top.shoulder[1] + u(-0.02, 0.06)
    x1, y1 = x0 + top.sleeve * along[0], y0 + top.sleeve * along[1]
    across, cuff = u(0.7, 1.1) * top.sleeve_width, top.cuff
    if angle < 0.35:  # beside the body, not over it
        sleeve = [(x0, y0), (x0 + across, y0 + u(0.0, 0.08)), (x1 + cuff, y1), (x1, y1)]
    else:
        inner = [(x + w * -along[1], y + w * along[0]) for x, y, w in
                 ((x1, y1, cuff), (x0, y0, across))]  # fmt: skip
        sleeve = [(x0, y0), (x1, y1), *inner]
    sleeve = smooth([*sleeve, sleeve[0]], rng.choice((0, 0, 1)))
    return [sleeve, mirrored(sleeve)]


def _cuff_lines(rng: random.Random, top: _Top) -> Drawing:
    """A line across each sleeve near its end, and above the hem."""
    arm = _arm(rng, top)
    lines: Drawing = []
    if top.sleeve and rng.random() < 0.6 and len(arm) == 4:
        share = rng.uniform(0.75, 0.93)
        (sx, sy), (ox, oy), (ix, iy), (ax, ay) = arm
        cuff = [
            (sx + share * (ox - sx), sy + share * (oy - sy)),
            (ax + share * (ix - ax), ay + share * (iy - ay)),
        ]
        lines += [cuff, mirrored(cuff)]
    if rng.random() < 0.6:
        y = top.length * rng.uniform(0.86, 0.95)
        lines.append([(-top.hem, y), (top.hem, y)])
        if rng.random() < 0.3:  # ribs
            count = rng.randint(4, 9)
            for i in range(count):
                x = top.hem * (2 * (i + 0.5) / count - 1)
                lines.append([(x, y), (x, top.length)])
    return lines


def _motif(rng: random.Random, top: _Top) -> Drawing:
    """Something on the chest: stripes, zigzags, a heart, a circle, a box, letters."""
    u = rng.uniform
    kind = rng.randrange(6)
    y = top.armpit[1] + u(0.0, 0.15)
    x = 0.6 * top.armpit[0]
    if kind == 0:
        count = rng.randint(1, 5)
        step = (top.length - y) / (count + 1)
        return [
            [(-top.waist, y + step * (i + 0.5)), (top.waist, y + step * (i + 0.5))]
            for i in range(count)
        ]
    if kind == 1:
        zigzag = [(-top.waist + 2 * top.waist * i / 8, y + 0.08 * (i % 2)) for i in range(9)]
        return [zigzag]
    if kind == 2:
        r = u(0.3, 0.8) * x
        heart = [(0.0, y + 2 * r), (-r, y + 0.6 * r), (-0.6 * r, y), (0.0, y + 0.5 * r)]
        return [smooth([*heart, (0.6 * r, y), (r, y + 0.6 * r), (0.0, y + 2 * r)], 1)]
    if kind == 3:
        r = u(0.05, 0.13)
        return [arc((u(-0.5, 0.5) * x, y + r), r, r * u(0.7, 1.3))]
    if kind == 4:
        return [box(-x * u(0.4, 1), y, x * u(0.4, 1), y + u(0.08, 0.25))]
    letters = []
    count = rng.randint(2, 4)
    for i in range(count):
        at = -x + 2 * x * i / count
        letters.append([(at + u(0, 0.5 * x), y + u(0, 0.15)) for _ in range(rng.randint(2, 4))])
    return letters


def button_row(rng: random.Random, x: float, top: float, bottom: float) -> Drawing:
    """A row of buttons: dots, small circles or crosses."""
    count, kind = rng.randint(2, 6), rng.random()
    lines: Drawing = []
    for i in range(count):
        y = top + (i + 0.5) * (bottom - top) / count
        if kind < 0.5:
            lines.append([(x, y), (x + 0.012, y + 0.008)])
        elif kind < 0.9:
            lines.append(arc((x, y), *(2 * (rng.uniform(0.015, 0.035),))))
        else:
            lines += [[(x - 0.02, y - 0.02), (x + 0.02, y + 0.02)]]
            lines += [[(x - 0.02, y + 0.02), (x + 0.02, y - 0.02)]]
    return lines


def _front(rng: random.Random, top: _Top, *, buttons: float) -> Drawing:
    """The front opening: one edge, two, a zip, dashes, buttons."""
    x = rng.gauss(0, 0.02)
    high, low = top.neck_depth * rng.uniform(0.3, 1.1), top.length
    kind = rng.random()
    lines: Drawing = []
    with_buttons = rng.random() < buttons
    if kind < 0.55:
        lines.append([(x, high), (x + rng.gauss(0, 0.02), low)])
    elif kind < 0.75:
        gap = rng.uniform(0.03, 0.12)
        lines += [[(x - gap, high), (x - gap, low)], [(x + gap, high), (x + gap, low)]]
    elif kind < 0.83:  # open, hanging apart
        gap = rng.uniform(0.05, 0.2)
        lines += [[(x, high), (x - gap, low)], [(x, high), (x + gap, low)]]
    elif kind < 0.9:
        count = rng.randint(4, 9)
        step = (low - high) / count
        for i in range(count):
            lines.append([(x, high + i * step), (x, high + (i + 0.55) * step)])
    else:
        with_buttons = True
    if with_buttons:
        lines += button_row(rng, x + rng.choice((0.0, 0.05, 0.05)), high + 0.05, low - 0.05)
        if kind > 0.9 and rng.random() < 0.2:
            lines += button_row(rng, x - 0.12, high + 0.05, low - 0.05)
    elif rng.random() < 0.12:  # the teeth of a zip
        for i in range(rng.randint(5, 10)):
            y = high + (low - high) * i / 10
            lines.append([(x - 0.025, y), (x + 0.025, y)])
    return lines


def _collar(rng: random.Random, top: _Top, reach: float) -> Drawing:
    """Two flaps; a long reach makes lapels."""
    n = top.neck
    flap = [(0.0, reach * rng.uniform(0.5, 0.9)), (n, -0.01)]
    flap += [
        (n + rng.uniform(0.0, 0.1), rng.uniform(0.03, 0.1)),
        (rng.uniform(0.3, 0.9) * n, reach),
    ]
    if rng.random() < 0.7:
        flap.append(flap[0])
    return [flap, mirrored(flap)]


def _pockets(rng: random.Random, top: _Top) -> Drawing:
    u = rng.uniform
    y, x = u(0.55, 0.75) * top.length, u(0.35, 0.6) * top.waist
    kind = rng.random()
    if kind < 0.4:
        pocket = [(x - 0.08, y), (x + 0.08, y + u(-0.07, 0.07))]
    elif kind < 0.8:
        pocket = box(x - 0.09, y, x + 0.09, y + u(0.1, 0.2))
    else:
        pocket = bow((x - 0.09, y), (x + 0.09, y), -0.12)
    return [pocket, mirrored(pocket)]


def _hood(rng: random.Random, top: _Top) -> Drawing:
    rise = rng.uniform(0.12, 0.3)
    n = top.neck
    lines = [
        smooth(
            [(-n, 0.02), (-1.1 * n, -0.6 * rise), (0.0, -rise), (1.1 * n, -0.6 * rise), (n, 0.02)],
            2,
        )
    ]
    if rng.random() < 0.6:
        lines.append(arc((0.0, -0.3 * rise), 0.7 * n, 0.5 * rise))
    if rng.random() < 0.5:
        lines += [[(-0.3 * n, 0.06), (-0.3 * n, 0.25)], [(0.3 * n, 0.06), (0.3 * n, 0.25)]]
    return lines


def _short_sleeve(rng: random.Random) -> tuple[float, float]:
    return (0.12, 0.4) if rng.random() < 0.9 else (0.3, 0.5)


def tshirt(rng: random.Random) -> Drawing:
    sleeve = _short_sleeve(rng)
    kind = rng.random()
    top = _top_measures(rng, sleeve=sleeve)
    neckline = _neckline(rng, top)
    if kind < 0.08:  # a tank top
        neck = top.shoulder[0] * rng.uniform(0.5, 0.8)
        depth = rng.uniform(0.12, 0.3)
        top = top._replace(sleeve=0.0, shoulder=(neck + 0.08, 0.0), neck=neck, neck_depth=depth)
        neckline = [bow((-neck, 0.0), (neck, 0.0), -depth)]
    lines = _top_lines(rng, top, neckline)
    if rng.random() < 0.15:
        lines += _motif(rng, top)
    if rng.random() < 0.12:
        lines += _cuff_lines(rng, top)
    return lines


def pullover(rng: random.Random) -> Drawing:
    sleeve = (0.42, 0.65) if rng.random() < 0.4 else (0.6, 1.05)
    top = _top_measures(rng, sleeve=sleeve, length=(0.7, 1.05))
    neckline = _neckline(rng, top, v=0.22)
    kind = rng.random()
    if kind < 0.12:  # a roll neck
        n, rise = top.neck, rng.uniform(0.06, 0.16)
        neckline = [[(-n, 0.0), (-n, -rise), (n, -rise), (n, 0.0)]]
        if rng.random() < 0.6:
            neckline.append([(-n, 0.0), (n, 0.0)])
    elif kind < 0.2:
        neckline = _hood(rng, top)
    lines = _top_lines(rng, top, neckline)
    if rng.random() < 0.4:
        lines += _cuff_lines(rng, top)
    if rng.random() < 0.28:
        lines += _motif(rng, top)
    if kind > 0.95 or (0.12 < kind < 0.2 and rng.random() < 0.6):  # a pouch
        x, y = 0.6 * top.waist, 0.6 * top.length
        pouch = [(-0.6 * x, y), (-x, y + 0.2), (x, y + 0.2), (0.6 * x, y)]
        lines.append([*pouch, pouch[0]])
    return lines


def _open_front(rng: random.Random, top: _Top) -> Drawing:
    """A jacket that hangs open: two panels apart, each with its sleeve."""
    u = rng.uniform
    high, low = u(0.0, 0.8) * top.neck, u(0.04, 0.6) * top.hem
    start = (high, u(0.02, 0.3))
    if rng.random() < 0.5:  # panel and sleeve in one line
        panel = [(top.neck, 0.0), *_arm(rng, top), *_side(rng, top)[1:]]
        sleeves: Drawing = []
    else:
        panel = [(top.neck, 0.0), top.shoulder, *_side(rng, top)]
        if rng.random() < 0.5:
            sleeves = _separate_sleeves(rng, top)
        else:
            sleeves = [_arm(rng, top), mirrored(_arm(rng, top))]
    panel += [(low, top.length * u(0.95, 1.05)), start]
    if rng.random() < 0.7:
        panel.append(panel[0])
    panel = smooth(panel, rng.choice((0, 0, 1)))
    lines = [panel, mirrored(panel), *sleeves]
    if rng.random() < 0.6:  # the back of the neck
        lines.append(bow((-top.neck, 0.0), (top.neck, 0.0), u(-0.1, 0.08)))
    if rng.random() < 0.25:
        lines += _collar(rng, top, u(0.15, 0.4))
    return lines


def coat(rng: random.Random) -> Drawing:
    sleeve = (0.25, 0.55) if rng.random() < 0.35 else (0.5, 1.05)
    top = _top_measures(rng, sleeve=sleeve, length=(0.7, 1.1))
    if rng.random() < 0.18:
        return _open_front(rng, top)
    if rng.random() < 0.3:
        top = top._replace(length=rng.uniform(1.1, 1.6), hem=top.hem + rng.uniform(0, 0.15))
    if rng.random() < 0.07:
        top = top._replace(sleeve=0.0)
    kind = rng.random()
    if kind < 0.3:
        neckline = _collar(rng, top, rng.uniform(0.15, 0.45))
    elif kind < 0.4:
        neckline = _hood(rng, top)
    elif kind < 0.5:
        deep = [(-top.neck, 0.0), (0.0, rng.uniform(0.15, 0.4)), (top.neck, 0.0)]
        neckline = [deep]
    else:
        neckline = _neckline(rng, top)
    lines = _top_lines(rng, top, neckline)
    lines += _front(rng, top, buttons=0.4)
    if rng.random() < 0.35:
        lines += _pockets(rng, top)
    if rng.random() < 0.15:
        lines += _cuff_lines(rng, top)
    if rng.random() < 0.08:
        y = rng.uniform(0.5, 0.65) * top.length
        lines += [
            [(-top.waist, y), (top.waist, y)],
            [(-top.waist, y + 0.06), (top.waist, y + 0.06)],
        ]
    return lines


def shirt(rng: random.Random) -> Drawing:
    """A top with a collar and buttons; without them it would be a T-shirt or a pullover.

    Only coats have a line down the front without buttons: people who draw one mean a jacket.
    """
    short = rng.random() < 0.5
    top = _top_measures(rng, sleeve=_short_sleeve(rng) if short else (0.5, 1.0), length=(0.8, 1.15))
    lines = _top_lines(rng, top, _collar(rng, top, rng.uniform(0.08, 0.17)))
    x = rng.gauss(0, 0.02)
    high, low = 1.1 * top.neck_depth, top.length
    if rng.random() < 0.6:  # the placket
        for side in (-1, 1) if rng.random() < 0.4 else (1,):
            edge = x + side * rng.uniform(0.02, 0.05)
            lines.append([(edge, high), (edge + rng.gauss(0, 0.01), low)])
    lines += button_row(rng, x, high + 0.03, low - 0.05)
    if rng.random() < 0.5:  # a breast pocket
        x, y = rng.uniform(0.4, 0.6) * top.armpit[0], top.armpit[1] + rng.uniform(-0.02, 0.1)
        lines.append(box(x - 0.06, y, x + 0.06, y + rng.uniform(0.08, 0.14)))
    if not short and rng.random() < 0.3:
        lines += _cuff_lines(rng, top)
    return lines


def dress(rng: random.Random) -> Drawing:
    u = rng.uniform
    chest, waist_y = u(0.12, 0.24), u(0.3, 0.5)
    waist, hem, neck = chest * u(0.6, 1.0), u(0.25, 0.6), u(0.05, 0.14)
    straps = rng.random() < 0.5
    bust_y = u(0.1, 0.2)
    shoulder = (neck + u(0.02, 0.08), u(0.0, 0.04))
    lines: Drawing = []
    if straps:
        bodice = [(-chest, bust_y), (chest, bust_y)]
        lines.append(bow(bodice[0], bodice[1], u(-0.08, 0.03)) if rng.random() < 0.7 else bodice)
        if rng.random() < 0.75:
            strap = [(u(0.3, 0.9) * chest, bust_y), (u(0.3, 1.0) * chest, 0.0)]
            lines += [strap, mirrored(strap)]
        start = [(chest, bust_y)]
    else:
        lines.append([(-neck, 0.0), (0.0, u(0.02, 0.16)), (neck, 0.0)])
        if rng.random() < 0.6:
            lines[-1] = smooth(lines[-1], 2)
        start = [(neck, 0.0), shoulder]
        if rng.random() < 0.5:
            top = _top_measures(rng, sleeve=(0.1, 0.3) if rng.random() < 0.7 else (0.4, 0.6))
            top = top._replace(
                shoulder=(chest, 0.04), armpit=(chest, bust_y + 0.08), cuff=u(0.07, 0.12)
            )
            start = [(neck, 0.0), *_arm(rng, top)]
        else:
            start.append((chest, bust_y + 0.05))
    right = [*start, (waist, waist_y)]
    kind = rng.random()
    if kind < 0.5:  # flared
        right.append((hem, 1.0))
    elif kind < 0.75:  # a bell
        right += [(0.8 * hem, waist_y + 0.15), (hem, 0.7), (hem * u(0.9, 1.1), 1.0)]
    else:  # narrow, or widening like a mermaid's
        hem = chest * u(0.9, 1.4)
        right += [(chest * u(0.9, 1.2), waist_y + 0.2), (hem, 1.0)]
    times = rng.choice((0, 0, 1, 2))
    lines += [smooth(mirrored(right)[::-1], times), smooth(right, times)]
    if rng.random() < 0.65:
        lines.append(bow((-hem, 1.0), (hem, 1.0), u(-0.1, 0.05)))
    else:  # a frill
        count = rng.randint(3, 7)
        wave = [
            (-hem + 2 * hem * i / (2 * count), 1.0 + 0.06 * (i % 2)) for i in range(2 * count + 1)
        ]
        lines.append(smooth(wave, 1))
    if rng.random() < 0.5:
        lines.append([(-waist, waist_y), (waist, waist_y)])
        if rng.random() < 0.3:
            lines.append([(-waist, waist_y + 0.05), (waist, waist_y + 0.05)])
    if rng.random() < 0.3:  # pleats
        for i in range(rng.randint(2, 5)):
            share = u(-0.8, 0.8)
            lines.append([(share * waist, waist_y + 0.08 * (i % 2)), (share * hem, 0.95)])
    if rng.random() < 0.1:
        y = u(0.65, 0.9)
        lines.append([(-0.85 * hem, y), (0.85 * hem, y)])
    return lines
