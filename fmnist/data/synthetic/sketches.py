"""Garments as people sketch them: outlines in a few strokes, with the symbols people use.

Where `fmnist.data.synthetic.garments` imitates photographs, this module imitates drawings made with
a mouse in half a minute: contours that do not close, arms held out, a row of dots for buttons,
soles and laces, flip-flops seen from above, bags with a handle. Which class a drawing shows is
often said by one symbol alone (a line down the front: Coat), so every class has its own.

``sketch_garment`` returns strokes; `fmnist.data.synthetic.strokes` turns them into an image.
"""

import math
import random
from collections.abc import Callable
from typing import Final, NamedTuple

from fmnist.data.labels import check_label
from fmnist.data.synthetic.strokes import Drawing, Point, Stroke, arc, bow, box, mirrored, smooth

# --- Tops ---------------------------------------------------------------------------------------


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
    """From left to right; sometimes none, sometimes with a second line for the band."""
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
    """The contour, in one of the orders in which people draw it."""
    right = [(top.neck, 0.0), *_arm(rng, top), *_side(rng, top)[1:]]
    left = mirrored([(top.neck, 0.0), *_arm(rng, top), *_side(rng, top)[1:]])
    hem = [(top.hem, top.length), (-top.hem, top.length)]
    if rng.random() < 0.3:
        hem = bow(hem[0], hem[1], rng.uniform(-0.08, 0.08))
    order = rng.random()
    if order < 0.4:  # around in one go
        body = right + hem[1:] + left[1:]
        lines = [smooth(body, rng.choice((0, 0, 1, 2)))]
    elif order < 0.65:
        times = rng.choice((0, 0, 1, 2))
        lines = [smooth(left[::-1], times), smooth(right, times), hem]
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
    """Something on the chest: stripes, a heart, a word, a star, zigzags."""
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


def _dots(rng: random.Random, x: float, top: float, bottom: float) -> Drawing:
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
    """What says that a garment opens down the front: an edge, two, a zip, dashes, buttons."""
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
        lines += _dots(rng, x + rng.choice((0.0, 0.05, 0.05)), high + 0.05, low - 0.05)
        if kind > 0.9 and rng.random() < 0.2:
            lines += _dots(rng, x - 0.12, high + 0.05, low - 0.05)
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


def _tshirt(rng: random.Random) -> Drawing:
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


def _pullover(rng: random.Random) -> Drawing:
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


def _coat(rng: random.Random) -> Drawing:
    sleeve = (0.25, 0.55) if rng.random() < 0.35 else (0.5, 1.05)
    top = _top_measures(rng, sleeve=sleeve, length=(0.7, 1.1))
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


