"""The files of the gallery as pydantic models.

Importing pydantic takes a while. Import this module where a file is read, not at the top.
"""

import base64
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from fmnist.data.labels import IMAGE_SIZE, check_own_classes
from fmnist.runs.documents import Document, Moment, Share
from fmnist.sketchpad.gallery import LABEL_CHOICES
from fmnist.sketchpad.kinds import Kind
from fmnist.sketchpad.mask import read_steps


def _check_choice(text: str) -> str:
    if text not in LABEL_CHOICES:
        check_own_classes([text])
    return text


def _check_base64(text: str) -> str:
    base64.b64decode(text, validate=True)  # binascii.Error is a ValueError
    return text


def _check_pixels(text: str) -> str:
    if len(base64.b64decode(text, validate=True)) != IMAGE_SIZE**2:
        raise ValueError(f"it has not {IMAGE_SIZE} × {IMAGE_SIZE} pixels")
    return text


def _check_corrections(sent: list[Any]) -> list[Any]:
    read_steps(sent)
    return sent


Choice = Annotated[str, AfterValidator(_check_choice)]
Corrections = Annotated[list[Any], AfterValidator(_check_corrections)]


class OwnClassesDocument(Document):
    """`classes.json`: what a person has added to the ten classes."""

    names: Annotated[tuple[str, ...], Field(strict=False), AfterValidator(check_own_classes)]


class DrawingDocument(Document):
    """A saved drawing; the names of the fields are those of the first version.

    `model_input`, `corrections` and `kind` came later; only uploaded pictures have them.
    """

    time: Moment
    model: str
    answer: Choice
    confidence: Share
    meant: Choice | None
    shapes: list[Any]
    picture: Annotated[str, AfterValidator(_check_base64)]
    model_input: Annotated[str, AfterValidator(_check_pixels)] | None = None
    corrections: Corrections = Field(default_factory=list)
    kind: Kind = "auto"
