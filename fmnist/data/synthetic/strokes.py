"""Pen strokes: shapes, jitter as of a hand, and their raster.

A drawing is a list of strokes. A stroke is a list of points (x to the right, y down) in any units:
only the shape counts, since `rasterize` scales a drawing to its bounding box.
"""

import itertools
import math
import random
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.data.labels import IMAGE_SIZE

Point: TypeAlias = tuple[float, float]
Stroke: TypeAlias = list[Point]
Drawing: TypeAlias = list[Stroke]

Center = Literal["box", "mass"]

LINE_WIDTH: Final = 1.8  # image pixels: the widest at which two neighboring lines stay apart
SUPERSAMPLING: Final = 4  # canvas pixels to an image pixel
_STEP: Final = 0.06  # between two points of a jittered line, as a share of the drawing's size


# --- Shapes -------------------------------------------------------------------------------------


def arc(
    center: Point, rx: float, ry: float, start: float = 0.0, stop: float = 2 * math.pi
) -> Stroke:
    """Part of an ellipse, by default all of it; angles in radians, clockwise from the right."""
    count = max(3, round(abs(stop - start) * 4))
    steps = [start + (stop - start) * i / count for i in range(count + 1)]
    return [(center[0] + rx * math.cos(t), center[1] + ry * math.sin(t)) for t in steps]


def box(left: float, top: float, right: float, bottom: float) -> Stroke:
    """A closed rectangle."""
    return [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]


def mirrored(stroke: Stroke) -> Stroke:
    """Reflected in the y axis, and reversed."""
    return [(-x, y) for x, y in reversed(stroke)]


def rotated(drawing: Drawing, angle: float) -> Drawing:
    """Turned about the origin by an angle in radians, clockwise."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [[(x * cos - y * sin, x * sin + y * cos) for x, y in stroke] for stroke in drawing]


def smooth(stroke: Stroke, times: int = 2) -> Stroke:
    """Corners cut (Chaikin's algorithm); the ends stay where they are, closed strokes closed."""
    for _ in range(times):
        if len(stroke) < 3:
            break
        closed = math.dist(stroke[0], stroke[-1]) < 1e-9
        result = [] if closed else [stroke[0]]
        for (x0, y0), (x1, y1) in itertools.pairwise(stroke):
            result.append((0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1))
            result.append((0.25 * x0 + 0.75 * x1, 0.25 * y0 + 0.75 * y1))
        result.append(result[0] if closed else stroke[-1])
        stroke = result
    return stroke


def bow(start: Point, end: Point, rise: float) -> Stroke:
    """An arched line from start to end, ``rise`` to the left of its direction at the middle."""
    (x0, y0), (x1, y1) = start, end
    nx, ny = y1 - y0, x0 - x1
    length = math.hypot(nx, ny) or 1.0
    points = []
    for i in range(7):
        t = i / 6
        lift = 4 * t * (1 - t) * rise / length
        points.append((x0 + t * (x1 - x0) + lift * nx, y0 + t * (y1 - y0) + lift * ny))
    return points


def bounds(drawing: Drawing) -> tuple[float, float, float, float]:
    """Left, top, right, bottom.

    Raises
    ------
    ValueError
        If there is no point.
    """
    points = [p for stroke in drawing for p in stroke]
    if not points:
        raise ValueError("A drawing without a point has no bounds.")
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


# --- Jitter -------------------------------------------------------------------------------------


def jitter_strokes(drawing: Drawing, rng: random.Random, *, jitter: float = 1.0) -> Drawing:
    """Distort a drawing as a hand does: corners missed, lines bent, gaps left, proportions off.

    Parameters
    ----------
    drawing : Drawing
        Strokes with straight lines between their points.
    rng : random.Random
        Advanced by the call.
    jitter : float
        0 only adds points along the lines; 1 is a quick sketch with a mouse.

    Returns
    -------
    Drawing
        Its longest side is about 1, centered on 0.
    """
    xs, ys, lengths = _jitter_points(drawing, rng, jitter)
    px, py = np.array(xs), np.array(ys)
    gauss = rng.gauss
    for frequency in (2.5, 5.0):  # bends long lines, then short ones
        for _ in range(2):
            angle, phase = rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi)
            wave = np.sin(frequency * (math.cos(angle) * px + math.sin(angle) * py) * 2 + phase)
            amplitude = 0.05 * jitter / frequency
            px = px + gauss(0, amplitude) * wave
            py = py + gauss(0, amplitude) * wave
    turn, shear = gauss(0, 0.10 * jitter), gauss(0, 0.08 * jitter)
    aspect = math.exp(gauss(0, 0.16 * jitter))
    taper = gauss(0, 0.10 * jitter)  # as seen from above or below
    px = px * aspect * (1 + taper * py) + shear * py
    px, py = px * math.cos(turn) - py * math.sin(turn), px * math.sin(turn) + py * math.cos(turn)
    drawn, start = [], 0
    for length in lengths:
        stop = start + length
        drawn.append(list(zip(px[start:stop].tolist(), py[start:stop].tolist(), strict=True)))
        start = stop
    return drawn


