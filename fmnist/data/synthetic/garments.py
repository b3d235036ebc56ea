"""Drawn garments: a data set that needs no download.

The same ten classes as Fashion-MNIST, drawn in its manner: a light garment on black, as large as
the thumbnail allows, shoes pointing left. Numbers measured on drawn garments say nothing about
Fashion-MNIST; the drawings let the dashboard train, err and explain itself without it.

A garment is drawn in three steps, kept apart so that each can be replaced:

1. geometry: ``garment_geometry`` chooses a cut and returns a ``Garment`` of named parts and lines,
   in the garment's own units;
2. raster: ``_rasterize`` poses and frames the geometry and fills it, one image at a time;
3. fabric: ``_apply_fabric`` adds texture and shading to a whole batch at once.
"""

import math
import random
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.data.labels import IMAGE_SIZE, NUM_CLASSES, check_label
from fmnist.data.synthetic.strokes import Point, mirrored

SUPERSAMPLING: Final = 3  # canvas pixels to an image pixel; Pillow snaps corners to whole pixels
BATCH_SIZE: Final = 500  # small enough for a batch to stay in the processor's cache


class Part(NamedTuple):
    """A closed polygon. Tone 1 is the plain fabric, 0 an opening through which one sees black."""

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


# --- Shapes -------------------------------------------------------------------------------------


def _rounded(points: list[Point]) -> list[Point]:
    """Cut the corners of a closed polygon once (Chaikin)."""
    result = []
    x0, y0 = points[-1]
    for x1, y1 in points:
        result.append((0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1))
        result.append((0.25 * x0 + 0.75 * x1, 0.25 * y0 + 0.75 * y1))
        x0, y0 = x1, y1
    return result


def _arch(start: Point, end: Point, rise: float) -> list[Point]:
    """A parabola from start to end, ``rise`` above (negative: below) the chord at its middle."""
    (x0, y0), (x1, y1) = start, end
    return [
        (x0 + t * (x1 - x0), y0 + t * (y1 - y0) - 4.0 * t * (1.0 - t) * rise)
        for t in (0.0, 0.15, 0.35, 0.5, 0.65, 0.85, 1.0)
    ]


def _band(points: list[Point], width: float) -> list[Point]:
    """The outline of a strap that follows an open line."""
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


# --- Tops and dresses ---------------------------------------------------------------------------


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
    """The right sleeve. Its shoulder end lies under the torso."""
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
    """Sleeves, torso, the inside of the neck and the armhole seams: what all tops share."""
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
    """The front edge from neck to hem, as a dark or light line, with buttons beside it."""
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
        points = _rounded(points)
    garment.parts.append(Part("motif", points, rng.uniform(0.15, 0.7)))
    if height > 0.12 and rng.random() < 0.6:
        middle = y + 0.5 * height
        garment.lines.append(Line("lettering", [(-0.6 * x, middle), (0.6 * x, middle)], 1.0, 1.0))


def _add_ribbing(rng: random.Random, garment: Garment, cut: _TopCut) -> None:
    """Ribbed hem, as knitwear has."""
    y = cut.length - rng.uniform(0.04, 0.09)
    garment.lines.append(
        Line("ribbing", [(-cut.hem, y), (cut.hem, y)], rng.uniform(0.5, 0.85), 0.6)
    )


def _add_pockets(rng: random.Random, garment: Garment, y: float, x: float) -> None:
    tone, slant = rng.uniform(0.35, 0.75), rng.uniform(-0.06, 0.06)
    points = [(0.45 * x, y), (0.85 * x, y + slant)]
    garment.lines.append(Line("pocket", points, tone, 0.9))
    garment.lines.append(Line("pocket", mirrored(points), tone, 0.9))


def _short_sleeved_cut(rng: random.Random) -> _TopCut:
    """What T-shirts and short-sleeved shirts have in common, which is nearly all."""
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
    """What pullovers, coats and long-sleeved shirts have in common."""
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


def _tshirt(rng: random.Random) -> Garment:
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


def _pullover(rng: random.Random) -> Garment:
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


