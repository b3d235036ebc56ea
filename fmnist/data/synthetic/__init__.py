"""Images that the project draws itself: garments, sketches, and drawings of other things."""

from typing import Literal

TrainingDrawings = Literal["outlines", "sketches", "non-garments", "phone-photos"]
"""Drawings to train on besides the photographs; each choice includes the ones before it.

"outlines" are line drawings made from the photographs, "sketches" are garments as people sketch
them, "non-garments" are drawings of things that are not garments, "phone-photos" imitate
photographs taken at home.
"""
