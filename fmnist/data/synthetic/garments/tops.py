"""Tops and dresses: T-shirt/top, Pullover, Dress, Coat, Shirt."""

import math
import random
from typing import NamedTuple

from fmnist.data.synthetic.garments.parts import (
    Garment,
    Line,
    Part,
    add_pockets,
    rounded,
)
from fmnist.data.synthetic.strokes import Point, mirrored


class _TopCut(NamedTuple):
    """Measures of a top: widths are half widths, y is 0 at the neck and grows downwards."""

    length: float
    neck: float
    neck_depth: float
    shoulder: float
    shoulder_drop: float
    chest: float
    armpit: float
    waist: float
    waist_height: float
    hem: float
    sleeve: float  # 0: no sleeves
    sleeve_width: float
    cuff: float
    arm_angle: float  # radians away from hanging straight down
    v_neck: bool


def _neckline(cut: _TopCut) -> list[Point]:
    """The front edge of the neck, from left to right, without its ends at the shoulders."""
    if cut.v_neck:
        return [(0.0, cut.neck_depth)]
    x, y = 0.7 * cut.neck, 0.75 * cut.neck_depth
    return [(-x, y), (0.0, cut.neck_depth), (x, y)]


def _torso(cut: _TopCut, hem_curve: float) -> list[Point]:
    side = [
        (cut.neck, 0.0),
        (cut.shoulder, cut.shoulder_drop),
        (0.5 * (cut.shoulder + cut.chest) - 0.01, 0.55 * (cut.shoulder_drop + cut.armpit)),
        (cut.chest, cut.armpit),
        (cut.waist, cut.waist_height),
        (cut.hem, cut.length),
    ]
    return [*side, (0.0, cut.length + hem_curve), *mirrored(side), *_neckline(cut)]


def _sleeve(cut: _TopCut, arm_angle: float) -> list[Point]:
    """The right sleeve. The torso covers its shoulder end."""
    along_x, along_y = math.sin(arm_angle), math.cos(arm_angle)
    shoulder_x, shoulder_y = cut.shoulder, cut.shoulder_drop
    cuff_x, cuff_y = shoulder_x + cut.sleeve * along_x, shoulder_y + cut.sleeve * along_y
    inner_x, inner_y = cuff_x - cut.cuff * along_y, cuff_y + cut.cuff * along_x
    bulge = 0.15 * cut.sleeve_width
    return [
        (0.5 * (cut.neck + shoulder_x), 0.5 * shoulder_y),
        (shoulder_x, shoulder_y),
        (
            shoulder_x + 0.3 * cut.sleeve * along_x + bulge * along_y,
            shoulder_y + 0.3 * cut.sleeve * along_y,
        ),
        (cuff_x, cuff_y),
        (inner_x, inner_y),
        (cut.chest + 0.01, min(cut.armpit + 0.5 * cut.sleeve_width, inner_y)),
        (cut.chest - 0.04, cut.armpit),
    ]


def _top(
    rng: random.Random, cut: _TopCut, *, hem_curve: float = 0.0, sleeve_tone: float = 1.0
) -> Garment:
    """Sleeves, torso, the inside of the neck and the armhole seams: shared by all tops."""
    parts, lines = [], []
    if cut.sleeve:
        left_angle = cut.arm_angle + rng.uniform(-0.04, 0.04)
        parts.append(Part("left sleeve", mirrored(_sleeve(cut, left_angle)), sleeve_tone))
        parts.append(Part("right sleeve", _sleeve(cut, cut.arm_angle), sleeve_tone))
        seam = [
            (cut.shoulder - 0.02, cut.shoulder_drop + 0.02),
            (cut.chest - 0.01, cut.armpit),
            (cut.chest, cut.armpit + 0.12),
        ]
        tone = rng.uniform(0.5, 0.95)
        lines += [Line("armhole", seam, tone), Line("armhole", mirrored(seam), tone)]
    parts.append(Part("torso", _torso(cut, hem_curve)))
    if rng.random() < 0.5:
        inside = [(-cut.neck, 0.0), *_neckline(cut), (cut.neck, 0.0)]
        parts.append(Part("inside of the neck", inside, rng.uniform(0.25, 0.75)))
    return Garment(parts, lines)


def _add_collar(rng: random.Random, garment: Garment, cut: _TopCut, reach: float) -> None:
    """A turned-down collar; a long reach makes lapels."""
    points = [
        (0.01, cut.neck_depth),
        (0.3 * cut.neck, -0.03),
        (cut.neck + 0.01, -0.02),
        (cut.neck + 0.03, 0.05),
        (0.6 * cut.neck + 0.02, reach),
    ]
    tone = rng.uniform(0.75, 1.0)
    garment.parts.append(Part("collar", points, tone))
    garment.parts.append(Part("collar", mirrored(points), tone))
    edge = points[3:] + points[:1]
    edge_tone = rng.uniform(0.4, 0.75)
    garment.lines.append(Line("collar edge", edge, edge_tone))
    garment.lines.append(Line("collar edge", mirrored(edge), edge_tone))


