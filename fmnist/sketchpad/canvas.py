"""What is on the canvas of the Draw page: shapes and pixels."""

import base64
import binascii
import cmath
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageOps

from fmnist.data.labels import IMAGE_SIZE
from fmnist.data.synthetic.strokes import Drawing
from fmnist.files import png
from fmnist.sketchpad.uploads import PictureError, read_picture

SIDE: Final = 12 * IMAGE_SIZE  # canvas pixels: a phone's width, and whole pixels to an image pixel
PEN: Final = 8  # canvas pixels
PAPER: Final = "#ffffff"
INK: Final = "#000000"
MAX_SHAPES: Final = 500
MAX_POINTS: Final = 50_000  # about 2 MB of JSON

Shape = dict[str, Any]
"""One object of Fabric's JSON, as the canvases send and take it.

A path of a pen with pressure has one property more, `widths`: the width at each of its points.
"""

_TYPES: Final = ("Path", "Line", "Rect", "Circle", "Polygon")
# harmless properties of these shapes: none can hold a URL or code
_PROPERTIES: Final = frozenset({
    "type", "version", "originX", "originY", "left", "top", "width", "height", "fill", "stroke",
    "strokeWidth", "strokeDashArray", "strokeLineCap", "strokeDashOffset", "strokeLineJoin",
    "strokeUniform", "strokeMiterLimit", "scaleX", "scaleY", "angle", "flipX", "flipY", "opacity",
    "visible", "backgroundColor", "fillRule", "paintFirst", "globalCompositeOperation", "skewX",
    "skewY", "path", "points", "x1", "y1", "x2", "y2", "rx", "ry", "radius", "startAngle",
    "endAngle", "counterClockwise", "widths",
})  # fmt: skip
_NEEDED: Final = {"Path": "path", "Polygon": "points"}  # without, the canvas cannot draw them
_MAX_TEXT_LENGTH: Final = 64
_LARGEST: Final = 1e6
_FINE: Final = 4  # drawn so many times larger, for soft edges
_FAR: Final = 100_000.0
_MIN_DIAGONAL: Final = 0.08  # as a share of the canvas; less is a dot
_MIN_LENGTH: Final = 1.7  # of all lines, in diagonals of their box: a stroke has 1, a circle 2.2


# --- Shapes -------------------------------------------------------------------------------------


def sanitize_shapes(sent: object) -> list[Shape]:
    """Return the shapes of a drawing; drop everything else.

    Parameters
    ----------
    sent : object
        Fabric's JSON from a browser or a file; may be anything.

    Raises
    ------
    ValueError
        If there are too many shapes or points.
    """
    objects = sent.get("objects") if isinstance(sent, Mapping) else sent
    if not isinstance(objects, Sequence) or isinstance(objects, str):
        return []
    if len(objects) > MAX_SHAPES:
        raise ValueError(f"A drawing can have at most {MAX_SHAPES} shapes; clear some of it.")
    shapes = []
    points = 0
    for one in objects:
        if not isinstance(one, Mapping) or one.get("type") not in _TYPES:
            continue
        shape = {k: v for k, v in one.items() if k in _PROPERTIES and _is_plain(k, v)}
        points += sum(len(shape.get(k, ())) for k in ("path", "points", "widths"))
        if points > MAX_POINTS:
            raise ValueError("The drawing has too many lines; clear some of it.")
        if _NEEDED.get(shape["type"], "type") in shape:
            shapes.append(shape)
    return shapes


def _is_plain(name: str, value: object) -> bool:
    """Whether a value is a number, a short text, or a list of points or path segments."""
    if not isinstance(value, list):
        return name not in ("path", "points", "widths") and (
            value is None
            or _is_number(value)
            or (isinstance(value, str) and len(value) <= _MAX_TEXT_LENGTH)
        )
    if name == "path":
        return all(
            isinstance(part, list)
            and part
            and isinstance(part[0], str)
            and len(part[0]) == 1
            and len(part) <= 8
            and all(map(_is_number, part[1:]))
            for part in value
        )
    if name == "points":
        return all(
            isinstance(p, Mapping) and set(p) == {"x", "y"} and all(map(_is_number, p.values()))
            for p in value
        )
    return all(map(_is_number, value))