def _coat(rng: random.Random) -> Garment:
    cut = _long_sleeved_cut(rng)
    if rng.random() < 0.35:  # knee-length: narrow once it is scaled to the frame
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
        _add_pockets(rng, garment, rng.uniform(0.62, 0.75), cut.waist)
    if rng.random() < 0.15:
        y = cut.waist_height
        garment.lines.append(Line("belt", [(-cut.waist, y), (cut.waist, y)], 0.4, 1.2))
    return garment


def _shirt(rng: random.Random) -> Garment:
    is_short = rng.random() < 0.35
    cut = _short_sleeved_cut(rng) if is_short else _long_sleeved_cut(rng)
    if not is_short and rng.random() < 0.15:
        cut = cut._replace(sleeve=rng.uniform(0.45, 0.7))
    garment = _top(rng, cut, hem_curve=rng.uniform(0.0, 0.08))
    buttoned = rng.random() < 0.85  # the rest are blouses, hard to tell from their neighbors
    if buttoned:
        _add_front(rng, garment, cut, buttons=rng.choice((0, 4, 5, 6)))
    if rng.random() < (0.85 if buttoned else 0.3):
        _add_collar(rng, garment, cut, reach=rng.uniform(0.09, 0.16))
    if rng.random() < 0.2:
        _add_pockets(rng, garment, rng.uniform(0.3, 0.4), cut.chest)
    return garment


def _dress(rng: random.Random) -> Garment:
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


# --- Trousers -----------------------------------------------------------------------------------


def _trouser_leg(
    hip: float, crotch: float, knee: float, ankle: float, foot_x: float
) -> list[Point]:
    """The right leg below the hip, from its outer to its inner side; foot_x is its inner ankle."""
    knee_y = 0.5 * (crotch + 1.0)
    knee_x = 0.5 * foot_x + 0.01
    return [
        (hip, crotch),
        (knee_x + knee, knee_y),
        (foot_x + ankle, 1.0),
        (foot_x, 1.0),
        (knee_x, knee_y),
    ]


def _trouser(rng: random.Random) -> Garment:
    u = rng.uniform
    waist, crotch = u(0.12, 0.17), u(0.27, 0.36)
    hip = waist + u(0.01, 0.05)
    knee = hip - u(0.02, 0.06)
    ankle = knee + (u(-0.06, 0.0) if rng.random() < 0.7 else u(0.0, 0.05))
    spread = u(0.01, 0.08)
    right = _trouser_leg(hip, crotch, knee, ankle, spread)
    left_spread = spread + u(-0.02, 0.02)
    if rng.random() < 0.15:  # worn by someone: one leg stands apart
        left_spread += u(0.03, 0.1)
    left = mirrored(_trouser_leg(hip, crotch, knee, ankle, left_spread))
    outline = [(waist, 0.0), *right, (0.0, crotch), *left, (-waist, 0.0)]
    width = 1.0
    if rng.random() < 0.12:  # shorts and cropped legs: wide once they are scaled to the frame
        width = u(1.3, 2.0)
    parts = [Part("legs", [(width * x, y) for x, y in outline])]
    band_y = u(0.03, 0.06)
    lines = [Line("waistband", [(-width * waist, band_y), (width * waist, band_y)], u(0.5, 0.9))]
    if rng.random() < 0.6:
        lines.append(Line("fly", [(0.0, band_y), (0.0, crotch)], u(0.5, 0.85)))
    if rng.random() < 0.4:
        crease_x = width * (0.5 * knee + 0.5 * spread)
        crease = [(crease_x, 0.2), (crease_x, 0.95)]
        lines += [Line("crease", crease, 0.8), Line("crease", mirrored(crease), 0.8)]
    garment = Garment(parts, lines)
    if rng.random() < 0.5:
        _add_pockets(rng, garment, band_y + 0.05, width * hip)
    return garment


# --- Shoes: the toe is at x = 0, the heel at x = 1, the ground at y = 0 -------------------------


def _footbed(x: float, thickness: float, heel: float) -> float:
    """Height of the top of a sole at x: flat under the toes, rising to the heel."""
    t = min(max((x - 0.28) / 0.5, 0.0), 1.0)
    return thickness + heel * t * t * (3.0 - 2.0 * t)


