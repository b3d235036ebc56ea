"""Drawings that people keep: a JSON file each, with what the model said and what was meant."""

import base64
import binascii
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fmnist.data.labels import CLASS_NAMES
from fmnist.files import read_json, write_json
from fmnist.sketchpad import canvas
from fmnist.sketchpad.canvas import Shape

NO_GARMENT: Final = "No garment"
ANSWERS: Final = (*CLASS_NAMES, NO_GARMENT)
"""What a model may answer, and what a person may have meant."""
MOST_DRAWINGS: Final = 500
_MOST_BYTES: Final = 4 * 2**20  # of a file: more than a canvas can hold
_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_TRASH: Final = ".trash"


class GalleryError(Exception):
    """A drawing that cannot be kept or read; the message is one sentence for the person."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A drawing, and what was said of it.

    Attributes
    ----------
    shapes : list of Shape
    picture : bytes
        PNG.
    model : str
        Name of the model that answered.
    answer : str
        Of `ANSWERS`.
    confidence : float
        Highest probability, in [0, 1].
    meant : str or None
        Of `ANSWERS`, as the person says; None where nobody was asked.
    time : float
        Seconds since 1970; 0 for now.
    drawing_id : str
        Name of its file; empty until it is kept.
    """

    shapes: list[Shape]
    picture: bytes
    model: str
    answer: str
    confidence: float
    meant: str | None = None
    time: float = 0.0
    drawing_id: str = ""

    @property
    def is_right(self) -> bool | None:
        """Whether the model said what was meant; None where that is not known."""
        return None if self.meant is None else self.answer == self.meant


@dataclass(frozen=True)
class Score:
    """How often a model was right, of how many drawings."""

    right: int
    asked: int


class Gallery:
    """The drawings in a folder; safe for several sessions, since each has a file of its own.

    Parameters
    ----------
    folder : Path
        Made where it is absent.

    Raises
    ------
    GalleryError
        By all methods: if the folder cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, drawing: Kept) -> str:
        """Keep a drawing; returns its id."""
        if len(self._ids()) >= MOST_DRAWINGS:
            raise GalleryError(
                f"The gallery holds {MOST_DRAWINGS} drawings at most; delete some first."
            )
        moment = drawing.time or time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(moment))
        drawing_id = f"{stamp}-{secrets.token_hex(3)}"
        self._write(replace(drawing, time=moment, drawing_id=drawing_id))
        return drawing_id

    def get(self, drawing_id: str) -> Kept:
        """A drawing by its id.

        Raises
        ------
        GalleryError
            Also if there is no such drawing, or its file is damaged.
        """
        path = self._path(drawing_id)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is too large")
            return _from_json(read_json(path), drawing_id)
        except FileNotFoundError as error:
            raise GalleryError("This drawing is no longer in the gallery.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryError(
                f"The drawing {path.name} cannot be read ({error}); delete the file."
            ) from error

    def all(self) -> tuple[list[Kept], list[str]]:
        """The drawings, the newest first, and a sentence for each that cannot be read."""
        drawings, problems = [], []
        for drawing_id in reversed(self._ids()):
            try:
                drawings.append(self.get(drawing_id))
            except GalleryError as error:
                problems.append(str(error))
        return drawings, problems

    def label(self, drawing_id: str, meant: str | None) -> None:
        """Note what was meant.

        Raises
        ------
        GalleryError
            Also if there is no such class.
        """
        if meant is not None and meant not in ANSWERS:
            raise GalleryError(f"There is no class {meant!r}.")
        self._write(replace(self.get(drawing_id), meant=meant))

    def delete(self, drawing_id: str) -> None:
        """Move a drawing to the trash, from where `restore` brings it back.

        One that was in the trash already is then gone for good: one undo is kept.
        """
        trash = self._folder / _TRASH
        try:
            shutil.rmtree(trash, ignore_errors=True)
            trash.mkdir(parents=True, exist_ok=True)
            path = self._path(drawing_id)
            path.rename(trash / path.name)
        except FileNotFoundError:
            return  # somebody else was faster
        except OSError as error:
            raise GalleryError(f"The drawing cannot be deleted ({error.strerror}).") from error

    def restore(self, drawing_id: str) -> None:
        """Bring back the drawing that was deleted last."""
        path = self._path(drawing_id)
        try:
            (self._folder / _TRASH / path.name).rename(path)
        except OSError as error:
            raise GalleryError("The drawing is no longer in the trash.") from error

    def _ids(self) -> list[str]:
        """Ids of the drawings, the oldest first."""
        try:
            return sorted(p.stem for p in self._folder.glob("*.json") if _ID.fullmatch(p.stem))
        except OSError as error:
            raise GalleryError(
                f"The gallery in {self._folder} cannot be read ({error.strerror})."
            ) from error

    def _path(self, drawing_id: str) -> Path:
        if not _ID.fullmatch(drawing_id):
            raise GalleryError("This drawing is no longer in the gallery.")
        return self._folder / f"{drawing_id}.json"

    def _write(self, drawing: Kept) -> None:
        try:
            write_json(self._path(drawing.drawing_id), _to_json(drawing))
        except OSError as error:
            raise GalleryError(
                f"The drawing cannot be kept in {self._folder} ({error.strerror})."
            ) from error


def scores(drawings: Iterable[Kept]) -> dict[str, Score]:
    """How often the model was right, by what was meant, in the order of `ANSWERS`."""
    found: dict[str, Score] = {}
    for drawing in drawings:
        if drawing.meant is not None:
            before = found.get(drawing.meant, Score(0, 0))
            found[drawing.meant] = Score(before.right + bool(drawing.is_right), before.asked + 1)
    return {answer: found[answer] for answer in ANSWERS if answer in found}


def _to_json(drawing: Kept) -> dict[str, Any]:
    return {
        "time": drawing.time,
        "model": drawing.model,
        "answer": drawing.answer,
        "confidence": drawing.confidence,
        "meant": drawing.meant,
        "shapes": drawing.shapes,
        "picture": base64.b64encode(drawing.picture).decode(),
    }


def _from_json(values: Mapping[str, Any], drawing_id: str) -> Kept:
    answer, meant = values["answer"], values["meant"]
    if answer not in ANSWERS or (meant is not None and meant not in ANSWERS):
        raise ValueError("it names an unknown class")
    try:
        picture = base64.b64decode(values["picture"], validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError("its picture is damaged") from error
    return Kept(
        shapes=canvas.sound_shapes(values["shapes"]),
        picture=picture,
        model=str(values["model"])[:80],
        answer=answer,
        confidence=min(max(float(values["confidence"]), 0.0), 1.0),
        meant=meant,
        time=float(values["time"]),
        drawing_id=drawing_id,
    )