def _is_number(value: object) -> bool:
    # a canvas has a few hundred pixels; this leaves out what is infinite or not a number, too
    return isinstance(value, int | float) and -_LARGEST < value < _LARGEST


def from_strokes(drawing: Drawing, *, width: int = PEN, margin: float = 0.12) -> list[Shape]:
    """Convert strokes to shapes in the middle of the canvas.

    Parameters
    ----------
    drawing : Drawing
        Strokes of points in any units.
    width : int
        Width of the pen in canvas pixels.
    margin : float
        Free space on every side, as a share of the canvas.
    """
    xs = [x for stroke in drawing for x, _ in stroke]
    ys = [y for stroke in drawing for _, y in stroke]
    scale = SIDE * (1 - 2 * margin) / (max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0)
    dx = SIDE / 2 - scale * (min(xs) + max(xs)) / 2
    dy = SIDE / 2 - scale * (min(ys) + max(ys)) / 2
    return [
        {
            "type": "Path",
            "path": [
                ["L" if i else "M", round(scale * x + dx, 1), round(scale * y + dy, 1)]
                for i, (x, y) in enumerate(stroke)
            ],
            "fill": None,
            "stroke": INK,
            "strokeWidth": width,
            "strokeLineCap": "round",
            "strokeLineJoin": "round",
        }
        for stroke in drawing
    ]


def is_started(shapes: Sequence[Shape]) -> bool:
    """Whether there is enough on the canvas to classify: more than a dot or one stroke."""
    lines = [line for shape in shapes if shape.get("stroke") != PAPER for line in _lines(shape)]
    points = [point for line in lines for point in line]
    if not points:
        return False
    xs, ys = zip(*points, strict=True)
    diagonal = math.hypot(max(xs) - min(xs), max(ys) - min(ys))
    length = sum(math.dist(a, b) for line in lines for a, b in itertools.pairwise(line))
    return diagonal >= _MIN_DIAGONAL * SIDE and length >= _MIN_LENGTH * diagonal


def _lines(shape: Shape) -> list[list[tuple[float, float]]]:
    """The lines of a shape, as lines of points on the canvas."""
    lines = _OUTLINES[shape["type"]](shape)
    points = [point for line in lines for point in line]
    if "left" not in shape or not points:
        return lines
    # as Fabric places a shape: its middle, of which left and top tell a corner or an edge
    middle_x = middle_y = 0.0
    if shape["type"] in _NEEDED:
        xs, ys = zip(*points, strict=True)
        middle_x, middle_y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    width = number(shape, "strokeWidth")
    scale_x, scale_y = number(shape, "scaleX", 1.0), number(shape, "scaleY", 1.0)
    turn = cmath.rect(1, math.radians(number(shape, "angle")))
    center = complex(number(shape, "left"), number(shape, "top")) + turn * complex(
        _ORIGINS.get(str(shape.get("originX")), 0.0) * (number(shape, "width") + width) * scale_x,
        _ORIGINS.get(str(shape.get("originY")), 0.0) * (number(shape, "height") + width) * scale_y,
    )
    placed = [
        [
            center + turn * complex((x - middle_x) * scale_x, (y - middle_y) * scale_y)
            for x, y in line
        ]
        for line in lines
    ]
    return [[(point.real, point.imag) for point in line] for line in placed]


def _path(shape: Shape) -> list[list[tuple[float, float]]]:
    lines: list[list[tuple[float, float]]] = []
    for name, *numbers in shape.get("path", ()):
        points = [*zip(map(float, numbers[::2]), map(float, numbers[1::2]), strict=False)]
        if name in "Mm" or not lines:
            lines.append(points)
        elif name in "Zz":
            lines[-1] += lines[-1][:1]
        else:
            # the control points of a curve, and its end
            lines[-1] += _curve([*lines[-1][-1:], *points]) if len(points) > 1 else points
    return [line for line in lines if line]