def _sole(thickness: float, heel: float, *, is_wedge: bool) -> list[Point]:
    stations = (0.0, 0.2, 0.4, 0.55, 0.7, 0.85, 1.0)
    top = [(x, -_footbed(x, thickness, heel)) for x in stations]
    if is_wedge:
        return [*top, (0.98, 0.0), (0.04, 0.0)]
    return top + [(x, -_footbed(x, 0.0, heel)) for x in reversed(stations)]


def _heel(rng: random.Random, height: float, *, is_slim: bool) -> list[Point]:
    foot = rng.uniform(0.03, 0.06) if is_slim else rng.uniform(0.14, 0.24)
    back = rng.uniform(0.92, 0.99)
    return [(0.78, -height), (1.0, -height - 0.03), (back, 0.0), (back - foot, 0.0)]


def _sneaker(rng: random.Random) -> Garment:
    is_high = rng.random() < 0.1
    return _laced_shoe(rng, rng.uniform(0.42, 0.62) if is_high else rng.uniform(0.26, 0.42))


def _laced_shoe(rng: random.Random, collar: float) -> Garment:
    """A sneaker, or with a high collar a walking boot."""
    u = rng.uniform
    sole, toe = u(0.04, 0.1), u(0.12, 0.19)
    throat, dip = u(0.42, 0.58), u(0.0, 0.08)
    upper = [
        (0.02, -0.6 * sole),
        (0.0, -0.75 * toe),
        (0.09, -toe),
        (0.26, -toe - u(0.02, 0.06)),
        (throat, -collar + u(0.0, 0.04)),
        (throat + 0.1, -collar - u(0.0, 0.05)),
        (throat + 0.17, -collar + dip),
        (0.86, -collar + dip),
        (0.97, -collar - u(-0.02, 0.04)),
        (1.0, -0.6 * collar),
        (0.98, -0.6 * sole),
    ]
    parts = [Part("upper", _rounded(upper))]
    spring = u(0.0, 0.03)  # the toe of a running shoe lifts off the ground
    ground = [(0.0, -sole - spring), (0.5, -sole), (1.0, -sole - 0.02), (0.99, 0.0), (0.12, 0.0)]
    parts.append(Part("sole", ground, u(0.35, 1.0)))
    lines = [Line("welt", ground[:3], u(0.4, 0.85))]
    parts += _panels(rng, collar)
    if rng.random() < 0.1:
        parts += _windows(rng, sole, u(0.05, 0.4))
    for i in range(rng.randint(0, 4)):
        x, y = 0.3 + 0.06 * i, -toe - 0.06 - 0.035 * i
        lines.append(Line("lace", [(x, y), (x + 0.07, y + 0.08)], u(0.4, 1.0), 0.6))
    for i in range(rng.choice((0, 0, 1, 2, 3))):
        x = 0.5 + 0.09 * i
        lines.append(Line("stripe", [(x, -collar * 0.8), (x - 0.08, -sole)], u(0.3, 0.8), 0.9))
    return Garment(parts, lines)


def _panels(rng: random.Random, collar: float) -> list[Part]:
    """Toe cap and heel tab, each of its own tone, on some shoes."""
    panels = []
    if rng.random() < 0.3:
        cap = [(0.03, -0.06), (0.03, -0.1), (0.1, -0.13), (0.22, -0.15), (0.18, -0.06)]
        panels.append(Part("toe cap", cap, rng.uniform(0.5, 1.0)))
    if rng.random() < 0.3:
        tab = [(0.84, -0.07), (0.86, -collar + 0.06), (0.97, -collar + 0.03), (0.97, -0.07)]
        panels.append(Part("heel tab", tab, rng.uniform(0.3, 0.9)))
    return panels


def _windows(rng: random.Random, sole: float, tone: float) -> list[Part]:
    """Openings along the side of a shoe; with a tone above 0, mesh or lining shows in them."""
    u = rng.uniform
    width, x = u(0.04, 0.12), u(0.14, 0.3)
    windows = []
    for _ in range(rng.randint(1, 4)):
        top = -sole - 0.05 - 0.3 * x
        points = [(x, -sole - 0.02), (x + 0.03, top), (x + 0.03 + width, top), (x + width, -sole)]
        windows.append(Part("window", points, tone))
        x += width + u(0.05, 0.1)
    return windows


