"""A picture that a person corrects: what of it may be garment, and which side is up."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.sketchpad import frames, kinds
from fmnist.sketchpad.kinds import Kind
from fmnist.sketchpad.photographs import Picture
from fmnist.sketchpad.preprocessing import shrink

MAX_STEPS: Final = 200
MAX_POINTS: Final = 20_000
_MAX_KEPT: Final = 8  # masks that are kept because finding one takes a while


@dataclass(frozen=True)
class Box:
    """What lies outside is no garment, unless it is painted afterward.

    Attributes
    ----------
    left, top, right, bottom : float
        As shares of the picture's width and height at this step, in [0, 1].
    """

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Stroke:
    """What is under the brush is garment, or is none.

    Attributes
    ----------
    keeps : bool
    width : float
        Share of the picture's longest side, in [0, 1].
    points : tuple of (float, float)
        x and y as shares of the picture's width and height at this step, in [0, 1].
    """

    keeps: bool
    width: float
    points: tuple[tuple[float, float], ...]


Step = Box | Stroke | Literal["whole", "turn", "reset"]
"""A correction; "whole" keeps all of the picture, "turn" turns it right by 90°, "reset" takes all
corrections back."""


def read_steps(sent: object) -> tuple[Step, ...]:
    """The corrections that a browser has sent.

    Parameters
    ----------
    sent : object
        A list of ["box", left, top, right, bottom], ["keep", width, x, y, x, y, …],
        ["remove", width, x, y, …], ["whole"], ["turn"] and ["reset"]; may be anything.

    Raises
    ------
    ValueError
        If it is something else, or too much.
    """
    if not isinstance(sent, list) or len(sent) > MAX_STEPS:
        raise ValueError(f"A picture can have at most {MAX_STEPS} corrections; undo some.")
    if sum(len(one) for one in sent if isinstance(one, list)) > 2 * MAX_POINTS:
        raise ValueError("The picture has too many corrections; undo some.")
    return tuple(map(_read_step, sent))


def _read_step(sent: object) -> Step:
    unknown = ValueError("This correction is not known; reload the page.")
    if not isinstance(sent, list) or not sent:
        raise unknown
    name, *values = sent
    if not all(isinstance(value, int | float) for value in values):
        raise unknown
    # not clip(), which lets NaN pass
    numbers = [float(min(max(0, value), 1)) for value in values]
    if name == "box" and len(numbers) == 4:
        left, top, right, bottom = numbers
        return Box(min(left, right), min(top, bottom), max(left, right), max(top, bottom))
    if name in ("keep", "remove") and len(numbers) >= 3 and len(numbers) % 2 == 1:
        width, *places = numbers
        points = tuple(zip(places[::2], places[1::2], strict=True))
        return Stroke(name == "keep", width, points)
    if name in ("whole", "turn", "reset") and not numbers:
        step: Literal["whole", "turn", "reset"] = name
        return step
    raise unknown


@dataclass(frozen=True, eq=False)
class Corrected:
    """A picture and its mask after corrections.

    Attributes
    ----------
    picture : Picture
    mask : bool (H, W)
        Where the garment may be, as `preprocessing.prepare` takes it.
    """

    picture: Picture
    mask: NDArray[np.bool_]


class Correctable:
    """A picture whose mask is found, and then corrected.

    Parameters
    ----------
    rgba : uint8 (H, W, 4)
    """

    def __init__(self, rgba: NDArray[np.uint8]) -> None:
        self.picture = Picture(shrink(rgba))
        self._turned = {0: self.picture}
        self._found: dict[tuple[int, Box | None], NDArray[np.bool_]] = {}

    @cached_property
    def _looks_like_photograph(self) -> bool:
        return kinds.is_photograph(self.picture.rgba)

    def is_photograph(self, kind: Kind) -> bool:
        """Whether this is a photograph, if a person says that it is of this kind."""
        return self._looks_like_photograph if kind == "auto" else kind == "photograph"

    def corrected(self, steps: Sequence[Step], *, is_photograph: bool) -> Corrected:
        """Correct the mask.

        It begins with what looks like the garment of a photograph, or with all of a drawing. A box
        has it found anew, within the box.

        Parameters
        ----------
        steps : sequence of Step
            The first one first.
        is_photograph : bool
        """
        last = max((i for i, step in enumerate(steps) if step == "reset"), default=-1)
        steps = steps[last + 1 :]
        framing = [i for i, step in enumerate(steps) if step == "whole" or isinstance(step, Box)]
        newest = framing[-1] if framing else -1  # decides what is found; the ones before do not
        turns, is_whole = 0, not is_photograph
        painted = np.zeros(
            self.picture.rgba.shape[:2], np.int8
        )  # 1 garment, -1 none, 0 not painted
        mask = np.ones(painted.shape, np.bool_)
        if newest < 0 and not is_whole:
            mask = self._find(0, None)
        for i, step in enumerate(steps):
            if step == "turn":
                turns += 1
                mask, painted = np.rot90(mask, -1), np.rot90(painted, -1)
            elif step == "whole":
                is_whole = True
                mask, painted = np.ones_like(mask), np.zeros_like(painted)
            elif isinstance(step, Box):
                within = _within(step, mask.shape)
                painted = np.where(within, painted, 0)
                if i == newest:
                    mask = within if is_whole else self._find(turns % 4, step)
            elif isinstance(step, Stroke):
                painted = np.where(_under(step, mask.shape), 1 if step.keeps else -1, painted)
        return Corrected(self._turn(turns % 4), np.where(painted == 0, mask, painted > 0))

    def _turn(self, turns: int) -> Picture:
        """The picture, turned so many times."""
        if turns not in self._turned:
            turned = np.rot90(self.picture.rgba, -turns)
            self._turned[turns] = Picture(np.ascontiguousarray(turned))
        return self._turned[turns]

    def _find(self, turns: int, box: Box | None) -> NDArray[np.bool_]:
        """The garment of a photograph that was turned so many times."""
        found = self._found.get((turns, box))
        if found is None:
            picture = self._turn(turns)
            found = picture.find_mask(_pixels(box, picture.rgba.shape) if box else None)
            while len(self._found) >= _MAX_KEPT:
                del self._found[next(iter(self._found))]
            self._found[turns, box] = found
        return found


def _pixels(box: Box, shape: tuple[int, ...]) -> frames.Region:
    """A box in pixels of a picture, one at least."""
    height, width = shape[:2]
    left, top = min(int(box.left * width), width - 1), min(int(box.top * height), height - 1)
    right, bottom = round(box.right * width), round(box.bottom * height)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _within(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    left, top, right, bottom = _pixels(box, shape)
    within = np.zeros(shape, np.bool_)
    within[top:bottom, left:right] = True
    return within


def _under(stroke: Stroke, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What the brush touches."""
    height, width = shape
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    points = [(x * width - 0.5, y * height - 0.5) for x, y in stroke.points]
    radius = max(0.5, 0.5 * stroke.width * max(shape))
    draw.line(points, fill=1, width=max(1, round(2 * radius)))
    for point in points:  # round ends and corners
        draw.circle(point, radius - 0.5, fill=1)  # it also fills the pixels of its edge
    return np.asarray(image).astype(np.bool_)