def _add_hood(rng: random.Random, garment: Garment, cut: _TopCut) -> None:
    rise = rng.uniform(0.06, 0.14)
    x = cut.neck + rng.uniform(0.02, 0.06)
    side = [(0.5 * x, -rise), (x, -0.4 * rise), (x, 0.06), (0.5 * x, 0.13)]
    garment.parts.append(Part("hood", side + mirrored(side), rng.uniform(0.75, 1.0)))
    opening = [(0.35 * x, -0.4 * rise), (0.55 * x, 0.02), (0.2 * x, 0.1)]
    garment.parts.append(Part("hood opening", opening + mirrored(opening), rng.uniform(0.2, 0.6)))


def _add_front(rng: random.Random, garment: Garment, cut: _TopCut, buttons: int) -> None:
    """The front edge from neck to hem, a dark or light line with buttons beside it."""
    x = rng.uniform(-0.02, 0.02)
    top, bottom = cut.neck_depth, cut.length - 0.01
    tone = rng.uniform(0.25, 0.65)
    garment.lines.append(Line("front edge", [(x, top), (x, bottom)], tone, rng.uniform(0.4, 1.2)))
    step = (bottom - top) / (buttons + 0.5)
    for i in range(buttons):
        y = top + (i + 0.5) * step
        garment.lines.append(Line("button", [(x, y), (x + 0.03, y)], rng.uniform(0.2, 0.5), 0.9))


def _add_motif(rng: random.Random, garment: Garment) -> None:
    """A printed motif or lettering on the chest."""
    x, y = rng.uniform(0.06, 0.15), rng.uniform(0.25, 0.4)
    height = rng.uniform(0.03, 0.28)
    points = [(x, y), (x, y + height), (-x, y + height), (-x, y)]
    if rng.random() < 0.5:
        points = rounded(points)
    garment.parts.append(Part("motif", points, rng.uniform(0.15, 0.7)))
    if height > 0.12 and rng.random() < 0.6:
        middle = y + 0.5 * height
        garment.lines.append(Line("lettering", [(-0.6 * x, middle), (0.6 * x, middle)], 1.0, 1.0))


def _add_ribbing(rng: random.Random, garment: Garment, cut: _TopCut) -> None:
    """A ribbed hem, as of knitwear."""
    y = cut.length - rng.uniform(0.04, 0.09)
    garment.lines.append(
        Line("ribbing", [(-cut.hem, y), (cut.hem, y)], rng.uniform(0.5, 0.85), 0.6)
    )


def _short_sleeved_cut(rng: random.Random) -> _TopCut:
    """The cut of T-shirts and short-sleeved shirts."""
    u = rng.uniform
    chest = u(0.24, 0.33)
    return _TopCut(
        length=1.0,
        neck=u(0.09, 0.17),
        neck_depth=u(0.04, 0.14),
        shoulder=chest + u(0.0, 0.05),
        shoulder_drop=u(0.05, 0.1),
        chest=chest,
        armpit=u(0.27, 0.36),
        waist=chest - u(0.0, 0.05),
        waist_height=u(0.55, 0.7),
        hem=chest + u(-0.03, 0.05),
        sleeve=u(0.2, 0.36),
        sleeve_width=u(0.14, 0.2),
        cuff=u(0.12, 0.18),
        arm_angle=u(0.35, 0.8),
        v_neck=rng.random() < 0.2,
    )


def _long_sleeved_cut(rng: random.Random) -> _TopCut:
    """The cut of pullovers, coats and long-sleeved shirts."""
    u = rng.uniform
    chest = u(0.21, 0.31)
    return _TopCut(
        length=1.0,
        neck=u(0.08, 0.15),
        neck_depth=u(0.03, 0.1),
        shoulder=chest + u(-0.01, 0.04),
        shoulder_drop=u(0.06, 0.12),
        chest=chest,
        armpit=u(0.28, 0.38),
        waist=chest - u(0.0, 0.05),
        waist_height=u(0.55, 0.7),
        hem=chest + u(-0.04, 0.04),
        sleeve=u(0.78, 0.98),
        sleeve_width=u(0.11, 0.17),
        cuff=u(0.07, 0.12),
        arm_angle=u(0.06, 0.24),
        v_neck=rng.random() < 0.12,
    )


def tshirt(rng: random.Random) -> Garment:
    cut = _short_sleeved_cut(rng)
    kind = rng.random()
    if kind < 0.2:  # a tank top: straps instead of shoulders
        cut = cut._replace(
            sleeve=0.0,
            shoulder=cut.neck + rng.uniform(0.04, 0.1),
            shoulder_drop=0.02,
            neck_depth=rng.uniform(0.12, 0.28),
        )
    elif kind < 0.25:
        cut = _long_sleeved_cut(rng)
    elif kind < 0.36:
        cut = cut._replace(sleeve=rng.uniform(0.4, 0.6), arm_angle=rng.uniform(0.2, 0.45))
    garment = _top(rng, cut, hem_curve=rng.uniform(-0.01, 0.04))
    if rng.random() < 0.4:
        _add_motif(rng, garment)
    return garment