def _ankle_boot(rng: random.Random) -> Garment:
    u = rng.uniform
    if rng.random() < 0.1:
        return _laced_shoe(rng, u(0.42, 0.75))
    kind = rng.random()
    heel = u(0.02, 0.08) if kind < 0.55 else u(0.12, 0.25) if kind < 0.8 else u(0.25, 0.42)
    sole = u(0.03, 0.07)
    toe = sole + u(0.09, 0.16)
    shaft = heel + (u(0.36, 0.5) if rng.random() < 0.25 else u(0.5, 0.85))
    front, lean = u(0.42, 0.56), u(-0.04, 0.04)
    stations = (0.95, 0.8, 0.6, 0.42, 0.25, 0.04)
    upper = [
        (0.0, -0.7 * toe),
        (0.07, -toe),
        (0.25, -toe - 0.05 - 0.15 * heel),
        (front - 0.04, -0.42 * shaft - 0.3 * heel),
        (front + lean, -shaft),
        (0.7 + lean, -shaft + u(-0.02, 0.05)),
        (0.97 + lean, -shaft + u(-0.03, 0.03)),
        (0.95, -0.55 * shaft - 0.3 * heel),
        (1.0, -heel - 0.14),
        *((x, -_footbed(x, 0.3 * sole, heel)) for x in stations),
    ]
    parts = [Part("upper", _rounded(upper))]
    sole_tone = u(0.4, 1.0)
    parts.append(Part("sole", _sole(sole, heel, is_wedge=False), sole_tone))
    if heel > 0.03:
        parts.append(Part("heel", _heel(rng, heel + 0.02, is_slim=kind >= 0.9), sole_tone))
    lines = [Line("welt", [(x, -_footbed(x, sole, heel)) for x in stations], u(0.4, 0.9))]
    return Garment(parts, lines + _boot_details(rng, shaft, heel, front))


def _boot_details(rng: random.Random, shaft: float, heel: float, front: float) -> list[Line]:
    """Laces, a zip, an elastic gore or a cuff; sometimes nothing."""
    u = rng.uniform
    ankle = 0.4 * shaft + 0.6 * heel
    kind = rng.random()
    if kind < 0.3:
        heights = [ankle + t * (shaft - ankle) for t in (0.0, 0.3, 0.6, 0.9)]
        tone = u(0.35, 0.8)
        return [Line("lace", [(front, -y), (front + 0.12, -y + 0.04)], tone) for y in heights]
    if kind < 0.5:
        return [Line("zip", [(0.72, -heel - 0.1), (0.74, -shaft)], u(0.4, 0.8))]
    if kind < 0.7:
        gore = [(0.66, -shaft), (0.72, -ankle), (0.8, -ankle), (0.86, -shaft)]
        return [Line("gore", gore, u(0.35, 0.8))]
    if kind < 0.85:
        y = shaft - u(0.06, 0.2)
        return [Line("cuff", [(front, -y), (0.97, -y)], u(0.4, 0.8), 0.9)]
    return []


def _sandal(rng: random.Random) -> Garment:
    u = rng.uniform
    kind = rng.random()
    is_wedge = 0.4 <= kind < 0.6
    heel = u(0.0, 0.05) if kind < 0.4 else u(0.1, 0.32) if is_wedge else u(0.25, 0.6)
    sole = u(0.04, 0.09) if kind < 0.6 else u(0.03, 0.07)
    sole_tone = u(0.5, 1.0)
    parts = [Part("sole", _sole(sole, heel, is_wedge=is_wedge or kind < 0.4), sole_tone)]
    if kind >= 0.6:
        parts.append(Part("heel", _heel(rng, heel, is_slim=rng.random() < 0.6), sole_tone))
    if kind < 0.07:
        parts += _closed_sandal_upper(rng, sole)
        return Garment(parts, [])
    parts += _front_straps(rng, sole, heel)
    if rng.random() < 0.85:
        parts += _ankle_straps(rng, sole, heel)
    return Garment(parts, [])


