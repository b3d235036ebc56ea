"""Synthetic garments: a data set that needs no download.

The same ten classes as Fashion-MNIST, drawn in its style: a light garment on black, as large as
the image allows, shoes pointing left. Numbers measured on synthetic garments say nothing about
Fashion-MNIST; they let the dashboard train, err and explain itself without it.

A garment is drawn in three steps, each in a module of its own so that it can be replaced:

1. geometry (`tops`, `trousers`, `shoes`, `bags`): chooses a cut and returns a `Garment` of named
   parts and lines, in the garment's own units;
2. raster (`render`): poses and frames the geometry and fills it, one image at a time;
3. fabric (`fabric`): adds texture and shading to a whole batch at once.
"""

from fmnist.data.synthetic.garments.render import draw_garments, garment_geometry

__all__ = ["draw_garments", "garment_geometry"]
