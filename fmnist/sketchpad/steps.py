"""The steps of a drawing, to undo and redo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fmnist.sketchpad.canvas import Shape, number, sanitize_shapes

MAX_STEPS: Final = 60
_DAMAGED: Final = "The canvas has sent a damaged drawing; clear it and draw again."


@dataclass(frozen=True)
class Step:
    """The canvas after a stroke.

    Attributes
    ----------
    shapes : list of Shape
    picture : bytes
        The canvas as a PNG, as the browser drew it; empty if it is to be drawn from the shapes.
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
        *(round(number(shape, name)) for name in places),
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
        self.history = [*self.history[: position + 1], *late, *cleared][-MAX_STEPS:]
        self.position = len(self.history) - (2 if undone else 1)
        return undone

    def add(self, step: Step) -> None:
        """Add a step after the current one; undone steps are dropped."""
        self.history = [*self.history[: self.position + 1], step][-MAX_STEPS:]
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


# --- What the board sends and takes ---------------------------------------------------------------


def as_board(steps: Steps) -> dict[str, Any]:
    """Steps as the board takes them: all shapes once, and the part of them that each step shows.

    Returns
    -------
    dict
        shapes (tuple of Shape); steps (tuple of pairs: first shape, and the one after the last);
        position (index of the step on the canvas).
    """
    shapes: list[Shape] = []
    parts: list[tuple[int, int]] = []
    first = 0
    for step in steps.history:
        known = len(shapes) - first
        if step.shapes[:known] == shapes[first:]:
            shapes += step.shapes[known:]
        else:
            first = len(shapes)
            shapes += step.shapes
        parts.append((first, len(shapes)))
    return {"shapes": tuple(shapes), "steps": tuple(parts), "position": steps.position}


def from_board(sent: Mapping[str, Any]) -> tuple[Steps, Shape | None]:
    """Steps as the board sends them, and the stroke that is still growing.

    If all steps together have too many shapes or points, only what is on the canvas is taken: else
    neither an undo nor a clearing would help.

    Parameters
    ----------
    sent : mapping
        From a browser: may hold anything.

    Raises
    ------
    ValueError
        If there are too many shapes or points on the canvas, or the parts are not parts of them.
    """
    known: Any = sent.get("shapes")
    parts: Any = sent.get("steps")
    position: Any = sent.get("position")
    is_whole = isinstance(known, list) and isinstance(parts, list) and 0 < len(parts) <= MAX_STEPS
    if not (is_whole and all(_is_part(part, len(known)) for part in parts)):
        raise ValueError(_DAMAGED)
    if not _is_index(position, len(parts)):
        raise ValueError(_DAMAGED)
    try:
        shapes = sanitize_shapes(known)
    except ValueError:
        first, last = parts[position]
        known, parts, position = known[first:last], [[0, last - first]], 0
        shapes = sanitize_shapes(known)
    if len(shapes) != len(known):
        raise ValueError(_DAMAGED)
    growing = sent.get("growing")
    (unfinished,) = sanitize_shapes([growing]) or (None,)
    history = [Step(shapes[first:last]) for first, last in parts]
    return Steps(history, position), unfinished


def _is_index(value: object, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def _is_part(part: object, count: int) -> bool:
    return (
        isinstance(part, list)
        and len(part) == 2
        and all(_is_index(value, count + 1) for value in part)
        and part[0] <= part[1]
    )