def _closed_sandal_upper(rng: random.Random, sole: float) -> list[Part]:
    """A sneaker's silhouette with windows in it, as hiking and fisherman sandals have."""
    u = rng.uniform
    collar = u(0.26, 0.42)
    upper = [
        (0.03, -0.5 * sole),
        (0.05, -sole - 0.1),
        (0.28, -sole - 0.16),
        (0.55, -collar),
        (0.95, -collar - u(-0.06, 0.04)),
        (1.0, -0.5 * sole),
    ]
    tone = rng.choice((0.0, 0.1, 0.25))
    return [Part("upper", _rounded(upper), u(0.7, 1.0)), *_windows(rng, sole, tone)]


def _front_straps(rng: random.Random, sole: float, heel: float) -> list[Part]:
    """Straps over the toes and the instep, with gaps between them."""
    u = rng.uniform
    count = rng.choice((1, 1, 2, 2, 3))
    width = u(0.04, 0.1) if count > 1 else u(0.05, 0.22)
    straps = []
    x = u(0.1, 0.18)
    for _ in range(count):
        start, end = (x, -_footbed(x, sole, heel)), (x + 0.2, -_footbed(x + 0.2, sole, heel))
        line = _arch(start, end, u(0.08, 0.14) + 0.12 * x)
        straps.append(Part("strap", _band(line, width), u(0.6, 1.0)))
        x += u(0.12, 0.2)
    if rng.random() < 0.3:  # a thong or a T-bar leads from the toes to the ankle
        start, end = (0.2, -sole - 0.08), (0.68, -_footbed(0.68, sole, heel) - u(0.14, 0.3))
        straps.append(Part("T-bar", _band([start, end], u(0.03, 0.06)), u(0.6, 1.0)))
    return straps


def _ankle_straps(rng: random.Random, sole: float, heel: float) -> list[Part]:
    """A strap around the heel, then a slingback down to the instep, an ankle strap or both."""
    u = rng.uniform
    back, width, height = -sole - heel, u(0.03, 0.07), u(0.14, 0.34)
    tone = u(0.6, 1.0)
    counter = [(0.97, back), (0.99, back - 0.5 * height), (0.95, back - height)]
    parts = [Part("heel counter", _band(counter, u(0.03, 0.12)), tone)]
    kind = rng.random()
    if kind < 0.6:
        x = u(0.36, 0.58)
        low = (x, -_footbed(x, sole, heel) - u(0.0, 0.1))
        sling = _arch((0.96, back - u(0.5, 0.9) * height), low, u(-0.05, 0.02))
        parts.append(Part("slingback", _band(sling, width), tone))
    if kind > 0.4:
        front = (u(0.56, 0.7), back - height - u(-0.08, 0.04))
        ankle = _arch((0.95, back - height), front, u(-0.06, 0.06))
        parts.append(Part("ankle strap", _band(ankle, width), tone))
        if rng.random() < 0.5:
            x = u(0.36, 0.56)
            down = [front, (0.5 * (front[0] + x) + 0.04, 0.5 * (front[1] + back))]
            down.append((x, -_footbed(x, sole, heel)))
            parts.append(Part("T-bar", _band(down, width), tone))
    return parts


# --- Bags ---------------------------------------------------------------------------------------


