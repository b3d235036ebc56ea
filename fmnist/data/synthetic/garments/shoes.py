"""Shoes: Sandal, Sneaker, Ankle boot.

The toe is at x = 0, the heel at x = 1, the ground at y = 0.
"""

import random

from fmnist.data.synthetic.garments.parts import Garment, Line, Part, arch, rounded, strap_outline
from fmnist.data.synthetic.strokes import Point


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


def sneaker(rng: random.Random) -> Garment:
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
    parts = [Part("upper", rounded(upper))]
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
    """Toe cap and heel tab in tones of their own, on some shoes."""
    panels = []
    if rng.random() < 0.3:
        cap = [(0.03, -0.06), (0.03, -0.1), (0.1, -0.13), (0.22, -0.15), (0.18, -0.06)]
        panels.append(Part("toe cap", cap, rng.uniform(0.5, 1.0)))
    if rng.random() < 0.3:
        tab = [(0.84, -0.07), (0.86, -collar + 0.06), (0.97, -collar + 0.03), (0.97, -0.07)]
        panels.append(Part("heel tab", tab, rng.uniform(0.3, 0.9)))
    return panels


def _windows(rng: random.Random, sole: float, tone: float) -> list[Part]:
    """Openings along the side of a shoe; a tone above 0 shows mesh or lining."""
    u = rng.uniform
    width, x = u(0.04, 0.12), u(0.14, 0.3)
    windows = []
    for _ in range(rng.randint(1, 4)):
        top = -sole - 0.05 - 0.3 * x
        points = [(x, -sole - 0.02), (x + 0.03, top), (x + 0.03 + width, top), (x + width, -sole)]
        windows.append(Part("window", points, tone))
        x += width + u(0.05, 0.1)
    return windows


def ankle_boot(rng: random.Random) -> Garment:
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
    parts = [Part("upper", rounded(upper))]
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


def sandal(rng: random.Random) -> Garment:
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
    return [Part("upper", rounded(upper), u(0.7, 1.0)), *_windows(rng, sole, tone)]


def _front_straps(rng: random.Random, sole: float, heel: float) -> list[Part]:
    """Straps over the toes and the instep, with gaps between them."""
    u = rng.uniform
    count = rng.choice((1, 1, 2, 2, 3))
    width = u(0.04, 0.1) if count > 1 else u(0.05, 0.22)
    straps = []
    x = u(0.1, 0.18)
    for _ in range(count):
        start, end = (x, -_footbed(x, sole, heel)), (x + 0.2, -_footbed(x + 0.2, sole, heel))
        line = arch(start, end, u(0.08, 0.14) + 0.12 * x)
        straps.append(Part("strap", strap_outline(line, width), u(0.6, 1.0)))
        x += u(0.12, 0.2)
    if rng.random() < 0.3:  # a thong or a T-bar leads from the toes to the ankle
        start, end = (0.2, -sole - 0.08), (0.68, -_footbed(0.68, sole, heel) - u(0.14, 0.3))
        straps.append(Part("T-bar", strap_outline([start, end], u(0.03, 0.06)), u(0.6, 1.0)))
    return straps


def _ankle_straps(rng: random.Random, sole: float, heel: float) -> list[Part]:
    """A strap around the heel, then a slingback down to the instep, an ankle strap or both."""
    u = rng.uniform
    back, width, height = -sole - heel, u(0.03, 0.07), u(0.14, 0.34)
    tone = u(0.6, 1.0)
    counter = [(0.97, back), (0.99, back - 0.5 * height), (0.95, back - height)]
    parts = [Part("heel counter", strap_outline(counter, u(0.03, 0.12)), tone)]
    kind = rng.random()
    if kind < 0.6:
        x = u(0.36, 0.58)
        low = (x, -_footbed(x, sole, heel) - u(0.0, 0.1))
        sling = arch((0.96, back - u(0.5, 0.9) * height), low, u(-0.05, 0.02))
        parts.append(Part("slingback", strap_outline(sling, width), tone))
    if kind > 0.4:
        front = (u(0.56, 0.7), back - height - u(-0.08, 0.04))
        ankle = arch((0.95, back - height), front, u(-0.06, 0.06))
        parts.append(Part("ankle strap", strap_outline(ankle, width), tone))
        if rng.random() < 0.5:
            x = u(0.36, 0.56)
            down = [front, (0.5 * (front[0] + x) + 0.04, 0.5 * (front[1] + back))]
            down.append((x, -_footbed(x, sole, heel)))
            parts.append(Part("T-bar", strap_outline(down, width), tone))
    return parts