def _curve(controls: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of a Bézier curve after its first, by de Casteljau's algorithm."""
    count = 4 * (len(controls) - 2)
    found = []
    for number in range(1, count + 1):
        share, points = number / count, controls
        while len(points) > 1:
            points = [
                (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
                for (x0, y0), (x1, y1) in itertools.pairwise(points)
            ]
        found += points
    return found


def _polygon(shape: Shape) -> list[list[tuple[float, float]]]:
    points = [(float(point["x"]), float(point["y"])) for point in shape.get("points", ())]
    return [points + points[:1]]


def _circle(shape: Shape) -> list[list[tuple[float, float]]]:
    radius = number(shape, "radius")
    turns = [2 * math.pi * number / 48 for number in range(49)]
    return [[(radius * math.cos(turn), radius * math.sin(turn)) for turn in turns]]


def _rect(shape: Shape) -> list[list[tuple[float, float]]]:
    x, y = number(shape, "width") / 2, number(shape, "height") / 2
    return [[(-x, -y), (x, -y), (x, y), (-x, y), (-x, -y)]]


def _line(shape: Shape) -> list[list[tuple[float, float]]]:
    x, y = number(shape, "width") / 2, number(shape, "height") / 2
    start = number(shape, "x1", -x), number(shape, "y1", -y)
    return [[start, (number(shape, "x2", x), number(shape, "y2", y))]]


_OUTLINES: Final[Mapping[str, Callable[[Shape], list[list[tuple[float, float]]]]]] = {
    "Path": _path,
    "Polygon": _polygon,
    "Circle": _circle,
    "Rect": _rect,
    "Line": _line,
}
_ORIGINS: Final = {"left": 0.5, "right": -0.5, "top": 0.5, "bottom": -0.5}
"""From the point that left and top tell to the middle of the shape, in its widths or heights."""


def number(shape: Shape, name: str, default: float = 0.0) -> float:
    """A property of a shape as a number."""
    value = shape.get(name, default)
    return float(value) if isinstance(value, int | float) else default


# --- Pixels -------------------------------------------------------------------------------------


class Raster:
    """Draws shapes as the canvas of the browser does, again and again: only what is new.

    Parameters
    ----------
    is_paper : bool
        Whether they are drawn on paper, or on nothing, to be laid over an image.
    """

    def __init__(self, *, is_paper: bool) -> None:
        self._is_paper = is_paper
        self._drawn: list[Shape] = []
        self._layers: list[Image.Image] = []

    def _blank(self) -> list[Image.Image]:
        size = (_FINE * SIDE, _FINE * SIDE)
        tone = Image.new("L", size, 255 if self._is_paper else 0)
        return [tone] if self._is_paper else [tone, Image.new("L", size, 0)]  # the second: opacity

    def pixels(self, shapes: Sequence[Shape], unfinished: Shape | None = None) -> NDArray[np.uint8]:
        """The canvas with these shapes as uint8 (336, 336, 4).

        Parameters
        ----------
        shapes : sequence of Shape
        unfinished : Shape, optional
            A stroke that is still growing.
        """
        known = len(self._drawn)
        if not self._layers or self._drawn != list(shapes[:known]):
            self._layers, known = self._blank(), 0
        self._draw(self._layers, shapes[known:])
        self._drawn = list(shapes)
        layers = self._layers
        if unfinished is not None:
            layers = [layer.copy() for layer in layers]
            self._draw(layers, [unfinished])
        small = [np.asarray(layer.reduce(_FINE)) for layer in layers]
        rgba = np.full((SIDE, SIDE, 4), 255, np.uint8)
        if self._is_paper:
            rgba[..., :3] = small[0][..., None]
            return rgba
        tone, opacity = small
        # the tone is that of the part that is covered
        whole = tone.astype(np.float32) * 255 / np.maximum(opacity, 1)
        rgba[..., :3] = np.minimum(np.rint(whole), 255).astype(np.uint8)[..., None]
        rgba[..., 3] = opacity
        return rgba

    def _draw(self, layers: Sequence[Image.Image], shapes: Sequence[Shape]) -> None:
        for shape in shapes:
            tone = _tone(shape.get("stroke"))
            if tone is not None:
                for layer, value in zip(layers, (tone, 255), strict=False):
                    _draw_lines(ImageDraw.Draw(layer), shape, value)


def _tone(stroke: object) -> int | None:
    """Luminance of a color, 0 … 255; None if it cannot be seen."""
    if not isinstance(stroke, str):
        return None
    try:
        red, green, blue, *alpha = ImageColor.getrgb(stroke)
    except ValueError:
        return 0
    return None if alpha == [0] else round(0.299 * red + 0.587 * green + 0.114 * blue)


def _draw_lines(pencil: ImageDraw.ImageDraw, shape: Shape, value: int) -> None:
    scale = abs(number(shape, "scaleX", 1.0)) if not shape.get("strokeUniform") else 1.0
    width = _fine_width(number(shape, "strokeWidth") * scale)
    widths = [_fine_width(float(each)) for each in shape.get("widths", ())]
    for line in _lines(shape):
        points = [(_fine(x), _fine(y)) for x, y in line]
        if len(widths) == len(points):  # a pen with pressure
            for start, end, thick in zip(points, points[1:], widths[1:], strict=False):
                pencil.line((start, end), fill=value, width=max(1, round(thick)))
            for point, thick in zip(points, widths, strict=True):
                pencil.circle(point, thick / 2, fill=value)
            continue
        pencil.line(points, fill=value, width=max(1, round(width)), joint="curve")
        for point in (points[0], points[-1]):
            pencil.circle(point, width / 2, fill=value)


def _fine(place: float) -> float:
    """A place on the enlarged canvas; what is far away is brought near enough for Pillow."""
    return min(max(_FINE * place, -_FAR), _FAR)


def _fine_width(width: float) -> float:
    return _FINE * min(max(width, 0.0), SIDE)


def render_shapes(shapes: Sequence[Shape]) -> bytes:
    """Draw shapes on paper, as a PNG."""
    return as_png(Raster(is_paper=True).pixels(shapes))


def from_data_url(sent: object) -> bytes:
    """The PNG in a data URL; empty if there is none."""
    if not isinstance(sent, str) or not sent.startswith("data:image/png;base64,"):
        return b""
    try:
        return base64.b64decode(sent.partition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        return b""


def pixels(picture: bytes) -> NDArray[np.uint8]:
    """A PNG of the canvas as uint8 (336, 336, 4); all transparent if it cannot be read."""
    blank = np.zeros((SIDE, SIDE, 4), np.uint8)
    try:
        read = read_picture(picture) if picture else blank
    except PictureError:
        return blank
    return read if read.shape == blank.shape else blank


def is_blank(rgba: NDArray[np.uint8]) -> bool:
    """Whether an image, uint8 (H, W, 4), has one color only."""
    return bool((rgba == rgba[:1, :1]).all())


def as_png(rgba: NDArray[np.uint8]) -> bytes:
    """Pixels, uint8 (H, W, 4), as a PNG."""
    return png(Image.fromarray(rgba))


def letterbox(picture: NDArray[np.uint8]) -> bytes:
    """A PNG of a picture, uint8 (H, W, 4), in a square with transparent bars."""
    return png(ImageOps.pad(Image.fromarray(picture), (2 * SIDE, 2 * SIDE)))


def enlarge(image: NDArray[np.uint8]) -> bytes:
    """A PNG of an image, uint8 (28, 28), as large as the canvas, with sharp pixels."""
    return png(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.NEAREST))


def composite(image: NDArray[np.uint8], strokes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay strokes over an image and scale the result to a model input.

    Parameters
    ----------
    image : uint8 (28, 28)
    strokes : uint8 (336, 336, 4)
        The canvas; transparent where nothing is drawn.

    Returns
    -------
    uint8 (28, 28)
        Equal to the image where there is no stroke.
    """
    factor = SIDE // IMAGE_SIZE
    below = np.kron(image, np.ones((factor, factor), np.float32))
    alpha = strokes[..., 3].astype(np.float32) / 255
    tone = strokes[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    above = below * (1 - alpha) + tone * alpha
    blocks = above.reshape(IMAGE_SIZE, factor, IMAGE_SIZE, factor).mean(axis=(1, 3))
    result: NDArray[np.uint8] = np.rint(blocks).astype(np.uint8)
    return result