def _bag(rng: random.Random) -> Garment:
    u = rng.uniform
    height, taper = u(0.45, 0.95), u(-0.08, 0.1)
    top, bottom = 0.5 - max(taper, 0.0), 0.5 + min(taper, 0.0)
    side = [(top, 0.0), (0.5, 0.5 * height), (bottom, height)]
    body = side + mirrored(side)
    if rng.random() < 0.6:
        body = _rounded(body)
    parts = [*_bag_handles(rng, top, height), Part("body", body)]
    lines = []
    if rng.random() < 0.4:
        depth = u(0.25, 0.65) * height
        flap = [(-top, 0.0), (top, 0.0), (0.48, 0.6 * depth), (0.3, depth), (-0.3, depth)]
        flap.append((-0.48, 0.6 * depth))
        parts.append(Part("flap", flap, u(0.8, 1.0)))
        lines.append(Line("flap edge", [*flap[2:], flap[0]], u(0.35, 0.75), 0.9))
        lines.append(Line("clasp", [(-0.02, depth), (0.02, depth)], u(0.2, 0.5), 1.2))
    else:
        lines.append(Line("opening", [(-top, 0.06), (top, 0.06)], u(0.4, 0.85)))
    if rng.random() < 0.35:
        y = u(0.45, 0.75) * height
        lines.append(Line("seam", [(-0.48, y), (0.48, y)], u(0.4, 0.8)))
    if rng.random() < 0.25:
        points = [(0.25, 0.0), (0.25, height)]
        lines += [Line("strap seam", points, 0.6), Line("strap seam", mirrored(points), 0.6)]
    return Garment(parts, lines)


def _bag_handles(rng: random.Random, top: float, height: float) -> list[Part]:
    u = rng.uniform
    kind, width, tone = rng.random(), u(0.04, 0.08), u(0.6, 1.0)
    if kind < 0.15:  # a clutch
        return []
    if kind < 0.5:  # a grip, or two seen one behind the other
        x, rise = u(0.16, 0.34), u(0.15, 0.5)
        grip = _arch((-x, 0.03), (x, 0.03), rise)
        parts = [Part("handle", _band(grip, width), tone)]
        if rng.random() < 0.3:
            behind = _arch((0.04 - x, 0.03), (x + 0.04, 0.03), rise + 0.08)
            parts.insert(0, Part("handle", _band(behind, width), 0.7 * tone))
        return parts
    if kind < 0.75:  # a shoulder strap held up to a point
        peak = (u(-0.1, 0.1), -u(0.4, 0.9))
        strap = [(0.03 - top, 0.04), (0.8 * peak[0] - 0.08, peak[1] + 0.1), peak]
        strap += [(0.8 * peak[0] + 0.08, peak[1] + 0.1), (top - 0.03, 0.04)]
        return [Part("shoulder strap", _band(strap, width), tone)]
    reach = u(0.04, 0.1)  # a shoulder strap that hangs down beside the body
    strap = [(top - 0.05, 0.02), (0.5 + reach, 0.2 * height), (0.5 + reach, 0.75 * height)]
    strap.append((0.5, height))
    parts = [Part("shoulder strap", _band(strap, width), tone)]
    if rng.random() < 0.6:
        parts.append(Part("shoulder strap", _band(mirrored(strap), width), tone))
    return parts


# --- From geometry to images --------------------------------------------------------------------