def _jitter_points(
    drawing: Drawing, rng: random.Random, jitter: float
) -> tuple[list[float], list[float], list[int]]:
    """Points along all lines, each a little off: x, y, and the number of points of each stroke."""
    left, top, right, bottom = bounds(drawing)
    size = max(right - left, bottom - top) or 1.0
    cx, cy = 0.5 * (left + right), 0.5 * (top + bottom)
    gauss, slip = rng.gauss, 0.018 * jitter * rng.uniform(0.3, 1.7)
    tremor = 0.004 * jitter * rng.uniform(0.0, 1.0)
    xs: list[float] = []
    ys: list[float] = []
    lengths = []
    for stroke in drawing:
        points = [
            ((x - cx) / size + gauss(0, slip), (y - cy) / size + gauss(0, slip)) for x, y in stroke
        ]
        if len(stroke) > 2 and math.dist(stroke[0], stroke[-1]) < 1e-9:
            # a closed line ends near its start, not at it
            x, y = points[0]
            points[-1] = (x + gauss(0, 1.5 * slip), y + gauss(0, 1.5 * slip))
        begin = len(xs)
        x0, y0 = points[0]
        xs.append(x0)
        ys.append(y0)
        for x1, y1 in points[1:]:
            count = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / _STEP))
            for i in range(1, count + 1):
                xs.append(x0 + (x1 - x0) * i / count + gauss(0, tremor))
                ys.append(y0 + (y1 - y0) * i / count + gauss(0, tremor))
            x0, y0 = x1, y1
        lengths.append(len(xs) - begin)
    return xs, ys, lengths


def truncate_strokes(drawing: Drawing, share: float) -> Drawing:
    """Break a drawing off after a share of the total length of its lines.

    The first stroke is never dropped altogether.
    """
    lengths = [sum(math.dist(a, b) for a, b in itertools.pairwise(s)) for s in drawing]
    left = share * sum(lengths)
    result: Drawing = []
    for stroke, length in zip(drawing, lengths, strict=True):
        if length <= left:
            result.append(stroke)
            left -= length
            continue
        part = [stroke[0]]
        for a, b in itertools.pairwise(stroke):
            left -= math.dist(a, b)
            if left < 0:
                break
            part.append(b)
        if len(part) > 1:
            result.append(part)
        break
    return result or drawing[:1]


# --- The raster ---------------------------------------------------------------------------------


def rasterize(
    drawing: Drawing, *, width: float, size: float = 28.0, fill: float = 0.0
) -> NDArray[np.uint8]:
    """Draw in white on black: the longest side fills ``size`` pixels, centered.

    Parameters
    ----------
    drawing : Drawing
    width : float
        Width of the pen, in image pixels.
    size : float
        Longest side of the drawing with its pen, in image pixels.
    fill : float
        Tone of the areas that lines enclose, 0 (empty) to 1.

    Returns
    -------
    uint8 (28, 28)
    """
    left, top, right, bottom = bounds(drawing)
    pen = max(1, round(SUPERSAMPLING * width))
    scale = (SUPERSAMPLING * size - pen) / (max(right - left, bottom - top) or 1.0)
    middle = 0.5 * SUPERSAMPLING * IMAGE_SIZE
    dx, dy = middle - 0.5 * scale * (left + right), middle - 0.5 * scale * (top + bottom)
    # one pixel of border, so that the flood starts outside the lines
    canvas = Image.new("L", (SUPERSAMPLING * IMAGE_SIZE + 2,) * 2)
    draw = ImageDraw.Draw(canvas)
    for stroke in drawing:
        points = [(scale * x + dx + 1, scale * y + dy + 1) for x, y in stroke]
        if len(points) == 1:
            x, y = points[0]
            draw.ellipse((x - 0.5 * pen, y - 0.5 * pen, x + 0.5 * pen, y + 0.5 * pen), fill=255)
        else:
            draw.line(points, fill=255, width=pen, joint="curve")
    if fill > 0:
        outside = canvas.copy()
        ImageDraw.floodfill(outside, (0, 0), 255)
        inside = np.asarray(outside) == 0
        pixels = np.array(canvas)
        pixels[inside] = round(255 * fill)
        canvas = Image.fromarray(pixels)
    edge = SUPERSAMPLING * IMAGE_SIZE + 1
    return np.asarray(canvas.crop((1, 1, edge, edge)).reduce(SUPERSAMPLING))


def letterbox(pixels: NDArray[np.uint8], *, center: Center = "box") -> NDArray[np.uint8]:
    """Scale until the longest side fills the image, and center.

    Parameters
    ----------
    pixels : uint8 (H, W)
    center : {"box", "mass"}
        What is centered: the bounding box, or the center of mass as far as nothing is cut off.

    Returns
    -------
    uint8 (28, 28)
    """
    from scipy import ndimage  # here, since importing it takes a while

    height, width = pixels.shape
    scale = IMAGE_SIZE / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    picture = Image.fromarray(pixels)
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = np.asarray(picture.resize((columns, rows), how))
    image = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    top, left = (IMAGE_SIZE - rows) // 2, (IMAGE_SIZE - columns) // 2
    if center == "mass" and small.any():
        y, x = ndimage.center_of_mass(small)
        middle = 0.5 * (IMAGE_SIZE - 1)
        top = min(max(round(middle - y), 0), IMAGE_SIZE - rows)
        left = min(max(round(middle - x), 0), IMAGE_SIZE - columns)
    image[top : top + rows, left : left + columns] = small
    return image
