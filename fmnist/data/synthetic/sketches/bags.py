"""Sketched bags: handbags and backpacks."""

import random

from fmnist.data.synthetic.sketches.tops import button_row
from fmnist.data.synthetic.strokes import Drawing, arc, bow, box, smooth


def bag(rng: random.Random) -> Drawing:
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
        lines += _handles(rng, top)
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
            lines += button_row(rng, u(-0.1, 0.1), 0.3 * height, 0.9 * height)
    if rng.random() < 0.12:  # depth
        d = u(0.1, 0.25)
        lines.append([(top, 0.0), (top + d, -d * 0.5), (bottom + d, height - d), (bottom, height)])
    return lines


def _handles(rng: random.Random, top: float) -> Drawing:
    """A handle on a bag that is `top` wide from its middle, sometimes a pair."""
    u = rng.uniform
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
    if handle < 0.2:  # a strap up to a point; as wide as the bag, it would look like a roof
        x *= 0.75
        grip = [(-x, 0.0), (u(-0.1, 0.1), -rise), (x, 0.0)]
    elif handle < 0.35:
        grip = [(-x, foot), (-x, -rise), (x, -rise), (x, foot)]
    lines: Drawing = [grip]
    if rng.random() < 0.35:  # its other edge
        lines.append([(0.78 * gx, 0.85 * gy) for gx, gy in grip])
    elif rng.random() < 0.2:  # a second one behind
        lines.append([(gx + 0.1, gy - 0.04) for gx, gy in grip])
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
    lines += _shoulder_straps(rng, half, height, dome, bulge)
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


def _shoulder_straps(
    rng: random.Random, half: float, height: float, dome: float, bulge: float
) -> Drawing:
    u = rng.uniform
    lines: Drawing = []
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
    return lines
