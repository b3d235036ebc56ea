"""Saved drawings and pictures: a JSON file each, with the prediction and a person's label."""

import base64
import io
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fmnist.data import labels
from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE, OwnClassError, check_own_classes
from fmnist.errors import ToldError, reason, sentence
from fmnist.files import PartlyDoneError, do_all, read_json, write_atomic, write_json
from fmnist.sketchpad import canvas
from fmnist.sketchpad.canvas import Shape
from fmnist.text import NAME_LENGTH, one_line

if TYPE_CHECKING:
    from fmnist.sketchpad.kinds import Kind

NO_GARMENT: Final = labels.NO_GARMENT
LABEL_CHOICES: Final = (*CLASS_NAMES, NO_GARMENT)
"""What a model can predict and a person choose as the label, besides own classes."""
MAX_DRAWINGS: Final = 500
PICTURE_SIDE: Final = 336  # longest side of an uploaded picture as it is kept, in pixels
_MAX_BYTES: Final = 4 * 2**20  # of a file; nearly every canvas needs less
_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_TRASH: Final = ".trash"
_CLASSES: Final = "classes.json"


class GalleryError(ToldError):
    """A drawing cannot be saved or read; the message is one sentence that says what to do."""


@dataclass(frozen=True, eq=False)
class SavedDrawing:
    """A drawing, or an uploaded picture, with its prediction and label.

    Attributes
    ----------
    shapes : list of Shape
        None of a picture.
    picture : bytes
        The canvas as a PNG; of an uploaded picture, as `small_picture` makes it.
    model : str
        Name of the model that made the prediction.
    predicted : str
        One of `LABEL_CHOICES`, or an own class.
    confidence : float
        Highest probability, in [0, 1].
    label : str or None
        One of `LABEL_CHOICES`, or an own class; None if the person gave none.
    time : float
        Seconds since 1970; 0 means now.
    drawing_id : str
        Name of its file; empty until it is saved.
    model_input : uint8 (28, 28) or None
        What the model saw of an uploaded picture, as a person prepared it; None of a drawing,
        which is always prepared the same way.
    corrections : list
        How a person corrected the mask of an uploaded picture, as `mask.read_steps` takes them.
    kind : {"auto", "drawing", "photograph"}
        What an uploaded picture is, as a person said.
    """

    shapes: list[Shape]
    picture: bytes
    model: str
    predicted: str
    confidence: float
    label: str | None = None
    time: float = 0.0
    drawing_id: str = ""
    model_input: NDArray[np.uint8] | None = None
    corrections: list[Any] = field(default_factory=list)
    kind: "Kind" = "auto"

    @property
    def is_picture(self) -> bool:
        """Whether it is an uploaded picture, not a drawing."""
        return self.model_input is not None

    @property
    def is_correct(self) -> bool | None:
        """Whether the prediction is the label; None without a label."""
        return None if self.label is None else self.predicted == self.label


@dataclass(frozen=True)
class Score:
    """Number of correct predictions, and of labeled drawings."""

    correct: int
    labeled: int