_CUTTERS: Final[tuple[Callable[[random.Random], Garment], ...]] = (
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


def garment_geometry(label: int, rng: random.Random) -> Garment:
    """Choose the cut of a garment.

    Parameters
    ----------
    label
        Index into ``CLASS_NAMES``, 0 to 9.
    rng
        Source of the cut; advanced by the call.

    Returns
    -------
    Garment
        Parts and lines in the garment's own units, neither posed nor framed.

    Raises
    ------
    ValueError
        If the label is outside 0 to 9.
    """
    check_label(label)
    return _CUTTERS[label](rng)


def _posed(garment: Garment, rng: random.Random, size: float) -> Garment:
    """Turn and shear a little, then frame: the longest side fills ``size`` pixels, centered."""
    angle, shear, aspect = rng.gauss(0.0, 0.025), rng.gauss(0.0, 0.025), rng.uniform(0.93, 1.07)
    shapes = [shape.points for shape in garment.parts]
    ax, bx = aspect * math.cos(angle), shear - math.sin(angle)
    ay, by = aspect * math.sin(angle), math.cos(angle)
    xs = [ax * x + bx * y for points in shapes for x, y in points]
    ys = [ay * x + by * y for points in shapes for x, y in points]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    scale = size * rng.uniform(0.94, 1.0) / max(right - left, bottom - top)
    jitter = 0.015 * size
    cx = 0.5 * (size - scale * (left + right)) + rng.uniform(-jitter, jitter)
    cy = 0.5 * (size - scale * (top + bottom)) + rng.uniform(-jitter, jitter)
    ax, bx, ay, by = scale * ax, scale * bx, scale * ay, scale * by

    def place(points: list[Point]) -> list[Point]:
        return [(ax * x + bx * y + cx, ay * x + by * y + cy) for x, y in points]

    return Garment(
        [Part(name, place(points), tone) for name, points, tone in garment.parts],
        [Line(name, place(points), tone, width) for name, points, tone, width in garment.lines],
    )


def _rasterize(garment: Garment, rng: random.Random) -> bytes:
    """Fill a garment with its tones: ``IMAGE_SIZE`` rows of ``IMAGE_SIZE`` bytes."""
    size = IMAGE_SIZE * SUPERSAMPLING
    posed = _posed(garment, rng, size)
    canvas = Image.new("L", (size, size))
    draw = ImageDraw.Draw(canvas)
    for part in posed.parts:
        draw.polygon(part.points, fill=round(255 * part.tone))
    for line in posed.lines:
        width = max(1, round(SUPERSAMPLING * line.width))
        draw.line(line.points, fill=round(255 * line.tone), width=width)
    return canvas.reduce(SUPERSAMPLING).tobytes()


# How often each class wears which texture: rows, columns, checks, print, knit; the rest is plain.
_TEXTURE_ODDS: Final = (
    (0.12, 0.02, 0.01, 0.14, 0.10),  # T-shirt/top
    (0.00, 0.05, 0.03, 0.07, 0.25),  # Trouser
    (0.18, 0.03, 0.02, 0.08, 0.30),  # Pullover
    (0.05, 0.05, 0.04, 0.16, 0.10),  # Dress
    (0.03, 0.04, 0.06, 0.06, 0.25),  # Coat
    (0.00, 0.00, 0.00, 0.05, 0.15),  # Sandal
    (0.04, 0.10, 0.16, 0.16, 0.12),  # Shirt
    (0.00, 0.00, 0.00, 0.08, 0.30),  # Sneaker
    (0.02, 0.03, 0.04, 0.14, 0.20),  # Bag
    (0.00, 0.00, 0.00, 0.08, 0.25),  # Ankle boot
)


def _box_blur(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over 3 × 3 pixels; what lies beyond the border counts as 0."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    blurred: NDArray[np.float32] = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    blurred /= 9.0
    return blurred


def _textures(
    labels: NDArray[np.uint8], grain: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Textures (N, 28, 28) about 0, between -1 and 1 but for the tails of the knit."""
    count = len(labels)

    def uniform(low: float, high: float) -> NDArray[np.float32]:
        return generator.uniform(low, high, (count, 1, 1)).astype(np.float32)

    def stripes(positions: NDArray[np.float32]) -> NDArray[np.float32]:
        phase = positions / uniform(2.5, 8.0) + uniform(0.0, 1.0)
        return np.where(phase % 1.0 < uniform(0.3, 0.7), np.float32(1), np.float32(-1))

    # Where the draw falls among the class's cumulated odds says which texture is worn.
    cumulated = np.cumsum(np.array(_TEXTURE_ODDS, np.float32), axis=1)[labels]
    worn = (generator.random((count, 1), np.float32) >= cumulated).sum(axis=1)
    rows_worn, columns_worn, checks_worn, print_worn, knit_worn = (
        (worn == kind).astype(np.float32)[:, None, None] for kind in range(5)
    )
    pixels = np.arange(IMAGE_SIZE, dtype=np.float32)
    along_rows = (rows_worn + 0.5 * checks_worn) * stripes(pixels[:, None])
    along_columns = (columns_worn + 0.5 * checks_worn) * stripes(pixels[None, :])
    blotches = np.tanh(4.0 * (_box_blur(grain) + uniform(-0.15, 0.15)))
    textures: NDArray[np.float32] = along_rows + along_columns
    textures += 0.7 * print_worn * blotches + 0.2 * knit_worn * grain
    textures *= uniform(0.1, 0.45)
    return textures


def _folds(count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Soft light and dark waves (N, 28, 28) between -1 and 1, mostly upright, as cloth hangs."""
    pixels = np.arange(IMAGE_SIZE, dtype=np.float32)
    across = generator.uniform(0.15, 0.9, (count, 1)).astype(np.float32) * pixels
    across += generator.uniform(0.0, 2.0 * np.pi, (count, 1)).astype(np.float32)
    down = generator.normal(0.0, 0.12, (count, 1)).astype(np.float32) * pixels
    # sin(a + b) from the sines and cosines of a and b: 28 + 28 of each, not 784.
    folds: NDArray[np.float32] = np.sin(across)[:, None, :] * np.cos(down)[:, :, None]
    folds += np.cos(across)[:, None, :] * np.sin(down)[:, :, None]
    return folds


def _apply_fabric(
    tones: NDArray[np.uint8], labels: NDArray[np.uint8], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Give rastered garments brightness, texture, folds, darker edges and a little grain."""
    count = len(labels)
    garments = tones.astype(np.float32)
    brightness = generator.uniform(0.55, 1.0, (count, 1, 1))
    is_dark = generator.random((count, 1, 1)) < 0.15
    brightness = np.where(is_dark, 0.45 * brightness, brightness).astype(np.float32)
    grain = generator.standard_normal(tones.shape, np.float32)
    shade = _textures(labels, grain, generator)
    shade += _folds(count, generator) * generator.uniform(0.0, 0.14, (count, 1, 1))
    inside = _box_blur((tones > 0).astype(np.float32))
    shade += (inside - 1.0) * generator.uniform(0.0, 0.5, (count, 1, 1))
    shade += 0.02 * grain
    shade += 1.0
    garments *= shade
    garments *= brightness
    np.clip(garments, 0.0, 255.0, out=garments)
    return garments.astype(np.uint8)


def draw_garment(label: int, rng: random.Random) -> NDArray[np.uint8]:
    """Draw one garment.

    Parameters
    ----------
    label
        Index into ``CLASS_NAMES``, 0 to 9.
    rng
        Source of everything that varies; advanced by the call.

    Returns
    -------
    NDArray[np.uint8]
        Image of shape (28, 28), 0 (background) to 255.

    Raises
    ------
    ValueError
        If the label is outside 0 to 9.
    """
    tones = np.frombuffer(_rasterize(garment_geometry(label, rng), rng), np.uint8)
    generator = np.random.default_rng(rng.getrandbits(64))
    images = tones.reshape(1, IMAGE_SIZE, IMAGE_SIZE)
    image: NDArray[np.uint8] = _apply_fabric(images, np.array([label], np.uint8), generator)[0]
    return image


def draw_garments(
    count: int, *, seed: int, progress: Callable[[int, int], None] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a balanced, shuffled data set; the same seed gives the same bytes in every process.

    Parameters
    ----------
    count
        Number of images, 0 or more. A larger count does not begin with a smaller one's images.
    seed
        Source of everything that varies.
    progress
        Called now and then, and at the end, with the number of images drawn and ``count``.

    Returns
    -------
    images : NDArray[np.uint8]
        Shape (count, 28, 28), 0 (background) to 255.
    labels : NDArray[np.uint8]
        Shape (count,), 0 to 9; the numbers of images in two classes differ by at most 1.

    Raises
    ------
    ValueError
        If count is negative.
    """
    if count < 0:
        raise ValueError(f"The number of garments to draw must be 0 or more, not {count}.")
    rng = random.Random(seed)
    generator = np.random.default_rng(rng.getrandbits(64))
    order = [i % NUM_CLASSES for i in range(count)]
    rng.shuffle(order)
    labels = np.array(order, np.uint8)
    images = np.empty((count, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for start in range(0, count, BATCH_SIZE):
        batch = order[start : start + BATCH_SIZE]
        stop = start + len(batch)
        raster = b"".join(_rasterize(garment_geometry(label, rng), rng) for label in batch)
        tones = np.frombuffer(raster, np.uint8).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        images[start:stop] = _apply_fabric(tones, labels[start:stop], generator)
        if progress is not None:
            progress(stop, count)
    return images, labels
