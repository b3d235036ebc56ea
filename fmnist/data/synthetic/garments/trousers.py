"""Trousers."""

import random

from fmnist.data.synthetic.garments.parts import Garment, Line, Part, add_pockets
from fmnist.data.synthetic.strokes import Point, mirrored


def _trouser_leg(
    hip: float, crotch: float, knee: float, ankle: float, foot_x: float
) -> list[Point]:
    """The right leg below the hip, from its outer to its inner side; foot_x is the inner ankle."""
    knee_y = 0.5 * (crotch + 1.0)
    knee_x = 0.5 * foot_x + 0.01
    return [
        (hip, crotch),
        (knee_x + knee, knee_y),
        (foot_x + ankle, 1.0),
        (foot_x, 1.0),
        (knee_x, knee_y),
    ]


def trouser(rng: random.Random) -> Garment:
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
    if rng.random() < 0.12:  # shorts and cropped legs: wide once scaled to the image
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
        add_pockets(rng, garment, band_y + 0.05, width * hip)
    return garment
