"""Garments as people sketch them: outlines in a few strokes, with the symbols people use.

`fmnist.data.synthetic.garments` imitates photographs; this package imitates drawings made with a
mouse in half a minute: contours that do not close, arms held out, a row of dots for buttons, soles
and laces, flip-flops seen from above, bags with a handle. Often one symbol alone tells the class (a
line down the front: Coat), so every class has its own.

`sketch_garment` returns strokes; `fmnist.data.synthetic.strokes` turns them into an image.
"""

import random
from collections.abc import Callable
from typing import Final

from fmnist.data.labels import check_label
from fmnist.data.synthetic.sketches.bags import bag
from fmnist.data.synthetic.sketches.shoes import ankle_boot, sandal, sneaker
from fmnist.data.synthetic.sketches.tops import coat, dress, pullover, shirt, tshirt
from fmnist.data.synthetic.sketches.trousers import trouser
from fmnist.data.synthetic.strokes import Drawing, mirrored

_SKETCHERS: Final[tuple[Callable[[random.Random], Drawing], ...]] = (
    tshirt,
    trouser,
    pullover,
    dress,
    coat,
    sandal,
    shirt,
    sneaker,
    bag,
    ankle_boot,
)


def sketch_garment(label: int, rng: random.Random) -> Drawing:
    """Sketch a garment in clean lines, to be distorted by `strokes.jitter_strokes`.

    Parameters
    ----------
    label : int
        Index into ``CLASS_NAMES``, 0 to 9.
    rng : random.Random
        Random source of the cut; advanced by the call.

    Returns
    -------
    Drawing
        In the garment's own units, x to the right, y down; shoes point left or right.

    Raises
    ------
    ValueError
        If the label is outside 0 to 9.
    """
    check_label(label)
    drawing = _SKETCHERS[label](rng)
    return [mirrored(stroke) for stroke in drawing] if rng.random() < 0.5 else drawing
