"""Drawings to begin with, shipped as strokes."""

from functools import cache
from pathlib import Path
from typing import Final

from fmnist.data.synthetic.strokes import Drawing
from fmnist.files import read_json

_FILE: Final = Path(__file__).with_suffix(".json")


@cache
def examples() -> dict[str, Drawing]:
    """Drawings by their names, in points from 0 to 255."""
    # a stroke is a list of all x and a list of all y, which is how sketches are commonly kept
    return {
        name: [list(zip(xs, ys, strict=True)) for xs, ys in strokes]
        for name, strokes in read_json(_FILE).items()
    }
