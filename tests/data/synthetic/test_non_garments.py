"""Sketches of other things."""

import math
import random
from collections.abc import Callable

import pytest

from fmnist.data.synthetic.non_garments import grammar, sketch_non_garment
from fmnist.data.synthetic.strokes import Drawing, bounds, rasterize


@pytest.mark.parametrize("body", list(dict.fromkeys(grammar._BODIES)))
def test_each_body_of_the_grammar_can_be_drawn(
    body: Callable[[random.Random], Drawing],
) -> None:
    rng = random.Random(0)
    for _ in range(50):
        drawing = body(rng)
        left, top, right, bottom = bounds(drawing)
        assert all(math.isfinite(side) for side in (left, top, right, bottom))
        assert 0.1 < max(right - left, bottom - top) < 12
        assert rasterize(drawing, width=1.8).any()


def test_the_grammars_things_differ() -> None:
    rng = random.Random(0)
    images = {rasterize(grammar.thing(rng), width=1.8).tobytes() for _ in range(200)}
    assert len(images) > 195


def test_a_seed_gives_the_same_thing() -> None:
    first, again = (sketch_non_garment(random.Random(7)) for _ in range(2))
    assert first == again
