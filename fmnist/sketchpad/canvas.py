"""What is on the canvas of the Draw page: shapes, undo steps, pixels."""

import base64
import binascii
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

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
"""One object of Fabric's JSON, as the canvas sends and takes it."""

_TYPES: Final = ("Path", "Line", "Rect", "Circle", "Polygon")
# harmless properties of these shapes: none can hold a URL or code
_PROPERTIES: Final = frozenset({
    "type", "version", "originX", "originY", "left", "top", "width", "height", "fill", "stroke",
    "strokeWidth", "strokeDashArray", "strokeLineCap", "strokeDashOffset", "strokeLineJoin",
    "strokeUniform", "strokeMiterLimit", "scaleX", "scaleY", "angle", "flipX", "flipY", "opacity",
    "visible", "backgroundColor", "fillRule", "paintFirst", "globalCompositeOperation", "skewX",
    "skewY", "path", "points", "x1", "y1", "x2", "y2", "rx", "ry", "radius", "startAngle",
    "endAngle", "counterClockwise",
})  # fmt: skip
_NEEDED: Final = {"Path": "path", "Polygon": "points"}  # without, the canvas cannot draw them
_MAX_TEXT_LENGTH: Final = 64
_LARGEST: Final = 1e6
_MAX_STEPS: Final = 60
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
        points += sum(len(shape.get(k, ())) for k in ("path", "points"))
        if points > MAX_POINTS:
            raise ValueError("The drawing has too many lines; clear some of it.")
        if _NEEDED.get(shape["type"], "type") in shape:
            shapes.append(shape)
    return shapes


