"""Sketched trousers."""

import random

from fmnist.data.synthetic.strokes import Drawing, bow, mirrored, smooth


def trouser(rng: random.Random) -> Drawing:
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
