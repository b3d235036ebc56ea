"""Example drawings, shipped as strokes."""

from functools import cache
from pathlib import Path
from typing import Final

from fmnist.data.synthetic.strokes import Drawing
from fmnist.files import read_json

_FILE: Final = Path(__file__).with_suffix(".json")


@cache
def examples() -> dict[str, Drawing]:
    """Example drawings by name; coordinates from 0 to 255."""
    # the file stores a stroke as a list of all x and a list of all y, as "Quick, Draw!" does
    return {
        name: [list(zip(xs, ys, strict=True)) for xs, ys in strokes]
        for name, strokes in read_json(_FILE).items()
    }