def _shirt(rng: random.Random) -> Drawing:
    """With a collar and buttons; its cut alone would be a T-shirt's or a pullover's.

    A line down the front without buttons is left to coats: people who draw one mean a jacket.
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
    lines += _dots(rng, x, high + 0.03, low - 0.05)
    if rng.random() < 0.5:  # a breast pocket
        x, y = rng.uniform(0.4, 0.6) * top.armpit[0], top.armpit[1] + rng.uniform(-0.02, 0.1)
        lines.append(box(x - 0.06, y, x + 0.06, y + rng.uniform(0.08, 0.14)))
    if not short and rng.random() < 0.3:
        lines += _cuff_lines(rng, top)
    return lines


def _dress(rng: random.Random) -> Drawing:
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


def _trouser(rng: random.Random) -> Drawing:
    u = rng.uniform
    waist, hips = u(0.14, 0.32), 0.0
    hips = waist + u(-0.02, 0.08)
    crotch = u(0.18, 0.5)
    length = u(0.55, 0.8) if rng.random() < 0.2 else u(0.8, 1.15)  # shorts
    crotch = min(crotch, 0.7 * length)
    spread = u(-0.02, 0.25)
    leg = u(0.1, 0.25)
    outer = max(hips * 0.8, hips + spread)
    inner = max(outer - leg, 0.01)
    gap = u(0.0, 0.04) if rng.random() < 0.7 else u(0.03, 0.12)
    right = [(waist, 0.0), (hips, 0.35 * crotch), (outer, length)]
    if rng.random() < 0.5:
        right.pop(1)
    leg_line = [(outer, length), (inner, length * u(0.97, 1.03)), (gap, crotch)]
    times = rng.choice((0, 0, 0, 1, 2))
    order = rng.random()
    bridge = [(gap, crotch), (-gap, crotch)] if gap > 0.03 else []
    inner_lines = leg_line + bridge + mirrored(leg_line)
    if order < 0.5:
        contour = [(-waist, 0.0), *right, *leg_line[1:], *bridge, *mirrored(leg_line)]
        contour += mirrored(right)[1:]
        lines = [smooth(contour, times)]
    elif order < 0.8:
        lines = [[(-waist, 0.0), (waist, 0.0)], smooth(right, times)]
        lines += [smooth(mirrored(right)[::-1], times), smooth(inner_lines, rng.choice((0, times)))]
    else:  # a leg at a time
        lines = [[(-waist, 0.0), (waist, 0.0)], smooth(right + leg_line[1:], times)]
        lines.append(smooth(mirrored(right + leg_line[1:])[::-1], times))
    if rng.random() < 0.3:  # waistband, sometimes with loops
        y = u(0.05, 0.12)
        lines.append([(-waist, y), (waist, y)])
        if rng.random() < 0.3:
            lines += [[(x, 0.0), (x, y)] for x in (-0.6 * waist, -0.1, 0.1, 0.6 * waist)]
    if rng.random() < 0.25:  # fly
        lines.append([(0.0, 0.0), (0.0, 0.8 * crotch)])
    if rng.random() < 0.2:
        pocket = bow((0.5 * waist, 0.1), (hips, 0.28), u(-0.05, 0.05))
        lines += [pocket, mirrored(pocket)]
    if rng.random() < 0.12:  # creases
        crease = [(0.5 * hips, crotch), (0.5 * (outer + inner), 0.95 * length)]
        lines += [crease, mirrored(crease)]
    if rng.random() < 0.1:
        cuff_y = 0.92 * length
        cuff = [(inner * 0.97, cuff_y), (outer, cuff_y)]
        lines += [cuff, mirrored(cuff)]
    return lines


# --- Shoes: toes to the left --------------------------------------------------------------------


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


def _sneaker(rng: random.Random) -> Drawing:
    u = rng.uniform
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


def _ankle_boot(rng: random.Random) -> Drawing:
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
    band = bow((-out, y), (out, y), rise)
    lines = [band]
    if rng.random() < 0.8:
        lines.append(bow((-out, y - u(0.12, 0.25)), (out, y - u(0.12, 0.25)), rise))
    return lines


def _sandal(rng: random.Random) -> Drawing:
    u = rng.uniform
    if rng.random() < 0.55:  # from above, one or a pair
        foot = [_footprint(rng), *_thong(rng)]
        # toes up or, as one sees one's own shoes standing there, down
        angle = rng.gauss(0, 0.35) + (math.pi if rng.random() < 0.35 else 0.0)
        foot = _turned(foot, angle)
        if rng.random() < 0.4:
            return foot
        other = [_footprint(rng), *_thong(rng)] if rng.random() < 0.7 else foot
        other = _turned(other, -angle if rng.random() < 0.5 else angle)
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


def _turned(drawing: Drawing, angle: float) -> Drawing:
    cos, sin = math.cos(angle), math.sin(angle)
    return [[(x * cos - y * sin, x * sin + y * cos) for x, y in stroke] for stroke in drawing]


# --- Bags ---------------------------------------------------------------------------------------


def _bag(rng: random.Random) -> Drawing:
    return _backpack(rng) if rng.random() < 0.4 else _handbag(rng)


def _handbag(rng: random.Random) -> Drawing:
    u = rng.uniform
    height, top = u(0.4, 1.0), u(0.3, 0.55)
    bottom = top + u(-0.1, 0.2)
    body = [(-top, 0.0), (top, 0.0), (bottom, height), (-bottom, height), (-top, 0.0)]
    kind = rng.random()
    if kind < 0.25:
        body = smooth([*body[:-1], body[0]], 1)
    elif kind < 0.4:  # a pouch
        body = [
            (-0.7 * top, 0.0),
            (0.7 * top, 0.0),
            (bottom, 0.5 * height),
            (0.8 * bottom, height),
            (-0.8 * bottom, height),
            (-bottom, 0.5 * height),
            (-0.7 * top, 0.0),
        ]
        body = smooth(body, 2)
    lines: Drawing = [body] if rng.random() < 0.6 else [body[:2], body[1:]]
    if rng.random() < 0.92:
        x, rise = u(0.35, 1.0) * top, u(0.2, 0.8)
        foot = u(-0.02, 0.12)
        handle = rng.random()
        grip = smooth(
            [
                (-x, foot),
                (-x * u(0.7, 1.05), -0.75 * rise),
                (0.0, -rise),
                (x * u(0.7, 1.05), -0.75 * rise),
                (x, foot),
            ],
            2,
        )
        if handle < 0.2:  # a strap held up to a point; as wide as the bag it would be a roof
            x *= 0.75
            grip = [(-x, 0.0), (u(-0.1, 0.1), -rise), (x, 0.0)]
        elif handle < 0.35:
            grip = [(-x, foot), (-x, -rise), (x, -rise), (x, foot)]
        lines.append(grip)
        if rng.random() < 0.35:  # its other edge
            lines.append([(0.78 * gx, 0.85 * gy) for gx, gy in grip])
        elif rng.random() < 0.2:  # a second one behind
            lines.append([(gx + 0.1, gy - 0.04) for gx, gy in grip])
    if rng.random() < 0.35:
        depth = u(0.2, 0.6) * height
        flap = [(-top, 0.02), (-0.8 * top, depth), (0.8 * top, depth), (top, 0.02)]
        if rng.random() < 0.4:
            flap = [(-top, 0.02), (0.0, depth), (top, 0.02)]
        lines.append(smooth(flap, rng.choice((0, 1))))
    elif rng.random() < 0.4:
        y = u(0.08, 0.5) * height
        lines.append([(-top, y), (top, y)])
    if rng.random() < 0.35:  # a clasp, a pocket, a pattern
        y = u(0.2, 0.6) * height
        kind = rng.random()
        if kind < 0.5:
            lines.append(arc((0.0, y), *(2 * (u(0.02, 0.07),))))
        elif kind < 0.8:
            lines.append(box(-0.4 * top, y, 0.4 * top, y + 0.3 * height))
        else:
            lines += _dots(rng, u(-0.1, 0.1), 0.3 * height, 0.9 * height)
    if rng.random() < 0.12:  # depth
        d = u(0.1, 0.25)
        lines.append([(top, 0.0), (top + d, -d * 0.5), (bottom + d, height - d), (bottom, height)])
    return lines


def _backpack(rng: random.Random) -> Drawing:
    u = rng.uniform
    half, height = u(0.3, 0.5), u(0.8, 1.1)
    dome = u(0.15, 0.5)
    bulge = half + u(-0.05, 0.1)
    body = [
        (-half, dome),
        (-0.7 * half, 0.1 * dome),
        (0.0, 0.0),
        (0.7 * half, 0.1 * dome),
        (half, dome),
        (bulge, 0.7 * height),
        (0.9 * bulge, height),
        (-0.9 * bulge, height),
        (-bulge, 0.7 * height),
        (-half, dome),
    ]
    lines: Drawing = [smooth(body, rng.choice((0, 1, 2, 2)))]
    if rng.random() < 0.65:  # a pocket below
        w, y = u(0.4, 0.9) * half, u(0.5, 0.7) * height
        low = min(height - 0.05, y + u(0.15, 0.35))
        kind = rng.random()
        if kind < 0.4:
            lines.append(box(-w, y, w, low))
        elif kind < 0.75:
            lines.append(smooth([(-w, y), (w, y), (w, low), (-w, low), (-w, y)], 2))
        else:
            lines.append(bow((-bulge, y), (bulge, y), u(-0.1, 0.2)))
        if rng.random() < 0.3:
            lines.append([(-w, y + 0.07), (w, y + 0.07)])
    if rng.random() < 0.4:  # zip or flap
        y = u(0.2, 0.45) * height
        lines.append(bow((-half, y), (half, y), u(-0.15, 0.25)))
    if rng.random() < 0.5:  # the grip on top
        lines.append(bow((-0.15, 0.02), (0.15, 0.02), u(0.08, 0.22)))
    kind = rng.random()
    sides = (1,) if kind < 0.5 else (1, -1) if kind < 0.8 else ()
    for side in sides:  # shoulder straps beside the body, as seen from an angle
        reach = u(0.12, 0.35)
        strap = smooth(
            [
                (side * half * 0.8, 0.25 * dome),
                (side * (half + reach), 0.15 * height),
                (side * (half + reach), 0.6 * height),
                (side * bulge, 0.85 * height),
            ],
            2,
        )
        lines.append(strap)
        if rng.random() < 0.5:
            lines.append([(x - side * 0.07, y + 0.04) for x, y in strap])
    if not sides and rng.random() < 0.7:  # seen from the back: straps over it
        for side in (1, -1):
            x = u(0.4, 0.8) * half
            lines.append([(side * x * 0.7, 0.05), (side * x, 0.8 * height)])
            if rng.random() < 0.5:
                lines.append([(side * (x * 0.7 - 0.1), 0.05), (side * (x - 0.1), 0.8 * height)])
    if rng.random() < 0.2:  # side pockets
        for side in (1, -1):
            lines.append(
                smooth(
                    [
                        (side * bulge, 0.5 * height),
                        (side * (bulge + 0.12), 0.55 * height),
                        (side * (bulge + 0.12), 0.9 * height),
                        (side * bulge, 0.93 * height),
                    ]
                )
            )
    return lines


_SKETCHERS: Final[tuple[Callable[[random.Random], Drawing], ...]] = (
    _tshirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)


def sketch_garment(label: int, rng: random.Random) -> Drawing:
    """The strokes of a garment, as drawn with a ruler: `strokes.in_a_hand` unsettles them.

    Parameters
    ----------
    label : int
        Index into ``CLASS_NAMES``, 0 to 9.
    rng : random.Random
        Source of the cut; advanced by the call.

    Returns
    -------
    Drawing
        In the garment's own units, x to the right, y down; shoes point left or right.

    Raises
    ------
    ValueError
        If the label is outside 0 to 9.
    """
    check_label(label)
    drawing = _SKETCHERS[label](rng)
    return [mirrored(stroke) for stroke in drawing] if rng.random() < 0.5 else drawing