class Gallery:
    """The drawings in a folder. Several sessions may use it, since each drawing has its own file.

    Parameters
    ----------
    folder : Path
        Created if it is missing.

    Raises
    ------
    GalleryError
        Raised by all methods if the folder cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, drawing: SavedDrawing) -> str:
        """Save a drawing, and return its id."""
        if len(self._ids()) >= MAX_DRAWINGS:
            raise GalleryError(f"The gallery is full ({MAX_DRAWINGS} drawings); delete some first.")
        moment = drawing.time or time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(moment))
        drawing_id = f"{stamp}-{secrets.token_hex(3)}"
        self._write(replace(drawing, time=moment, drawing_id=drawing_id))
        return drawing_id

    def get(self, drawing_id: str) -> SavedDrawing:
        """Read a drawing.

        Raises
        ------
        GalleryError
            Also if the drawing does not exist or its file is damaged.
        """
        path = self._path(drawing_id)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ValueError("it is too large")
            return _from_json(read_json(path), drawing_id)
        except FileNotFoundError as error:
            raise GalleryError("This drawing is no longer in the gallery.") from error
        except (OSError, ValueError) as error:
            raise GalleryError(
                f"The drawing {path.name} cannot be read ({reason(error)}); delete the file."
            ) from error

    def all(self) -> tuple[list[SavedDrawing], list[str]]:
        """Read all drawings, newest first, and return a sentence for each that is damaged."""
        drawings, problems = [], []
        for drawing_id in self._ids():
            try:
                drawings.append(self.get(drawing_id))
            except GalleryError as error:
                problems.append(str(error))
        # not by their ids, whose seconds are those of the time zone that they were saved in
        newest_first = sorted(drawings, key=lambda one: (one.time, one.drawing_id), reverse=True)
        return newest_first, problems

    def set_label(self, drawing_id: str, label: str | None) -> None:
        """Change the label of a drawing.

        Raises
        ------
        GalleryError
            Also if there is no such label.
        """
        if label is not None and label not in (*LABEL_CHOICES, *self.own_classes()):
            raise GalleryError(f"There is no label {label!r}.")
        self._write(replace(self.get(drawing_id), label=label))

    def delete(self, *drawing_ids: str) -> tuple[str, ...]:
        """Move drawings to the trash, from which `restore` brings them back: all, or none.

        The trash holds what was deleted last; what was there before is deleted for good.

        Returns
        -------
        tuple of str
            Those that were there: other sessions may have deleted some.
        """
        there = [path for path in map(self._path, drawing_ids) if path.exists()]
        trash = self._folder / _TRASH
        if not there:  # the second click of two must not empty the trash
            return ()
        try:
            shutil.rmtree(trash, ignore_errors=True)
            trash.mkdir(parents=True, exist_ok=True)
            do_all(
                (partial(_move, path, trash), partial(_move, trash / path.name, self._folder))
                for path in there
            )
        except (OSError, PartlyDoneError) as error:
            what = "drawing" if len(drawing_ids) == 1 else "drawings"
            raise GalleryError(sentence(error, f"The {what} cannot be deleted")) from error
        return tuple(path.stem for path in there)

    def restore(self, *drawing_ids: str) -> None:
        """Bring back what was deleted last, all or none, and classes that were removed since.

        Raises
        ------
        GalleryError
            Also if a class cannot be added again; the drawings are back then.
        """
        trash = self._folder / _TRASH
        paths = map(self._path, drawing_ids)
        there = [path for path in paths if (trash / path.name).exists()]
        try:
            if not there:
                raise FileNotFoundError(trash)
            do_all(
                (partial(_move, trash / path.name, self._folder), partial(_move, path, trash))
                for path in there
            )
        except (OSError, PartlyDoneError) as error:
            what = "drawing is" if len(drawing_ids) == 1 else "drawings are"
            raise GalleryError(f"The {what} no longer in the trash.") from error
        known = {*LABEL_CHOICES, *self.own_classes()}
        for label in dict.fromkeys(self.get(drawing_id).label for drawing_id in drawing_ids):
            if label is not None and label not in known:
                self.add_class(label)

    def own_classes(self) -> tuple[str, ...]:
        """Names of the classes that a person has added to the ten, oldest first.

        Raises
        ------
        GalleryError
            Also if their file is damaged.
        """
        path = self._folder / _CLASSES
        try:
            from fmnist.sketchpad.documents import OwnClassesDocument

            return OwnClassesDocument.parse(read_json(path)).names
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            raise GalleryError(
                f"The names of your classes cannot be read ({reason(error)}); delete {path}."
            ) from error

    def add_class(self, name: str) -> None:
        """Add an own class, whose drawings are to come.

        Raises
        ------
        GalleryError
            Also if it cannot have this name, or there are five already.
        """
        try:
            names = check_own_classes((*self.own_classes(), " ".join(name.split())))
        except OwnClassError as error:
            raise GalleryError(str(error)) from error
        self._write_classes(names)

    def remove_class(self, name: str) -> None:
        """Remove an own class.

        Raises
        ------
        GalleryError
            Also if there are drawings of it.
        """
        count = sum(drawing.label == name for drawing in self.all()[0])
        if count:
            raise GalleryError(
                f"{count} drawing{'s are' if count > 1 else ' is'} labeled {name}; delete or label "
                "anew what is in the gallery, then remove the class."
            )
        self._write_classes(tuple(known for known in self.own_classes() if known != name))

    def _write_classes(self, names: tuple[str, ...]) -> None:
        try:
            write_json(self._folder / _CLASSES, {"names": names}, make_folder=True)
        except OSError as error:
            raise GalleryError(sentence(error, "The class cannot be saved")) from error

    def _ids(self) -> list[str]:
        """Ids of the drawings, sorted."""
        try:
            return sorted(p.stem for p in self._folder.glob("*.json") if _ID.fullmatch(p.stem))
        except OSError as error:
            raise GalleryError(
                f"The gallery in {self._folder} cannot be read: {reason(error)}."
            ) from error

    def _path(self, drawing_id: str) -> Path:
        if not _ID.fullmatch(drawing_id):
            raise GalleryError("This drawing is no longer in the gallery.")
        return self._folder / f"{drawing_id}.json"

    def _write(self, drawing: SavedDrawing) -> None:
        content = json.dumps(_to_json(drawing)).encode()
        if len(content) > _MAX_BYTES:  # it could not be read again
            raise GalleryError("The drawing has too many lines to be saved; clear some of it.")
        try:
            write_atomic(self._path(drawing.drawing_id), content, make_folder=True)
        except OSError as error:
            raise GalleryError(
                f"The drawing cannot be saved in {self._folder}: {reason(error)}."
            ) from error


def _move(path: Path, folder: Path) -> None:
    """Move a file to a folder, unless another session has just done so."""
    with suppress(FileNotFoundError):
        path.rename(folder / path.name)


def small_picture(rgba: NDArray[np.uint8]) -> bytes:
    """An uploaded picture, uint8 (H, W, 4), as a WebP file of at most 336 pixels a side."""
    small = Image.fromarray(rgba)
    small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=90)
    return buffer.getvalue()


def scores(drawings: Iterable[SavedDrawing]) -> dict[str, Score]:
    """Count correct predictions by label, in the order of `LABEL_CHOICES`, own classes last."""
    found: dict[str, Score] = {}
    for drawing in drawings:
        if drawing.label is not None:
            before = found.get(drawing.label, Score(0, 0))
            correct = before.correct + bool(drawing.is_correct)
            found[drawing.label] = Score(correct, before.labeled + 1)
    own = sorted(found.keys() - set(LABEL_CHOICES))
    return {label: found[label] for label in (*LABEL_CHOICES, *own) if label in found}


def _to_json(drawing: SavedDrawing) -> dict[str, Any]:
    values = {  # as `documents.DrawingDocument`
        "time": drawing.time,
        "model": drawing.model,
        "answer": drawing.predicted,
        "confidence": drawing.confidence,
        "meant": drawing.label,
        "shapes": drawing.shapes,
        "picture": base64.b64encode(drawing.picture).decode(),
    }
    if drawing.model_input is not None:
        values["model_input"] = base64.b64encode(drawing.model_input.tobytes()).decode()
    if drawing.corrections:
        values["corrections"] = drawing.corrections
    if drawing.kind != "auto":
        values["kind"] = drawing.kind
    return values


def _from_json(values: object, drawing_id: str) -> SavedDrawing:
    from fmnist.sketchpad.documents import DrawingDocument

    document = DrawingDocument.parse(values)
    return SavedDrawing(
        shapes=canvas.sanitize_shapes(document.shapes),
        picture=base64.b64decode(document.picture),
        model=one_line(document.model, NAME_LENGTH),
        predicted=document.answer,
        confidence=document.confidence,
        label=document.meant,
        time=document.time,
        drawing_id=drawing_id,
        corrections=document.corrections,
        kind=document.kind,
        model_input=_pixels(document.model_input),
    )


def _pixels(text: str | None) -> NDArray[np.uint8] | None:
    if text is None:
        return None
    pixels = np.frombuffer(base64.b64decode(text), np.uint8)
    return pixels.reshape(IMAGE_SIZE, IMAGE_SIZE)
