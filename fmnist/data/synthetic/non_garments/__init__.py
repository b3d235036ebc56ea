"""Non-garments as people sketch them: what a classifier of garments should reject.

A fifth are things that everyone draws (a house, a face, a car), a quarter are compositions of
simple shapes, and the rest are products of a grammar. A network that trains on them learns "not a
garment" and not a list of things.
"""

import random

from fmnist.data.synthetic.non_garments.compositions import COMPOSITIONS
from fmnist.data.synthetic.non_garments.grammar import thing
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
    kind = rng.random()
    if kind < 0.55:
        return thing(rng)
    kinds = THINGS if kind < 0.75 else (*COMPOSITIONS, creature)
    return rng.choice(kinds)(rng)