def _is_plain(name: str, value: object) -> bool:
    """Whether a value is a number, a short text, or a list of points or path segments."""
    if not isinstance(value, list):
        return name not in ("path", "points") and (
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


def _lines(shape: Shape) -> Iterator[list[tuple[float, float]]]:
    """The lines of a shape, close enough to measure their size and length."""
    scale_x, scale_y = _number(shape, "scaleX", 1.0), _number(shape, "scaleY", 1.0)
    left, top = _number(shape, "left"), _number(shape, "top")
    if shape["type"] == "Path":
        # each segment ends with its end point
        yield [
            (float(part[-2]) * scale_x, float(part[-1]) * scale_y)
            for part in shape.get("path", ())
            if len(part) >= 3
        ]
    elif shape["type"] == "Polygon":
        line = [(p["x"] * scale_x, p["y"] * scale_y) for p in shape.get("points", ())]
        yield line + line[:1]
    elif shape["type"] == "Circle":
        radius = _number(shape, "radius")
        yield [
            (left + radius * scale_x * math.cos(t / 4), top + radius * scale_y * math.sin(t / 4))
            for t in range(26)
        ]
    else:
        width, height = _number(shape, "width") * scale_x, _number(shape, "height") * scale_y
        if shape["type"] == "Line":
            yield [(left, top), (left + width, top + height)]
        else:
            right, bottom = left + width, top + height
            yield [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]


def _number(shape: Shape, name: str, default: float = 0.0) -> float:
    value = shape.get(name, default)
    return float(value) if isinstance(value, int | float) else default


# --- Steps --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """The canvas after a stroke.

    Attributes
    ----------
    shapes : list of Shape
    picture : bytes
        The canvas as a PNG; empty if nothing is drawn, or until the browser has drawn it.
    """

    shapes: list[Shape] = field(default_factory=list)
    picture: bytes = b""

    def is_same(self, other: "Step") -> bool:
        """Whether the shapes are the same."""
        return [*map(_signature, self.shapes)] == [*map(_signature, other.shapes)]


def _signature(shape: Shape) -> tuple[object, ...]:
    points = shape.get("path") or shape.get("points") or [None]
    places = ("left", "top", "width", "height", "scaleX", "scaleY", "angle")
    return (
        shape["type"],
        shape.get("stroke"),
        len(points),
        str((points[0], points[-1])),
        *(round(_number(shape, name)) for name in places),
    )


def _strokes(step: Step, base: Step, *, is_same: bool) -> list[Step]:
    """The steps from one to the other, a shape each; only the last has its picture."""
    known = len(base.shapes)
    if not is_same and not Step(step.shapes[:known]).is_same(base):
        return [step]
    return [*(Step(step.shapes[:n]) for n in range(known + 1, len(step.shapes))), step]


@dataclass
class Steps:
    """The steps of a drawing, to undo and redo.

    Attributes
    ----------
    history : list of Step
        Oldest first; never empty.
    position : int
        Index of the step on the canvas.
    awaiting_echo : bool
        Whether the canvas has been sent a step and has not sent it back yet.
    """

    history: list[Step] = field(default_factory=lambda: [Step()])
    position: int = 0
    awaiting_echo: bool = False

    @property
    def current(self) -> Step:
        """The step on the canvas."""
        return self.history[self.position]

    def receive(self, step: Step) -> None:
        """Record what the canvas shows.

        The canvas sends back what it was sent, sometimes in other shapes (a path comes back as a
        polygon). It also has an undo and a redo of its own; they are recognized by their shapes.
        Strokes in quick succession come together; each becomes a step of its own.
        """
        was_sent, self.awaiting_echo = self.awaiting_echo, False
        is_echo = was_sent and len(step.shapes) == len(self.current.shapes)
        for position in (self.position, self.position - 1, self.position + 1):
            if not 0 <= position < len(self.history):
                continue
            if is_echo or self.history[position].is_same(step):
                self.history[position] = step
                self.position = position
                return
        for stroke in _strokes(step, self.current, is_same=was_sent):
            self.add(stroke)

    def receive_late(self, step: Step, position: int) -> bool:
        """Record strokes that were under way when a step was undone or the sheet was cleared.

        Undo then takes the last of them, and the step at `position` stays on the canvas.

        Parameters
        ----------
        step : Step
            What the canvas showed with these strokes.
        position : int
            Index of the step that was on the canvas before.

        Returns
        -------
        bool
            Whether the step on the canvas is another one now.
        """
        base = self.history[position]
        known = len(base.shapes)
        if len(step.shapes) <= known or not Step(step.shapes[:known]).is_same(base):
            return False
        undone = self.position < position
        late = _strokes(step, base, is_same=True)
        cleared = [] if undone else self.history[position + 1 :]
        self.history = [*self.history[: position + 1], *late, *cleared]
        self.position = len(self.history) - (2 if undone else 1)
        return undone

    def add(self, step: Step) -> None:
        """Add a step after the current one; undone steps are dropped."""
        self.history = [*self.history[: self.position + 1], step][-_MAX_STEPS:]
        self.position = len(self.history) - 1

    def move(self, by: int) -> None:
        """Undo (negative) or redo (positive) a number of steps, as far as there are steps."""
        self.position = min(max(self.position + by, 0), len(self.history) - 1)
        self.awaiting_echo = True

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self.position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return self.position + 1 < len(self.history)


# --- Pixels -------------------------------------------------------------------------------------


def render_shapes(shapes: Sequence[Shape]) -> bytes:
    """Render paths as a PNG, to classify a drawing before the browser has drawn it."""
    fine = 4
    picture = Image.new("L", (fine * SIDE, fine * SIDE), 255)
    pencil = ImageDraw.Draw(picture)
    for shape in shapes:
        width = round(fine * _number(shape, "strokeWidth"))
        for line in _lines(shape):
            points = [(fine * x, fine * y) for x, y in line]
            pencil.line(points, fill=0, width=width, joint="curve")
            for x, y in (points[0], points[-1]):
                pencil.circle((x, y), width / 2, fill=0)
    return as_png(np.asarray(picture.reduce(fine).convert("RGBA")))


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
