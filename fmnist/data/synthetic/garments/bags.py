"""Bags."""

import random

from fmnist.data.synthetic.garments.parts import Garment, Line, Part, arch, rounded, strap_outline
from fmnist.data.synthetic.strokes import mirrored


def bag(rng: random.Random) -> Garment:
    u = rng.uniform
    height, taper = u(0.45, 0.95), u(-0.08, 0.1)
    top, bottom = 0.5 - max(taper, 0.0), 0.5 + min(taper, 0.0)
    side = [(top, 0.0), (0.5, 0.5 * height), (bottom, height)]
    body = side + mirrored(side)
    if rng.random() < 0.6:
        body = rounded(body)
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
        grip = arch((-x, 0.03), (x, 0.03), rise)
        parts = [Part("handle", strap_outline(grip, width), tone)]
        if rng.random() < 0.3:
            behind = arch((0.04 - x, 0.03), (x + 0.04, 0.03), rise + 0.08)
            parts.insert(0, Part("handle", strap_outline(behind, width), 0.7 * tone))
        return parts
    if kind < 0.75:  # a shoulder strap held up to a point
        peak = (u(-0.1, 0.1), -u(0.4, 0.9))
        strap = [(0.03 - top, 0.04), (0.8 * peak[0] - 0.08, peak[1] + 0.1), peak]
        strap += [(0.8 * peak[0] + 0.08, peak[1] + 0.1), (top - 0.03, 0.04)]
        return [Part("shoulder strap", strap_outline(strap, width), tone)]
    reach = u(0.04, 0.1)  # a shoulder strap that hangs down beside the body
    strap = [(top - 0.05, 0.02), (0.5 + reach, 0.2 * height), (0.5 + reach, 0.75 * height)]
    strap.append((0.5, height))
    parts = [Part("shoulder strap", strap_outline(strap, width), tone)]
    if rng.random() < 0.6:
        parts.append(Part("shoulder strap", strap_outline(mirrored(strap), width), tone))
    return parts
