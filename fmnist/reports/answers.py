"""What the Draw page, the command line and the API say of a drawing or a picture, in words."""

from typing import Final, NamedTuple

import numpy as np

from fmnist.data.labels import NUM_CLASSES
from fmnist.reports.text import percent
from fmnist.runs.run import Run
from fmnist.sketchpad.recognition import SketchResult

SURE: Final = 0.7
"""In-distribution score from which a class is named without a doubt.

From the threshold to here, development drawings of garments and of other things are about as
frequent: it may be something near a garment, such as a hat or shorts.
"""
_LEAST: Final = 0.05  # probability of a second class that is told
_KEPT: Final = "Garments kept"  # the column in the notes that `benchmarks.sketches` writes


class Answer(NamedTuple):
    """A headline without a full stop, and a sentence or nothing. Own classes are outside text."""

    headline: str
    note: str

    def __str__(self) -> str:
        if self.note.endswith("."):
            return f"{self.headline}. {self.note}"
        return f"{', '.join(filter(None, self))}."


def answer_in_words(result: SketchResult, *, refused: float | None = None) -> Answer:
    """What a classifier says.

    Parameters
    ----------
    result : SketchResult
    refused : float, optional
        Share of drawings of garments that the threshold refuses, in (0, 1), where it was measured.
    """
    predicted = f"{result.predicted_class}, {percent(result.confidence, 0)}"
    if not result.is_garment:
        how_often = (
            ""
            if refused is None
            else f" Of drawings of garments, about one in {1 / refused:.0f} is refused."
        )
        return Answer("This does not look like a garment", f"Nearest: {predicted}.{how_often}")
    if result.in_distribution_score < SURE:
        count = len(result.class_names)
        ten = "ten" if count == NUM_CLASSES else str(count)
        return Answer(f"Nearest: {predicted}", f"It may be none of the {ten} classes.")
    second = int(np.argsort(result.probabilities)[-2])
    probability = float(result.probabilities[second])
    if probability < _LEAST:
        return Answer(predicted, "")
    return Answer(predicted, f"or {result.class_names[second]}, {percent(probability, 0)}")


def refused_garments(run: Run) -> float | None:
    """Share of people's drawings of garments that a model's threshold refuses, in (0, 1).

    None where the notes beside the model do not tell. They were measured on drawings that no model
    has learned.
    """
    try:
        notes = (run.folder / "notes.md").read_text(encoding="utf-8")
        share = 1 - float(_cell(notes, run.name, _KEPT).split("%")[0]) / 100
    except (OSError, ValueError):
        return None
    return share if 0 < share < 1 else None


def _cell(notes: str, name: str, column: str) -> str:
    """A cell of a Markdown table: the row that begins with a name; empty if there is none."""
    titles: list[str] = []
    for line in notes.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if column in cells:
            titles = cells
        elif titles and cells[0] == name and len(cells) == len(titles):
            return cells[titles.index(column)]
    return ""
