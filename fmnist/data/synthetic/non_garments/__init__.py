"""Non-garments as people sketch them: what a classifier of garments should reject.

Half are things that everyone draws (a house, a face, a car), half are random compositions of the
shapes that drawings are made of. A network that trains on both learns "not a garment" and not a
list of things.
"""

import random

from fmnist.data.synthetic.non_garments.compositions import COMPOSITIONS
from fmnist.data.synthetic.non_garments.things import THINGS, creature
from fmnist.data.synthetic.strokes import Drawing


def sketch_non_garment(rng: random.Random) -> Drawing:
    """Sketch something that is not a garment.

    Parameters
    ----------
    rng : random.Random
        Random source; advanced by the call.

    Returns
    -------
    Drawing
        In units of its own, x to the right, y down.
    """
    kinds = (*COMPOSITIONS, creature) if rng.random() < 0.5 else THINGS
    return rng.choice(kinds)(rng)