def pullover(rng: random.Random) -> Garment:
    cut = _long_sleeved_cut(rng)
    if rng.random() < 0.15:
        cut = cut._replace(length=rng.uniform(0.8, 0.95))
    sleeve_tone = rng.uniform(0.6, 0.9) if rng.random() < 0.1 else rng.uniform(0.92, 1.0)
    garment = _top(rng, cut, sleeve_tone=sleeve_tone)
    if rng.random() < 0.12:
        _add_hood(rng, garment, cut)
    if rng.random() < 0.5:
        _add_ribbing(rng, garment, cut)
    if rng.random() < 0.22:
        _add_motif(rng, garment)
    return garment


def coat(rng: random.Random) -> Garment:
    cut = _long_sleeved_cut(rng)
    if rng.random() < 0.35:  # knee-length: narrow once scaled to the image
        cut = cut._replace(length=rng.uniform(1.1, 1.4), hem=cut.hem + rng.uniform(0.0, 0.08))
    sleeve_tone = rng.uniform(0.5, 0.9) if rng.random() < 0.15 else rng.uniform(0.9, 1.0)
    garment = _top(rng, cut, sleeve_tone=sleeve_tone)
    if rng.random() < 0.95:
        _add_front(rng, garment, cut, buttons=rng.choice((0, 0, 3, 4)))
    collar = rng.random()
    if collar < 0.25:
        _add_hood(rng, garment, cut)
    elif collar < 0.8:
        _add_collar(rng, garment, cut, reach=rng.uniform(0.12, 0.4))
    if rng.random() < 0.6:
        add_pockets(rng, garment, rng.uniform(0.62, 0.75), cut.waist)
    if rng.random() < 0.15:
        y = cut.waist_height
        garment.lines.append(Line("belt", [(-cut.waist, y), (cut.waist, y)], 0.4, 1.2))
    return garment


def shirt(rng: random.Random) -> Garment:
    is_short = rng.random() < 0.35
    cut = _short_sleeved_cut(rng) if is_short else _long_sleeved_cut(rng)
    if not is_short and rng.random() < 0.15:
        cut = cut._replace(sleeve=rng.uniform(0.45, 0.7))
    garment = _top(rng, cut, hem_curve=rng.uniform(0.0, 0.08))
    buttoned = rng.random() < 0.85  # the rest are blouses, easily confused with other tops
    if buttoned:
        _add_front(rng, garment, cut, buttons=rng.choice((0, 4, 5, 6)))
    if rng.random() < (0.85 if buttoned else 0.3):
        _add_collar(rng, garment, cut, reach=rng.uniform(0.09, 0.16))
    if rng.random() < 0.2:
        add_pockets(rng, garment, rng.uniform(0.3, 0.4), cut.chest)
    return garment


def dress(rng: random.Random) -> Garment:
    u = rng.uniform
    is_tunic = rng.random() < 0.12  # as wide as a coat or a T-shirt
    chest = u(0.19, 0.25) if is_tunic else u(0.13, 0.19)
    neck = u(0.05, 0.1)
    is_flared = rng.random() < 0.5
    cut = _TopCut(
        length=1.0,
        neck=neck,
        neck_depth=u(0.03, 0.14),
        shoulder=chest - u(-0.01, 0.03),
        shoulder_drop=u(0.02, 0.05),
        chest=chest,
        armpit=u(0.17, 0.24),
        waist=chest - u(0.0, 0.06),
        waist_height=u(0.35, 0.5),
        hem=chest + (u(0.05, 0.16) if is_flared else u(-0.04, 0.05)),
        sleeve=0.0,
        sleeve_width=u(0.07, 0.11),
        cuff=u(0.06, 0.09),
        arm_angle=u(0.05, 0.25),
        v_neck=rng.random() < 0.3,
    )
    kind = rng.random()
    if kind < 0.3:  # shoulder straps
        cut = cut._replace(shoulder=neck + u(0.02, 0.06), neck_depth=u(0.08, 0.18))
    elif kind < 0.65:
        cut = cut._replace(sleeve=u(0.1, 0.22), arm_angle=u(0.3, 0.7))
    elif kind < 0.9:
        cut = cut._replace(sleeve=u(0.45, 0.68))
    garment = _top(rng, cut, hem_curve=u(0.0, 0.03))
    if rng.random() < 0.6:
        y = cut.waist_height
        points = [(-cut.waist, y), (cut.waist, y)]
        garment.lines.append(Line("waist seam", points, u(0.4, 0.85), u(0.5, 1.2)))
    if is_flared:
        for side in (-0.5, 0.05, 0.55):
            points = [(side * cut.waist, cut.waist_height + 0.05), (side * cut.hem, cut.length)]
            garment.lines.append(Line("pleat", points, u(0.6, 0.95)))
    return garment
